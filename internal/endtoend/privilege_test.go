package endtoend

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// stranger is a user, and a group, that no machine has.
const stranger = 61234

// strangersFolder returns a folder that only the stranger can write in, or see.
func strangersFolder(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(worldFolder(t), "captures")
	if err := errors.Join(os.Mkdir(dir, 0o700), os.Chown(dir, stranger, stranger)); err != nil {
		t.Fatal(err)
	}
	return dir
}

// worldFolder returns a temporary folder that everybody can get through.
func worldFolder(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for d := dir; d != filepath.Clean(os.TempDir()); d = filepath.Dir(d) {
		if err := os.Chmod(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// threads returns what /proc says of each thread of a process, by field.
func threads(t *testing.T, pid int) []map[string]string {
	t.Helper()
	names, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/status", pid))
	if err != nil || len(names) == 0 {
		t.Fatalf("threads of %d: %v, %v", pid, names, err)
	}
	var list []map[string]string
	for _, name := range names {
		text, err := os.ReadFile(name)
		if errors.Is(err, os.ErrNotExist) || errors.Is(err, unix.ESRCH) {
			continue // ended
		}
		if err != nil {
			t.Fatal(err)
		}
		fields := map[string]string{}
		for line := range strings.Lines(string(text)) {
			key, value, _ := strings.Cut(line, ":")
			fields[key] = strings.Join(strings.Fields(value), " ")
		}
		list = append(list, fields)
	}
	return list
}

// dropped waits until a recording has given up its privileges.
func (r *recording) dropped() []map[string]string {
	r.t.Helper()
	for range 3000 {
		list := threads(r.t, r.cmd.Process.Pid)
		left := 0
		for _, thread := range list {
			caps, err := strconv.ParseUint(thread["CapPrm"], 16, 64)
			if err != nil {
				r.t.Fatal(err)
			}
			if thread["NoNewPrivs"] != "1" || caps>>unix.CAP_BPF&1 != 0 {
				left++
			}
		}
		if left == 0 {
			return list
		}
		time.Sleep(10 * time.Millisecond)
	}
	r.t.Fatal("privileges were not given up")
	return nil
}

// say sends n messages to and fro between two sockets of this process.
func say(t *testing.T, n int) {
	t.Helper()
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fds[0])
	defer unix.Close(fds[1])
	var b [64]byte
	for i := range n {
		if _, err := unix.Write(fds[i%2], []byte("said")); err != nil {
			t.Fatal(err)
		}
		if _, err := unix.Read(fds[1-i%2], b[:]); err != nil {
			t.Fatal(err)
		}
	}
}

const none = "0000000000000000"

// After it has begun, no thread of record has any rights that it does not need,
// and it goes on to write files.
func TestPrivilegesGivenUp(t *testing.T) {
	needs(t)
	var own string // of this process
	for _, thread := range threads(t, os.Getpid()) {
		own = thread["CapBnd"]
	}
	for _, tt := range []struct {
		name  string
		args  []string
		env   []string
		as    *syscall.SysProcAttr
		owner int
		caps  string
		bound string
	}{
		{"root", nil, nil, nil, 0, none, none},
		{"root in somebody's folder", nil, nil, nil, 0, "0000000000000002", none}, // CAP_DAC_OVERRIDE
		{"without sandbox", []string{"--no-sandbox"}, nil, nil, 0, none, none},
		{"-Z", []string{"-Z", fmt.Sprint(stranger)}, nil, nil, stranger, none, none},
		{"sudo", nil, []string{fmt.Sprint("SUDO_UID=", stranger), fmt.Sprint("SUDO_GID=", stranger)}, nil, stranger, none, none},
		{"sudo -Z root", []string{"-Z", "root"}, []string{fmt.Sprint("SUDO_UID=", stranger)}, nil, 0, none, none},
		{"ambient capabilities", nil, nil, ambient(unix.CAP_BPF, unix.CAP_PERFMON, unix.CAP_SYSLOG), stranger, none, own},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := worldFolder(t)
			if tt.owner == stranger || tt.caps != none {
				dir = strangersFolder(t)
			}
			args := append(tt.args, "-p", fmt.Sprint(os.Getpid()), "-b", "packets:5", "-w", filepath.Join(dir, "x"))
			cmd := exec.Command(filepath.Join(bin, "record"), args...)
			cmd.Env = append(os.Environ(), tt.env...)
			cmd.SysProcAttr = tt.as
			r := recordBy(t, cmd)
			id := strings.TrimSpace(strings.Repeat(fmt.Sprint(tt.owner, " "), 4))
			for _, thread := range r.dropped() {
				for key, want := range map[string]string{
					"Uid": id, "Gid": id, "CapPrm": tt.caps, "CapEff": tt.caps,
					"CapInh": none, "CapAmb": none, "CapBnd": tt.bound,
				} {
					if tt.as != nil && key == "CapInh" {
						continue // harmless with no_new_privs; lowering it is not for record
					}
					if thread[key] != want {
						t.Errorf("%s of thread %s: %s, want %s", key, thread["Pid"], thread[key], want)
					}
				}
			}
			say(t, 20)
			if n, _ := r.stop(); n != 20 {
				t.Errorf("%d messages", n)
			}
			files, err := filepath.Glob(filepath.Join(dir, "*"))
			if err != nil || len(files) < 4 {
				t.Errorf("%v, %v", files, err)
			}
			for _, name := range files {
				var st unix.Stat_t
				if err := unix.Stat(name, &st); err != nil || st.Uid != uint32(tt.owner) || st.Mode&0o777 != 0o600 {
					t.Errorf("%s: %v, owner %d, mode %o", name, err, st.Uid, st.Mode)
				}
			}
		})
	}
}

// What some machines hide takes a capability to see: the processes of others
// where /proc shows only one's own, for which it is of no use in the sandbox, and
// the names of containers, for which it is kept only there.
func TestHidden(t *testing.T) {
	needs(t, "unshare", "mount")
	const (
		processes  = "mount -t proc -o hidepid=invisible proc /proc"
		containers = "mount -t tmpfs tmpfs /run && mkdir -p -m 700 /run/containerd"
	)
	for _, tt := range []struct{ hide, flag, caps string }{
		{processes, "--no-sandbox", "0000000000080000"}, // CAP_SYS_PTRACE
		{processes, "-U", none},
		{containers, "--no-sandbox", none},
		{containers, "-U", "0000000000000004"}, // CAP_DAC_READ_SEARCH
	} {
		inside := fmt.Sprintf("%s && exec %s %s -Z %d", tt.hide, filepath.Join(bin, "record"), tt.flag, stranger)
		r := recordBy(t, exec.Command("unshare", "--mount", "sh", "-c", inside))
		for _, thread := range r.dropped() {
			if thread["CapPrm"] != tt.caps || thread["CapEff"] != tt.caps {
				t.Errorf("%s, %s: thread %s has %s, want %s", tt.hide, tt.flag, thread["Pid"], thread["CapPrm"], tt.caps)
			}
		}
		r.stop()
	}
}

// ambient starts a program as the stranger, with capabilities.
func ambient(caps ...uintptr) *syscall.SysProcAttr {
	return &syscall.SysProcAttr{
		Credential:  &syscall.Credential{Uid: stranger, Gid: stranger},
		AmbientCaps: caps,
	}
}

// The capabilities that the manual names are enough, and without one of
// them the error names it.
func TestCapabilities(t *testing.T) {
	needs(t)
	for _, tt := range []struct {
		name string
		caps []uintptr
		want []string // parts of the error
	}{
		{"all", []uintptr{unix.CAP_BPF, unix.CAP_PERFMON, unix.CAP_SYSLOG}, nil},
		{"CAP_SYS_ADMIN", []uintptr{unix.CAP_SYS_ADMIN, unix.CAP_SYSLOG}, nil},
		{"none", nil, []string{"CAP_BPF and CAP_PERFMON", "setcap"}},
		{"CAP_BPF", []uintptr{unix.CAP_BPF}, []string{"needs CAP_PERFMON:", "setcap"}},
		{"CAP_PERFMON", []uintptr{unix.CAP_PERFMON}, []string{"needs CAP_BPF:", "setcap"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			cmd := exec.Command(filepath.Join(bin, "record"), "--", "true")
			cmd.SysProcAttr = ambient(tt.caps...)
			out, err := cmd.CombinedOutput()
			if (err == nil) != (tt.want == nil) {
				t.Fatalf("%v\n%s", err, out)
			}
			if err != nil && strings.Count(string(out), "\n") != 1 {
				t.Errorf("not one line: %s", out)
			}
			for _, part := range tt.want {
				if !strings.Contains(string(out), part) {
					t.Errorf("%q does not say %q", out, part)
				}
			}
		})
	}
}

// Users of a group can record, by the program's file capabilities, as with
// dumpcap; others can't run it.
func TestFileCapabilities(t *testing.T) {
	needs(t, "setcap")
	dir := worldFolder(t)
	program := filepath.Join(dir, "record")
	const group = stranger + 1
	run(t, "cp", filepath.Join(bin, "record"), program)
	if err := errors.Join(os.Chown(program, 0, group), os.Chmod(program, 0o750)); err != nil {
		t.Fatal(err)
	}
	run(t, "setcap", "cap_bpf,cap_perfmon,cap_syslog+ep", program)
	as := func(groups []uint32, args ...string) *exec.Cmd {
		cmd := exec.Command(program, args...)
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: stranger, Gid: stranger, Groups: groups}}
		return cmd
	}
	member := []uint32{group}
	if out, err := as(nil, "--version").CombinedOutput(); err == nil {
		t.Errorf("somebody else ran it: %s", out)
	}
	captures := strangersFolder(t)
	status := filepath.Join(captures, "status")
	r := recordBy(t, as(member, "-p", fmt.Sprint(os.Getpid()), "-b", "packets:5", "-w", filepath.Join(captures, "x")))
	for _, thread := range r.dropped() {
		if thread["CapPrm"] != none || thread["CapEff"] != none {
			t.Errorf("thread %s has %s", thread["Pid"], thread["CapPrm"])
		}
	}
	say(t, 20)
	if n, _ := r.stop(); n != 20 {
		t.Errorf("%d messages", n)
	}
	// The command is the user's own and gets none of the program's rights.
	if out, err := as(member, "--", "cp", "/proc/self/status", status).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	text, err := os.ReadFile(status)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"Uid:\t61234\t61234", "CapPrm:\t" + none, "NoNewPrivs:\t0"} {
		if !strings.Contains(string(text), want) {
			t.Errorf("the command has not %q:\n%s", want, text)
		}
	}
}

// A command keeps all that record was started with, whatever record gives up:
// it can become another user, and root again by a set-user-id program.
func TestCommandKeepsPrivileges(t *testing.T) {
	needs(t, "python3", "setpriv")
	dir := worldFolder(t)
	id := filepath.Join(dir, "id") // stands for sudo
	program, err := exec.LookPath("id")
	if err != nil {
		t.Fatal(err)
	}
	run(t, "cp", program, id)
	if err := os.Chmod(id, 0o755|os.ModeSetuid); err != nil {
		t.Fatal(err)
	}
	waits := fmt.Sprintf(`while ! grep -q '^NoNewPrivs.*1' /proc/$PPID/status; do sleep 0.01; done
		grep -E '^(Uid|CapEff|CapBnd|NoNewPrivs)' /proc/self/status
		touch %s/elsewhere
		setpriv --reuid %d --clear-groups --inh-caps=-all %s -u
		python3 -c 'import socket; a, b = socket.socketpair(); a.send(b"command")'`, dir, stranger, id)
	cmd := exec.Command(filepath.Join(bin, "record"), "--format", "stap", "--", "sh", "-c", waits)
	cmd.Env = append(os.Environ(), fmt.Sprint("SUDO_UID=", stranger), fmt.Sprint("SUDO_GID=", stranger))
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	own := threads(t, os.Getpid())[0]
	for _, want := range []string{
		"Uid:\t0\t0\t0\t0\n", "CapEff:\t" + own["CapEff"], "CapBnd:\t" + own["CapBnd"], "NoNewPrivs:\t0\n", "\n0\n", "[command]",
	} {
		if !strings.Contains(string(out), want) {
			t.Errorf("no %q in\n%s", want, out)
		}
	}
	if _, err := os.Stat(filepath.Join(dir, "elsewhere")); err != nil {
		t.Error(err)
	}
}

// In its sandbox record can write into its folder and nowhere else: a folder
// that takes the place of it is another one, though it has its name.
func TestSandbox(t *testing.T) {
	needs(t)
	for _, sandbox := range []bool{true, false} {
		dir := filepath.Join(t.TempDir(), "captures")
		if err := os.Mkdir(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		args := []string{"-p", fmt.Sprint(os.Getpid()), "-b", "packets:5", "-w", filepath.Join(dir, "x")}
		if !sandbox {
			args = append(args, "--no-sandbox")
		}
		r := record(t, args...)
		r.dropped()
		if err := errors.Join(os.Rename(dir, dir+".old"), os.Mkdir(dir, 0o755)); err != nil {
			t.Fatal(err)
		}
		say(t, 20)
		if sandbox {
			err := <-r.ended
			if refused := regexp.MustCompile(`(?m)^record: write .*/captures/x.*: permission denied$`); err == nil || !refused.MatchString(r.stderr.String()) {
				t.Errorf("%v\n%s", err, &r.stderr)
			}
		} else if n, _ := r.stop(); n != 20 {
			t.Errorf("%d messages", n)
		}
	}
}
