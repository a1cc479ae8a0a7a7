// Vm runs the conformance checks with each backend that the kernel takes and
// prints a line a check, with fields separated by tabs:
//
//	check    KERNEL ARCH BACKEND  GROUP KIND PATH  OUTCOME [ERRNO]  NOTE  ok | FAIL: reason
//	backend  KERNEL ARCH BACKEND  pass: … | fail: … | refused: …
//	preempt  KERNEL ARCH MODES, the present one in parentheses, or why not known
//	sent     KERNEL ARCH BACKEND  KIND PATH  TIME since the beginning
//	verdict  KERNEL ARCH pass | fail
//
// It is the test program of the virtual machines that scripts/kernels boots,
// and runs on the host as well. The first argument is the program of
// internal/conformance/sender, built for 32-bit system calls. Backends named
// behind it must be taken by the kernel, those with a ! before them must be
// refused, and each must be named; with none one that works is enough.
package main

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"strings"
	"time"

	"unixcap/bpf"
	"unixcap/internal/conformance"
	"unixcap/internal/conformance/send"

	"golang.org/x/sys/unix"
)

func main() {
	send.BeChild()
	if len(os.Args) < 2 {
		fmt.Fprintln(os.Stderr, "usage: vm SENDER32 [[!]BACKEND]...")
		os.Exit(2)
	}
	expected := make(map[bpf.Backend]bool)
	for _, arg := range os.Args[2:] {
		name, refused := strings.CutPrefix(arg, "!")
		expected[bpf.Backend(name)] = !refused
	}
	say("preempt", preemption())
	good, passed := true, 0
	for _, backend := range []bpf.Backend{bpf.Fentry, bpf.Tracepoint} {
		taken, ok := check(backend, os.Args[1])
		if ok {
			passed++
		}
		if taken && !ok || len(expected) > 0 && taken != expected[backend] {
			good = false
		}
	}
	if !good || passed == 0 && len(expected) == 0 {
		say("verdict", "fail")
		os.Exit(1)
	}
	say("verdict", "pass")
}

// say prints one line.
func say(what string, fields ...string) {
	fmt.Println(strings.Join(append([]string{what, release(), runtime.GOARCH}, fields...), "\t"))
}

// check runs all checks with one backend. taken: the kernel accepted its
// programs. ok: and every check passed.
func check(backend bpf.Backend, sender32 string) (taken, ok bool) {
	result := func(format string, args ...any) {
		say("backend", string(backend), fmt.Sprintf(format, args...))
	}
	begin := time.Now()
	results, err := conformance.Run(conformance.Options{
		Backend: backend, Sender32: sender32,
		Progress: func(kind, path string) {
			say("sent", string(backend), kind, path, time.Since(begin).Round(time.Millisecond).String())
		},
	})
	var refused *conformance.Refused
	if errors.As(err, &refused) {
		// The line begins with the backend already.
		result("refused: %s", strings.TrimPrefix(err.Error(), "backend "+string(backend)+": "))
		return false, false
	}
	failed := 0
	for _, r := range results {
		outcome, verdict := r.Outcome.String(), "ok"
		if r.Errno == unix.EOPNOTSUPP {
			outcome += " EOPNOTSUPP" // ErrnoName has the other name of the number
		} else if r.Errno != 0 {
			outcome += " " + unix.ErrnoName(r.Errno)
		}
		if r.Err != nil {
			verdict = "FAIL: " + strings.ReplaceAll(r.Err.Error(), "\n", "; ")
			failed++
		}
		say("check", string(backend), r.Group, r.Kind, r.Path, outcome, r.Note, verdict)
	}
	switch {
	case err != nil:
		result("fail: %v", err)
	case failed > 0:
		result("fail: %d of %d checks", failed, len(results))
	default:
		result("pass: %d checks", len(results))
		return true, true
	}
	return true, false
}

// preemption is what decides on how many copies of its programs the fentry
// backend attaches.
func preemption() string {
	b, err := os.ReadFile("/sys/kernel/debug/sched/preempt")
	if err != nil {
		return "not known: " + err.Error()
	}
	return strings.TrimSpace(string(b))
}

func release() string {
	var u unix.Utsname
	if err := unix.Uname(&u); err != nil {
		return "unknown"
	}
	return unix.ByteSliceToString(u.Release[:])
}
