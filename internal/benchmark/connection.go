package main

import (
	"net"
	"os"

	"golang.org/x/sys/unix"
)

// unixPair and tcpPair make the two ends of a connection.

func unixPair() (a, b *os.File) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	check(err)
	return os.NewFile(uintptr(fds[0]), "a"), os.NewFile(uintptr(fds[1]), "b")
}

func tcpPair() (a, b *os.File) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	check(err)
	defer l.Close()
	client, err := net.Dial("tcp", l.Addr().String())
	check(err)
	server, err := l.Accept()
	check(err)
	return blocking(client), blocking(server)
}

// blocking returns a connection's descriptor as a C program would have it.
func blocking(c net.Conn) *os.File {
	t := c.(*net.TCPConn)
	check(t.SetNoDelay(true))
	f, err := t.File()
	check(err)
	check(t.Close())
	check(unix.SetNonblock(int(f.Fd()), false))
	return f
}
