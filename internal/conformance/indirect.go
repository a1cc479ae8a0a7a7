package conformance

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"sync/atomic"
	"unsafe"

	"unixcap/bpf"
	"unixcap/internal/capture"

	"golang.org/x/sys/unix"
)

// An indirect way of sending has its bytes elsewhere than in a system call's
// registers, and the kernel chooses the messages.
type indirect struct {
	name  string
	send  func(fd int, dir string, p []byte) error
	pages bool // of the page cache or a pipe, not the caller's memory
}

var indirects = []indirect{
	{"sendfile", sendfile, true},
	{"splice", splice, true},
	{"io_uring send", func(fd int, _ string, p []byte) error { return ringSend(fd, p, opSend, 0) }, false},
	{"io_uring send by a worker", func(fd int, _ string, p []byte) error { return ringSend(fd, p, opSend, sqeAsync) }, false},
	{"io_uring write, registered buffer", func(fd int, _ string, p []byte) error { return ringSend(fd, p, opWriteFixed, 0) }, true},
}

// known reports whether a backend finds the bytes. Where it does not, the
// messages must be there and show that they lack their payload.
func (w indirect) known(b bpf.Backend) bool {
	return b == bpf.Fentry && (!w.pages || runtime.GOARCH == "amd64")
}

// sendIndirect sends down one way; a nil check says that the kernel has it not.
func sendIndirect(dir string, w indirect, kind string, sockType int, b bpf.Backend) (*check, error) {
	c := &check{path: w.name, kind: kind}
	size := 4000 // of one page: sendfile makes one datagram of each
	if sockType == unix.SOCK_STREAM {
		size = 300001
	}
	p := make([]byte, size)
	fill(p, len(w.name))
	fds, err := unix.Socketpair(unix.AF_UNIX, sockType, 0)
	if err != nil {
		return c, err
	}
	defer unix.Close(fds[0])
	received := drain(fds[1])
	inode, err := inodeOf(fds[0])
	if err != nil {
		return c, err
	}
	err = errors.Join(w.send(fds[0], dir, p), received.wait(fds[0]))
	if errors.Is(err, unix.ENOSYS) || errors.Is(err, unix.EPERM) {
		return nil, nil
	}
	c.more = func(got *collector) error {
		at := uint64(0)
		for i, m := range got.bySocket[inode] {
			if m.Error != "" {
				continue // io_uring tries before it waits; signals interrupt
			}
			if m.Offset != at || m.Offset+m.Length > uint64(size) {
				return fmt.Errorf("message %d has offset %d and length %d, want offset %d", i, m.Offset, m.Length, at)
			}
			at += m.Length
			if len(m.Payload) == 0 && !w.known(b) {
				got.flagged.NoBufferMessages++
				got.flagged.NoBufferBytes += m.Length
				c.note = "without payload"
			} else if !bytes.Equal(m.Payload, p[m.Offset:at]) {
				return fmt.Errorf("message %d of %d bytes: %d bytes of payload, or others than were sent", i, m.Length, len(m.Payload))
			}
		}
		if at != uint64(size) {
			return fmt.Errorf("%d bytes recorded of %d", at, size)
		}
		return nil
	}
	return c, err
}

func sendfile(fd int, dir string, p []byte) error {
	name := filepath.Join(dir, "file")
	if err := os.WriteFile(name, p, 0o600); err != nil {
		return err
	}
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	for left := len(p); left > 0; {
		n, err := unix.Sendfile(fd, int(f.Fd()), nil, left)
		if err != nil {
			return fmt.Errorf("sendfile: %w", err)
		}
		left -= n
	}
	return nil
}

func splice(fd int, _ string, p []byte) error {
	var pipe [2]int
	if err := unix.Pipe(pipe[:]); err != nil {
		return err
	}
	defer unix.Close(pipe[0])
	defer unix.Close(pipe[1])
	for len(p) > 0 {
		n, err := unix.Write(pipe[1], p[:min(len(p), 30000)])
		if err != nil {
			return err
		}
		for p = p[n:]; n > 0; {
			moved, err := unix.Splice(pipe[0], nil, fd, nil, n, 0)
			if err != nil {
				return fmt.Errorf("splice: %w", err)
			}
			n -= int(moved)
		}
	}
	return nil
}

// What include/uapi/linux/io_uring.h has.
const (
	opWriteFixed    = 5
	opSend          = 26
	sqeAsync        = 1 << 4
	enterGetEvents  = 1
	registerBuffers = 0
	offSQRing       = 0
	offSQEs         = 0x10000000
	featSingleMmap  = 1
)

type ringParams struct {
	sqEntries, cqEntries, flags, threadCPU, threadIdle, features, wqFD uint32
	_                                                                  [3]uint32
	sq                                                                 struct {
		head, tail, mask, entries, flags, dropped, array, _ uint32
		_                                                   uint64
	}
	cq struct {
		head, tail, mask, entries, overflow, cqes, flags, _ uint32
		_                                                   uint64
	}
}

type ringSQE struct {
	op, flags   uint8
	ioprio      uint16
	fd          int32
	off, addr   uint64
	len, opFlag uint32
	userData    uint64
	bufIndex    uint16
	_           [22]byte
}

// ringSend sends p with io_uring, in pieces as the socket takes them.
func ringSend(fd int, p []byte, op, flags uint8) error {
	var params ringParams
	r, _, errno := unix.Syscall(unix.SYS_IO_URING_SETUP, 1, uintptr(unsafe.Pointer(&params)), 0)
	if errno != 0 {
		return fmt.Errorf("io_uring_setup: %w", errno)
	}
	ring := int(r)
	defer unix.Close(ring)
	if params.features&featSingleMmap == 0 {
		return unix.ENOSYS
	}
	size := max(params.sq.array+params.sqEntries*4, params.cq.cqes+params.cqEntries*16)
	rings, err := unix.Mmap(ring, offSQRing, int(size), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		return err
	}
	defer unix.Munmap(rings)
	sqes, err := unix.Mmap(ring, offSQEs, int(params.sqEntries)*64, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		return err
	}
	defer unix.Munmap(sqes)
	word := func(off uint32) *uint32 { return (*uint32)(unsafe.Pointer(&rings[off])) }
	if op == opWriteFixed {
		iov := unix.Iovec{Base: unsafe.SliceData(p)}
		iov.SetLen(len(p))
		_, _, errno := unix.Syscall6(unix.SYS_IO_URING_REGISTER, uintptr(ring), registerBuffers, uintptr(unsafe.Pointer(&iov)), 1, 0, 0)
		if errno != 0 {
			return fmt.Errorf("io_uring_register: %w", errno)
		}
	}
	for len(p) > 0 {
		*(*ringSQE)(unsafe.Pointer(&sqes[0])) = ringSQE{
			op: op, flags: flags, fd: int32(fd),
			addr: uint64(uintptr(unsafe.Pointer(unsafe.SliceData(p)))), len: uint32(min(len(p), 70001)),
		}
		*word(params.sq.array) = 0
		atomic.AddUint32(word(params.sq.tail), 1)
		head, tail := word(params.cq.head), word(params.cq.tail)
		for submit := uintptr(1); atomic.LoadUint32(tail) == *head; {
			n, _, errno := unix.Syscall6(unix.SYS_IO_URING_ENTER, uintptr(ring), submit, 1, enterGetEvents, 0, 0)
			if errno != 0 && errno != unix.EINTR {
				return fmt.Errorf("io_uring_enter: %w", errno)
			}
			if errno == 0 {
				submit -= n
			}
		}
		cqe := params.cq.cqes + (*head&*word(params.cq.mask))*16
		n := int32(*word(cqe + 8))
		atomic.AddUint32(head, 1)
		if n <= 0 {
			return fmt.Errorf("io_uring operation %d: %w", op, unix.Errno(-n))
		}
		p = p[n:]
	}
	runtime.KeepAlive(&params)
	return nil
}

// threads sends from several threads on one socket at once.
func threads(kind string, sockType int) (*check, error) {
	const senders, each = 4, 300
	c := &check{path: "four threads on one socket", kind: kind}
	fds, err := unix.Socketpair(unix.AF_UNIX, sockType, 0)
	if err != nil {
		return c, err
	}
	defer unix.Close(fds[0])
	received := drain(fds[1])
	inode, err := inodeOf(fds[0])
	if err != nil {
		return c, err
	}
	message := func(sender, i int) []byte {
		p := make([]byte, 3+(i*37+sender*11)%3000)
		fill(p, sender*each+i)
		p[0], p[1], p[2] = byte(sender), byte(i), byte(i>>8)
		return p
	}
	done := make(chan error)
	for sender := range senders {
		go func() {
			var err error
			for i := 0; i < each && err == nil; i++ {
				_, err = unix.Write(fds[0], message(sender, i))
			}
			done <- err
		}()
	}
	for range senders {
		err = errors.Join(err, <-done)
	}
	err = errors.Join(err, received.wait(fds[0]))
	c.more = func(got *collector) error {
		list := slices.DeleteFunc(got.bySocket[inode], func(m capture.Message) bool {
			return m.Error != "" // interrupted by a signal, and started again
		})
		if n := senders*each - len(list); n > 0 && uint64(n) <= got.missed {
			got.missed -= uint64(n)
			c.note = fmt.Sprintf("%d of %d missed and counted", n, senders*each)
		} else if n != 0 {
			return fmt.Errorf("%d messages of %d", len(list), senders*each)
		}
		// The recorder waits only so long for a thread that is kept from
		// running between its place in the stream and the ring buffer.
		byOffset := func(a, b capture.Message) int { return cmp.Compare(a.Offset, b.Offset) }
		ordered := slices.IsSortedFunc(list, byOffset)
		slices.SortStableFunc(list, byOffset)
		var next [senders]int
		offset := uint64(0)
		for i := range list {
			m := &list[i]
			if m.Offset != offset || ordered && (m.LostBytes != 0 || m.LostMessages != 0) {
				return fmt.Errorf("message %d at offset %d after %d lost bytes, %d lost messages, want offset %d", i, m.Offset, m.LostBytes, m.LostMessages, offset)
			}
			offset += m.Length
			if len(m.Payload) < 3 || m.Payload[0] >= senders {
				return fmt.Errorf("message %d of %d bytes is not one that was sent", i, m.Length)
			}
			sender, k := int(m.Payload[0]), int(m.Payload[1])|int(m.Payload[2])<<8
			if k < next[sender] || k >= each || !bytes.Equal(m.Payload, message(sender, k)) {
				return fmt.Errorf("message %d is not one of thread %d's after its %dth", i, sender, next[sender])
			}
			next[sender] = k + 1
		}
		return nil
	}
	return c, err
}

// failures has sends that the kernel refuses, among others that it takes.
func failures() (*check, error) {
	c := &check{path: "EAGAIN, EFAULT, EPIPE", kind: "stream"}
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return c, err
	}
	defer unix.Close(fds[0])
	inode, err := inodeOf(fds[0])
	if err != nil {
		return c, err
	}
	var want []capture.Message
	p := make([]byte, 1<<16)
	fill(p, 1)
	attempt := func(p []byte) {
		n, err := sendto(fds[0], p)
		m := capture.Message{Length: uint64(n), Payload: p[:n]}
		var errno unix.Errno
		if errors.As(err, &errno) {
			m.Error = unix.ErrnoName(errno)
		}
		want = append(want, m)
	}
	for len(want) == 0 || want[len(want)-1].Error == "" {
		attempt(p)
	}
	if _, err := unix.Read(fds[1], make([]byte, 1<<20)); err != nil {
		return c, err
	}
	none, err := unix.Mmap(-1, 0, 4096, unix.PROT_NONE, unix.MAP_PRIVATE|unix.MAP_ANON)
	if err != nil {
		return c, err
	}
	defer unix.Munmap(none)
	_, err = sendto(fds[0], none)
	want = append(want, capture.Message{Error: "EFAULT"})
	if !errors.Is(err, unix.EFAULT) {
		return c, fmt.Errorf("sent from memory that can't be read: %w", err)
	}
	attempt([]byte("and now one that succeeds"))
	unix.Close(fds[1])
	attempt(p)
	c.more = func(got *collector) error {
		list := got.bySocket[inode]
		if len(list) != len(want) {
			return fmt.Errorf("%d messages, want %d", len(list), len(want))
		}
		for i, w := range want {
			m := &list[i]
			if m.Error != w.Error || m.Length != w.Length || !bytes.Equal(m.Payload, w.Payload) || m.LostMessages != 0 {
				return fmt.Errorf("message %d: error %q, %d of %d bytes, %d lost, want error %q and %d bytes",
					i, m.Error, len(m.Payload), m.Length, m.LostMessages, w.Error, w.Length)
			}
		}
		return nil
	}
	return c, nil
}
