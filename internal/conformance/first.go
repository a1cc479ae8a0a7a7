package conformance

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"strings"
	"sync/atomic"

	"unixcap/bpf"

	"golang.org/x/sys/unix"
)

// So many sockets have so many threads send their first messages.
const firstSockets, firstSenders = 40, 2

// first has threads send the first messages of sockets at once. The first of all is
// when it is found out whether a socket is wanted, and that takes its time here: no
// thread may take another's unfinished answer for the answer.
func first(o bpf.Options) *check {
	c := &check{group: "processes", path: "two threads' first messages", kind: "dgram"}
	c.sendErr = c.sendFirst(o)
	return c
}

// slowPaths are names that no socket has, and that take long to tell from the
// receivers'.
func slowPaths() []string {
	var list []string
	for i := range 8 {
		list = append(list, "@*"+strings.Repeat("a", 40+i)+"b")
	}
	return list
}

func (c *check) sendFirst(o bpf.Options) error {
	o.Failed = false
	o.RingSize = 1 << 20 // all that is sent
	o.Filter.Not.Paths = slowPaths()
	tap, err := bpf.Open(o)
	if err != nil {
		return err
	}
	defer tap.Close()
	inodes := make(map[uint32]int)
	var senders []int
	for i := range firstSockets {
		fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			return err
		}
		defer unix.Close(fds[0])
		defer unix.Close(fds[1])
		name := fmt.Sprintf("@%s%d", strings.Repeat("a", 90), i)
		if err := unix.Bind(fds[1], &unix.SockaddrUnix{Name: name}); err != nil {
			return err
		}
		inode, err := inodeOf(fds[0])
		if err != nil {
			return err
		}
		inodes[inode] = 0
		senders = append(senders, fds[0])
	}
	if err := errors.Join(sendAtOnce(senders), tap.Detach()); err != nil {
		return err
	}
	return c.compareFirst(tap, inodes)
}

// sendAtOnce has each thread send one message on each socket, at the same time as
// the others.
func sendAtOnce(fds []int) error {
	done := make(chan error)
	var ready atomic.Int64
	for range firstSenders {
		go func() {
			runtime.LockOSThread()
			defer runtime.UnlockOSThread()
			var errs error
			for i, fd := range fds {
				for ready.Add(1); ready.Load() < int64(firstSenders*(i+1)); {
					continue // in step, which no call to the scheduler would be
				}
				_, err := unix.Write(fd, []byte("first"))
				errs = errors.Join(errs, err)
			}
			done <- errs
		}()
	}
	var err error
	for range firstSenders {
		err = errors.Join(err, <-done)
	}
	return err
}

// compareFirst looks for as many messages on each socket as threads sent.
func (c *check) compareFirst(tap *bpf.Tap, inodes map[uint32]int) error {
	var e bpf.Event
	missing := firstSockets * firstSenders
	for {
		if err := tap.Read(&e); errors.Is(err, os.ErrDeadlineExceeded) {
			break
		} else if err != nil {
			return err
		}
		n, ok := inodes[e.Inode]
		if e.Op != bpf.Send || !ok {
			continue
		}
		if string(e.Data) != "first" || n == firstSenders {
			return fmt.Errorf("%q is recorded after %d messages of %d", e.Data, n, firstSenders)
		}
		inodes[e.Inode]++
		missing--
	}
	l, err := tap.Losses()
	if err != nil {
		return err
	}
	if t := l.Total(); uint64(missing) > l.Missed+t.StateMessages {
		return fmt.Errorf("%d messages of %d are missing, and the losses are %+v", missing, firstSockets*firstSenders, l)
	}
	c.counted = missing > 0
	return nil
}
