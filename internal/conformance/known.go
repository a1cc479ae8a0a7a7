package conformance

import (
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"

	"unixcap/bpf"

	"github.com/cilium/ebpf/btf"
	"golang.org/x/sys/unix"
)

// A known entry says what a path comes to that is not simply exact. A check
// fails unless its outcome is one of the entry's, so that what becomes better
// has to leave this list.
type known struct {
	path    string        // pattern, as path.Match has it
	kinds   string        // letters of the kinds: s, d, q; "" is all
	backend []bpf.Backend // none is each
	when    func(kernel) bool
	outcome Outcome
	errno   unix.Errno // of an outcome refused
	why     string
}

// Why a payload is missing, or a path is refused.
const (
	taken         = "the receiver may take the bytes before they are copied"
	noPages       = "the kernel does not tell where a page is mapped (vmemmap_base, page_offset_base)"
	noCredentials = "a socket buffer does not tell whether its credentials were passed or are the sender's own"
	locked        = "before 5.12 a place in the stream takes a lock, which is given up on if its holder's processor stands still"
	full          = "nobody reads while the sender floods a small ring buffer"
	gone          = "the sender dropped the memory before the call ended"
	noZeroCopy    = "AF_UNIX has no zero-copy (io_send_zc, io_uring/net.c)"
	onlyZeroCopy  = "6.18 and older take registered buffers for zero-copy sends only, 7.2 for others too (SENDMSG_FLAGS, io_uring/net.c)"
	oldSockmap    = "since 5.15 UNIX streams can be in a sockmap (unix_stream_bpf_update_proto)"
	oldZeroCopy   = "before 6.0 io_uring does not know these operations (IORING_OP_SEND_ZC)"
	oldOOB        = "streams have out-of-band data since 5.15 (queue_oob)"
	oob           = "only streams have out-of-band data (unix_dgram_sendmsg)"
	no32Bit       = "this kernel runs no 32-bit programs, as under hypervisors that have none (ia32_enabled, arch/x86/include/asm/ia32.h)"
)

// What backends have in common: the functions of AF_UNIX, or not.
var (
	functions   = []bpf.Backend{bpf.Fentry, bpf.Kprobe}
	tracepoints = []bpf.Backend{bpf.Tracepoint}
)

// exceptions are in the order in which they are tried; the first decides.
var exceptions = []known{
	// The kernel.
	{path: "32-bit*", when: without32Bit, outcome: refused, errno: unix.ENOEXEC, why: no32Bit},
	{path: "*MSG_OOB", kinds: "s", when: before(5, 15), outcome: refused, errno: unix.EOPNOTSUPP, why: oldOOB},
	{path: "*MSG_OOB", kinds: "dq", outcome: refused, errno: unix.EOPNOTSUPP, why: oob},
	{path: "io_uring send*_zc*", when: before(6, 0), outcome: refused, errno: unix.EINVAL, why: oldZeroCopy},
	{path: "io_uring send*_zc*", outcome: refused, errno: unix.EOPNOTSUPP, why: noZeroCopy},
	{path: "io_uring send, registered buffer*", when: before(7, 2), outcome: refused, errno: unix.EINVAL, why: onlyZeroCopy},
	{path: "a kernel thread*", when: before(5, 15), outcome: refused, errno: unix.EINVAL, why: oldSockmap},

	// The tracepoint backend.
	{path: "*, long", backend: tracepoints, outcome: exact | flagged, why: taken},
	{path: "32-bit sendmmsg, 1024 messages", backend: tracepoints, outcome: exact | flagged, why: taken},
	{path: "SCM_RIGHTS, io_uring", backend: tracepoints, outcome: untold | flagged, why: noCredentials},
	{path: "sendfile", kinds: "s", backend: tracepoints, when: withoutPages, outcome: flagged, why: noPages},
	{path: "*splice*", kinds: "s", backend: tracepoints, when: withoutPages, outcome: flagged, why: noPages},
	{path: "tee", kinds: "s", backend: tracepoints, when: withoutPages, outcome: flagged, why: noPages},
	{path: "aio*", kinds: "s", backend: tracepoints, when: withoutPages, outcome: flagged, why: noPages},
	{path: "io_uring*", kinds: "s", backend: tracepoints, when: withoutPages, outcome: flagged, why: noPages},
	{path: "a kernel thread*", backend: tracepoints, when: withoutPages, outcome: flagged, why: noPages},
	{path: "32-bit*", backend: tracepoints, when: withoutPages, outcome: flagged, why: noPages},

	// The fentry and kprobe backends.
	// Until 6.4 pages come as the kernel's memory here: sock_no_sendpage, net/core/sock.c.
	{path: "sendfile*", kinds: "dq", backend: functions, when: before(6, 5), outcome: exact},
	{path: "*splice*", kinds: "dq", backend: functions, when: before(6, 5), outcome: exact},
	{path: "tee*", kinds: "dq", backend: functions, when: before(6, 5), outcome: exact},
	{path: "sendfile*", backend: functions, when: withoutPages, outcome: flagged, why: noPages},
	{path: "*splice*", backend: functions, when: withoutPages, outcome: flagged, why: noPages},
	{path: "tee*", backend: functions, when: withoutPages, outcome: flagged, why: noPages},
	{path: "*registered buffer*", backend: functions, when: withoutPages, outcome: flagged, why: noPages},

	{path: "a kernel thread*", backend: functions, when: withoutPages, outcome: flagged, why: noPages},

	{path: "four threads*", backend: functions, when: before(5, 12), outcome: exact | counted, why: locked},
	{path: "two threads*", backend: functions, when: before(5, 12), outcome: exact | counted, why: locked},

	// All.
	{path: "more than the ring buffer holds", outcome: counted, why: full},
	{path: "memory dropped meanwhile", outcome: flagged, why: gone},
}

// expected finds what a path must come to.
func expected(name, kind string, b bpf.Backend, k kernel) known {
	for _, e := range exceptions {
		ok, err := path.Match(e.path, name)
		if err != nil {
			panic(fmt.Sprintf("known.go: %q: %v", e.path, err))
		}
		letter := rune(kind[0])
		if kind == "seqpacket" {
			letter = 'q'
		}
		if ok && (e.kinds == "" || strings.ContainsRune(e.kinds, letter)) && (len(e.backend) == 0 || slices.Contains(e.backend, b)) &&
			(e.when == nil || e.when(k)) {
			return e
		}
	}
	return known{outcome: exact}
}

// A kernel is what the list depends on.
type kernel struct {
	major, minor int
	pages        bool // it tells where a page is mapped
	runs32       bool // it runs 32-bit programs
}

func thisKernel(types *btf.Spec, sender32 string) (kernel, error) {
	var k kernel
	var u unix.Utsname
	if err := unix.Uname(&u); err != nil {
		return k, err
	}
	release := unix.ByteSliceToString(u.Release[:])
	if _, err := fmt.Sscanf(release, "%d.%d", &k.major, &k.minor); err != nil {
		return k, fmt.Errorf("kernel release %q: %w", release, err)
	}
	var pagesErr, runErr error
	k.pages, pagesErr = bpf.MapsPages(types)
	k.runs32, runErr = runs32(sender32)
	return k, errors.Join(pagesErr, runErr)
}

// runs32 reports whether the kernel takes a 32-bit program. Its configuration
// does not tell: it can have them and be without when it starts.
func runs32(program string) (bool, error) {
	o, err := newOutsider(program)
	if errors.Is(err, unix.ENOEXEC) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	return true, o.close()
}

// before holds for kernels older than a release.
func before(major, minor int) func(kernel) bool {
	return func(k kernel) bool { return k.major < major || k.major == major && k.minor < minor }
}

func withoutPages(k kernel) bool { return !k.pages }
func without32Bit(k kernel) bool { return !k.runs32 }
