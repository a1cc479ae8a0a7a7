package conformance

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"unixcap/internal/conformance/send"

	"golang.org/x/sys/unix"
)

// sizes end at, before and behind the borders of the copying programs.
var sizes = []int{0, 1, 2, 63, 64, 65, 256, 257, 1024, 1025, 4097, 16385, 32767, 32768, 32769, 65536, 98305, 100000, 1 << 20}

// A pair is two connected sockets. This process sends on one, and a receiver
// has the other.
type pair struct {
	fd       int
	inode    uint32
	received *receiver
	// held: nothing is received while a call sends, so that what it sends is
	// in the queue of the receiver when it ends.
	held bool
}

func newPair(sockType int) (*pair, error) {
	fds, err := unix.Socketpair(unix.AF_UNIX, sockType|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	p := &pair{fd: fds[0], received: drain(fds[1])}
	p.inode, err = inodeOf(fds[0])
	return p, err
}

// close waits until all is received.
func (p *pair) close() error {
	return errors.Join(p.received.wait(p.fd), unix.Close(p.fd))
}

// sendSizes sends messages of all sizes down one path.
func (c *check) sendSizes(sockType, longest int, w send.Way) error {
	p, err := newPair(sockType)
	if err != nil {
		return err
	}
	for i, size := range sizes {
		if size > longest || size == 0 && (w.SkipsEmpty || sockType == unix.SOCK_STREAM) {
			continue
		}
		payload := make([]byte, size)
		send.Fill(payload, i)
		if err := c.sendOne(p, payload, func() ([]int, error) { return w.Send(p.fd, payload) }); err != nil {
			return errors.Join(fmt.Errorf("%d bytes: %w", size, err), p.close())
		}
	}
	return p.close()
}

// sendOne sends a payload and notes the messages that became of it.
func (c *check) sendOne(p *pair, payload []byte, call func() ([]int, error)) error {
	return c.sendAs(0, p, payload, call)
}

// sendAs is sendOne for another process.
func (c *check) sendAs(pid uint32, p *pair, payload []byte, call func() ([]int, error)) error {
	sockType, err := unix.GetsockoptInt(p.fd, unix.SOL_SOCKET, unix.SO_TYPE)
	if err != nil {
		return err
	}
	if p.held {
		p.received.reading.Lock()
	}
	before := time.Now()
	ns, err := call()
	after := time.Now()
	if p.held {
		p.received.reading.Unlock()
	}
	for _, n := range ns {
		if n > 0 || sockType != unix.SOCK_STREAM {
			c.messages = append(c.messages, sent{inode: p.inode, payload: payload[:n], pid: pid, before: before, after: after})
		}
		payload = payload[n:]
	}
	return err
}

// emptyWays send a message of no bytes, where that is one.
var emptyWays = []send.Way{
	{Name: "empty, send", Send: func(fd int, _ []byte) ([]int, error) { return send.One(send.Sendto(fd, nil, 0)) }},
	{Name: "empty, sendmsg without segments", Send: func(fd int, _ []byte) ([]int, error) { return send.One(send.Sendmsg(fd, nil, nil, 0)) }},
	{Name: "empty, sendmsg of empty segments", Send: func(fd int, _ []byte) ([]int, error) {
		return send.One(send.Sendmsg(fd, make([][]byte, send.IovMax), nil, 0))
	}},
	{Name: "empty, sendmmsg", Send: func(fd int, _ []byte) ([]int, error) { return send.Sendmmsg(fd, make([][]byte, 3), nil, 0) }},
}

// sendEmpty sends empty messages between others.
func (c *check) sendEmpty(sockType int, w send.Way) error {
	p, err := newPair(sockType)
	if err != nil {
		return err
	}
	write := func(text string) error {
		return c.sendOne(p, []byte(text), func() ([]int, error) { return send.One(unix.Write(p.fd, []byte(text))) })
	}
	return errors.Join(
		write("before"),
		c.sendOne(p, nil, func() ([]int, error) { return w.Send(p.fd, nil) }),
		write("after"),
		p.close())
}

// sendWhole sends down a path on which the kernel chooses the messages, to a
// receiver that waits until a call ends.
func (c *check) sendWhole(sockType int, w send.Way) error {
	if sockType == unix.SOCK_STREAM {
		return c.sendLengths(sockType, w, true, 1, 100, 4097, 60001)
	}
	// Of less than a page: sendfile makes one datagram of each.
	return c.sendLengths(sockType, w, true, 1, 100, 4000)
}

// sendLong sends more than a socket holds, to a receiver that reads meanwhile.
func (c *check) sendLong(w send.Way) error {
	return c.sendLengths(unix.SOCK_STREAM, w, false, 300001, 1, 300001)
}

func (c *check) sendLengths(sockType int, w send.Way, held bool, lengths ...int) error {
	p, err := newPair(sockType)
	if err != nil {
		return err
	}
	p.held = held
	all := sent{inode: p.inode, before: time.Now()}
	for i, n := range lengths {
		payload := make([]byte, n)
		send.Fill(payload, i+len(w.Name))
		// Which messages became of it is not known.
		err := c.sendOne(p, nil, func() ([]int, error) { _, err := w.Send(p.fd, payload); return nil, err })
		if err != nil {
			return errors.Join(fmt.Errorf("%d bytes: %w", n, err), p.close())
		}
		all.payload = append(all.payload, payload...)
	}
	all.after = time.Now()
	c.whole = append(c.whole, all)
	return p.close()
}

// A receiver reads a descriptor to its end, so that the other end can send.
type receiver struct {
	finished atomic.Bool // nothing more is sent
	reading  sync.Mutex  // held while it receives
	done     chan error
}

// drain starts to read fd, and closes it in the end.
func drain(fd int) *receiver {
	r := &receiver{done: make(chan error, 1)}
	go func() {
		defer unix.Close(fd)
		r.done <- r.read(fd)
	}()
	return r
}

// read reads until nothing more comes: a datagram socket has no other end.
func (r *receiver) read(fd int) error {
	tv := unix.NsecToTimeval(int64(2 * time.Millisecond))
	if err := unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &tv); err != nil {
		return err
	}
	sockType, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_TYPE)
	if err != nil {
		return err
	}
	b := make([]byte, 1<<17)
	for {
		finished := r.finished.Load()
		r.reading.Lock()
		n, err := unix.Read(fd, b)
		r.reading.Unlock()
		switch {
		case err == unix.EAGAIN && finished, err == nil && n == 0 && sockType == unix.SOCK_STREAM:
			return nil
		case err != nil && err != unix.EAGAIN && err != unix.EINTR:
			return err
		}
	}
}

// wait ends what fd sends and waits until all of it is received.
func (r *receiver) wait(fd int) error {
	r.finished.Store(true)
	sockType, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_TYPE)
	if err == nil && sockType == unix.SOCK_STREAM {
		err = unix.Shutdown(fd, unix.SHUT_WR)
	}
	return errors.Join(err, <-r.done)
}
