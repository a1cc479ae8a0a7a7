// Vm runs the conformance checks with each backend that the kernel takes and
// prints a line a check, with fields separated by tabs:
//
//	check    KERNEL  BACKEND  KIND  PATH  ok | FAIL: reason
//	backend  KERNEL  BACKEND  pass: … | fail: … | refused: reason
//	verdict  KERNEL  pass | fail
//
// It is the test program of the virtual machines that scripts/kernels boots,
// and runs on the host as well. Backends named as arguments must be taken by
// the kernel, those with a ! before them must be refused, and each must be
// named; with no arguments one that works is enough.
package main

import (
	"fmt"
	"os"
	"strings"

	"unixcap/bpf"
	"unixcap/internal/conformance"

	"golang.org/x/sys/unix"
)

func main() {
	kernel := release()
	expected := make(map[bpf.Backend]bool)
	for _, arg := range os.Args[1:] {
		name, refused := strings.CutPrefix(arg, "!")
		expected[bpf.Backend(name)] = !refused
	}
	good, passed := true, 0
	for _, backend := range []bpf.Backend{bpf.Fentry, bpf.Tracepoint} {
		taken, ok := check(kernel, backend)
		if ok {
			passed++
		}
		if taken && !ok || len(expected) > 0 && taken != expected[backend] {
			good = false
		}
	}
	verdict := "pass"
	if !good || passed == 0 && len(expected) == 0 {
		verdict = "fail"
	}
	fmt.Printf("verdict\t%s\t%s\n", kernel, verdict)
	if verdict != "pass" {
		os.Exit(1)
	}
}

// check runs all checks with one backend. taken: the kernel accepted its
// programs. ok: and every check passed.
func check(kernel string, backend bpf.Backend) (taken, ok bool) {
	say := func(format string, args ...any) {
		fmt.Printf("backend\t%s\t%s\t%s\n", kernel, backend, fmt.Sprintf(format, args...))
	}
	tap, err := bpf.Open(bpf.Options{Backend: backend})
	if err != nil {
		// The line begins with the backend already.
		say("refused: %s", strings.TrimPrefix(err.Error(), "backend "+string(backend)+": "))
		return false, false
	}
	tap.Close()
	results, err := conformance.Run(bpf.Options{Backend: backend})
	failed := 0
	for _, r := range results {
		outcome := "ok"
		if r.Note != "" {
			outcome += " (" + r.Note + ")"
		}
		if r.Err != nil {
			outcome = "FAIL: " + r.Err.Error()
			failed++
		}
		fmt.Printf("check\t%s\t%s\t%s\t%s\t%s\n", kernel, backend, r.Kind, r.Path, outcome)
	}
	switch {
	case err != nil:
		say("fail: %v", err)
	case failed > 0:
		say("fail: %d of %d checks", failed, len(results))
	default:
		say("pass: %d checks", len(results))
		return true, true
	}
	return true, false
}

func release() string {
	var u unix.Utsname
	if err := unix.Uname(&u); err != nil {
		return "unknown"
	}
	return unix.ByteSliceToString(u.Release[:])
}
