// Vm runs the conformance checks with each backend that the kernel takes and
// prints a line a check, with fields separated by tabs:
//
//	check    KERNEL ARCH BACKEND  GROUP KIND PATH  OUTCOME [ERRNO]  NOTE  ok | FAIL: reason
//	backend  KERNEL ARCH BACKEND  pass: … | fail: … | refused: …
//	program  KERNEL ARCH BACKEND  HOOK NAME  INSTRUCTIONS that the verifier went through
//	preempt  KERNEL ARCH MODES, the present one in parentheses, or why not known
//	sent     KERNEL ARCH BACKEND  KIND PATH  TIME since the beginning
//	verdict  KERNEL ARCH pass | fail
//
// It is the test program of the virtual machines that scripts/kernels boots,
// and runs on the host as well. The first argument is the program of
// internal/conformance/sender, built for 32-bit system calls. Backends named
// behind it must be taken by the kernel, those with a ! before them must be
// refused, and each must be named; with none one that works is enough, and what the
// programs cost is printed as well:
//
//	cost     KERNEL ARCH BACKEND  HOOK NAME  RUNS and NANOSECONDS a message
//
// With the word btf, the kernel's types are hidden in the end, and the kprobe
// backend is checked with those from a file. With record=PROGRAM that program is
// run with each backend that works.
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

	"github.com/cilium/ebpf/btf"
	"golang.org/x/sys/unix"
)

func main() {
	send.BeChild()
	if len(os.Args) < 2 {
		fmt.Fprintln(os.Stderr, "usage: vm SENDER32 [[!]BACKEND | btf | record=PROGRAM]...")
		os.Exit(2)
	}
	if os.Args[1] == talkWord {
		if err := talk(); err != nil {
			fmt.Fprintln(os.Stderr, "vm:", err)
			os.Exit(1)
		}
		return
	}
	r := &run{sender32: os.Args[1], expected: make(map[bpf.Backend]bool)}
	hidden := false
	for _, arg := range os.Args[2:] {
		if arg == "btf" {
			hidden = true
		} else if program, ok := strings.CutPrefix(arg, "record="); ok {
			r.record = program
		} else if file, ok := strings.CutPrefix(arg, typesWord); ok {
			types, err := bpf.ReadTypes(file)
			if err != nil {
				fmt.Fprintln(os.Stderr, "vm:", err)
				os.Exit(1)
			}
			r.types = types
		} else {
			name, refused := strings.CutPrefix(arg, "!")
			r.expected[bpf.Backend(name)] = !refused
		}
	}
	good := r.all()
	if hidden {
		good = hideTypes(r.sender32) == nil && good
	}
	if r.types != nil { // the verdict is the parent's
		if !good {
			os.Exit(1)
		}
		return
	}
	if !good {
		say("verdict", "fail")
		os.Exit(1)
	}
	say("verdict", "pass")
}

// A run is what is to be checked.
type run struct {
	sender32 string
	record   string    // the program, "" for none
	types    *btf.Spec // nil: the kernel's own
	expected map[bpf.Backend]bool
}

// all checks all backends, and reports whether what they came to is as expected.
func (r *run) all() bool {
	if r.types != nil {
		taken, ok := r.check(bpf.Kprobe)
		return taken && ok
	}
	say("preempt", preemption())
	good, passed := true, 0
	for _, backend := range bpf.Backends {
		taken, ok := r.check(backend)
		if ok {
			passed++
		}
		if taken && !ok || len(r.expected) > 0 && taken != r.expected[backend] {
			good = false
		}
		if taken && len(r.expected) == 0 {
			good = r.cost(backend) && good
		}
	}
	return good && (passed > 0 || len(r.expected) > 0)
}

// cost prints what the programs of a backend take for a message.
func (r *run) cost(backend bpf.Backend) bool {
	list, err := conformance.Cost(bpf.Options{Backend: backend})
	if err != nil {
		say("backend", string(backend), fmt.Sprintf("fail: measure its cost: %v", err))
		return false
	}
	for _, p := range list {
		say("cost", string(backend), p.Hook, p.Name,
			fmt.Sprintf("%.2f", float64(p.Runs)/conformance.CostMessages), fmt.Sprint(p.Runtime.Nanoseconds()/conformance.CostMessages))
	}
	return true
}

// say prints one line.
func say(what string, fields ...string) {
	fmt.Println(strings.Join(append([]string{what, release(), runtime.GOARCH}, fields...), "\t"))
}

// check runs all checks with one backend. taken: the kernel accepted its
// programs. ok: and every check passed.
func (r *run) check(backend bpf.Backend) (taken, ok bool) {
	name := string(backend)
	if r.types != nil {
		name += " --btf"
	}
	result := func(format string, args ...any) {
		say("backend", name, fmt.Sprintf(format, args...))
	}
	begin := time.Now()
	results, err := conformance.Run(conformance.Options{
		Backend: backend, Types: r.types, Sender32: r.sender32,
		Progress: func(kind, path string) {
			say("sent", name, kind, path, time.Since(begin).Round(time.Millisecond).String())
		},
		Programs: func(list []bpf.Program) {
			for _, p := range list {
				say("program", name, p.Hook, p.Name, fmt.Sprint(p.Verified))
			}
		},
	})
	var refused *conformance.Refused
	if errors.As(err, &refused) {
		// The line begins with the backend already.
		result("refused: %s", strings.TrimPrefix(err.Error(), "backend "+string(backend)+": "))
		return false, false
	}
	if r.record != "" && err == nil && r.types == nil {
		results = append(results, r.recordDropped(backend), r.recordAmid(backend))
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
		say("check", name, r.Group, r.Kind, r.Path, outcome, r.Note, verdict)
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
