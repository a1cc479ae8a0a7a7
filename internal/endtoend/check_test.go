package endtoend

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"unicode/utf8"

	"golang.org/x/sys/unix"
)

// check runs record --check and returns what it says of each thing, and its
// exit status. Lines that go on below are joined.
func check(t *testing.T, as *syscall.SysProcAttr) (map[string]string, int) {
	t.Helper()
	cmd := exec.Command(filepath.Join(bin, "record"), "--check")
	cmd.SysProcAttr = as
	cmd.Stderr = t.Output()
	out, err := cmd.Output()
	if cmd.ProcessState == nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(out)) {
		if n := utf8.RuneCountInString(strings.TrimSuffix(line, "\n")); n > 80 || strings.TrimRight(line, " \n")+"\n" != line {
			t.Errorf("%d columns, or spaces at the end: %q", n, line)
		}
	}
	text := regexp.MustCompile(`\n {8,}`).ReplaceAllString(string(out), " ")
	said := map[string]string{}
	for line := range strings.Lines(text) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), "  ")
		said[name] = strings.TrimSpace(value)
	}
	if t.Failed() {
		t.Logf("%s", out)
	}
	return said, cmd.ProcessState.ExitCode()
}

// What --check says is what happens.
func TestCheck(t *testing.T) {
	needs(t)
	said, status := check(t, nil)
	if status != 0 {
		t.Fatalf("status %d: %q", status, said)
	}
	var u unix.Utsname
	if err := unix.Uname(&u); err != nil {
		t.Fatal(err)
	}
	if release := unix.ByteSliceToString(u.Release[:]); !strings.Contains(said["kernel"], release) {
		t.Errorf("kernel %q is not %s", said["kernel"], release)
	}
	for _, name := range []string{"BTF", "ring buffer", "atomic additions"} {
		if said[name] != "yes" {
			t.Errorf("%s: %q", name, said[name])
		}
	}
	var taken string
	for _, backend := range []string{"fentry", "kprobe", "tracepoint"} {
		verdict := said["backend "+backend]
		out, err := exec.Command(filepath.Join(bin, "record"), "--backend", backend, "--", "true").CombinedOutput()
		if works := strings.HasPrefix(verdict, "works"); works != (err == nil) {
			t.Errorf("--check says of %s %q, and record %v, %s", backend, verdict, err, out)
		}
		if reason, ok := strings.CutPrefix(verdict, "no: "); ok && !strings.Contains(string(out), reason) {
			t.Errorf("--check says %q, and record %s", reason, out)
		}
		if strings.Contains(verdict, "is taken") {
			taken = backend
		}
	}
	out, err := exec.Command(filepath.Join(bin, "record"), "--", "true").CombinedOutput()
	if err != nil || taken == "" || !strings.Contains(string(out), "backend "+taken) {
		t.Errorf("--check takes %q, and record %v, %s", taken, err, out)
	}
}

// Without the rights it says which are missing, and what is known all the same.
func TestCheckRefused(t *testing.T) {
	needs(t)
	for _, tt := range []struct {
		name string
		as   *syscall.SysProcAttr
		want map[string]string
	}{
		{"nobody", ambient(), map[string]string{
			"capabilities": "needs CAP_BPF and CAP_PERFMON: run as root", "BTF": "yes", "sock_send_length": "yes", "ring buffer": "not known",
			"backend fentry": "no: use BPF: ", "backend tracepoint": "no: use BPF: ",
		}},
		{"CAP_BPF", ambient(unix.CAP_BPF), map[string]string{
			"capabilities": "needs CAP_PERFMON: run as root", "ring buffer": "yes",
			"backend fentry": "no: ", "backend tracepoint": "no: ",
		}},
		{"user namespace", &syscall.SysProcAttr{
			Cloneflags:  unix.CLONE_NEWUSER,
			UidMappings: []syscall.SysProcIDMap{{HostID: os.Getuid(), Size: 1}},
			GidMappings: []syscall.SysProcIDMap{{HostID: os.Getgid(), Size: 1}},
		}, map[string]string{
			"user namespace": "another than the host's", "backend tracepoint": "no: use BPF: permission denied (this is a user namespace",
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			said, status := check(t, tt.as)
			if status != 1 {
				t.Errorf("status %d", status)
			}
			for name, want := range tt.want {
				if !strings.HasPrefix(said[name], want) {
					t.Errorf("%s: %q, want %q", name, said[name], want)
				}
			}
		})
	}
}
