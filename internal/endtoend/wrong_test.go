package endtoend

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// What can't be done is said in one line that says what to do, with the exit
// status for it, and leaves nothing behind.
func TestWrong(t *testing.T) {
	needs(t)
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	in := func(name string) string { return filepath.Join(dir, name) }
	link, text, others := in("link"), in("text"), in("others")
	for _, err := range []error{
		os.WriteFile(text, []byte("this is not a capture\n"), 0o644),
		os.WriteFile(in("empty"), nil, 0o644),
		os.Symlink(text, link),
		os.WriteFile(others, nil, 0o666),
		os.Chown(others, 65534, 65534),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	nobody := &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	for _, tt := range []struct {
		name   string
		args   []string
		as     *syscall.SysProcAttr
		status int
		want   []string // parts of the error's one line
	}{
		{"unknown flag", []string{"record", "--nonsense"}, nil, 2, []string{"--nonsense", "--help"}},
		{"flag without value", []string{"record", "-w"}, nil, 2, []string{"-w", "--help"}},
		{"count that is none", []string{"record", "-c", "many"}, nil, 2, []string{"many", "--help"}},
		{"address that is none", []string{"record", "--sk", "socket"}, nil, 2, []string{"--sk", "0xffff"}},
		{"backend that is none", []string{"record", "--backend", "magic"}, nil, 2, []string{"magic", "kprobe", "tracepoint"}},
		{"types that are none", []string{"record", "--btf", text}, nil, 2, []string{"--btf", text, "BTF"}},
		{"types that are no kernel's", []string{"record", "--btf", objects(t)}, nil, 2, []string{"--btf", "no struct iov_iter"}},
		{"format that is none", []string{"record", "--format", "xml"}, nil, 2, []string{"xml", "stap"}},
		{"two outputs", []string{"record", "--format", "stap", "-w", in("x")}, nil, 2, []string{"--format", "-w"}},
		{"path too long", []string{"record", "/" + strings.Repeat("x", 200)}, nil, 2, []string{"108"}},
		{"no command", []string{"record", "--"}, nil, 2, []string{"command"}},
		{"process that is none", []string{"record", "-p", "x"}, nil, 2, []string{"--pid", "x"}},
		{"buffer too small", []string{"record", "-B", "4"}, nil, 2, []string{"64"}},
		{"a name that is empty", []string{"record", "--comm", ""}, nil, 2, []string{"--comm", "empty"}},
		{"a process that is empty", []string{"record", "-D", "--pid="}, nil, 2, []string{"--pid", "empty"}},
		{"nothing to leave out", []string{"record", "--not", ""}, nil, 2, []string{"--not", "KIND=VALUE"}},
		{"a name that no process has", []string{"record", "--comm", "systemd-journald*"}, nil, 2, []string{"--comm", "keeps 15"}},
		{"a file that is no namespace", []string{"record", "--netns", text}, nil, 2, []string{"--netns", text, "not a network namespace"}},
		{"a namespace of another kind", []string{"record", "--netns", "/proc/self/ns/pid"}, nil, 2, []string{"--netns", "not a network namespace"}},
		{"no duration", []string{"record", "--duration", "0"}, nil, 2, []string{"--duration", "90s"}},
		{"duration that is none", []string{"record", "--duration", "soon"}, nil, 2, []string{"soon", "90s"}},
		{"stop condition that is none", []string{"record", "-a", "bytes:3"}, nil, 2, []string{"-a bytes:3", "filesize:KB"}},
		{"stop condition without a number", []string{"record", "-a", "packets:0"}, nil, 2, []string{"-a packets:0"}},
		{"stop condition of files without any", []string{"record", "-a", "filesize:3"}, nil, 2, []string{"-w"}},
		{"last of one file", []string{"record", "-w", in("x"), "-a", "files:3"}, nil, 2, []string{"-b"}},
		{"size said twice", []string{"record", "-w", in("x"), "-C", "1", "-a", "filesize:3"}, nil, 2, []string{"-a filesize:3", "-C"}},
		{"metrics for everybody", []string{"record", "--metrics", ":9900"}, nil, 2, []string{"127.0.0.1:9900"}},
		{"metrics nowhere", []string{"record", "--metrics", "9900"}, nil, 2, []string{"UNIX socket"}},
		{"metrics in place of a file", []string{"record", "--metrics", text}, nil, 1, []string{text, "no socket"}},
		{"metrics in no folder", []string{"record", "--metrics", in("no/m.sock")}, nil, 1, []string{in("no/m.sock"), "no such file"}},
		{"no such process", []string{"record", "-p", "4194304"}, nil, 1, []string{"4194304", "no such process"}},
		{"no such socket", []string{"record", "--sk", "0xffff000000000001"}, nil, 1, []string{"There are"}},
		{"not a socket", []string{"record", text}, nil, 1, []string{"not a socket", "-D"}},
		{"no such command", []string{"record", "-w", in("x"), "--", in("nothing")}, nil, 1, []string{in("nothing"), "no such file"}},
		{"no such folder", []string{"record", "-w", in("no/x.pcapng")}, nil, 1, []string{in("no/x.pcapng"), "no such file"}},
		{"through a link", []string{"record", "-w", link}, nil, 1, []string{"symbolic link"}},
		{"somebody else's file", []string{"record", "-w", others}, nil, 1, []string{"belongs to"}},
		{"no privilege", []string{"record", "-w", in("x")}, nobody, 1, []string{"CAP_BPF", "root"}},
		{"a list in a format of messages", []string{"record", "-D", "--format", "hex"}, nil, 2, []string{"-D", "hex", "jsonl"}},
		{"user that is none", []string{"record", "-Z", "no/body"}, nil, 2, []string{"-Z", "no/body", "no such user"}},
		{"another user without being root", []string{"record", "-Z", "root"}, nobody, 2, []string{"-Z root", "only root"}},
		{"folder of others", []string{"record", "-Z", "65534", "-w", in("x")}, nil, 1, []string{in("x"), "permission denied", "choose", "-Z root"}},
		{"folder of others, set", []string{"record", "-Z", "65534", "-C", "1", "-w", in("x")}, nil, 1, []string{dir, "permission denied", "choose", "-Z root"}},
		{"no privilege to list", []string{"record", "-D"}, nobody, 1, []string{"CAP_BPF", "root"}},

		{"no file", []string{"analyze"}, nil, 2, []string{"--help"}},
		{"unknown flag", []string{"analyze", "log", "--nonsense", text}, nil, 2, []string{"--nonsense", "--help"}},
		{"unknown format", []string{"analyze", "log", "--format", "xml", text}, nil, 2, []string{"xml"}},
		{"missing file", []string{"analyze", in("nothing")}, nil, 1, []string{in("nothing"), "no such file"}},
		{"not a capture", []string{"analyze", text}, nil, 1, []string{text, "no capture"}},
		{"empty file", []string{"analyze", in("empty")}, nil, 1, []string{in("empty"), "empty"}},
		{"a folder", []string{"analyze", dir}, nil, 1, []string{dir, "directory"}},
		{"unreadable", []string{"analyze", "/etc/shadow"}, nobody, 1, []string{"/etc/shadow", "permission denied"}},
	} {
		t.Run(tt.args[0]+"/"+tt.name, func(t *testing.T) {
			cmd := exec.Command(filepath.Join(bin, tt.args[0]), tt.args[1:]...)
			cmd.SysProcAttr = tt.as
			var stdout, stderr bytes.Buffer
			cmd.Stdout, cmd.Stderr = &stdout, &stderr
			err := cmd.Run()
			var exit *exec.ExitError
			if !errors.As(err, &exit) || exit.ExitCode() != tt.status {
				t.Errorf("%v, want exit status %d", err, tt.status)
			}
			// record says that it listens before it starts a command.
			text := strings.TrimPrefix(stderr.String(), listening(stderr.String()))
			// Where nothing can match, what there is follows.
			text, _, _ = strings.Cut(text, "There are ")
			lines := strings.SplitAfter(text, "\n")
			if len(lines) != 2 || !strings.HasPrefix(lines[0], tt.args[0]+": ") {
				t.Errorf("not one line: %q", stderr.String())
			}
			for _, part := range tt.want {
				if !strings.Contains(stderr.String(), part) {
					t.Errorf("%q does not say %q", stderr.String(), part)
				}
			}
			if stdout.Len() > 0 {
				t.Errorf("printed %q", stdout.String())
			}
		})
	}
	if b, err := os.ReadFile(text); err != nil || string(b) != "this is not a capture\n" {
		t.Errorf("the link's target was changed: %q, %v", b, err)
	}
}

// listening returns the line in which record says that it listens, if it does.
func listening(stderr string) string {
	if i := strings.IndexByte(stderr, '\n'); i >= 0 && strings.Contains(stderr[:i], "listening on") {
		return stderr[:i+1]
	}
	return ""
}

// A backend that the kernel refuses is named with the kernel's reason. Where
// this kernel takes it, the matrix of virtual machines has the other case.
func TestRefusedBackend(t *testing.T) {
	needs(t)
	out, err := exec.Command(filepath.Join(bin, "record"), "--backend", "fentry", "-c", "1", "--", "true").CombinedOutput()
	if err == nil {
		return
	}
	if s := string(out); strings.Count(s, "\n") != 1 || !strings.HasPrefix(s, "record: backend fentry: ") {
		t.Errorf("%q", s)
	}
}

// A cut file gives what it has, and an error that says so.
func TestCutFile(t *testing.T) {
	needs(t, "python3")
	file := filepath.Join(t.TempDir(), "whole.pcapng")
	r := record(t, "-w", file, "--", "python3", "-c",
		"import socket; a, b = socket.socketpair(); [(a.send(b'message %d' % i), b.recv(99)) for i in range(100)]")
	if err := <-r.ended; err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(file)
	if err != nil {
		t.Fatal(err)
	}
	if info.Mode() != 0o600 {
		t.Errorf("mode %v", info.Mode())
	}
	if err := unix.Truncate(file, info.Size()/2); err != nil {
		t.Fatal(err)
	}
	var stdout, stderr bytes.Buffer
	cmd := exec.Command(filepath.Join(bin, "analyze"), "dump", "--format", "stap", file)
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err = cmd.Run()
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() != 1 {
		t.Errorf("%v, want exit status 1", err)
	}
	if n := strings.Count(stdout.String(), "[message "); n < 20 || n > 80 {
		t.Errorf("%d messages of half a file of 100", n)
	}
	if s := stderr.String(); strings.Count(s, "\n") != 1 || !strings.Contains(s, "cut") {
		t.Errorf("%q", s)
	}
}
