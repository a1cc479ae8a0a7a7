package send

import (
	"runtime"
	"unsafe"

	"golang.org/x/sys/unix"
)

// What include/uapi/linux/net.h has: calls through socketcall(2), the only way
// to send that 32-bit x86 had before Linux 4.3, and what old programs use.
const (
	sysSend     = 9
	sysSendto   = 11
	sysSendmsg  = 16
	sysSendmmsg = 20
)

var socketcallWays = []Way{
	{Name: Socketcalls[0], Send: func(fd int, p []byte) ([]int, error) {
		return One(socketcall(sysSend, uintptr(fd), data(p), uintptr(len(p)), 0, 0, 0))
	}},
	{Name: Socketcalls[1], Send: func(fd int, p []byte) ([]int, error) {
		return One(socketcall(sysSendto, uintptr(fd), data(p), uintptr(len(p)), 0, 0, 0))
	}},
	{Name: Socketcalls[2], Send: func(fd int, p []byte) ([]int, error) {
		m := newMessage(Thirds(p), nil)
		defer runtime.KeepAlive(m)
		return One(socketcall(sysSendmsg, uintptr(fd), uintptr(unsafe.Pointer(&m.hdr)), 0, 0, 0, 0))
	}},
	{Name: Socketcalls[3], Send: func(fd int, p []byte) ([]int, error) {
		messages := []message{*newMessage([][]byte{p}, nil)}
		n, err := socketcall(sysSendmmsg, uintptr(fd), uintptr(unsafe.Pointer(&messages[0])), 1, 0, 0, 0)
		return lengths(messages[:n]), err
	}},
}

func socketcall(call uintptr, args ...uintptr) (int, error) {
	n, err := syscall6("socketcall", unix.SYS_SOCKETCALL, call, uintptr(unsafe.Pointer(&args[0])), 0, 0, 0, 0)
	runtime.KeepAlive(args)
	return n, err
}
