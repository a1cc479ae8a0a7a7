package output

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// inherited returns two ends of a pipe or a socket pair as a shell makes them:
// blocking.
func inherited(t *testing.T, make func([]int) error) (reader, writer *os.File) {
	t.Helper()
	var fds [2]int
	if err := make(fds[:]); err != nil {
		t.Fatal(err)
	}
	reader, writer = os.NewFile(uintptr(fds[0]), "reader"), os.NewFile(uintptr(fds[1]), "writer")
	t.Cleanup(func() { reader.Close(); writer.Close() })
	return reader, writer
}

func pipe(fds []int) error { return unix.Pipe2(fds, unix.O_CLOEXEC) }

func socketPair(fds []int) error {
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	copy(fds, pair[:])
	return err
}

func fifo(t *testing.T) (reader, writer *os.File) {
	t.Helper()
	name := filepath.Join(t.TempDir(), "fifo")
	if err := unix.Mkfifo(name, 0o600); err != nil {
		t.Fatal(err)
	}
	reader, err := os.OpenFile(name, os.O_RDWR, 0) // opening waits for nobody then
	if err != nil {
		t.Fatal(err)
	}
	if writer, err = Create(name, nil); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { reader.Close(); writer.Close() })
	return reader, writer
}

var channels = []struct {
	name string
	open func(t *testing.T) (reader, writer *os.File)
}{
	{"pipe", func(t *testing.T) (*os.File, *os.File) { return inherited(t, pipe) }},
	{"socket", func(t *testing.T) (*os.File, *os.File) { return inherited(t, socketPair) }},
	{"fifo", fifo},
}

// nonblocking reports whether whoever else has the file would find it so.
func nonblocking(t *testing.T, f *os.File) bool {
	t.Helper()
	flags, err := unix.FcntlInt(f.Fd(), unix.F_GETFL, 0)
	if err != nil {
		t.Fatal(err)
	}
	return flags&unix.O_NONBLOCK != 0
}

// A reader that does not read holds a writer until End is called, and not for
// much longer. What was taken is known exactly.
func TestStreamEnds(t *testing.T) {
	for _, c := range channels {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			reader, writer := c.open(t)
			s := NewStream(writer)
			type result struct {
				n   int
				err error
			}
			results := make(chan result)
			go func() {
				n, err := s.Write(make([]byte, 8<<20))
				results <- result{n, err}
			}()
			select {
			case r := <-results:
				t.Fatalf("%d, %v without a reader", r.n, r.err)
			case <-time.After(100 * time.Millisecond):
			}
			s.End()
			r := <-results
			if !errors.Is(r.err, ErrNotReading) || r.n <= 0 || r.n >= 8<<20 {
				t.Errorf("%d, %v", r.n, r.err)
			}
			if n, err := s.Write([]byte("more")); n != 0 || !errors.Is(err, ErrNotReading) {
				t.Errorf("%d, %v afterwards", n, err)
			}
			if c.name != "fifo" && nonblocking(t, writer) {
				t.Error("has become non-blocking")
			}
			if err := errors.Join(s.Close(), writer.Close()); err != nil {
				t.Fatal(err)
			}
			if c.name == "fifo" {
				return // its reader keeps it open
			}
			if b, err := io.ReadAll(reader); len(b) != r.n || err != nil {
				t.Errorf("%d bytes arrived, %v, and %d were written", len(b), err, r.n)
			}
		})
	}
}

// A reader that is slow gets everything, also after End.
func TestStreamWaits(t *testing.T) {
	for _, c := range channels {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			reader, writer := c.open(t)
			s := NewStream(writer)
			s.End()
			sent := bytes.Repeat([]byte("0123456789abcdef"), 1<<16)
			read := make(chan []byte)
			go func() {
				var all []byte
				for b := make([]byte, 1<<17); len(all) < len(sent); time.Sleep(20 * time.Millisecond) {
					n, err := reader.Read(b)
					all = append(all, b[:n]...)
					if err != nil {
						break
					}
				}
				read <- all
			}()
			if n, err := s.Write(sent); n != len(sent) || err != nil {
				t.Fatalf("%d, %v", n, err)
			}
			if all := <-read; !bytes.Equal(all, sent) {
				t.Errorf("%d bytes arrived", len(all))
			}
		})
	}
}

// A reader that is gone is an error at once.
func TestStreamGone(t *testing.T) {
	for _, c := range channels {
		t.Run(c.name, func(t *testing.T) {
			reader, writer := c.open(t)
			s := NewStream(writer)
			reader.Close()
			if _, err := s.Write([]byte("x")); !errors.Is(err, unix.EPIPE) {
				t.Error(err)
			}
		})
	}
}

// A file takes everything, and End changes nothing.
func TestStreamToFile(t *testing.T) {
	name := filepath.Join(t.TempDir(), "x")
	f, err := Create(name, nil)
	if err != nil {
		t.Fatal(err)
	}
	s := NewStream(f)
	s.End()
	if _, err := s.Write([]byte("all of it")); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(s.Close(), f.Close()); err != nil {
		t.Fatal(err)
	}
	if b, err := os.ReadFile(name); string(b) != "all of it" || err != nil {
		t.Errorf("%q, %v", b, err)
	}
}
