package conformance

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"runtime"
	"time"

	"unixcap/internal/conformance/send"

	"golang.org/x/sys/unix"
)

// interrupted has a signal end a call that waits for room: it sent a part.
func interrupted(string) (*check, error) {
	c := &check{path: "interrupted by a signal"}
	p := make([]byte, 1<<20)
	send.Fill(p, 1)
	err := c.sendBlocked(p, true, func(tid int) error {
		return unix.Tgkill(os.Getpid(), tid, unix.SIGURG) // which Go's runtime takes calmly
	})
	if err == nil && len(c.messages[0].payload) == len(p) {
		err = errors.New("a call that was interrupted sent all the same")
	}
	return c, err
}

// sendBlocked sends m on a stream that nobody reads until the call waits for
// room, and something happens to it or to the thread that makes it. The call
// goes on when somebody reads, unless what happens ends it.
func (c *check) sendBlocked(m []byte, ends bool, happen func(tid int) error) error {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	inode, err := inodeOf(fds[0])
	if err != nil {
		return err
	}
	message := sent{inode: inode, payload: bytes.Clone(m), before: time.Now()}
	thread := make(chan int)
	done := make(chan error, 1)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		thread <- unix.Gettid()
		n, err := send.Sendto(fds[0], m, 0)
		message.after = time.Now()
		message.payload = message.payload[:n]
		done <- err
	}()
	tid := <-thread
	if err = waits(tid, fds[0]); err == nil {
		err = happen(tid)
	}
	p := &pair{fd: fds[0], inode: inode}
	if ends && err == nil {
		err = <-done
		p.received = drain(fds[1])
	} else {
		p.received = drain(fds[1])
		err = errors.Join(err, <-done)
	}
	c.messages = append(c.messages, message)
	return errors.Join(err, p.close())
}

// waits returns when a thread sleeps since the socket is full.
func waits(tid, fd int) error {
	for begin := time.Now(); time.Since(begin) < time.Minute; time.Sleep(time.Millisecond) {
		full := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLOUT}}
		if n, err := unix.Poll(full, 0); err != nil && err != unix.EINTR {
			return err
		} else if n != 0 {
			continue
		}
		stat, err := os.ReadFile(fmt.Sprintf("/proc/self/task/%d/stat", tid))
		if err != nil {
			return err
		}
		if i := bytes.LastIndexByte(stat, ')'); i >= 0 && bytes.HasPrefix(stat[i:], []byte(") S")) {
			return nil
		}
	}
	return errors.New("a sender did not come to wait in a minute")
}
