package conformance

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"unixcap/internal/conformance/send"

	"golang.org/x/sys/unix"
)

// acceptedLate sends before the server has accepted the connection, when the
// socket at the other end has no inode yet. The recorder waits for it, but not
// for as long as a slow machine may take.
func acceptedLate(dir string) (*check, error) {
	for try := 0; ; try++ {
		begin := time.Now()
		c, err := acceptLate(filepath.Join(dir, fmt.Sprintf("late%d.sock", try)))
		if err != nil || time.Since(begin) < 10*time.Millisecond || try == 20 {
			return c, err
		}
	}
}

func acceptLate(name string) (*check, error) {
	c := &check{path: "before accept"}
	l, err := listen(unix.SOCK_STREAM, name)
	if err != nil {
		return c, err
	}
	defer unix.Close(l)
	client, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM, 0)
	if err != nil {
		return c, err
	}
	defer unix.Close(client)
	if err := unix.Connect(client, &unix.SockaddrUnix{Name: name}); err != nil {
		return c, err
	}
	clientInode, err := c.write(client, "before it is accepted")
	if err != nil {
		return c, err
	}
	server, _, err := unix.Accept(l)
	if err != nil {
		return c, err
	}
	defer unix.Close(server)
	if _, err := io.ReadFull(fdReader(server), make([]byte, 21)); err != nil {
		return c, err
	}
	serverInode, err := c.write(server, "an answer")
	c.more = func(got *collector) error {
		m, answer := got.bySocket[clientInode][0], got.bySocket[serverInode][0]
		switch {
		case m.To.Inode != serverInode || answer.To.Inode != clientInode:
			return fmt.Errorf("peers' inodes are %d and %d, want %d and %d", m.To.Inode, answer.To.Inode, serverInode, clientInode)
		case m.To.Path != name || answer.From.Path != name || m.From.Path != "":
			return fmt.Errorf("paths are %q to %q and from %q, want %q", m.From.Path, m.To.Path, answer.From.Path, name)
		case m.To.SK != answer.From.SK || m.From.SK != answer.To.SK:
			return errors.New("the two directions are not between the same sockets")
		case m.Peer.PID != uint32(os.Getpid()):
			return fmt.Errorf("peer is %+v", m.Peer)
		}
		return nil
	}
	return c, err
}

// unconnectedDatagram sends to a name; only the message tells the receiver.
func unconnectedDatagram(dir string) (*check, error) {
	c := &check{path: "sendto a name"}
	name := filepath.Join(dir, "log.sock")
	server, err := bind(unix.SOCK_DGRAM, name)
	if err != nil {
		return c, err
	}
	defer unix.Close(server)
	client, err := unix.Socket(unix.AF_UNIX, unix.SOCK_DGRAM, 0)
	if err != nil {
		return c, err
	}
	defer unix.Close(client)
	inode, err := inodeOf(client)
	if err != nil {
		return c, err
	}
	text := []byte("<13>a line for the log")
	err = c.sendOne(&pair{fd: client, inode: inode}, text, func() ([]int, error) {
		return send.One(len(text), unix.Sendto(client, text, 0, &unix.SockaddrUnix{Name: name}))
	})
	if err != nil {
		return c, err
	}
	serverInode, err := inodeOf(server)
	c.more = func(got *collector) error {
		m := got.bySocket[inode][0]
		if m.To.Inode != serverInode || m.To.Path != name {
			return fmt.Errorf("sent to inode %d %q, want %d %q", m.To.Inode, m.To.Path, serverInode, name)
		}
		return nil
	}
	return c, err
}

// datagramsToNames sends to several receivers in one call, connected to another.
func datagramsToNames(dir string) (*check, error) {
	c := &check{path: "sendmmsg to names"}
	var paths []string
	var inodes []uint32
	for i := range 3 {
		name := filepath.Join(dir, fmt.Sprintf("log%d.sock", i))
		server, err := bind(unix.SOCK_DGRAM, name)
		if err != nil {
			return c, err
		}
		defer unix.Close(server)
		inode, err := inodeOf(server)
		if err != nil {
			return c, err
		}
		paths, inodes = append(paths, name), append(inodes, inode)
	}
	client, err := unix.Socket(unix.AF_UNIX, unix.SOCK_DGRAM, 0)
	if err != nil {
		return c, err
	}
	defer unix.Close(client)
	inode, err := inodeOf(client)
	if err != nil {
		return c, err
	}
	if err := unix.Connect(client, &unix.SockaddrUnix{Name: paths[2]}); err != nil {
		return c, err
	}
	text := []byte("abbcccddddeeeee")
	to := []int{0, 1, 2, 1, 0}
	err = c.sendOne(&pair{fd: client, inode: inode}, text, func() ([]int, error) {
		var names []string
		for _, i := range to {
			names = append(names, paths[i])
		}
		return send.SendmmsgTo(client, [][]byte{text[:1], text[1:3], text[3:6], text[6:10], text[10:]}, names)
	})
	c.more = func(got *collector) error {
		for i, m := range got.bySocket[inode] {
			if want := to[i]; m.To.Inode != inodes[want] || m.To.Path != paths[want] {
				return fmt.Errorf("message %d went to inode %d %q, want %d %q", i, m.To.Inode, m.To.Path, inodes[want], paths[want])
			}
		}
		return nil
	}
	return c, err
}

// pathname sends between sockets that are both bound to files.
func pathname(dir string, sockType int) (*check, error) {
	return named("bound to paths", sockType, filepath.Join(dir, fmt.Sprintf("named-%d", sockType)))
}

// abstract sends between sockets that are both bound to abstract names.
func abstract(_ string, sockType int) (*check, error) {
	return named("bound to abstract names", sockType, fmt.Sprintf("@conformance-%d-%d", os.Getpid(), sockType))
}

// named sends in both directions, where the kind has two.
func named(path string, sockType int, name string) (*check, error) {
	c := &check{path: path}
	server, err := listen(sockType, name)
	if err != nil {
		return c, err
	}
	defer unix.Close(server)
	client, err := bind(sockType, name+"-client")
	if err != nil {
		return c, err
	}
	defer unix.Close(client)
	if err := unix.Connect(client, &unix.SockaddrUnix{Name: name}); err != nil {
		return c, err
	}
	if sockType != unix.SOCK_DGRAM {
		accepted, _, err := unix.Accept(server)
		if err != nil {
			return c, err
		}
		defer unix.Close(accepted)
		server = accepted
	} else if err := unix.Connect(server, &unix.SockaddrUnix{Name: name + "-client"}); err != nil {
		return c, err
	}
	clientInode, err1 := c.write(client, "by name")
	serverInode, err2 := c.write(server, "and back")
	c.more = func(got *collector) error {
		m, back := got.bySocket[clientInode][0], got.bySocket[serverInode][0]
		if m.From.Path != name+"-client" || m.To.Path != name || back.From.Path != name || back.To.Path != name+"-client" {
			return fmt.Errorf("paths are %q to %q, and back %q to %q, of %q", m.From.Path, m.To.Path, back.From.Path, back.To.Path, name)
		}
		if m.To.Inode != serverInode || back.To.Inode != clientInode {
			return fmt.Errorf("sent to inodes %d and %d, want %d and %d", m.To.Inode, back.To.Inode, serverInode, clientInode)
		}
		return nil
	}
	return c, errors.Join(err1, err2)
}

// write sends a text that must come out exactly, and returns the inode of the
// socket it was sent on.
func (c *check) write(fd int, text string) (uint32, error) {
	inode, err := inodeOf(fd)
	if err != nil {
		return 0, err
	}
	return inode, c.sendOne(&pair{fd: fd, inode: inode}, []byte(text), func() ([]int, error) {
		return send.One(unix.Write(fd, []byte(text)))
	})
}

func bind(sockType int, name string) (int, error) {
	fd, err := unix.Socket(unix.AF_UNIX, sockType, 0)
	if err != nil {
		return 0, err
	}
	if err := unix.Bind(fd, &unix.SockaddrUnix{Name: name}); err != nil {
		return 0, errors.Join(err, unix.Close(fd))
	}
	return fd, nil
}

// listen binds a socket; one that takes connections listens.
func listen(sockType int, name string) (int, error) {
	fd, err := bind(sockType, name)
	if err != nil || sockType == unix.SOCK_DGRAM {
		return fd, err
	}
	if err := unix.Listen(fd, 5); err != nil {
		return 0, errors.Join(err, unix.Close(fd))
	}
	return fd, nil
}

type fdReader int

func (fd fdReader) Read(p []byte) (int, error) { return unix.Read(int(fd), p) }
