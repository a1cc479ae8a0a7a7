package output

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// ErrNotReading says that whoever reads a Stream does not.
var ErrNotReading = errors.New("its reader does not read")

// Once a Stream is to end, its reader is waited for as long as it takes
// something every now and then, up to a limit.
const (
	patience = 2 * time.Second
	endLimit = 30 * time.Second
)

// A Stream writes to a file. If that is a pipe, a fifo or a socket, a Write
// waits for its reader, and End bounds how long.
type Stream struct {
	f      *os.File
	own    bool // f is not what NewStream was given
	socket bool

	mu       sync.Mutex
	limit    time.Time // zero: End was not called
	deadline time.Time
}

// NewStream returns a Stream to f, which stays the caller's to close.
func NewStream(f *os.File) *Stream {
	s := &Stream{f: f}
	info, err := f.Stat()
	if err != nil {
		return s // and so will writing fail
	}
	switch mode := info.Mode(); {
	case mode&fs.ModeSocket != 0:
		s.socket = true
	case mode&fs.ModeNamedPipe != 0 && f.SetWriteDeadline(time.Time{}) != nil:
		// It was inherited, and others that write to it too rely on its being
		// blocking. A second opening of it is this process's alone.
		name := fmt.Sprintf("/proc/self/fd/%d", f.Fd())
		if own, err := os.OpenFile(name, os.O_WRONLY|unix.O_NONBLOCK, 0); err == nil {
			s.f, s.own = own, true
		}
	}
	return s
}

// Close frees what NewStream opened.
func (s *Stream) Close() error {
	if !s.own {
		return nil
	}
	return s.f.Close()
}

// End bounds the time that Writes wait from now on, also one that waits
// already: they return ErrNotReading then. Any goroutine may call it.
func (s *Stream) End() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.limit.IsZero() {
		s.limit = time.Now().Add(endLimit)
		s.extend()
	}
}

// extend gives the reader time for the next Write; false if it had enough.
func (s *Stream) extend() bool {
	if s.limit.IsZero() {
		return true
	}
	s.deadline = time.Now().Add(patience)
	if s.deadline.After(s.limit) {
		s.deadline = s.limit
	}
	if !s.socket {
		// A file of another kind has no deadlines and needs none.
		if err := s.f.SetWriteDeadline(s.deadline); err != nil && !errors.Is(err, os.ErrNoDeadline) {
			return false
		}
	}
	return time.Now().Before(s.limit)
}

func (s *Stream) Write(p []byte) (int, error) {
	for done := 0; ; {
		s.mu.Lock()
		more := s.extend()
		s.mu.Unlock()
		n, err := s.write(p[done:])
		done += n
		if errors.Is(err, os.ErrDeadlineExceeded) {
			if n > 0 && more {
				continue
			}
			s.giveUp()
			err = ErrNotReading
		}
		return done, err
	}
}

// giveUp has what is written from now on not wait any more.
func (s *Stream) giveUp() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.limit = time.Now()
}

func (s *Stream) write(p []byte) (int, error) {
	if s.socket {
		return s.send(p)
	}
	return s.f.Write(p)
}

// pollEvery is how often, in ms, a look is taken whether End was called.
const pollEvery = 100

// send writes to a socket without making it non-blocking, which it would be
// for all that have it.
func (s *Stream) send(p []byte) (int, error) {
	fd := int(s.f.Fd())
	for done := 0; done < len(p); {
		n, err := unix.SendmsgN(fd, p[done:], nil, nil, unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL)
		switch err {
		case nil:
			done += n
		case unix.EINTR:
		case unix.EAGAIN:
			if _, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLOUT}}, pollEvery); err != nil && err != unix.EINTR {
				return done, os.NewSyscallError("poll", err)
			}
			if s.expired() {
				return done, os.ErrDeadlineExceeded
			}
		default:
			return done, &fs.PathError{Op: "write", Path: s.f.Name(), Err: err}
		}
	}
	return len(p), nil
}

func (s *Stream) expired() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return !s.deadline.IsZero() && time.Now().After(s.deadline)
}
