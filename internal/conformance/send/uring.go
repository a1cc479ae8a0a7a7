package send

import (
	"errors"
	"fmt"
	"runtime"
	"sync/atomic"
	"unsafe"

	"golang.org/x/sys/unix"
)

// What include/uapi/linux/io_uring.h has.
const (
	opWritev     = 2
	opWriteFixed = 5
	opSendmsg    = 9
	opWrite      = 23
	opSend       = 26
	opSplice     = 30
	opSendZC     = 47
	opSendmsgZC  = 48

	sqeAsync       = 1 << 4
	sendFixed      = 1 << 2 // IORING_RECVSEND_FIXED_BUF
	setupSQPoll    = 1 << 1
	needWakeup     = 1
	enterGetEvents = 1
	enterWakeup    = 2
	cqeMore        = 1 << 1

	registerBuffers = 0
	offSQRing       = 0
	offSQEs         = 0x10000000
	featSingleMmap  = 1
)

// uringChunk is the most that one operation is given.
const uringChunk = 70001

// Uring are the ways of io_uring. The kernel may take less than it is given.
var Uring = []Way{
	{Name: "io_uring send", Send: uring{op: opSend}.send},
	{Name: "io_uring send, worker", Send: uring{op: opSend, flags: sqeAsync}.send},
	{Name: "io_uring send, SQPOLL", Send: uring{op: opSend, setup: setupSQPoll}.send},
	{Name: "io_uring send, MSG_WAITALL", Send: uring{op: opSend, whole: true}.send},
	{Name: "io_uring sendmsg", Send: uring{op: opSendmsg}.send},
	{Name: "io_uring sendmsg, worker", Send: uring{op: opSendmsg, flags: sqeAsync}.send},
	{Name: "io_uring sendmsg, MSG_WAITALL", Send: uring{op: opSendmsg, whole: true}.send},
	{Name: "io_uring write", Send: uring{op: opWrite}.send},
	{Name: "io_uring writev", Send: uring{op: opWritev}.send},
	{Name: "io_uring writev, worker", Send: uring{op: opWritev, flags: sqeAsync}.send},
}

// UringPages are those whose bytes the kernel finds by their pages.
var UringPages = []Way{
	{Name: "io_uring write, registered buffer", Send: uring{op: opWriteFixed, register: true}.send},
	{Name: "io_uring write, registered buffer, worker", Send: uring{op: opWriteFixed, register: true, flags: sqeAsync}.send},
	{Name: "io_uring send, registered buffer", Send: uring{op: opSend, register: true, ioprio: sendFixed}.send},
	{Name: "io_uring send_zc", Send: uring{op: opSendZC}.send},
	{Name: "io_uring send_zc, registered buffer", Send: uring{op: opSendZC, register: true, ioprio: sendFixed}.send},
	{Name: "io_uring sendmsg_zc", Send: uring{op: opSendmsgZC}.send},
	{Name: "io_uring splice", Send: throughRing},
}

// uring is how an operation is submitted.
type uring struct {
	op, flags uint8
	ioprio    uint16
	setup     uint32
	register  bool
	// whole: the kernel goes on with the same operation until all is sent.
	whole bool
}

// send sends p in pieces as the socket takes them.
func (u uring) send(fd int, p []byte) ([]int, error) {
	defer runtime.KeepAlive(p)
	r, err := newRing(u.setup)
	if err != nil {
		return nil, err
	}
	defer r.close()
	if u.register {
		if err := r.register(p); err != nil {
			return nil, err
		}
	}
	for len(p) > 0 {
		piece := p[:min(len(p), uringChunk)]
		if u.whole {
			piece = p
		}
		e := &ringSQE{op: u.op, flags: u.flags, ioprio: u.ioprio, fd: int32(fd), addr: uint64(data(piece)), len: uint32(len(piece))}
		if u.whole {
			e.opFlag = unix.MSG_WAITALL
		}
		m := newMessage(Thirds(piece), nil)
		switch u.op {
		case opSendmsg, opSendmsgZC:
			e.addr, e.len = uint64(uintptr(unsafe.Pointer(&m.hdr))), 1
		case opWritev:
			e.addr, e.len = uint64(uintptr(unsafe.Pointer(m.hdr.Iov))), uint32(m.hdr.Iovlen)
		}
		n, err := r.do(e)
		runtime.KeepAlive(m)
		if err != nil {
			return nil, err
		}
		p = p[n:]
	}
	return nil, nil
}

// throughRing splices from a pipe to the socket.
func throughRing(fd int, p []byte) ([]int, error) {
	r, err := newRing(0)
	if err != nil {
		return nil, err
	}
	defer r.close()
	var pipe [2]int
	if err := unix.Pipe2(pipe[:], unix.O_CLOEXEC); err != nil {
		return nil, err
	}
	defer unix.Close(pipe[0])
	defer unix.Close(pipe[1])
	for len(p) > 0 {
		n, err := unix.Write(pipe[1], p[:min(len(p), pipeChunk)])
		if err != nil {
			return nil, err
		}
		const nowhere = ^uint64(0) // neither end has an offset
		for p = p[n:]; n > 0; {
			// The pipe is splice_fd_in, which has the place of file_index.
			e := &ringSQE{op: opSplice, fd: int32(fd), off: nowhere, addr: nowhere, len: uint32(n), fileIndex: int32(pipe[0])}
			moved, err := r.do(e)
			if err != nil {
				return nil, err
			}
			n -= moved
		}
	}
	return nil, nil
}

// UringSendmsg sends one message with a control message.
func UringSendmsg(fd int, p, control []byte) (int, error) {
	r, err := newRing(0)
	if err != nil {
		return 0, err
	}
	defer r.close()
	m := newMessage([][]byte{p}, control)
	defer runtime.KeepAlive(m)
	return r.do(&ringSQE{op: opSendmsg, fd: int32(fd), addr: uint64(uintptr(unsafe.Pointer(&m.hdr))), len: 1})
}

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
	_           uint16
	fileIndex   int32
	_           [16]byte
}

// A ring has one operation under way at a time.
type ring struct {
	fd          int
	params      ringParams
	rings, sqes []byte
}

func newRing(flags uint32) (*ring, error) {
	r := &ring{params: ringParams{flags: flags}}
	n, err := syscall6("io_uring_setup", unix.SYS_IO_URING_SETUP, 1, uintptr(unsafe.Pointer(&r.params)), 0, 0, 0, 0)
	if err != nil {
		return nil, err
	}
	r.fd = n
	if r.params.features&featSingleMmap == 0 {
		return nil, errors.Join(unix.ENOSYS, r.close()) // older than any kernel that can be recorded
	}
	size := max(r.params.sq.array+r.params.sqEntries*4, r.params.cq.cqes+r.params.cqEntries*16)
	r.rings, err = unix.Mmap(r.fd, offSQRing, int(size), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err == nil {
		r.sqes, err = unix.Mmap(r.fd, offSQEs, int(r.params.sqEntries)*64, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("map the rings: %w", err), r.close())
	}
	return r, nil
}

func (r *ring) close() error {
	var errs []error
	for _, m := range [][]byte{r.rings, r.sqes} {
		if m != nil {
			errs = append(errs, unix.Munmap(m))
		}
	}
	return errors.Join(append(errs, unix.Close(r.fd))...)
}

// register makes p the ring's buffer 0.
func (r *ring) register(p []byte) error {
	iov := iovecs([][]byte{p})
	_, err := syscall6("io_uring_register", unix.SYS_IO_URING_REGISTER, uintptr(r.fd), registerBuffers, uintptr(unsafe.Pointer(&iov[0])), 1, 0, 0)
	return err
}

func (r *ring) word(off uint32) *uint32 { return (*uint32)(unsafe.Pointer(&r.rings[off])) }

// do submits one operation and waits for its result.
func (r *ring) do(e *ringSQE) (int, error) {
	*(*ringSQE)(unsafe.Pointer(&r.sqes[0])) = *e
	*r.word(r.params.sq.array) = 0
	atomic.AddUint32(r.word(r.params.sq.tail), 1)
	n, flags, err := r.result(1)
	if err == nil && flags&cqeMore != 0 {
		_, _, err = r.result(0) // the buffer is free again
	}
	switch {
	case err != nil:
		return 0, err
	case n < 0:
		return 0, fmt.Errorf("io_uring operation %d: %w", e.op, unix.Errno(-n))
	case n == 0:
		return 0, fmt.Errorf("io_uring operation %d sent nothing", e.op)
	}
	return int(n), nil
}

// result takes the next completion, after submitting so many operations.
func (r *ring) result(submit int) (res int32, flags uint32, err error) {
	head, tail := r.word(r.params.cq.head), r.word(r.params.cq.tail)
	for atomic.LoadUint32(tail) == *head {
		enter := uintptr(enterGetEvents)
		if r.params.flags&setupSQPoll != 0 {
			submit = 0
			if atomic.LoadUint32(r.word(r.params.sq.flags))&needWakeup != 0 {
				enter |= enterWakeup
			}
		}
		n, err := syscall6("io_uring_enter", unix.SYS_IO_URING_ENTER, uintptr(r.fd), uintptr(submit), 1, enter, 0, 0)
		if err != nil && !errors.Is(err, unix.EINTR) {
			return 0, 0, err
		}
		submit -= n
	}
	cqe := r.params.cq.cqes + (*head&*r.word(r.params.cq.mask))*16
	res, flags = int32(*r.word(cqe + 8)), *r.word(cqe + 12)
	atomic.AddUint32(head, 1)
	return res, flags, nil
}
