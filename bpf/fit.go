package bpf

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/btf"
	"golang.org/x/sys/unix"
)

// fit leaves out the programs that this kernel or recording has no use for, and
// says which tracepoint it would need.
func fit(spec *ebpf.CollectionSpec, types *btf.Spec, o *Options) error {
	for _, name := range slices.Sorted(maps.Keys(spec.Programs)) {
		p := spec.Programs[name]
		if p.AttachType != ebpf.AttachTraceRawTp {
			continue
		}
		if absent, err := lacksTracepoint(types, p.AttachTo); err != nil {
			return err
		} else if absent {
			return fmt.Errorf("tracepoint %s: %w (this kernel lacks it; Linux 6.3 and newer have it)", p.AttachTo, ebpf.ErrNotSupported)
		}
	}
	useless := map[string]bool{
		"sched_process_fork": !o.Filter.Follow,
		"sched_process_exit": !o.Filter.ofProcesses(),
	}
	preempts := preemptible()
	for name := range spec.Programs {
		if _, copy := copyOf(name); copy > 0 {
			useless[name] = !preempts
		}
	}
	if spec.Programs["stream_receive"] != nil { // otherwise what tells of the end tells of both
		useless["stream_received"], useless["stream_spliced"] = !o.Receive, !o.Receive
	}
	noPage, err := lacks[*btf.Func](types, sendpage)
	if err != nil {
		return err
	}
	if o.Types != nil { // which may have no functions at all
		if noPage, err = since(6, 5); err != nil {
			return err
		}
	}
	useless["page_entry"], useless["page_exit"] = noPage, noPage
	noMaySend, err := lacks[*btf.Func](types, maySend)
	useless["may_send"], useless["readable"] = noMaySend, !noMaySend
	maps.DeleteFunc(spec.Programs, func(name string, _ *ebpf.ProgramSpec) bool { return useless[name] })
	return err
}

// maySend is there in kernels that are built with CONFIG_SECURITY_NETWORK. In
// others a datagram's receiver is found by readable.
const (
	maySend  = "security_unix_may_send"
	readable = "sock_def_readable"
)

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
func lacksTracepoint(types *btf.Spec, name string) (bool, error) {
	// DECLARE_TRACE makes this type: include/trace/bpf_probe.h.
	return lacks[*btf.Typedef](types, "btf_trace_"+name)
}

// since reports whether the kernel is of a release, or of a later one.
func since(major, minor int) (bool, error) {
	var u unix.Utsname
	if err := unix.Uname(&u); err != nil {
		return false, err
	}
	var a, b int
	release := unix.ByteSliceToString(u.Release[:])
	if _, err := fmt.Sscanf(release, "%d.%d", &a, &b); err != nil {
		return false, fmt.Errorf("kernel release %q: %w", release, err)
	}
	return a > major || a == major && b >= minor, nil
}
