package send

import (
	"fmt"
	"runtime"
	"unsafe"

	"golang.org/x/sys/unix"
)

// What include/uapi/linux/aio_abi.h has.
const (
	aioPwrite  = 1
	aioPwritev = 8
)

type aioControl struct {
	_     [2]uint64 // data, key and flags
	op    uint16
	_     uint16
	fd    uint32
	buf   uint64
	bytes uint64
	_     [3]uint64 // a socket has no offset; 0 is what it wants
}

type aioEvent struct {
	data, obj   uint64
	result, rs2 int64
}

// Aio are the ways of io_submit(2). The kernel may take less than it is given.
var Aio = []Way{
	{Name: "aio pwrite", Send: func(fd int, p []byte) ([]int, error) { return aio(fd, p, aioPwrite) }},
	{Name: "aio pwritev", Send: func(fd int, p []byte) ([]int, error) { return aio(fd, p, aioPwritev) }},
}

func aio(fd int, p []byte, op uint16) ([]int, error) {
	defer runtime.KeepAlive(p)
	var context uintptr
	if _, err := syscall6("io_setup", unix.SYS_IO_SETUP, 1, uintptr(unsafe.Pointer(&context)), 0, 0, 0, 0); err != nil {
		return nil, err
	}
	defer unix.Syscall(unix.SYS_IO_DESTROY, context, 0, 0)
	for len(p) > 0 {
		c := &aioControl{op: op, fd: uint32(fd), buf: uint64(data(p)), bytes: uint64(len(p))}
		iov := iovecs(Thirds(p))
		if op == aioPwritev {
			c.buf, c.bytes = uint64(uintptr(unsafe.Pointer(&iov[0]))), uint64(len(iov))
		}
		if _, err := syscall6("io_submit", unix.SYS_IO_SUBMIT, context, 1, uintptr(unsafe.Pointer(&c)), 0, 0, 0); err != nil {
			return nil, err
		}
		var e aioEvent
		for n := 0; n == 0; {
			var err error
			n, err = syscall6("io_getevents", unix.SYS_IO_GETEVENTS, context, 1, 1, uintptr(unsafe.Pointer(&e)), 0, 0)
			if err != nil && err != unix.EINTR {
				return nil, err
			}
		}
		runtime.KeepAlive(iov)
		if e.result < 0 {
			return nil, fmt.Errorf("aio: %w", unix.Errno(-e.result))
		}
		p = p[e.result:]
	}
	return nil, nil
}
