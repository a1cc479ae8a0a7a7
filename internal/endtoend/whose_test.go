package endtoend

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// startServer runs a Python program that listens at the path given to it and
// prints the pid of the process that will answer.
func startServer(t *testing.T, path, program string) (pid string) {
	t.Helper()
	needs(t, "python3")
	cmd := exec.Command("python3", "-c", program, path)
	cmd.SysProcAttr = &unix.SysProcAttr{Setpgid: true}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		unix.Kill(-cmd.Process.Pid, unix.SIGKILL)
		cmd.Wait()
	})
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(line)
}

func ask(t *testing.T, path, text string) {
	t.Helper()
	c, err := net.Dial("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := c.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
	if err := c.(*net.UnixConn).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadAll(c); err != nil {
		t.Fatal(err)
	}
}

// A worker accepts what another process listens for: the first request of a
// connection comes before anything says that it will be the worker's.
func TestWorker(t *testing.T) {
	needs(t)
	path := filepath.Join(t.TempDir(), "s")
	worker := startServer(t, path, `
import os, socket, sys
l = socket.socket(socket.AF_UNIX)
l.bind(sys.argv[1])
l.listen(9)
pid = os.fork()
if pid:
    print(pid, flush=True)
    os.wait()
while True:
    c, _ = l.accept()
    c.send(b"answer to " + c.recv(100))
    c.close()`)
	r := record(t, "--format", "stap", "-p", worker)
	for i := range 5 {
		ask(t, path, fmt.Sprint("request ", i))
	}
	r.stop()
	for i := range 5 {
		for _, want := range []string{fmt.Sprintf("[request %d]", i), fmt.Sprintf("[answer to request %d]", i)} {
			if !strings.Contains(r.stdout.String(), want) {
				t.Errorf("no %s in\n%s", want, &r.stdout)
			}
		}
	}
}

// Of two workers, only the first message to the other can be taken for one to
// this one.
func TestOtherWorker(t *testing.T) {
	needs(t)
	path := filepath.Join(t.TempDir(), "s")
	idle := startServer(t, path, `
import os, socket, sys, time
l = socket.socket(socket.AF_UNIX)
l.bind(sys.argv[1])
l.listen(9)
pid = os.fork()
if pid == 0:
    time.sleep(100)
pid2 = os.fork()
if pid2:
    print(pid, flush=True)
    os.wait()
c, _ = l.accept()
while True:
    c.send(b"answer to " + c.recv(100))`)
	r := record(t, "--format", "stap", "-p", idle)
	c, err := net.Dial("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for i := range 5 {
		if _, err := fmt.Fprint(c, "request ", i); err != nil {
			t.Fatal(err)
		}
		if _, err := c.Read(make([]byte, 100)); err != nil {
			t.Fatal(err)
		}
	}
	r.stop()
	if out := r.stdout.String(); strings.Count(out, "\n") > 1 || strings.Contains(out, "answer") {
		t.Errorf("the other worker's: %s", out)
	}
}

// Nobody else's sockets are recorded, whatever their addresses were before.
func TestNobodyElses(t *testing.T) {
	needs(t)
	path := filepath.Join(t.TempDir(), "s")
	server := startServer(t, path, `
import os, socket, sys
l = socket.socket(socket.AF_UNIX)
l.bind(sys.argv[1])
l.listen(9)
print(os.getpid(), flush=True)
while True:
    c, _ = l.accept()
    while c.recv(100): pass
    c.send(b"bye")
    c.close()`)
	r := record(t, "--format", "stap", "-p", server)
	for i := range 40 {
		ask(t, path, fmt.Sprint("mine ", i))
	}
	for range 100 {
		fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM, 0)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := unix.Write(fds[0], []byte("private")); err != nil {
			t.Fatal(err)
		}
		unix.Close(fds[0])
		unix.Close(fds[1])
	}
	r.stop()
	out := r.stdout.String()
	if n := strings.Count(out, "[mine "); n != 40 {
		t.Errorf("%d of 40 requests", n)
	}
	if strings.Contains(out, "[private]") {
		t.Errorf("somebody else's: %s", out)
	}
}

// The receiver of datagrams is known once it has received one.
func TestDatagramReceiver(t *testing.T) {
	needs(t)
	path := filepath.Join(t.TempDir(), "s")
	r := record(t, "--format", "jsonl", filepath.Dir(path)+"/*")
	server := startServer(t, path, `
import os, socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.bind(sys.argv[1])
print(os.getpid(), flush=True)
while True:
    b, who = s.recvfrom(100)
    s.sendto(b, who)`)
	client, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Net: "unixgram", Name: path + ".client"})
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	for range 3 {
		if _, err := client.WriteTo([]byte("datagram"), &net.UnixAddr{Net: "unixgram", Name: path}); err != nil {
			t.Fatal(err)
		}
		if _, err := client.Read(make([]byte, 100)); err != nil {
			t.Fatal(err)
		}
	}
	r.stop()
	if n := strings.Count(r.stdout.String(), `"to":{"pid":`+server+`,"comm":"python3"`); n != 3 {
		t.Errorf("%d of 3 datagrams to python3[%s]:\n%s", n, server, &r.stdout)
	}
}
