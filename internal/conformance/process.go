package conformance

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"strings"

	"unixcap/internal/conformance/send"

	"golang.org/x/sys/unix"
)

// shared has a child that inherited a socket send on it in turn with its parent.
func shared(_ string, sockType int) (*check, error) {
	c := &check{path: "shared over fork"}
	p, err := newPair(sockType)
	if err != nil {
		return c, err
	}
	child, err := startSelf(p.fd)
	if err != nil {
		return c, errors.Join(err, p.close())
	}
	for i := range 4 {
		text := make([]byte, 100+i)
		send.Fill(text, i)
		err = errors.Join(err,
			c.sendOne(p, text, func() ([]int, error) { return send.One(unix.Write(p.fd, text)) }),
			c.sendAs(child.PID, p, text, func() ([]int, error) { return child.Send("write", len(text), i) }))
	}
	return c, errors.Join(err, child.Close(), p.close())
}

// passed has another process send on a socket that it got by SCM_RIGHTS, of
// which the kernel says that this process made it.
func passed(_ string, sockType int) (*check, error) {
	c := &check{path: "passed by SCM_RIGHTS"}
	self, err := os.Executable()
	if err != nil {
		return c, err
	}
	o, err := newOutsider(self)
	if err != nil {
		return c, err
	}
	return c, errors.Join(c.sendFrom(o, sockType, "sendmsg", []int{100, 101, 102, 103}), o.close())
}

// startSelf starts this program once more, as a child.
func startSelf(fd int) (*send.Child, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	return send.StartChild(self, fd)
}

// An outsider is a process that sends on the sockets that are passed to it.
type outsider struct {
	child *send.Child
	way   int // the socket that they go through
}

func newOutsider(program string) (*outsider, error) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	child, err := send.StartChild(program, fds[1])
	err = errors.Join(err, unix.Close(fds[1]))
	if err != nil {
		return nil, errors.Join(err, unix.Close(fds[0]))
	}
	return &outsider{child, fds[0]}, nil
}

func (o *outsider) close() error { return errors.Join(o.child.Close(), unix.Close(o.way)) }

// sendFrom has an outsider send messages of some sizes down one way.
func (c *check) sendFrom(o *outsider, sockType int, way string, sizes []int) error {
	p, err := newPair(sockType)
	if err != nil {
		return err
	}
	p.held = !strings.HasSuffix(way, "1024 messages") // more than a queue takes
	err = errors.Join(unix.Sendmsg(o.way, []byte("x"), unix.UnixRights(p.fd), nil, 0), o.child.Receive())
	for i, size := range sizes {
		if err != nil {
			break
		}
		payload := make([]byte, size)
		send.Fill(payload, i)
		err = c.sendAs(o.child.PID, p, payload, func() ([]int, error) { return o.child.Send(way, size, i) })
		if err != nil {
			err = fmt.Errorf("%d bytes: %w", size, err)
		}
	}
	return errors.Join(err, p.close())
}

// sendFrom32Bit sends from a process with 32-bit system calls. A kernel that has
// none refuses to start it.
func sendFrom32Bit(program string, sockType int) []*check {
	ways := send.Direct()
	if runtime.GOARCH == "amd64" {
		for _, name := range send.Socketcalls {
			ways = append(ways, send.Way{Name: name})
		}
	}
	o, startErr := newOutsider(program)
	var checks []*check
	for _, w := range ways {
		c := &check{path: "32-bit " + w.Name, sendErr: startErr}
		checks = append(checks, c)
		if startErr != nil {
			continue
		}
		sizes := []int{1, 100, 5000, 70001}
		if !w.SkipsEmpty && sockType != unix.SOCK_STREAM {
			sizes = append(sizes, 0)
		}
		c.sendErr = c.sendFrom(o, sockType, w.Name, sizes)
	}
	if startErr == nil {
		checks[0].sendErr = errors.Join(checks[0].sendErr, o.close())
	}
	return checks
}
