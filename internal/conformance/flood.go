package conformance

import (
	"errors"
	"fmt"
	"os"
	"runtime"

	"unixcap/bpf"
	"unixcap/internal/conformance/send"

	"golang.org/x/sys/unix"
)

// flood sends while nobody reads a small ring buffer. What is recorded and what
// is counted as lost must add up to what was sent, to the message and the byte.
func flood(o bpf.Options) *check {
	return &check{group: "loss", path: "more than the ring buffer holds", kind: "stream", counted: true, sendErr: sendFlood(o)}
}

// floodMessages are short ones, some in pieces, and at times one of several parts.
const floodMessages = 600

func sendFlood(o bpf.Options) error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	o.Failed = false
	o.RingSize = 64 << 10
	tap, err := bpf.Open(o)
	if err != nil {
		return err
	}
	defer tap.Close()
	pair, err := newPair(unix.SOCK_STREAM)
	if err != nil {
		return err
	}
	var sent uint64
	for i := 0; i < floodMessages && err == nil; i++ {
		p := make([]byte, 1+i*7%500)
		if i%50 == 20 {
			p = make([]byte, 70000)
		}
		var n int
		if i%3 == 0 {
			n, err = unix.Writev(pair.fd, send.Thirds(p))
		} else {
			n, err = unix.Write(pair.fd, p)
		}
		sent += uint64(max(n, 0))
	}
	if err := errors.Join(err, pair.close(), tap.Detach()); err != nil {
		return err
	}
	return compareFlood(tap, pair.inode, sent)
}

// compareFlood adds up what is in the ring buffer and what was lost.
func compareFlood(tap *bpf.Tap, inode uint32, sent uint64) error {
	var e bpf.Event
	var whole, captured uint64
	for {
		if err := tap.Read(&e); errors.Is(err, os.ErrDeadlineExceeded) {
			break
		} else if err != nil {
			return err
		}
		if e.Op != bpf.Send || e.Inode != inode {
			continue
		}
		if e.Part == 0 {
			whole++
		}
		captured += uint64(len(e.Data))
	}
	l, err := tap.Losses()
	if err != nil {
		return err
	}
	t := l.Total()
	switch {
	case t.RingMessages == 0:
		return errors.New("nothing was lost")
	case whole+t.RingMessages != floodMessages:
		return fmt.Errorf("%d messages recorded and %d lost of %d (%+v)", whole, t.RingMessages, floodMessages, l)
	case captured+t.RingBytes != sent:
		return fmt.Errorf("%d bytes recorded and %d lost of %d (%+v)", captured, t.RingBytes, sent, l)
	}
	return nil
}
