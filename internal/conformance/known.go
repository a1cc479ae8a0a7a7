package conformance

import (
	"fmt"
	"path"
	"strings"

	"unixcap/bpf"

	"golang.org/x/sys/unix"
)

// A known entry says what a path comes to that is not simply exact. A check
// fails unless its outcome is one of the entry's, so that what becomes better
// has to leave this list.
type known struct {
	path    string      // pattern, as path.Match has it
	kinds   string      // letters of the kinds: s, d, q; "" is all
	backend bpf.Backend // "" is each
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
	preempted     = "a program that is preempted keeps others from running it there; what they miss is counted"
	busy          = "until 6.1 a thread's storage can't be read while a preempted thread reads its own (bpf_task_storage_trylock)"
	full          = "nobody reads while the sender floods a small ring buffer"
	gone          = "the sender dropped the memory before the call ended"
	noZeroCopy    = "AF_UNIX has no zero-copy (io_send_zc, io_uring/net.c)"
	onlyZeroCopy  = "6.18 and older take registered buffers for zero-copy sends only, 7.2 for others too (SENDMSG_FLAGS, io_uring/net.c)"
	oob           = "only streams have out-of-band data (unix_dgram_sendmsg)"
)

// exceptions are in the order in which they are tried; the first decides.
var exceptions = []known{
	// The kernel.
	{path: "*MSG_OOB", kinds: "dq", outcome: refused, errno: unix.EOPNOTSUPP, why: oob},
	{path: "io_uring send*_zc*", outcome: refused, errno: unix.EOPNOTSUPP, why: noZeroCopy},
	{path: "io_uring send, registered buffer*", when: before(7, 2), outcome: refused, errno: unix.EINVAL, why: onlyZeroCopy},

	// The tracepoint backend.
	{path: "*, long", backend: bpf.Tracepoint, outcome: exact | flagged, why: taken},
	{path: "32-bit sendmmsg, 1024 messages", backend: bpf.Tracepoint, outcome: exact | flagged, why: taken},
	{path: "SCM_RIGHTS, io_uring", backend: bpf.Tracepoint, outcome: untold, why: noCredentials},
	{path: "four threads*", backend: bpf.Tracepoint, when: since(7, 0), outcome: exact | counted, why: preempted},
	{path: "sendfile", kinds: "s", backend: bpf.Tracepoint, when: withoutPages, outcome: flagged, why: noPages},
	{path: "*splice*", kinds: "s", backend: bpf.Tracepoint, when: withoutPages, outcome: flagged, why: noPages},
	{path: "tee", kinds: "s", backend: bpf.Tracepoint, when: withoutPages, outcome: flagged, why: noPages},
	{path: "aio*", kinds: "s", backend: bpf.Tracepoint, when: withoutPages, outcome: flagged, why: noPages},
	{path: "io_uring*", kinds: "s", backend: bpf.Tracepoint, when: withoutPages, outcome: flagged, why: noPages},
	{path: "a kernel thread*", backend: bpf.Tracepoint, when: withoutPages, outcome: flagged, why: noPages},
	{path: "32-bit*", backend: bpf.Tracepoint, when: withoutPages, outcome: flagged, why: noPages},

	// The fentry backend.
	{path: "sendfile*", backend: bpf.Fentry, when: withoutPages, outcome: flagged, why: noPages},
	{path: "*splice*", backend: bpf.Fentry, when: withoutPages, outcome: flagged, why: noPages},
	{path: "tee*", backend: bpf.Fentry, when: withoutPages, outcome: flagged, why: noPages},
	{path: "*registered buffer*", backend: bpf.Fentry, when: withoutPages, outcome: flagged, why: noPages},

	{path: "a kernel thread*", backend: bpf.Fentry, when: withoutPages, outcome: flagged, why: noPages},

	{path: "four threads*", backend: bpf.Fentry, when: before(6, 2), outcome: exact | flagged, why: busy},

	// Both.
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
		if ok && (e.kinds == "" || strings.ContainsRune(e.kinds, letter)) && (e.backend == "" || e.backend == b) &&
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
}

func thisKernel() (kernel, error) {
	var k kernel
	var u unix.Utsname
	if err := unix.Uname(&u); err != nil {
		return k, err
	}
	release := unix.ByteSliceToString(u.Release[:])
	if _, err := fmt.Sscanf(release, "%d.%d", &k.major, &k.minor); err != nil {
		return k, fmt.Errorf("kernel release %q: %w", release, err)
	}
	var err error
	k.pages, err = bpf.MapsPages()
	return k, err
}

// before holds for kernels older than a release.
func before(major, minor int) func(kernel) bool {
	return func(k kernel) bool { return k.major < major || k.major == major && k.minor < minor }
}

func since(major, minor int) func(kernel) bool {
	return func(k kernel) bool { return !before(major, minor)(k) }
}

func withoutPages(k kernel) bool { return !k.pages }
