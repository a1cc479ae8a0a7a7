package conformance

import (
	"errors"
	"fmt"
	"time"

	"unixcap/internal/conformance/send"

	"golang.org/x/sys/unix"
)

// An attempter makes calls that fail, or succeed in part, on a socket that does
// not wait. What must be recorded of each is what the call returned.
type attempter struct {
	c    *check
	pair *pair
	err  error
}

// failures has sends that the kernel refuses or takes in part, among others
// that it takes.
func failures(_ string, sockType int) (*check, error) {
	c := &check{path: "EAGAIN, EFAULT, EPIPE", failures: true}
	fds, err := unix.Socketpair(unix.AF_UNIX, sockType|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return c, err
	}
	defer unix.Close(fds[0])
	inode, err := inodeOf(fds[0])
	if err != nil {
		return c, err
	}
	bad, err := unix.Mmap(-1, 0, 1<<16, unix.PROT_NONE, unix.MAP_PRIVATE|unix.MAP_ANON)
	if err != nil {
		return c, err
	}
	defer unix.Munmap(bad)
	a := &attempter{c: c, pair: &pair{fd: fds[0], inode: inode}}
	a.fault(bad)
	if sockType == unix.SOCK_STREAM {
		a.partFault(bad)
	}
	for _, fill := range []func(){a.fillByMany, a.fill, a.fillByMany} {
		fill()
		if a.err = errors.Join(a.err, emptyOut(fds[1])); a.err != nil {
			return c, a.err
		}
	}
	a.fault(bad)
	last := []byte("and now one that succeeds")
	a.one("", last, func() (int, error) { return send.Sendto(fds[0], last, 0) })
	if err := errors.Join(emptyOut(fds[1]), unix.Close(fds[1])); err != nil {
		return c, err
	}
	reason := "EPIPE"
	if sockType == unix.SOCK_DGRAM {
		reason = "ECONNREFUSED"
	}
	a.one(reason, nil, func() (int, error) { return send.Sendto(fds[0], last, unix.MSG_NOSIGNAL) })
	return c, a.err
}

// emptyOut reads what is there.
func emptyOut(fd int) error {
	for b := make([]byte, 1<<20); ; {
		if n, err := unix.Read(fd, b); err == unix.EAGAIN || err == nil && n == 0 {
			return nil
		} else if err != nil {
			return err
		}
	}
}

// one sends one message; want is the name of the error it must fail with.
func (a *attempter) one(want string, p []byte, call func() (int, error)) {
	if a.err != nil {
		return
	}
	if got := a.call(p, func() ([]int, error) { return send.One(call()) }); a.err == nil && got != want {
		a.err = fmt.Errorf("a send ended with %q, want %q", got, want)
	}
}

// call makes a call and notes what must be recorded of it. It returns the name
// of the error that it failed with.
func (a *attempter) call(p []byte, call func() ([]int, error)) string {
	var errno unix.Errno
	before := time.Now()
	err := a.c.sendOne(a.pair, p, call)
	if err == nil {
		return ""
	}
	if !errors.As(err, &errno) {
		a.err = err
		return ""
	}
	a.failed(errno, before)
	return unix.ErrnoName(errno)
}

// failed notes a failed send.
func (a *attempter) failed(errno unix.Errno, before time.Time) {
	a.c.messages = append(a.c.messages, sent{inode: a.pair.inode, failed: unix.ErrnoName(errno), before: before, after: time.Now()})
}

// many sends a message of each of the buffers in one call. If some were sent,
// the failure of the next shows in no result, but is one.
func (a *attempter) many(buffers [][]byte, errno unix.Errno) (n int, failed string) {
	if a.err != nil {
		return 0, ""
	}
	before := time.Now()
	whole := true
	failed = a.call(nil, func() ([]int, error) {
		ns, err := send.Sendmmsg(a.pair.fd, buffers, nil, 0)
		for i, length := range ns { // those that can't be read among them stay unread
			whole = length == len(buffers[i])
			a.c.messages = append(a.c.messages, sent{inode: a.pair.inode, payload: buffers[i][:length], before: before, after: time.Now()})
		}
		n = len(ns)
		return nil, err
	})
	if failed == "" && n < len(buffers) && whole {
		a.failed(errno, before)
	}
	return n, failed
}

// fault sends from memory that can't be read, at several places of a message.
func (a *attempter) fault(bad []byte) {
	fd := a.pair.fd
	a.one("EFAULT", nil, func() (int, error) { return send.Sendto(fd, bad[:100], 0) })
	good := make([]byte, 100)
	send.Fill(good, 1)
	broken := [][]byte{good[:50], bad[:7], good[50:]}
	a.one("EFAULT", nil, func() (int, error) { return unix.Writev(fd, broken) })
	a.one("EFAULT", nil, func() (int, error) { return send.Sendmsg(fd, broken, nil, 0) })
	a.one("EFAULT", nil, func() (int, error) { return unix.Pwritev2(fd, broken, -1, 0) })

	three := [][]byte{good, bad[:100], good[:99]}
	if n, _ := a.many(three, unix.EFAULT); a.err == nil && n != 1 {
		a.err = fmt.Errorf("sendmmsg sent %d messages before one that can't be read", n)
	}
	a.many(three[1:], unix.EFAULT)
	a.many(three[2:], unix.EFAULT)
}

// partFault sends much on a stream, which takes what is before the memory that
// can't be read.
func (a *attempter) partFault(bad []byte) {
	good := make([]byte, 90000)
	send.Fill(good, 2)
	broken := [][]byte{good[:20], good[20:], bad, good[:9]}
	a.one("", good, func() (int, error) { return unix.Writev(a.pair.fd, broken) })
	a.one("", good, func() (int, error) { return send.Sendmsg(a.pair.fd, broken, nil, 0) })
}

// fill sends until the receiver takes no more.
func (a *attempter) fill() {
	p := make([]byte, 50000)
	send.Fill(p, 3)
	for failed := ""; failed == "" && a.err == nil; {
		failed = a.call(p, func() ([]int, error) { return send.One(send.Sendto(a.pair.fd, p, 0)) })
	}
}

func (a *attempter) fillByMany() {
	var buffers [][]byte
	for i := range 7 {
		p := make([]byte, 5000+i)
		send.Fill(p, i)
		buffers = append(buffers, p)
	}
	for failed := ""; failed == "" && a.err == nil; {
		_, failed = a.many(buffers, unix.EAGAIN)
	}
}
