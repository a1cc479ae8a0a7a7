// Package send has every way to send bytes on a UNIX socket. It knows nothing
// of recording, so that it can be built for processes that cannot record: those
// with 32-bit system calls.
package send

import (
	"fmt"
	"slices"
	"unsafe"

	"golang.org/x/sys/unix"
)

// A Way is a way to send bytes on a socket.
type Way struct {
	Name string
	// Send sends p on fd, and returns the number of bytes in each message. An
	// error is the errno with which the kernel refused, perhaps wrapped.
	Send func(fd int, p []byte) ([]int, error)
	// SkipsEmpty: the kernel returns without sending when there are no bytes
	// (vfs_writev, fs/read_write.c).
	SkipsEmpty bool
}

// Fill puts a pattern into p that differs at each position and between seeds.
func Fill(p []byte, seed int) {
	x := uint32(seed)*2654435761 + 1
	for i := range p {
		x = x*1664525 + 1013904223
		p[i] = byte(x >> 24)
	}
}

// Direct are the ways on which a system call's arguments say where the bytes
// are, in this process's width; a call is a message, or several for sendmmsg.
func Direct() []Way { return append(slices.Clone(iovecWays), socketcallWays...) }

// Socketcalls are the names of the ways of Direct that only 32-bit x86 has.
var Socketcalls = []string{"socketcall send", "socketcall sendto", "socketcall sendmsg", "socketcall sendmmsg"}

// One is the result of a call that sends one message.
func One(n int, err error) ([]int, error) {
	if err != nil {
		return nil, err
	}
	return []int{n}, nil
}

// syscall6 is unix.Syscall6 with an error that names the call, or none.
func syscall6(name string, nr, a, b, c, d, e, f uintptr) (int, error) {
	n, _, errno := unix.Syscall6(nr, a, b, c, d, e, f)
	if errno != 0 {
		return 0, fmt.Errorf("%s: %w", name, errno)
	}
	return int(n), nil
}

// data is where p begins, also where p is empty.
func data(p []byte) uintptr { return uintptr(unsafe.Pointer(unsafe.SliceData(p))) }
