package endtoend

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// persistent says its name to itself again and again, as somebody.
const persistent = `
import socket, os, sys, time
name, comm, kind, uid, gid = sys.argv[1:6]
open("/proc/self/comm", "w").write(comm)
kind = {"stream": socket.SOCK_STREAM, "dgram": socket.SOCK_DGRAM, "seqpacket": socket.SOCK_SEQPACKET}[kind]
if len(sys.argv) > 6:
    open(sys.argv[6] + "/cgroup.procs", "w").write(str(os.getpid()))
os.setgid(int(gid))
os.setuid(int(uid))
a, b = socket.socketpair(socket.AF_UNIX, kind)
print(os.fstat(a.fileno()).st_ino, flush=True)
while True:
    a.send(name.encode())
    b.recv(100)
    time.sleep(0.01)
`

// A persona is a persistent, once from before a recording and once from during it.
type persona struct {
	name, comm, kind string
	uid, gid         int
	netns            bool // of its own
	cgroup           string
}

var personas = []persona{
	{name: "plain", comm: "talk", kind: "stream"},
	{name: "worker", comm: "talk-worker", kind: "stream"},
	{name: "nobody", comm: "talk", kind: "stream", uid: 65534},
	{name: "group", comm: "talk", kind: "stream", gid: 12345},
	{name: "dgram", comm: "talk", kind: "dgram"},
	{name: "seqpacket", comm: "talk-worker", kind: "seqpacket"},
	{name: "netns", comm: "talk", kind: "stream", netns: true},
}

// start runs a persona under a name and returns its pid and its socket's inode.
func (p *persona) start(t *testing.T, name string) (pid int, inode string) {
	t.Helper()
	args := []string{"-c", persistent, name, p.comm, p.kind, strconv.Itoa(p.uid), strconv.Itoa(p.gid)}
	if p.cgroup != "" {
		args = append(args, p.cgroup)
	}
	cmd := exec.Command("python3", args...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if p.netns {
		cmd.SysProcAttr.Cloneflags = syscall.CLONE_NEWNET
	}
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	if _, err := fmt.Fscan(out, &inode); err != nil {
		t.Fatal(err)
	}
	return cmd.Process.Pid, inode
}

// Each kind of condition finds, or leaves out, who meets it: who was there
// before, and who comes later.
func TestConditions(t *testing.T) {
	needs(t, "python3")
	list := slices.Clone(personas)
	cgroup := newCgroup(t)
	list = append(list, persona{name: "cgroup", comm: "talk", kind: "stream", cgroup: cgroup})
	pids, inodes := make(map[string]int), make(map[string]string)
	for i := range list {
		pids[list[i].name], inodes[list[i].name] = list[i].start(t, list[i].name)
	}
	// Long enough that wherever nothing is wanted, something would come.
	netns := strconv.Itoa(int(netnsOf(t, pids["netns"])))
	for _, tt := range []struct {
		args []string
		want []string // those from before; and the same ones that come later but where only
		only bool     // there can be none
	}{
		{args: []string{"--comm", "talk-*"}, want: []string{"worker", "seqpacket"}},
		{args: []string{"--comm", "talk-*", "--type", "stream"}, want: []string{"worker"}},
		{args: []string{"--comm", "talk,talk-w?rker", "--not", "type=stream"}, want: []string{"dgram", "seqpacket"}},
		{args: []string{"--uid", "65534"}, want: []string{"nobody"}},
		{args: []string{"--uid", "nobody", "--comm", "talk-*"}, want: nil},
		{args: []string{"--gid", "12345"}, want: []string{"group"}},
		{args: []string{"--comm", "talk*", "--not", "gid=12345", "--not", "uid=nobody", "--not", "comm=talk-*", "--not", "netns=" + netns, "--not", "cgroup=" + cgroup},
			want: []string{"plain", "dgram"}, only: true}, // somebody new has another namespace
		{args: []string{"--netns", netns}, want: []string{"netns"}, only: true},
		{args: []string{"--netns", fmt.Sprintf("/proc/%d/ns/net", pids["netns"])}, want: []string{"netns"}, only: true},
		{args: []string{"--inode", inodes["plain"]}, want: []string{"plain"}, only: true},
		{args: []string{"--comm", "talk", "--type", "stream", "--not", "inode=" + inodes["plain"], "--not", "pid=" + strconv.Itoa(pids["nobody"])},
			want: []string{"group", "netns", "cgroup"}, only: true},
		{args: []string{"-p", strconv.Itoa(pids["worker"]), "--comm", "talk-*"}, want: []string{"worker"}, only: true},
		{args: []string{"-p", strconv.Itoa(pids["worker"]), "--comm", "talk"}, want: nil},
		{args: []string{"--cgroup", cgroup}, want: []string{"cgroup"}},
		{args: []string{"--container", filepath.Base(cgroup)[7:19]}, want: []string{"cgroup"}},
	} {
		t.Run(strings.Join(tt.args, " "), func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "x.pcapng")
			r := record(t, append([]string{"-w", file}, tt.args...)...)
			for i := range list {
				list[i].start(t, "new-"+list[i].name)
			}
			time.Sleep(200 * time.Millisecond)
			r.cmd.Process.Signal(os.Interrupt)
			<-r.ended
			got := named(t, file)
			want := slices.Clone(tt.want)
			if !tt.only {
				for _, name := range tt.want {
					want = append(want, "new-"+name)
				}
			} else { // somebody new may be a match too, but nobody old
				got = slices.DeleteFunc(got, func(s string) bool { return strings.HasPrefix(s, "new-") })
			}
			slices.Sort(want)
			if !slices.Equal(got, want) {
				t.Errorf("recorded %q, want %q\n%s", got, want, &r.stderr)
			}
		})
	}
}

// named returns the names that are said in a file.
func named(t *testing.T, file string) []string {
	t.Helper()
	names := make(map[string]bool)
	for l := range strings.Lines(analyze(t, "dump", "--format", "jsonl", file)) {
		var m struct {
			Event   string
			Payload any
		}
		if err := json.Unmarshal([]byte(l), &m); err != nil {
			t.Fatal(err)
		}
		text, _ := m.Payload.(string)
		known := func(p persona) bool { return strings.TrimPrefix(text, "new-") == p.name }
		if slices.ContainsFunc(personas, known) || strings.TrimPrefix(text, "new-") == "cgroup" {
			names[text] = true
		}
	}
	return slices.Sorted(maps.Keys(names))
}

// newCgroup makes a cgroup that is called like a container's.
func newCgroup(t *testing.T) string {
	t.Helper()
	root := "/sys/fs/cgroup"
	if _, err := os.Stat(root + "/unified"); err == nil { // beside cgroup v1
		root += "/unified"
	}
	dir := root + "/docker-" + strings.Repeat("0123456789abcdef", 4) + ".scope"
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatalf("cgroup v2 is needed: %v", err)
	}
	// Processes leave it when they end, not when they are told to.
	t.Cleanup(func() {
		for range 100 {
			if os.Remove(dir) == nil {
				return
			}
			time.Sleep(20 * time.Millisecond)
		}
	})
	return dir
}

func netnsOf(t *testing.T, pid int) uint64 {
	t.Helper()
	var st syscall.Stat_t
	if err := syscall.Stat(fmt.Sprintf("/proc/%d/ns/net", pid), &st); err != nil {
		t.Fatal(err)
	}
	return st.Ino
}

// With a cap, a socket has so much recorded and no more, and what is left out
// is counted; others are not touched by it.
func TestCaps(t *testing.T) {
	needs(t, "python3")
	dir := t.TempDir()
	path := filepath.Join(dir, "s")
	const script = `
import socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM); s.bind(sys.argv[1])
a, b = (socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) for _ in range(2))
for x in a, b: x.connect(sys.argv[1])
for i in range(100):
    a.send(b"a" * 100)
    s.recv(1000)
b.send(b"b" * 100)
`
	for _, flag := range []string{"--max-bytes", "--max-rate"} {
		file := filepath.Join(dir, flag)
		r := record(t, flag, "1k", "-w", file, "--", "python3", "-c", script, path)
		if err := <-r.ended; err != nil {
			t.Fatalf("%v: %s", err, &r.stderr)
		}
		os.Remove(path)
		sent := make(map[string]int)
		for l := range strings.Lines(analyze(t, "dump", "--format", "stap", file)) {
			sent[string(l[strings.Index(l, "[")+1])]++
		}
		if sent["a"] != 10 && flag == "--max-bytes" || sent["a"] < 10 || sent["a"] > 60 || sent["b"] != 1 {
			t.Errorf("%s: recorded %v", flag, sent)
		}
		if want := fmt.Sprintf("%d packets, %d bytes", 100-sent["a"], 100*(100-sent["a"])); !strings.Contains(r.stderr.String(), want) {
			t.Errorf("%s: %q is not said:\n%s", flag, want, &r.stderr)
		}
	}
}

// What descriptors are is noted with the message that passes them.
func TestDescriptors(t *testing.T) {
	needs(t, "python3")
	const script = `
import socket, os
a, b = socket.socketpair()
r, w = os.pipe()
socket.send_fds(a, [b"x"], [r, os.open("/etc/passwd", 0), os.open("/", 0), os.open("/dev/null", 1), os.eventfd(0), b.fileno()])
`
	file := filepath.Join(t.TempDir(), "fds.pcapng")
	r := record(t, "-w", file, "--", "python3", "-c", script)
	if err := <-r.ended; err != nil {
		t.Fatalf("%v: %s", err, &r.stderr)
	}
	const want = `"fds":6,"fd_types":"fifo,file,dir,char,anon,socket"`
	if out := analyze(t, "dump", "--format", "jsonl", file); !strings.Contains(out, want) {
		t.Errorf("not %s in %s", want, out)
	}
}

// What a thread with a name of its own says is its process's, too.
func TestThreadName(t *testing.T) {
	needs(t, "python3")
	const script = `
import socket, sys, threading, time
open("/proc/self/comm", "w").write("talk-main")
a, b = socket.socketpair()
def talk():
    open("/proc/self/task/%d/comm" % threading.get_native_id(), "w").write("talk-thread")
    print("ready", flush=True)
    while True:
        a.send(b"plain")
        b.recv(100)
        time.sleep(0.01)
threading.Thread(target=talk).start()
`
	cmd := exec.Command("python3", "-c", script)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	var ready string
	if _, err := fmt.Fscan(out, &ready); err != nil {
		t.Fatal(err)
	}
	for filter, want := range map[string]bool{
		"--comm=talk-main": true, "--comm=talk-thread": true, "--comm=talk-other": false,
		"--not=comm=talk-main": false, "--not=comm=talk-thread": false, "--not=comm=talk-other": true,
	} {
		file := filepath.Join(t.TempDir(), "x.pcapng")
		r := record(t, "-w", file, filter)
		time.Sleep(200 * time.Millisecond)
		r.cmd.Process.Signal(os.Interrupt)
		<-r.ended
		if got := len(named(t, file)) > 0; got != want {
			t.Errorf("%s: recorded %v, want %v", filter, got, want)
		}
	}
}

// What a thread sends elsewhere leaves no trace on its next message that is
// wanted: that has its own time.
func TestBesides(t *testing.T) {
	needs(t, "python3")
	path := filepath.Join(t.TempDir(), "s")
	const script = `
import socket, sys, time
server = socket.socket(socket.AF_UNIX); server.bind(sys.argv[1]); server.listen()
x, y = socket.socketpair()
for i in range(3):
    x.send(b"nobody reads this")
time.sleep(0.5)
c = socket.socket(socket.AF_UNIX); c.connect(sys.argv[1])
c.send(b"wanted")
`
	file := filepath.Join(t.TempDir(), "x.pcapng")
	r := record(t, "-w", file, path, "--", "python3", "-c", script, path)
	if err := <-r.ended; err != nil {
		t.Fatalf("%v: %s", err, &r.stderr)
	}
	var m struct {
		Payload string
		Took    int64 `json:"took_ns"`
	}
	if err := json.Unmarshal([]byte(strings.SplitAfter(analyze(t, "dump", "--format", "jsonl", file), "\n")[0]), &m); err != nil {
		t.Fatal(err)
	}
	if m.Payload != "wanted" || m.Took >= int64(500*time.Millisecond) {
		t.Errorf("%+v", m)
	}
}
