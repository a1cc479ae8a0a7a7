package stream

import (
	"bufio"
	"encoding/binary"
	"errors"
	"io"

	"unixcap/internal/capture"
	"unixcap/internal/foreign"
)

var (
	errEmpty     = errors.New("is empty")
	errNoCapture = errors.New("is no capture (record writes them)")
	errLinkType  = errors.New("is a capture, but of an interface that cannot be read (those that can: Ethernet, Linux cooked, raw IP, loopback, NFLOG)")
)

// newReader returns a reader of the capture in src, which is told by its first
// four bytes: pcapng, or classic pcap. It reads src through from.
func newReader(src *bufio.Reader, from io.Reader, network *foreign.Dissector) (*capture.Reader, error) {
	const pcapng = 0x0a0d0d0a
	o := capture.ReaderOptions{Network: network}
	head, err := src.Peek(4)
	switch {
	case err != nil && err != io.EOF:
		return nil, err
	case len(head) == 0:
		return nil, errEmpty
	case foreign.IsPcap(head):
		p, err := foreign.NewPcap(from)
		if err != nil {
			return nil, err
		}
		return capture.NewSourceReader(p, o), nil
	case len(head) < 4 || binary.BigEndian.Uint32(head) != pcapng:
		return nil, errNoCapture
	}
	return capture.NewReader(from, o)
}
