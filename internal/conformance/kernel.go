package conformance

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"time"

	"unixcap/internal/conformance/send"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/link"
	"golang.org/x/sys/unix"
)

// kernelSender has a kernel thread send: a program redirects what arrives at one
// socket to another, and a kworker sends it there (sk_psock_backlog,
// net/core/skmsg.c). Other senders in the kernel, for RPC, 9p and block devices,
// are modules.
func kernelSender(string) (*check, error) {
	c := &check{path: "a kernel thread (sockmap)"}
	in, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return c, err
	}
	defer unix.Close(in[0])
	defer unix.Close(in[1])
	out, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return c, err
	}
	defer unix.Close(out[0])
	defer unix.Close(out[1])
	inode, err := inodeOf(out[0])
	if err != nil {
		return c, err
	}
	end, err := redirect(in[1], out[0])
	if err != nil {
		return c, err
	}
	want := sent{inode: inode, before: time.Now()}
	for i, n := range []int{1, 100, 4097, 70001} {
		p := make([]byte, n)
		send.Fill(p, i)
		got := make([]byte, n)
		_, err := unix.Write(in[0], p)
		if err == nil {
			_, err = io.ReadFull(fdReader(out[1]), got)
		}
		if err == nil && !bytes.Equal(got, p) {
			err = errors.New("the redirected bytes arrived as others")
		}
		if err != nil {
			return c, errors.Join(fmt.Errorf("redirect %d bytes: %w", n, err), end())
		}
		want.payload = append(want.payload, p...)
	}
	want.after = time.Now()
	want.thread = "kworker/"
	c.whole = append(c.whole, want)
	return c, end()
}

// redirect has what arrives at one socket sent on another, until end.
func redirect(from, to int) (end func() error, err error) {
	m, err := ebpf.NewMap(&ebpf.MapSpec{Type: ebpf.SockMap, KeySize: 4, ValueSize: 4, MaxEntries: 2})
	if err != nil {
		return nil, fmt.Errorf("make a sockmap: %w", err)
	}
	p, err := ebpf.NewProgram(&ebpf.ProgramSpec{
		Type: ebpf.SkSKB, AttachType: ebpf.AttachSkSKBVerdict, License: "Dual BSD/GPL",
		Instructions: asm.Instructions{
			asm.LoadMapPtr(asm.R2, m.FD()),
			asm.Mov.Imm(asm.R3, 0), // the index
			asm.Mov.Imm(asm.R4, 0), // out, not in
			asm.FnSkRedirectMap.Call(),
			asm.Return(),
		},
	})
	if err != nil {
		return nil, errors.Join(fmt.Errorf("load a redirecting program: %w", err), m.Close())
	}
	attach := link.RawAttachProgramOptions{Target: m.FD(), Program: p, Attach: ebpf.AttachSkSKBVerdict}
	err = link.RawAttachProgram(attach)
	if err == nil {
		err = errors.Join(m.Put(uint32(0), uint32(to)), m.Put(uint32(1), uint32(from)))
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("redirect a socket: %w", err), p.Close(), m.Close())
	}
	return func() error {
		return errors.Join(
			link.RawDetachProgram(link.RawDetachProgramOptions{Target: m.FD(), Program: p, Attach: ebpf.AttachSkSKBVerdict}),
			p.Close(), m.Close())
	}, nil
}
