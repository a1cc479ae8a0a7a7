package bpf

import (
	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/link"
)

// A Backend is a way to hook the kernel's send path.
type Backend string

const (
	Auto       Backend = "auto"
	Fentry     Backend = "fentry"     // BTF trampolines on the send functions
	Tracepoint Backend = "tracepoint" // sock:sock_send_length and the call's registers
)

// preference has the backends that Auto tries, the best first.
var preference = []Backend{Fentry, Tracepoint}

// backends has each backend's programs. All have the maps and variables of
// event.h and socket.h, so the rest of the package treats them alike. try says
// cheaply whether the kernel takes programs of that kind.
var backends = map[Backend]struct {
	try  func() error
	load func() (*ebpf.CollectionSpec, error)
}{
	Fentry:     {tryFentry, loadFentry},
	Tracepoint: {func() error { return nil }, loadTracepoint},
}

// tryFentry attaches a program that does nothing. Some kernels refuse to load
// it, others (6.1 on arm64) to attach it.
func tryFentry() error {
	p, err := loadProgram(&ebpf.ProgramSpec{
		Name: "nothing",
		Type: ebpf.Tracing, AttachType: ebpf.AttachTraceFEntry, AttachTo: "unix_stream_sendmsg",
		Instructions: asm.Instructions{asm.Mov.Imm(asm.R0, 0), asm.Return()}, License: "Dual BSD/GPL",
	})
	if err != nil {
		return explain("load", err)
	}
	defer p.Close()
	l, err := link.AttachTracing(link.TracingOptions{Program: p})
	if err != nil {
		return explain("attach to unix_stream_sendmsg", err)
	}
	return l.Close()
}
