package send

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// pipeChunk is what is put into a pipe at once: less than it holds, and not a
// number of whole pages.
const pipeChunk = 30000

// Pages are the ways on which the bytes are in pages of the kernel's: of the
// page cache, of a pipe, of another socket. The kernel chooses the messages.
var Pages = []Way{
	{Name: "sendfile", Send: sendfile},
	{Name: "splice", Send: throughPipe(func(pipe int, p []byte) (int, error) { return unix.Write(pipe, p) })},
	{Name: "splice from a file", Send: throughPipe(fromFile)},
	{Name: "splice from a socket", Send: throughPipe(fromSocket)},
	{Name: "vmsplice", Send: throughPipe(func(pipe int, p []byte) (int, error) {
		return unix.Vmsplice(pipe, iovecs(Thirds(p)), 0)
	})},
	{Name: "tee", Send: tee},
}

// fileOf makes a file without a name that has p.
func fileOf(p []byte) (*os.File, error) {
	f, err := os.CreateTemp("", "conformance")
	if err != nil {
		return nil, err
	}
	_, err = f.WriteAt(p, 0)
	if err = errors.Join(err, os.Remove(f.Name())); err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

func sendfile(fd int, p []byte) ([]int, error) {
	f, err := fileOf(p)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	for left := len(p); left > 0; {
		n, err := unix.Sendfile(fd, int(f.Fd()), nil, left)
		if err != nil {
			return nil, fmt.Errorf("sendfile: %w", err)
		}
		left -= n
	}
	return nil, nil
}

// throughPipe fills a pipe in some way and splices it to the socket.
func throughPipe(fill func(pipe int, p []byte) (int, error)) func(int, []byte) ([]int, error) {
	return func(fd int, p []byte) ([]int, error) {
		var pipe [2]int
		if err := unix.Pipe2(pipe[:], unix.O_CLOEXEC); err != nil {
			return nil, err
		}
		defer unix.Close(pipe[0])
		defer unix.Close(pipe[1])
		for len(p) > 0 {
			n, err := fill(pipe[1], p[:min(len(p), pipeChunk)])
			if err != nil {
				return nil, fmt.Errorf("fill the pipe: %w", err)
			}
			if err := empty(pipe[0], fd, n); err != nil {
				return nil, err
			}
			p = p[n:]
		}
		return nil, nil
	}
}

// empty splices n bytes from a pipe to a socket.
func empty(pipe, fd, n int) error {
	for n > 0 {
		moved, err := unix.Splice(pipe, nil, fd, nil, n, 0)
		if err != nil {
			return fmt.Errorf("splice: %w", err)
		}
		n -= int(moved)
	}
	return nil
}

func fromFile(pipe int, p []byte) (int, error) {
	f, err := fileOf(p)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	var at int64
	n, err := unix.Splice(int(f.Fd()), &at, pipe, nil, len(p), 0)
	return int(n), err
}

func fromSocket(pipe int, p []byte) (int, error) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return 0, err
	}
	defer unix.Close(fds[0])
	defer unix.Close(fds[1])
	if n, err := unix.Write(fds[0], p); err != nil {
		return 0, err
	} else if n < len(p) {
		return 0, fmt.Errorf("a socket took %d bytes of %d", n, len(p))
	}
	n, err := unix.Splice(fds[1], nil, pipe, nil, len(p), 0)
	return int(n), err
}

// tee sends what is in a pipe and stays in it.
func tee(fd int, p []byte) ([]int, error) {
	var first [2]int
	if err := unix.Pipe2(first[:], unix.O_CLOEXEC); err != nil {
		return nil, err
	}
	defer unix.Close(first[0])
	defer unix.Close(first[1])
	return throughPipe(func(second int, p []byte) (int, error) {
		if _, err := unix.Write(first[1], p); err != nil {
			return 0, err
		}
		n, err := unix.Tee(first[0], second, len(p), 0)
		if err != nil {
			return 0, err
		}
		_, err = unix.Read(first[0], make([]byte, n))
		return int(n), err
	})(fd, p)
}
