package conformance

import (
	"errors"
	"fmt"
	"os"

	"unixcap/bpf"
	"unixcap/internal/conformance/send"

	"golang.org/x/sys/unix"
)

// longMessage is the size of one message that comes in very many parts.
const longMessage = 64 << 20

// long sends it on a socket whose reader reads, recorded into a ring buffer that
// holds it: nobody can be sure to empty one as fast as a program fills it.
func long(o bpf.Options) *check {
	return &check{group: "memory", path: "64 MiB in one message", kind: "stream", sendErr: sendLong(o)}
}

func sendLong(o bpf.Options) error {
	defer undisturbed()()
	p, err := newPair(unix.SOCK_STREAM)
	if err != nil {
		return err
	}
	o.RingSize = 2 * longMessage
	tap, err := bpf.Open(o)
	if err != nil {
		return errors.Join(err, p.close())
	}
	payload := make([]byte, longMessage)
	send.Fill(payload, 64)
	n, err := send.Sendto(p.fd, payload, 0)
	if err == nil && n != len(payload) {
		err = fmt.Errorf("sent %d bytes of %d", n, len(payload))
	}
	if err == nil {
		err = compareParts(tap, p.inode, payload)
	}
	return errors.Join(err, p.close(), tap.Close())
}

// compareParts looks for one message in its parts.
func compareParts(tap *bpf.Tap, inode uint32, payload []byte) error {
	var e bpf.Event
	at, last := 0, false
	for !last {
		if err := tap.Read(&e); errors.Is(err, os.ErrDeadlineExceeded) {
			losses, err := tap.Losses()
			return errors.Join(err, fmt.Errorf("%d bytes recorded of %d, and the losses are %+v", at, len(payload), losses))
		} else if err != nil {
			return err
		}
		if e.Op != bpf.Send || e.Inode != inode || e.Ret < 0 {
			continue
		}
		if int(e.Ret) != len(payload) || int(e.Part) != at || e.Flags&^bpf.Last != 0 || e.Offset != 0 {
			return fmt.Errorf("a part at %d of %d with flags %b, want %d of %d", e.Part, e.Ret, e.Flags, at, len(payload))
		}
		if want := payload[at:min(at+len(e.Data), len(payload))]; string(e.Data) != string(want) {
			return fmt.Errorf("the part of %d bytes at %d has others than were sent", len(e.Data), at)
		}
		at += len(e.Data)
		last = e.Flags&bpf.Last != 0
	}
	if at != len(payload) {
		return fmt.Errorf("%d bytes recorded of %d", at, len(payload))
	}
	return nil
}
