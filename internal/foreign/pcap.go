package foreign

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"unixcap/pcapng"

	"github.com/google/gopacket/pcapgo"
)

// maxPacket is the largest packet of a pcap file that is read. It is that of
// Wireshark and tcpdump; files of theirs have no larger ones of any link type
// read here.
const maxPacket = 262144

// IsPcap reports whether a file that begins with head is a classic pcap file.
func IsPcap(head []byte) bool {
	if len(head) < 4 {
		return false
	}
	switch binary.BigEndian.Uint32(head) {
	case 0xa1b2c3d4, 0xd4c3b2a1, 0xa1b23c4d, 0x4d3cb2a1:
		return true
	}
	return false
}

// A Pcap reads a classic pcap file as if it were pcapng.
type Pcap struct {
	src     *pcapgo.Reader
	section pcapng.SectionHeader
	iface   *pcapng.InterfaceDescription
	packet  pcapng.EnhancedPacket
	begun   bool
	packets uint64
}

// NewPcap returns a Pcap that reads from src.
func NewPcap(src *bufio.Reader) (*Pcap, error) {
	const header = 24
	head, err := src.Peek(header)
	if err != nil {
		if err == io.EOF {
			err = io.ErrUnexpectedEOF
		}
		return nil, fmt.Errorf("the file's header: %w", err)
	}
	var order binary.ByteOrder = binary.LittleEndian
	if head[0] == 0xa1 {
		order = binary.BigEndian
	}
	// The link type is the lower half of its field; the rest tells of checksums
	// behind the packets, which IP leaves out by itself. pcapgo keeps 8 bits.
	link := uint16(order.Uint32(head[20:]))
	r, err := pcapgo.NewReader(src)
	if err != nil {
		return nil, err
	}
	r.SetSnaplen(maxPacket) // what the header says is often wrong, and must not be allocated
	p := &Pcap{src: r, iface: pcapng.NewInterface("", link)}
	p.packet.SetInterface(p.iface)
	return p, nil
}

// Section returns an empty header: the format has none.
func (p *Pcap) Section() *pcapng.SectionHeader { return &p.section }

// Next returns the description of the one interface, and then the packets. It
// is valid until the next call.
func (p *Pcap) Next() (pcapng.Block, error) {
	if !p.begun {
		p.begun = true
		return p.iface, nil
	}
	data, info, err := p.src.ZeroCopyReadPacketData()
	switch {
	case err == io.EOF && info.CaptureLength > 0:
		return nil, io.ErrUnexpectedEOF // nothing behind a packet's header
	case err == io.EOF || errors.Is(err, io.ErrUnexpectedEOF):
		return nil, err
	case err != nil:
		return nil, fmt.Errorf("damaged after packet %d; what came before has been read: %w", p.packets, err)
	}
	p.packets++
	p.packet.Data = data
	p.packet.OriginalLength = uint32(info.Length)
	p.packet.Timestamp = uint64(info.Timestamp.UnixNano())
	return &p.packet, nil
}
