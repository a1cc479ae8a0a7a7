package conformance

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

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
	c := &check{path: "before accept", kind: "stream"}
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
	if err := c.write(client, "before it is accepted"); err != nil {
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
	if err := c.write(server, "an answer"); err != nil {
		return c, err
	}
	clientInode, err := inodeOf(client)
	if err != nil {
		return c, err
	}
	serverInode, err := inodeOf(server)
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
	c := &check{path: "sendto a name", kind: "dgram"}
	name := filepath.Join(dir, "log.sock")
	server, err := unix.Socket(unix.AF_UNIX, unix.SOCK_DGRAM, 0)
	if err != nil {
		return c, err
	}
	defer unix.Close(server)
	if err := unix.Bind(server, &unix.SockaddrUnix{Name: name}); err != nil {
		return c, err
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
	before := time.Now()
	text := []byte("<13>a line for the log")
	if err := unix.Sendto(client, text, 0, &unix.SockaddrUnix{Name: name}); err != nil {
		return c, err
	}
	c.messages = append(c.messages, sent{inode, text, before, time.Now()})
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

// abstractName sends between sockets that are both bound, to abstract names.
func abstractName(string) (*check, error) {
	c := &check{path: "abstract names", kind: "seqpacket"}
	name := fmt.Sprintf("@conformance-%d", os.Getpid())
	l, err := listen(unix.SOCK_SEQPACKET, name)
	if err != nil {
		return c, err
	}
	defer unix.Close(l)
	client, err := unix.Socket(unix.AF_UNIX, unix.SOCK_SEQPACKET, 0)
	if err != nil {
		return c, err
	}
	defer unix.Close(client)
	err = errors.Join(
		unix.Bind(client, &unix.SockaddrUnix{Name: name + "-client"}),
		unix.Connect(client, &unix.SockaddrUnix{Name: name}),
		c.write(client, "by name"))
	if err != nil {
		return c, err
	}
	inode, err := inodeOf(client)
	c.more = func(got *collector) error {
		m := got.bySocket[inode][0]
		if m.From.Path != name+"-client" || m.To.Path != name {
			return fmt.Errorf("paths are %q and %q (%+v to %+v)", m.From.Path, m.To.Path, *m.From, *m.To)
		}
		return nil
	}
	return c, err
}

// descriptors passes three file descriptors and credentials along.
func descriptors(string) (*check, error) {
	c := &check{path: "SCM_RIGHTS", kind: "stream"}
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM, 0)
	if err != nil {
		return c, err
	}
	defer unix.Close(fds[0])
	defer unix.Close(fds[1])
	inode, err := inodeOf(fds[0])
	if err != nil {
		return c, err
	}
	control := unix.UnixRights(0, 1, 2)
	control = append(control, unix.UnixCredentials(&unix.Ucred{Pid: int32(os.Getpid()), Uid: uint32(os.Getuid()), Gid: uint32(os.Getgid())})...)
	before := time.Now()
	if err := unix.Sendmsg(fds[0], []byte("take these"), control, nil, 0); err != nil {
		return c, err
	}
	c.messages = append(c.messages, sent{inode, []byte("take these"), before, time.Now()})
	c.more = func(got *collector) error {
		if m := got.bySocket[inode][0]; m.FDs != 3 || !m.Creds {
			return fmt.Errorf("%d descriptors, credentials %v", m.FDs, m.Creds)
		}
		return nil
	}
	return c, nil
}

func (c *check) write(fd int, text string) error {
	inode, err := inodeOf(fd)
	if err != nil {
		return err
	}
	before := time.Now()
	if _, err := unix.Write(fd, []byte(text)); err != nil {
		return err
	}
	c.messages = append(c.messages, sent{inode, []byte(text), before, time.Now()})
	return nil
}

func listen(sockType int, name string) (int, error) {
	fd, err := unix.Socket(unix.AF_UNIX, sockType, 0)
	if err != nil {
		return 0, err
	}
	if err := errors.Join(unix.Bind(fd, &unix.SockaddrUnix{Name: name}), unix.Listen(fd, 5)); err != nil {
		unix.Close(fd)
		return 0, err
	}
	return fd, nil
}

type fdReader int

func (fd fdReader) Read(p []byte) (int, error) { return unix.Read(int(fd), p) }
