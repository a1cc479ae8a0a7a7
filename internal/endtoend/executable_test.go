package endtoend

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// Though record itself is in its sandbox, and another user, captures say what
// processes run that it could not look at. Who looks for it can do that only, and
// ends with it.
func TestExecutableInSandbox(t *testing.T) {
	needs(t)
	own, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		args  []string
		owner int
	}{{nil, 0}, {[]string{"-Z", fmt.Sprint(stranger)}, stranger}, {[]string{"--no-sandbox", "-Z", fmt.Sprint(stranger)}, stranger}} {
		args := append(tt.args, "--format", "jsonl", "-p", fmt.Sprint(os.Getpid()))
		r := recordBy(t, exec.Command(filepath.Join(bin, "record"), args...))
		r.dropped()
		child := childOf(t, r.cmd.Process.Pid)
		for _, thread := range threads(t, child) {
			for key, want := range map[string]string{"CapPrm": "0000000000080000", "CapEff": "0000000000080000", "NoNewPrivs": "1"} {
				if thread[key] != want {
					t.Errorf("%s of the child's thread %s: %s, want %s", key, thread["Pid"], thread[key], want)
				}
			}
			if got := strings.Fields(thread["Uid"])[0]; got != fmt.Sprint(tt.owner) {
				t.Errorf("the child is user %s, want %d", got, tt.owner)
			}
		}
		say(t, 20)
		r.stop()
		if err := unix.Kill(child, 0); err != unix.ESRCH {
			t.Errorf("the child is there still: %v", err)
		}
		found := false
		for line := range strings.Lines(r.stdout.String()) {
			var m struct{ From struct{ Exe string } }
			if err := json.Unmarshal([]byte(line), &m); err != nil {
				t.Fatal(err)
			}
			found = found || m.From.Exe == own
		}
		if !found {
			t.Errorf("%v: nothing says that %s sent\n%.500s", tt.args, own, &r.stdout)
		}
	}
}

// childOf returns the one child of a process.
func childOf(t *testing.T, pid int) int {
	t.Helper()
	names, err := filepath.Glob("/proc/[0-9]*/status")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		text, err := os.ReadFile(name)
		if err == nil && strings.Contains(string(text), fmt.Sprintf("\nPPid:\t%d\n", pid)) {
			child, err := strconv.Atoi(strings.Split(name, "/")[2])
			if err != nil {
				t.Fatal(err)
			}
			return child
		}
	}
	t.Fatalf("process %d has no child", pid)
	return 0
}
