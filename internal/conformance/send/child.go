package send

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// childVariable makes a program that calls BeChild a Child.
const childVariable = "UNIXCAP_CONFORMANCE_CHILD"

// childSocket is the child's descriptor of the socket that it sends on.
const childSocket = 3

// A Child is another process that sends on a socket that it was given. It reads
// orders and answers each with a line.
type Child struct {
	PID uint32
	cmd *exec.Cmd
	in  io.WriteCloser
	out *bufio.Reader
}

// StartChild starts a program, which must call BeChild, with the socket fd.
func StartChild(program string, fd int) (*Child, error) {
	fd, err := unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	socket := os.NewFile(uintptr(fd), "socket")
	defer socket.Close()
	c := &Child{cmd: exec.Command(program)}
	c.cmd.Env = append(os.Environ(), childVariable+"=1")
	c.cmd.ExtraFiles = []*os.File{socket}
	c.cmd.Stderr = os.Stderr
	in, err := c.cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := c.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	c.in, c.out = in, bufio.NewReader(out)
	if err := c.cmd.Start(); err != nil {
		return nil, err
	}
	c.PID = uint32(c.cmd.Process.Pid)
	return c, nil
}

// Send has the child send a pattern of size bytes down one way; it returns the
// bytes of each message.
func (c *Child) Send(way string, size, seed int) ([]int, error) {
	return c.order("%d %d %s", size, seed, way)
}

// Receive has the child take a socket that comes on the one that it was started
// with, and send on that one from now on.
func (c *Child) Receive() error {
	_, err := c.order("%d %d %s", 0, 0, receiveSocket)
	return err
}

const receiveSocket = "receive a socket"

func (c *Child) order(format string, args ...any) ([]int, error) {
	if _, err := fmt.Fprintf(c.in, format+"\n", args...); err != nil {
		return nil, err
	}
	var errno, n int
	if _, err := fmt.Fscan(c.out, &errno, &n); err != nil {
		return nil, fmt.Errorf("the child's answer: %w", err)
	}
	ns := make([]int, n)
	for i := range ns {
		if _, err := fmt.Fscan(c.out, &ns[i]); err != nil {
			return nil, fmt.Errorf("the child's answer: %w", err)
		}
	}
	if errno != 0 {
		return ns, unix.Errno(errno)
	}
	return ns, nil
}

// Close ends the child.
func (c *Child) Close() error {
	return errors.Join(c.in.Close(), c.cmd.Wait())
}

// BeChild does not return if the process is a Child.
func BeChild() {
	if os.Getenv(childVariable) == "" {
		return
	}
	if err := serve(os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "child:", err)
		os.Exit(1)
	}
	os.Exit(0)
}

func serve(in io.Reader, out io.Writer) error {
	fd := childSocket
	orders := bufio.NewScanner(in)
	for orders.Scan() {
		var size, seed int
		if _, err := fmt.Sscan(orders.Text(), &size, &seed); err != nil {
			return err
		}
		name := strings.SplitN(orders.Text(), " ", 3)[2]
		var ns []int
		var err error
		if name == receiveSocket {
			if fd != childSocket {
				unix.Close(fd)
			}
			fd, err = receive(childSocket)
		} else {
			ns, err = sendOrdered(fd, name, size, seed)
		}
		var errno unix.Errno
		if err != nil && !errors.As(err, &errno) {
			return err
		}
		answer := fmt.Sprintln(int(errno), len(ns), strings.Trim(fmt.Sprint(ns), "[]"))
		if _, err := io.WriteString(out, answer); err != nil {
			return err
		}
	}
	return orders.Err()
}

func sendOrdered(fd int, name string, size, seed int) ([]int, error) {
	ways := Direct()
	i := slices.IndexFunc(ways, func(w Way) bool { return w.Name == name })
	if i < 0 {
		return nil, fmt.Errorf("no way is called %q", name)
	}
	p := make([]byte, size)
	Fill(p, seed)
	return ways[i].Send(fd, p)
}

func receive(fd int) (int, error) {
	control := make([]byte, 64)
	_, n, _, _, err := unix.Recvmsg(fd, make([]byte, 1), control, 0)
	if err != nil {
		return 0, err
	}
	messages, err := unix.ParseSocketControlMessage(control[:n])
	if err != nil {
		return 0, err
	}
	for i := range messages {
		fds, err := unix.ParseUnixRights(&messages[i])
		if err == nil && len(fds) == 1 {
			return fds[0], nil
		}
	}
	return 0, errors.New("no socket came")
}
