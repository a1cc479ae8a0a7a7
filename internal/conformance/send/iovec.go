package send

import (
	"runtime"
	"unsafe"

	"golang.org/x/sys/unix"
)

// IovMax is the most segments that a call takes: UIO_MAXIOV,
// include/uapi/linux/uio.h.
const IovMax = 1024

var iovecWays = []Way{
	{Name: "write", Send: func(fd int, p []byte) ([]int, error) { return One(unix.Write(fd, p)) }},
	{Name: "writev", SkipsEmpty: true, Send: func(fd int, p []byte) ([]int, error) { return One(unix.Writev(fd, Thirds(p))) }},
	{Name: "writev, 1024 segments", SkipsEmpty: true, Send: func(fd int, p []byte) ([]int, error) { return One(unix.Writev(fd, sparse(p))) }},
	{Name: "pwritev2", SkipsEmpty: true, Send: func(fd int, p []byte) ([]int, error) { return One(unix.Pwritev2(fd, Thirds(p), -1, 0)) }},
	{Name: "send", Send: func(fd int, p []byte) ([]int, error) { return One(Sendto(fd, p, 0)) }},
	{Name: "send, MSG_MORE", Send: func(fd int, p []byte) ([]int, error) { return One(Sendto(fd, p, unix.MSG_MORE)) }},
	{Name: "send, MSG_OOB", Send: func(fd int, p []byte) ([]int, error) { return One(Sendto(fd, p, unix.MSG_OOB)) }},
	{Name: "sendmsg", Send: func(fd int, p []byte) ([]int, error) { return One(Sendmsg(fd, Thirds(p), nil, 0)) }},
	{Name: "sendmsg, MSG_OOB", Send: func(fd int, p []byte) ([]int, error) { return One(Sendmsg(fd, Thirds(p), nil, unix.MSG_OOB)) }},
	{Name: "sendmsg, 1024 segments", Send: func(fd int, p []byte) ([]int, error) { return One(Sendmsg(fd, sparse(p), nil, 0)) }},
	{Name: "sendmmsg", Send: func(fd int, p []byte) ([]int, error) { return all(fd, Thirds(p)) }},
	{Name: "sendmmsg, 1024 messages", Send: func(fd int, p []byte) ([]int, error) { return all(fd, split(p, IovMax)) }},
}

// Sendto is send(2): unix.Sendto needs an address, unix.Send does not return
// how much was sent.
func Sendto(fd int, p []byte, flags int) (int, error) {
	n, err := syscall6("sendto", unix.SYS_SENDTO, uintptr(fd), data(p), uintptr(len(p)), uintptr(flags), 0, 0)
	runtime.KeepAlive(p)
	return n, err
}

// Sendmsg is sendmsg(2) by its own system call, also on 32-bit x86, where
// unix.SendmsgBuffers uses socketcall, and with a control message on a message
// that is empty, which that fills up with a byte.
func Sendmsg(fd int, segments [][]byte, control []byte, flags int) (int, error) {
	m := newMessage(segments, control)
	n, err := syscall6("sendmsg", unix.SYS_SENDMSG, uintptr(fd), uintptr(unsafe.Pointer(&m.hdr)), uintptr(flags), 0, 0, 0)
	runtime.KeepAlive(m)
	return n, err
}

// A message is struct mmsghdr, include/linux/socket.h.
type message struct {
	hdr unix.Msghdr
	len uint32
}

func newMessage(segments [][]byte, control []byte) *message {
	m := new(message)
	if iov := iovecs(segments); len(iov) > 0 {
		m.hdr.Iov = &iov[0]
		m.hdr.SetIovlen(len(iov))
	}
	if len(control) > 0 {
		m.hdr.Control = &control[0]
		m.hdr.SetControllen(len(control))
	}
	return m
}

// iovecs are what the kernel takes for segments; that of an empty one may point
// anywhere, as it does here.
func iovecs(segments [][]byte) []unix.Iovec {
	iov := make([]unix.Iovec, len(segments))
	for i, s := range segments {
		iov[i].Base = unsafe.SliceData(s)
		iov[i].SetLen(len(s))
	}
	return iov
}

// Sendmmsg sends a message of each of the buffers in one call, and returns how
// much went of those that were sent. control goes with each.
func Sendmmsg(fd int, buffers [][]byte, control []byte, flags int) ([]int, error) {
	messages := make([]message, len(buffers))
	for i := range buffers {
		messages[i] = *newMessage(buffers[i:i+1], control)
	}
	n, err := syscall6("sendmmsg", unix.SYS_SENDMMSG, uintptr(fd), uintptr(unsafe.Pointer(&messages[0])), uintptr(len(messages)), uintptr(flags), 0, 0)
	return lengths(messages[:n]), err
}

// SendmmsgTo sends each of the buffers to the path at the same index.
func SendmmsgTo(fd int, buffers [][]byte, paths []string) ([]int, error) {
	messages := make([]message, len(buffers))
	for i := range buffers {
		name := &unix.RawSockaddrUnix{Family: unix.AF_UNIX}
		for k, b := range []byte(paths[i]) {
			name.Path[k] = int8(b)
		}
		messages[i] = *newMessage(buffers[i:i+1], nil)
		messages[i].hdr.Name = (*byte)(unsafe.Pointer(name))
		messages[i].hdr.Namelen = uint32(unsafe.Sizeof(*name))
	}
	n, err := syscall6("sendmmsg", unix.SYS_SENDMMSG, uintptr(fd), uintptr(unsafe.Pointer(&messages[0])), uintptr(len(messages)), 0, 0, 0)
	return lengths(messages[:n]), err
}

func lengths(messages []message) []int {
	var sent []int
	for i := range messages {
		sent = append(sent, int(messages[i].len))
	}
	return sent
}

// all sends a message of each of the buffers, with as many calls of sendmmsg as
// it takes: none goes on when a message was sent in part.
func all(fd int, buffers [][]byte) ([]int, error) {
	var sent []int
	for len(sent) < len(buffers) {
		ns, err := Sendmmsg(fd, buffers[len(sent):], nil, 0)
		if err != nil {
			return sent, err
		}
		sent = append(sent, ns...)
		if last := len(sent) - 1; sent[last] < len(buffers[last]) {
			return sent, nil // what follows would not be what follows in p
		}
	}
	return sent, nil
}

// Thirds splits p into three segments of different length, one of them empty
// if p is short.
func Thirds(p []byte) [][]byte {
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

// sparse cuts p into as many segments as a call takes, of very different
// lengths; every third is empty.
func sparse(p []byte) [][]byte {
	var s [][]byte
	for i := 0; len(s) < IovMax-1; i++ {
		n := min(len(p), (i*i*31)%2500)
		if i%3 == 1 {
			n = 0
		}
		s = append(s, p[:n])
		p = p[n:]
	}
	return append(s, p)
}
