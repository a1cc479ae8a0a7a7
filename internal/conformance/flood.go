package conformance

import (
	"errors"
	"fmt"
	"os"
	"runtime"

	"unixcap/bpf"

	"golang.org/x/sys/unix"
)

// flood sends while nobody reads a small ring buffer. What is recorded and what
// is counted as lost must add up to what was sent, to the message and the byte.
func flood(o bpf.Options) error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	o.RingSize = 64 << 10
	tap, err := bpf.Open(o)
	if err != nil {
		return err
	}
	defer tap.Close()
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fds[0])
	received := drain(fds[1])
	inode, err := inodeOf(fds[0])
	if err != nil {
		return err
	}
	const messages = 600
	var sent uint64
	for i := range messages {
		// Short ones, some in pieces, and at times one of several parts.
		p := make([]byte, 1+i*7%500)
		if i%50 == 20 {
			p = make([]byte, 70000)
		}
		var n int
		if i%3 == 0 {
			n, err = unix.Writev(fds[0], thirds(p))
		} else {
			n, err = unix.Write(fds[0], p)
		}
		if err != nil {
			return err
		}
		sent += uint64(n)
	}
	err = errors.Join(received.wait(fds[0]), tap.Detach())
	if err != nil {
		return err
	}
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
	case whole+t.RingMessages != messages:
		return fmt.Errorf("%d messages recorded and %d lost of %d (%+v)", whole, t.RingMessages, messages, l)
	case captured+t.RingBytes != sent:
		return fmt.Errorf("%d bytes recorded and %d lost of %d (%+v)", captured, t.RingBytes, sent, l)
	}
	return nil
}
