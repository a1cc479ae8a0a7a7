package endtoend

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// objects has types, but not those of a kernel.
func objects(t *testing.T) string {
	t.Helper()
	list, err := filepath.Glob("../../bpf/sockets_x86_bpfel.o")
	if err != nil || len(list) != 1 {
		t.Fatalf("%q, %v", list, err)
	}
	return list[0]
}

// Where the kernel does not have its types itself, they come from a file, and the
// sockets there are are found without the kernel's iterators: the same ones.
func TestTypesFromFile(t *testing.T) {
	needs(t)
	file := filepath.Join(t.TempDir(), "types")
	b, err := os.ReadFile("/sys/kernel/btf/vmlinux")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, b, 0o600); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "listening.sock")
	startServer(t, path, `import os, socket, sys, time
s = socket.socket(socket.AF_UNIX)
s.bind(sys.argv[1])
s.listen()
print(os.getpid(), flush=True)
time.sleep(600)`)
	list := func(args ...string) string {
		out, err := exec.Command(filepath.Join(bin, "record"), append(args, "-D", "--format", "jsonl", path)...).CombinedOutput()
		if err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		return string(out)
	}
	own, read := list(), list("--btf", file)
	if own != read || !strings.Contains(own, path) {
		t.Errorf("with the kernel's iterators\n%s\nand without\n%s", own, read)
	}
}

// A backend that the kernel does not take is named with the program, the reason
// and the next one.
func TestBackendRefused(t *testing.T) {
	needs(t)
	out, err := exec.Command(filepath.Join(bin, "record"), "-w", filepath.Join(t.TempDir(), "x.pcapng"), "--", "true").CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	taken := regexp.MustCompile(`, backend (\w+),`).FindSubmatch(out)
	if taken == nil {
		t.Fatalf("no backend in %s", out)
	}
	before := map[string][]string{"fentry": nil, "kprobe": {"fentry"}, "tracepoint": {"fentry", "kprobe"}}[string(taken[1])]
	next := append(before[min(1, len(before)):len(before):len(before)], string(taken[1]))
	for i, name := range before {
		line := regexp.MustCompile(`(?m)^record: backend ` + name + `: \w+ ` + name + `/unix_stream_sendmsg: .*; trying ` + next[i] + `$`)
		if !line.Match(out) {
			t.Errorf("nothing fits %v in\n%s", line, out)
		}
	}
	if len(before) == 0 && strings.Contains(string(out), "trying") {
		t.Errorf("it says %s", out)
	}
}
