package bpf

import (
	"bytes"
	"os"
	"strings"

	"kernel.org/pub/linux/libs/security/libcap/cap"
)

// needed are the capabilities that loading and attaching take: CAP_BPF for maps
// and programs, CAP_PERFMON for programs that read memory. CAP_SYS_ADMIN
// includes both.
var needed = []cap.Value{cap.BPF, cap.PERFMON}

// missing returns those that the process does not have.
func missing() []string {
	var names []string
	for _, v := range needed {
		if !holds(v) && !holds(cap.SYS_ADMIN) {
			names = append(names, strings.ToUpper(v.String()))
		}
	}
	return names
}

// holds reports whether the process can use a capability now.
func holds(v cap.Value) bool {
	on, err := cap.GetProc().GetFlag(cap.Effective, v)
	return err == nil && on
}

// refusal says why the kernel may refuse this process, and what to do about it.
func refusal() string {
	if names := missing(); len(names) > 0 {
		what := "needs " + strings.Join(names, " and ")
		if os.Geteuid() == 0 {
			return what + ", which root does not have here: containers have --cap-add"
		}
		return what + ": run as root, or use setcap"
	}
	switch {
	case nested():
		return "this is a user namespace, whose capabilities do not count: run it on the host"
	case lockdown() == confidentiality:
		return "lockdown=confidentiality forbids programs to read memory: boot with lockdown=integrity"
	case filtered():
		return "perhaps by a seccomp filter, as containers have: --security-opt seccomp=unconfined"
	}
	return "this kernel forbids this kind of program"
}

// nested reports whether this is another user namespace than the first, whose
// capabilities are the only ones that bpf(2) knows.
func nested() bool {
	const first = "user:[4026531837]" // PROC_USER_INIT_INO, include/linux/proc_ns.h
	ns, err := os.Readlink("/proc/self/ns/user")
	return err == nil && ns != first
}

// confidentiality is the mode of lockdown in which no program may read the
// kernel's memory.
const confidentiality = "confidentiality"

// lockdown returns the mode in force, or "" if that is not known.
func lockdown() string {
	text, err := os.ReadFile("/sys/kernel/security/lockdown") // "none [integrity] confidentiality"
	if err != nil {
		return ""
	}
	_, after, _ := strings.Cut(string(text), "[")
	mode, _, _ := strings.Cut(after, "]")
	return mode
}

// filtered reports whether system calls go through a seccomp filter.
func filtered() bool {
	status, err := os.ReadFile("/proc/self/status")
	return err == nil && bytes.Contains(status, []byte("\nSeccomp:\t2"))
}
