package conformance

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"sync/atomic"

	"unixcap/internal/conformance/send"

	"golang.org/x/sys/unix"
)

// mapped is a file of a pattern, mapped into memory.
func mapped(dir string, size int) (f *os.File, p []byte, err error) {
	content := make([]byte, size)
	send.Fill(content, size)
	name := filepath.Join(dir, "mapped")
	if err := os.WriteFile(name, content, 0o600); err != nil {
		return nil, nil, err
	}
	if f, err = os.Open(name); err != nil {
		return nil, nil, err
	}
	if p, err = unix.Mmap(int(f.Fd()), 0, size, unix.PROT_READ, unix.MAP_PRIVATE); err != nil {
		return nil, nil, errors.Join(err, f.Close())
	}
	return f, p, nil
}

// drop has the process lose the pages of a mapped file, and asks the kernel to
// forget them as well: the next to read them has to wait.
func drop(f *os.File, p []byte) error {
	return errors.Join(f.Sync(), unix.Madvise(p, unix.MADV_DONTNEED), unix.Fadvise(int(f.Fd()), 0, 0, unix.FADV_DONTNEED))
}

// pagedOut sends memory that is not there when the call begins.
func pagedOut(dir string) (*check, error) {
	c := &check{path: "memory paged out before"}
	f, m, err := mapped(dir, 300001)
	if err != nil {
		return c, err
	}
	defer f.Close()
	defer unix.Munmap(m)
	want := bytes.Clone(m)
	p, err := newPair(unix.SOCK_STREAM)
	if err != nil {
		return c, err
	}
	for range 3 {
		err = errors.Join(err, drop(f, m), c.sendOne(p, want, func() ([]int, error) { return send.One(send.Sendto(p.fd, m, 0)) }))
	}
	return c, errors.Join(err, p.close())
}

// droppedMeanwhile drops the memory of a message while its sender waits for room
// for the rest of it: what the kernel has taken is gone when the call ends.
func droppedMeanwhile(dir string) (*check, error) {
	c := &check{path: "memory dropped meanwhile"}
	f, m, err := mapped(dir, 1<<20)
	if err != nil {
		return c, err
	}
	defer f.Close()
	defer unix.Munmap(m)
	return c, c.sendBlocked(m, false, func(int) error { return drop(f, m) })
}

// changedMeanwhile sends memory that another thread changes from one pattern to
// another and back: each byte recorded is one of the two.
func changedMeanwhile(string) (*check, error) {
	c := &check{path: "memory changed meanwhile"}
	p, err := newPair(unix.SOCK_STREAM)
	if err != nil {
		return c, err
	}
	old, other := make([]byte, 300001), make([]byte, 300001)
	send.Fill(old, 1)
	for i, b := range old {
		other[i] = ^b
	}
	memory := bytes.Clone(old)
	var enough atomic.Bool
	changed := make(chan bool)
	go func() {
		defer close(changed)
		for !enough.Load() {
			copy(memory, other)
			copy(memory, old)
		}
	}()
	for i := 0; i < 20 && err == nil; i++ {
		err = c.sendOne(p, old, func() ([]int, error) { return send.One(send.Sendto(p.fd, memory, 0)) })
	}
	enough.Store(true)
	<-changed
	for i := range c.messages {
		c.messages[i].or = other
	}
	return c, errors.Join(err, p.close())
}
