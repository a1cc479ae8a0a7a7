package monitor

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// An Address is where metrics can be had.
type Address struct {
	path string       // of a UNIX socket
	tcp  *net.TCPAddr // if there is no path
}

// ParseAddress reads the path of a UNIX socket or HOST:PORT. Metrics are for this
// machine: whoever wants them elsewhere has a proxy with a password.
func ParseAddress(s string) (Address, error) {
	path, unixSocket := strings.CutPrefix(s, "unix:")
	switch {
	case strings.HasPrefix(path, "@"):
		return Address{}, fmt.Errorf("--metrics %s: everybody could use an abstract socket (give a path)", s)
	case unixSocket || strings.Contains(s, "/"):
		if len(path) == 0 || len(path) > maxSocketPath {
			return Address{}, fmt.Errorf("--metrics %s: the path of a socket has 1 to %d bytes", s, maxSocketPath)
		}
		return Address{path: path}, nil
	}
	host, port, err := net.SplitHostPort(s)
	if err != nil || port == "" {
		return Address{}, fmt.Errorf("--metrics %s: neither the path of a UNIX socket nor an address such as 127.0.0.1:9900", s)
	}
	refused := fmt.Errorf("--metrics %s: could be read from other machines (give a UNIX socket, or 127.0.0.1:%s)", s, port)
	if host == "localhost" {
		host = "127.0.0.1"
	}
	if ip := net.ParseIP(host); ip == nil || !ip.IsLoopback() {
		return Address{}, refused
	}
	tcp, err := net.ResolveTCPAddr("tcp", net.JoinHostPort(host, port))
	if err != nil {
		return Address{}, fmt.Errorf("--metrics %s: %w", s, err)
	}
	return Address{tcp: tcp}, nil
}

// maxSocketPath is what sun_path has room for, with a NUL.
const maxSocketPath = 107

// String is the address as ParseAddress reads it.
func (a Address) String() string {
	if a.tcp != nil {
		return a.tcp.String()
	}
	return a.path
}

// Listen begins to listen.
func (a Address) Listen() (net.Listener, error) {
	if a.tcp != nil {
		l, err := net.ListenTCP("tcp", a.tcp)
		if err != nil {
			return nil, fmt.Errorf("--metrics %s: %w", a, cause(err))
		}
		return l, nil
	}
	if err := a.removeStale(); err != nil {
		return nil, fmt.Errorf("--metrics %s: %w", a, err)
	}
	// It is for its owner from its beginning on.
	mask := syscall.Umask(0o177)
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: a.path, Net: "unix"})
	syscall.Umask(mask)
	if err != nil {
		return nil, fmt.Errorf("--metrics %s: %w", a, cause(err))
	}
	l.SetUnlinkOnClose(false)
	info, err := os.Lstat(a.path)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("--metrics %s: %w", a, cause(err)), l.Close())
	}
	return &socketListener{UnixListener: l, path: a.path, made: info}, nil
}

// removeStale removes a socket that nobody listens on. Anything else of that
// name stays, and is an error.
func (a Address) removeStale() error {
	info, err := os.Lstat(a.path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return cause(err)
	case info.Mode()&fs.ModeSocket == 0:
		return errors.New("exists and is no socket (choose another name)")
	}
	c, err := net.DialTimeout("unix", a.path, time.Second)
	if err == nil {
		c.Close()
	}
	if !errors.Is(err, unix.ECONNREFUSED) {
		return errors.New("somebody listens there already (choose another name)")
	}
	return cause(os.Remove(a.path))
}

// cause returns what the system said, without what is known already.
func cause(err error) error {
	var errno syscall.Errno
	if errors.As(err, &errno) {
		return errno
	}
	return err
}

// A socketListener removes its socket when it is closed, unless that is another's
// by now.
type socketListener struct {
	*net.UnixListener
	path string
	made fs.FileInfo
}

func (l *socketListener) Close() error {
	err := l.UnixListener.Close()
	if info, e := os.Lstat(l.path); e == nil && os.SameFile(info, l.made) {
		return errors.Join(err, os.Remove(l.path))
	}
	return err
}
