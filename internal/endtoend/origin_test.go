package endtoend

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// A talker is one end as analyze's JSON has it.
type talker struct {
	PID           int
	Comm          string
	Exe           string
	CgroupPath    string `json:"cgroup_path"`
	Container     string
	ContainerName string `json:"container_name"`
}

// A speech is a line of `analyze flows` or `analyze dump`.
type speech struct {
	Client, Server, From, To talker
	Event                    string
	Payload                  string
}

func speeches(t *testing.T, args ...string) (list []speech) {
	t.Helper()
	d := json.NewDecoder(strings.NewReader(analyze(t, append(args, "--format", "jsonl")...)))
	for d.More() {
		var x speech
		if err := d.Decode(&x); err != nil {
			t.Fatal(err)
		}
		list = append(list, x)
	}
	return list
}

// exe is the executable of a process, as the kernel says.
func exe(t *testing.T, pid string) string {
	t.Helper()
	s, err := os.Readlink("/proc/" + pid + "/exe")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

const echoServer = `
import os, socket, sys
l = socket.socket(socket.AF_UNIX)
l.bind(sys.argv[1])
l.listen(9)
print(os.getpid(), flush=True)
while True:
    c, _ = l.accept()
    try:
        while b := c.recv(100): c.send(b"answer to " + b)
    except OSError: pass
    c.close()`

// What both ends run is in the capture, and still in what editcap and mergecap
// make of it.
func TestExecutables(t *testing.T) {
	needs(t, "editcap", "mergecap")
	dir := t.TempDir()
	path, file := filepath.Join(dir, "s"), filepath.Join(dir, "a.pcapng")
	server := startServer(t, path, echoServer)
	own, python := exe(t, "self"), exe(t, server)
	r := record(t, "-w", file, path)
	ask(t, path, "a")
	ask(t, path, "b")
	r.stop()
	edited, merged := filepath.Join(dir, "edited.pcapng"), filepath.Join(dir, "merged.pcapng")
	run(t, "editcap", file, edited)
	run(t, "mergecap", "-w", merged, edited)
	for _, f := range []string{file, edited, merged} {
		list := speeches(t, "flows", f)
		if len(list) != 2 {
			t.Fatalf("%s: %d conversations", f, len(list))
		}
		for _, x := range list {
			if x.Client.Exe != own || x.Server.Exe != python || x.Client.CgroupPath == "" || x.Server.CgroupPath == "" {
				t.Errorf("%s: %+v %+v, want %s and %s", f, x.Client, x.Server, own, python)
			}
		}
	}
}

// A parent binds and listens, its children accept and send: they are the ones
// to be named.
func TestPreforkedServer(t *testing.T) {
	needs(t)
	dir := t.TempDir()
	path, file := filepath.Join(dir, "s"), filepath.Join(dir, "a.pcapng")
	parent := startServer(t, path, `
import os, socket, sys
l = socket.socket(socket.AF_UNIX)
l.bind(sys.argv[1])
l.listen(9)
print(os.getpid(), flush=True)
for i in range(3):
    if os.fork() == 0:
        while True:
            c, _ = l.accept()
            c.recv(100)
            c.send(b"%d" % os.getpid())
            c.recv(100)
            c.close()
os.wait()`)
	python := exe(t, parent)
	r := record(t, "-w", file, path)
	// All three are kept busy at once, so that each has to take one.
	var open []net.Conn
	for range 3 {
		c, err := net.Dial("unix", path)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		open = append(open, c)
		if _, err := c.Write([]byte("question")); err != nil {
			t.Fatal(err)
		}
		if _, err := c.Read(make([]byte, 100)); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range open {
		c.Close()
	}
	r.stop()
	workers := map[int]bool{}
	for _, x := range speeches(t, "dump", file) {
		if pid, err := strconv.Atoi(x.Payload); err == nil {
			workers[pid] = true
			if x.From.PID != pid || x.From.Exe != python {
				t.Errorf("what %d sent is said to be from %+v", pid, x.From)
			}
		}
	}
	if len(workers) != 3 || workers[atoi(t, parent)] {
		t.Errorf("%v sent, and %s listened", workers, parent)
	}
	for _, x := range speeches(t, "flows", file) {
		if !workers[x.Server.PID] || x.Server.Exe != python {
			t.Errorf("a conversation with %+v", x.Server)
		}
	}
}

func atoi(t *testing.T, s string) int {
	t.Helper()
	n, err := strconv.Atoi(s)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// The list for machines has all the processes of a socket, and what they run.
func TestListJSON(t *testing.T) {
	needs(t)
	path := filepath.Join(t.TempDir(), "s")
	child := startServer(t, path, `
import os, socket, sys
l = socket.socket(socket.AF_UNIX)
l.bind(sys.argv[1])
l.listen(9)
pid = os.fork()
if pid:
    print(pid, flush=True)
    os.wait()
l.accept()`)
	var got struct {
		SK, Kind, State, Path string
		Inode                 int
		Holders               []struct {
			talker
			UID *int
		}
	}
	out := run(t, filepath.Join(bin, "record"), "-D", "--format", "jsonl", path)
	if err := json.Unmarshal([]byte(out), &got); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if got.Kind != "stream" || got.State != "listening" || got.Path != path || !strings.HasPrefix(got.SK, "0x") || len(got.Holders) != 2 {
		t.Fatal(out)
	}
	for _, h := range got.Holders {
		if h.Exe != exe(t, child) || h.Comm != "python3" || h.CgroupPath == "" || h.UID == nil || *h.UID != 0 {
			t.Errorf("%+v", h)
		}
	}
}

// Of a connection that was there before, an end that says nothing is known too.
func TestOlderConnection(t *testing.T) {
	needs(t)
	dir := t.TempDir()
	path, file := filepath.Join(dir, "s"), filepath.Join(dir, "a.pcapng")
	server := startServer(t, path, `
import os, socket, sys
l = socket.socket(socket.AF_UNIX)
l.bind(sys.argv[1])
l.listen(9)
pid = os.fork()
if pid:
    print(pid, flush=True)
    l.close()
    os.wait()
c, _ = l.accept()
c.send(b"hello")
while c.recv(100): pass`)
	c, err := net.Dial("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := io.ReadFull(c, make([]byte, 5)); err != nil { // it is accepted
		t.Fatal(err)
	}
	r := record(t, "-w", file, path)
	if _, err := c.Write([]byte("are you there?")); err != nil {
		t.Fatal(err)
	}
	r.stop()
	list := speeches(t, "flows", file)
	if len(list) != 1 {
		t.Fatalf("%d conversations", len(list))
	}
	x := list[0]
	if x.Server.PID != atoi(t, server) || x.Server.Exe != exe(t, server) || x.Server.Comm != "python3" {
		t.Errorf("the silent server is %+v, want %s", x.Server, server)
	}
	if x.Client.PID != os.Getpid() || x.Client.Exe != exe(t, "self") {
		t.Errorf("the client is %+v", x.Client)
	}
}

// A program that was replaced on the disk is called deleted.
func TestDeletedExecutable(t *testing.T) {
	needs(t, "socat")
	dir := t.TempDir()
	path, file, program := filepath.Join(dir, "s"), filepath.Join(dir, "a.pcapng"), filepath.Join(dir, "my server")
	copySocat(t, program)
	cmd := exec.Command(program, "-d", "-d", "UNIX-LISTEN:"+path, "PIPE")
	stderr, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
	})
	for lines := bufio.NewScanner(stderr); !strings.Contains(lines.Text(), "listening on"); {
		if !lines.Scan() {
			t.Fatal("socat does not listen")
		}
	}
	if err := os.Remove(program); err != nil {
		t.Fatal(err)
	}
	r := record(t, "-w", file, path)
	c, err := net.Dial("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close() // until then the server lives
	if _, err := c.Write([]byte("a")); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Read(make([]byte, 100)); err != nil {
		t.Fatal(err)
	}
	r.stop()
	list := speeches(t, "flows", file)
	if len(list) != 1 || list[0].Server.Exe != program+" (deleted)" {
		t.Errorf("%+v, want %s (deleted)", list, program)
	}
}

func copySocat(t *testing.T, to string) {
	t.Helper()
	socat, err := exec.LookPath("socat")
	if err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(socat)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(to, b, 0o755); err != nil {
		t.Fatal(err)
	}
}

// reuse runs two programs, one after the other, with the same pid. Each speaks
// until a line comes.
const reuse = `
import ctypes, os, select, signal, sys, time
def speak(program, fork):
    r, w = os.pipe()
    pid = fork()
    if pid == 0:
        os.dup2(r, 0)
        os.execv(program, [program, "STDIN", "UNIX-CONNECT:" + sys.argv[1]])
    while True:
        os.write(w, b"hello")
        if select.select([0], [], [], 0.05)[0]: break
    os.read(0, 100)
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    print(pid, flush=True)
    return pid
def again():
    # clone3 takes the pid that the child is to have.
    tid = ctypes.c_int(pid)
    args = (ctypes.c_uint64 * 11)(0, 0, 0, 0, signal.SIGCHLD, 0, 0, 0, ctypes.addressof(tid), 1, 0)
    n = ctypes.CDLL(None, use_errno=True).syscall(435, args, ctypes.sizeof(args))
    if n < 0: sys.exit(os.strerror(ctypes.get_errno()))
    return n
pid = speak(sys.argv[2], os.fork)
time.sleep(0.2) # no pid comes back sooner
speak(sys.argv[3], again)`

// A pid that is used again is not taken for who had it before.
func TestReusedPID(t *testing.T) {
	needs(t, "python3", "socat")
	dir := t.TempDir()
	path, file := filepath.Join(dir, "s"), filepath.Join(dir, "a.pcapng")
	startServer(t, path, echoServer)
	// The same name in two folders, so that only the executable differs.
	clients := []string{filepath.Join(dir, "1", "client"), filepath.Join(dir, "2", "client")}
	copySocat(t, clients[0])
	copySocat(t, clients[1])
	r := record(t, "-U", "-w", file, path)
	cmd := exec.Command("python3", "-c", reuse, path, clients[0], clients[1])
	cmd.Stderr = t.Output()
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer cmd.Process.Kill()
	var pids [2]int
	limit := time.Now().Add(time.Minute)
	for i, client := range clients {
		for b := []byte(nil); !bytes.Contains(b, []byte("exe="+client)); time.Sleep(10 * time.Millisecond) {
			if b, err = os.ReadFile(file); err != nil {
				t.Fatal(err)
			}
			if time.Now().After(limit) {
				t.Fatalf("%s does not come", client)
			}
		}
		if _, err := stdin.Write([]byte("\n")); err != nil {
			t.Fatal(err)
		}
		if _, err := fmt.Fscan(stdout, &pids[i]); err != nil {
			t.Fatal(err)
		}
	}
	if err := cmd.Wait(); err != nil {
		t.Fatal(err)
	}
	r.stop()
	list := speeches(t, "flows", file)
	if len(list) != 2 || pids[0] != pids[1] {
		t.Fatalf("%d conversations of %v", len(list), pids)
	}
	for i, want := range clients {
		if got := list[i].Client; got.PID != pids[i] || got.Exe != want {
			t.Errorf("conversation %d is of %+v, want %d %s", i, got, pids[i], want)
		}
	}
}

// A process in a cgroup as Docker makes them is known to be in that container,
// also if it is gone before anybody looks.
func TestContainer(t *testing.T) {
	needs(t, "python3")
	root := "/sys/fs/cgroup"
	if _, err := os.Stat(filepath.Join(root, "cgroup.controllers")); err != nil {
		root = filepath.Join(root, "unified")
	}
	id := strings.Repeat(fmt.Sprintf("%08x", os.Getpid()), 8)
	name := "/docker-" + id + ".scope"
	folder := filepath.Join(root, name)
	if err := os.Mkdir(folder, 0o755); err != nil {
		t.Logf("no cgroups of version 2 can be made here (%v); TestInspector in internal/sockets has to do", err)
		return
	}
	t.Cleanup(func() {
		if err := os.Remove(folder); err != nil {
			t.Error(err)
		}
	})
	dir := t.TempDir()
	path, file := filepath.Join(dir, "s"), filepath.Join(dir, "a.pcapng")
	startServer(t, path, echoServer)
	r := record(t, "-w", file, path)
	for range 5 {
		// It goes at once when it has sent.
		run(t, "sh", "-c", `echo $$ > "$1/cgroup.procs" && exec python3 -c '
import os, socket, sys
s = socket.socket(socket.AF_UNIX)
s.connect(sys.argv[1])
s.send(b"x")
os._exit(0)' "$2"`, "sh", folder, path)
	}
	r.stop()
	list := speeches(t, "flows", file)
	if len(list) != 5 {
		t.Fatalf("%d conversations", len(list))
	}
	named := 0
	for _, x := range list {
		// Messages wait for a moment only to be told whose they are, which a busy
		// machine can be too slow for.
		if c := &x.Client; c.Container == id && c.CgroupPath == name {
			named++
		} else if c.Container != "" || c.CgroupPath != "" {
			t.Errorf("the client is %+v, want %s in %s", *c, id, name)
		}
		if x.Client.ContainerName != "" {
			t.Errorf("the container is called %q, and has no name", x.Client.ContainerName)
		}
		if x.Server.Container != "" {
			t.Errorf("the server is %+v", x.Server)
		}
	}
	if named < 3 {
		t.Errorf("of 5 clients, %d are said to be in the container", named)
	}
}
