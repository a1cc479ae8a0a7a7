package bpf

import (
	"errors"
	"fmt"
	"os"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/link"
	"golang.org/x/sys/unix"
)

// A Backend is a way to hook the kernel's send path.
type Backend string

const (
	Auto       Backend = "auto"
	Fentry     Backend = "fentry"     // BTF trampolines on the send functions
	Kprobe     Backend = "kprobe"     // breakpoints on the same functions
	Tracepoint Backend = "tracepoint" // sock:sock_send_length and the call's registers
)

// Backends are those that there are, in the order in which Auto tries them.
var Backends = []Backend{Fentry, Kprobe, Tracepoint}

// backends has each backend's programs. All have the maps and variables of
// event.h and storage.h, so the rest of the package treats them alike. try says
// cheaply whether the kernel takes programs of that kind.
var backends = map[Backend]struct {
	try  func() error
	load func() (*ebpf.CollectionSpec, error)
}{
	Fentry:     {tryFentry, loadFentry},
	Kprobe:     {tryKprobe, loadKprobe},
	Tracepoint: {tryTracepoint, loadTracepoint},
}

// tryFentry attaches a program that does nothing. Some kernels refuse to load
// it, others (6.1 on arm64) to attach it.
func tryFentry() error {
	if err := haveFetch(); err != nil {
		return err
	}
	const hook = "fentry/unix_stream_sendmsg"
	p, err := loadProgram(&ebpf.ProgramSpec{
		Name: "nothing",
		Type: ebpf.Tracing, AttachType: ebpf.AttachTraceFEntry, AttachTo: "unix_stream_sendmsg",
		Instructions: nothing, License: license,
	})
	if err != nil {
		return explain("load "+hook, err)
	}
	defer p.Close()
	l, err := link.AttachTracing(link.TracingOptions{Program: p})
	if err != nil {
		return explain("attach "+hook, err)
	}
	return l.Close()
}

const kprobeEvents = "/sys/bus/event_source/devices/kprobe"

// tryKprobe attaches a program that does nothing.
func tryKprobe() error {
	const hook = "kprobe/unix_stream_sendmsg"
	// Since 4.17 kprobes are perf events that go by themselves.
	if _, err := os.Stat(kprobeEvents); err != nil {
		return fmt.Errorf("attach %s: %w (%w: a kernel without CONFIG_KPROBE_EVENTS)", hook, ebpf.ErrNotSupported, err)
	}
	p, err := loadProgram(&ebpf.ProgramSpec{
		Name: "nothing", Type: ebpf.Kprobe, Instructions: nothing, License: license,
	})
	if err != nil {
		return explain("load "+hook, err)
	}
	defer p.Close()
	l, err := link.Kprobe("unix_stream_sendmsg", p, nil)
	if err != nil {
		return explain("attach "+hook, err)
	}
	return l.Close()
}

// tryTracepoint refuses kernels that preempt programs at tracepoints, as they do
// since 7.0 (__DECLARE_TRACE, include/linux/tracepoint.h). What a preempted program keeps others from
// seeing (__bpf_prog_enter_recur, kernel/bpf/trampoline.c) can make one message be
// taken for another.
func tryTracepoint() error {
	preempts, err := since(7, 0)
	if err != nil {
		return err
	}
	if preempts && preemptible() {
		return fmt.Errorf("programs at tracepoints: %w (since Linux 7.0 they are preempted, and take one message for another)", ebpf.ErrNotSupported)
	}
	return nil
}

const license = "Dual BSD/GPL"

var nothing = asm.Instructions{asm.Mov.Imm(asm.R0, 0), asm.Return()}

// haveFetch reports whether there are atomic instructions that tell the old value.
func haveFetch() error {
	add := asm.FetchAdd.Mem(asm.RFP, asm.R0, asm.DWord, -8)
	add.Constant = 1 // BPF_FETCH; otherwise Marshal leaves it out
	p, err := ebpf.NewProgram(&ebpf.ProgramSpec{
		Name: "fetch", Type: ebpf.SocketFilter, License: license,
		Instructions: asm.Instructions{
			asm.Mov.Imm(asm.R0, 1),
			asm.StoreMem(asm.RFP, -8, asm.R0, asm.DWord),
			add,
			asm.Mov.Imm(asm.R0, 0),
			asm.Return(),
		},
	})
	if err == nil {
		return p.Close()
	}
	if errors.Is(err, unix.EINVAL) {
		return fmt.Errorf("load programs: atomic additions that return a value: %w (needs Linux 5.12 or newer)", ebpf.ErrNotSupported)
	}
	return explain("load programs", err)
}
