package bpf

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/btf"
	"golang.org/x/sys/unix"
)

// fit leaves out the programs that this kernel has no use for, and says which
// tracepoint it would need.
func fit(spec *ebpf.CollectionSpec) error {
	for _, name := range slices.Sorted(maps.Keys(spec.Programs)) {
		p := spec.Programs[name]
		if p.AttachType != ebpf.AttachTraceRawTp {
			continue
		}
		if absent, err := lacksTracepoint(p.AttachTo); err != nil {
			return err
		} else if absent {
			return fmt.Errorf("tracepoint %s: %w (this kernel lacks it; Linux 6.3 and newer have it)", p.AttachTo, ebpf.ErrNotSupported)
		}
	}
	preempts := preemptible()
	for name := range spec.Programs {
		if _, copy := copyOf(name); copy > 0 && !preempts {
			delete(spec.Programs, name)
		}
	}
	if spec.Programs["page_exit"] == nil {
		return nil
	}
	absent, err := lacks[*btf.Func](sendpage)
	if absent {
		delete(spec.Programs, "page_entry")
		delete(spec.Programs, "page_exit")
	}
	return err
}

// sendpage is gone since 6.5: its senders use sendmsg.
const sendpage = "unix_stream_sendpage"

// copyOf splits a program's name: stream_exit_2 is stream_exit's third copy.
func copyOf(name string) (base string, copy int) {
	i := strings.LastIndexByte(name, '_')
	if n := len(name) - 1; i == n-1 && name[n] >= '0' && name[n] <= '9' {
		return name[:i], int(name[n] - '0')
	}
	return name, 0
}

// preemptible reports whether the kernel may stop a thread inside of a call
// and run another. Kernels that can be switched tell root how they run.
func preemptible() bool {
	var u unix.Utsname
	if err := unix.Uname(&u); err == nil && !strings.Contains(unix.ByteSliceToString(u.Version[:]), "PREEMPT") {
		return false
	}
	b, err := os.ReadFile("/sys/kernel/debug/sched/preempt") // "none voluntary (full) lazy"
	if err != nil {
		return true
	}
	mode := string(b)
	return !strings.Contains(mode, "(none)") && !strings.Contains(mode, "(voluntary)")
}

// lacksTracepoint reports whether the kernel has no such tracepoint.
func lacksTracepoint(name string) (bool, error) {
	// DECLARE_TRACE makes this type: include/trace/bpf_probe.h.
	return lacks[*btf.Typedef]("btf_trace_" + name)
}

// lacks reports whether the kernel's type information has no such T.
func lacks[T btf.Type](name string) (bool, error) {
	types, err := kernelTypes.Kernel()
	if err != nil {
		return false, fmt.Errorf("read the kernel's types: %w", err)
	}
	var t T
	err = types.TypeByName(name, &t)
	if err != nil && !errors.Is(err, btf.ErrNotFound) {
		return false, fmt.Errorf("look up %s: %w", name, err)
	}
	return err != nil, nil
}
