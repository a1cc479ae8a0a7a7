// Package conformance checks a backend against the kernel it runs on: it sends
// known bytes down every path there is and compares what was recorded with what
// was sent. It is one program for the machine it is built on and for the
// virtual machines that `make test-kernels` boots.
package conformance

import (
	"fmt"
	"unsafe"

	"golang.org/x/sys/unix"
)

// A path is a way to send bytes on a socket. It returns the number sent in each
// message.
type path struct {
	name string
	send func(fd int, p []byte) ([]int, error)
	// skipsEmpty: the kernel returns without sending when there are no bytes
	// (vfs_writev, fs/read_write.c).
	skipsEmpty bool
}

var paths = []path{
	{name: "write", send: func(fd int, p []byte) ([]int, error) { return one(unix.Write(fd, p)) }},
	{name: "writev", skipsEmpty: true, send: func(fd int, p []byte) ([]int, error) { return one(unix.Writev(fd, thirds(p))) }},
	{name: "pwritev2", skipsEmpty: true, send: func(fd int, p []byte) ([]int, error) { return one(unix.Pwritev2(fd, thirds(p), -1, 0)) }},
	{name: "send", send: func(fd int, p []byte) ([]int, error) { return one(sendto(fd, p)) }},
	{name: "sendmsg", send: func(fd int, p []byte) ([]int, error) { return one(unix.SendmsgBuffers(fd, thirds(p), nil, nil, 0)) }},
	{name: "sendmsg, 1000 segments", send: func(fd int, p []byte) ([]int, error) {
		return one(unix.SendmsgBuffers(fd, split(p, 1000), nil, nil, 0))
	}},
	{name: "sendmmsg", send: sendmmsg},
}

func one(n int, err error) ([]int, error) { return []int{n}, err }

func sendto(fd int, p []byte) (int, error) {
	n, _, errno := unix.Syscall6(unix.SYS_SENDTO, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(p))), uintptr(len(p)), 0, 0, 0)
	if errno != 0 {
		return 0, errno
	}
	return int(n), nil
}

// thirds splits p into three segments of different length, one of them empty
// if p is short.
func thirds(p []byte) [][]byte {
	a, b := len(p)/5, len(p)/2
	return [][]byte{p[:a], p[a:b], p[b:]}
}

// split cuts p into n segments of about the same length.
func split(p []byte, n int) [][]byte {
	var s [][]byte
	for i := range n {
		s = append(s, p[len(p)*i/n:len(p)*(i+1)/n])
	}
	return s
}

type mmsghdr struct {
	hdr unix.Msghdr
	len uint32
	_   [4]byte
}

// sendmmsg sends p as three messages.
func sendmmsg(fd int, p []byte) ([]int, error) {
	var (
		parts = thirds(p)
		iov   [3]unix.Iovec
		msgs  [3]mmsghdr
		sent  []int
	)
	for i, part := range parts {
		iov[i].Base = unsafe.SliceData(part)
		iov[i].SetLen(len(part))
		msgs[i].hdr.Iov = &iov[i]
		msgs[i].hdr.SetIovlen(1)
	}
	for done := 0; done < len(msgs); {
		n, _, errno := unix.Syscall6(unix.SYS_SENDMMSG, uintptr(fd), uintptr(unsafe.Pointer(&msgs[done])), uintptr(len(msgs)-done), 0, 0, 0)
		if errno != 0 {
			return nil, fmt.Errorf("sendmmsg: %w", errno)
		}
		for range n {
			sent = append(sent, int(msgs[done].len))
			done++
		}
	}
	return sent, nil
}

// kinds are the socket types, with the longest message each takes here.
var kinds = []struct {
	name     string
	sockType int
	longest  int
}{
	{"stream", unix.SOCK_STREAM, 1 << 20},
	{"dgram", unix.SOCK_DGRAM, 100000}, // net.core.wmem_max allows some 200 KiB
	{"seqpacket", unix.SOCK_SEQPACKET, 100000},
}

// sizes end at, before and behind the borders of the copying programs.
var sizes = []int{0, 1, 2, 63, 64, 65, 256, 257, 1024, 1025, 4097, 16385, 32767, 32768, 32769, 65536, 98305, 100000, 1 << 20}

// fill puts a pattern into p that differs at each position and between seeds.
func fill(p []byte, seed int) {
	x := uint32(seed)*2654435761 + 1
	for i := range p {
		x = x*1664525 + 1013904223
		p[i] = byte(x >> 24)
	}
}
