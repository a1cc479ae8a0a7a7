package endtoend

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// The ancestor's lines have the bytes that were sent, each message whole, live
// and from a file.
func TestStapLines(t *testing.T) {
	needs(t, "socat")
	dir := t.TempDir()
	socket, file := filepath.Join(dir, "echo.sock"), filepath.Join(dir, "echo.pcapng")
	// Not to a pipe, which has not room for all of the message should it come at once.
	server := exec.Command("socat", "-b", "200000", "UNIX-LISTEN:"+socket, "EXEC:cat")
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		server.Process.Kill() // has ended, unless something is wrong
		server.Wait()
	})
	for {
		if _, err := os.Stat(socket); err == nil {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	toFile := record(t, "-w", file, socket)
	live := record(t, "--format", "stap", socket)

	var message []byte
	for i := range 100000 {
		message = append(message, byte(i*7+i/256))
	}
	client := exec.Command("socat", "-t", "60", "-b", "200000", "-", "UNIX-CONNECT:"+socket)
	client.Stdin = bytes.NewReader(message)
	back, err := client.Output()
	if err != nil || !bytes.Equal(back, message) {
		t.Fatalf("echo of %d bytes: %d bytes, %v", len(message), len(back), err)
	}
	toFile.stop()
	live.stop()

	for name, out := range map[string]string{
		"live": live.stdout.String(),
		"file": analyze(t, "dump", "--format", "stap", file),
	} {
		sent := make(map[string][]byte) // by sk
		for line := range strings.Lines(out) {
			f := strings.SplitN(strings.TrimSuffix(line, "]\n"), " ", 5)
			if len(f) < 5 || f[1] != "socat" || f[0] != strconv.Itoa(server.Process.Pid) && f[0] != strconv.Itoa(client.Process.Pid) {
				t.Fatalf("%s: line %.100q", name, line)
			}
			i := strings.LastIndex(f[4], "] [")
			payload, err := hex.DecodeString(f[4][i+3:])
			if err != nil || f[4][i+3:] != strings.ToUpper(f[4][i+3:]) || strconv.Itoa(len(payload)) != f[3] || i != len(payload)+1 {
				t.Fatalf("%s: line %.100q: %v", name, line, err)
			}
			sent[f[2]] = append(sent[f[2]], payload...)
		}
		if len(sent) != 2 {
			t.Errorf("%s: %d sockets sent, want 2", name, len(sent))
		}
		for sk, p := range sent {
			if !bytes.Equal(p, message) {
				t.Errorf("%s: %s sent %d bytes that are not the message", name, sk, len(p))
			}
		}
	}
}

// What the buffer between kernel and recorder has no room for is counted, to
// the message and to the byte.
func TestLossIsCounted(t *testing.T) {
	needs(t)
	file := filepath.Join(t.TempDir(), "flood.pcapng")
	r := record(t, "-B", "64", "-w", file, "-p", strconv.Itoa(os.Getpid()))
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	const messages, size = 40000, 1000
	drained := make(chan int)
	go func() {
		n, b := 0, make([]byte, 1<<20)
		for n < messages*size {
			k, err := unix.Read(fds[1], b)
			if err != nil {
				break
			}
			n += k
		}
		drained <- n
	}()
	if err := r.cmd.Process.Signal(unix.SIGSTOP); err != nil { // a recorder that can't keep up
		t.Fatal(err)
	}
	payload := make([]byte, size)
	for i := range messages {
		if i == messages/2 {
			if err := r.cmd.Process.Signal(unix.SIGCONT); err != nil {
				t.Fatal(err)
			}
			time.Sleep(200 * time.Millisecond)
		}
		if _, err := unix.Write(fds[0], payload); err != nil {
			t.Fatal(err)
		}
	}
	if n := <-drained; n != messages*size {
		t.Fatalf("%d bytes arrived", n)
	}
	time.Sleep(200 * time.Millisecond)
	if _, err := unix.Write(fds[0], payload); err != nil { // so that the last loss shows
		t.Fatal(err)
	}
	captured, dropped := r.stop()
	if captured+dropped != messages+1 || dropped == 0 {
		t.Errorf("captured %d and dropped %d of %d messages", captured, dropped, messages+1)
	}
	var lost int
	for line := range strings.Lines(analyze(t, "dump", "--format", "jsonl", file)) {
		if _, after, ok := strings.Cut(line, `"lost_messages":`); ok {
			var n int
			if _, err := fmt.Sscan(strings.TrimRight(strings.SplitN(after, ",", 2)[0], "}"), &n); err != nil {
				t.Fatal(err)
			}
			lost += n
		}
	}
	if lost != dropped {
		t.Errorf("the file says that %d messages are lost, the closing lines %d", lost, dropped)
	}
}

// A capture can be read while it is written, and one whose writer was killed up
// to its last packet.
func TestKilled(t *testing.T) {
	needs(t, "tshark")
	file := filepath.Join(t.TempDir(), "killed.pcapng")
	r := record(t, "-w", file, "-p", strconv.Itoa(os.Getpid()))
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_DGRAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	for range 10 {
		if _, err := unix.Write(fds[0], []byte("a datagram")); err != nil {
			t.Fatal(err)
		}
	}
	for strings.Count(analyze(t, "dump", file), "\n") < 10 {
		time.Sleep(50 * time.Millisecond)
	}
	if err := r.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	<-r.ended
	if n := strings.Count(analyze(t, "dump", "--format", "stap", file), "[a datagram]"); n != 10 {
		t.Errorf("%d datagrams", n)
	}
	if out := run(t, "tshark", "-r", file, "-T", "fields", "-e", "data.data"); strings.Count(out, hex.EncodeToString([]byte("a datagram"))) != 10 {
		t.Errorf("tshark: %q", out)
	}
}

// Packets can be piped into tshark.
func TestPipeToTshark(t *testing.T) {
	needs(t, "tshark", "python3")
	r := record(t, "-w", "-", "--", "python3", "-c", "import socket; a, b = socket.socketpair(); a.send(b'piped'); b.recv(9)")
	if err := <-r.ended; err != nil {
		t.Fatalf("%v: %s", err, &r.stderr)
	}
	cmd := exec.Command("tshark", "-r", "-", "-T", "fields", "-e", "tcp.payload")
	cmd.Stdin = &r.stdout
	out, err := cmd.Output()
	if err != nil || strings.TrimSpace(string(out)) != hex.EncodeToString([]byte("piped")) {
		t.Errorf("tshark: %q, %v", out, err)
	}
}

// record -- COMMAND has what the command's children say and are told, and
// nothing else; its exit status is the command's.
func TestCommand(t *testing.T) {
	needs(t, "python3")
	file := filepath.Join(t.TempDir(), "command.pcapng")
	noise, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		b := make([]byte, 100)
		for {
			if n, err := unix.Read(noise[1], b); n <= 0 || err != nil {
				return
			}
		}
	}()
	stop := make(chan bool)
	go func() {
		for {
			select {
			case <-stop:
				unix.Close(noise[0])
				return
			default:
				unix.Write(noise[0], []byte("noise"))
				time.Sleep(time.Millisecond)
			}
		}
	}()
	script := `
import os, socket
a, b = socket.socketpair()
if os.fork() == 0:
    b.send(b"from the child " + b.recv(100))
    os._exit(0)
a.send(b"from the parent")
a.recv(100)
os.wait()
raise SystemExit(7)`
	cmd := exec.Command(filepath.Join(bin, "record"), "-w", file, "--", "sh", "-c", `python3 -c "$0"`, script)
	out, err := cmd.CombinedOutput()
	close(stop)
	if cmd.ProcessState == nil || cmd.ProcessState.ExitCode() != 7 {
		t.Errorf("exit status of %v: %s", err, out)
	}
	lines := analyze(t, "dump", "--format", "stap", file)
	if strings.Count(lines, "\n") != 2 || !strings.Contains(lines, "[from the parent]") || !strings.Contains(lines, "[from the child from the parent]") {
		t.Errorf("recorded %s", lines)
	}
}

// record -D has what lsof has, and the kernel's real addresses.
func TestList(t *testing.T) {
	needs(t)
	name := filepath.Join(t.TempDir(), "listed.sock")
	l, err := unix.Socket(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(l)
	if err := unix.Bind(l, &unix.SockaddrUnix{Name: name}); err != nil {
		t.Fatal(err)
	}
	if err := unix.Listen(l, 1); err != nil {
		t.Fatal(err)
	}
	var st unix.Stat_t
	if err := unix.Fstat(l, &st); err != nil {
		t.Fatal(err)
	}
	out := run(t, filepath.Join(bin, "record"), "-D", name)
	want := []string{strconv.FormatUint(st.Ino, 10), "seqpacket", "listening", fmt.Sprintf("endtoend.test[%d]", os.Getpid()), "-", name}
	lines := strings.Split(out, "\n")
	if len(lines) != 3 || !strings.HasPrefix(lines[1], "0xffff") || strings.Join(strings.Fields(lines[1])[1:], " ") != strings.Join(want, " ") {
		t.Errorf("got\n%swant %v", out, want)
	}
}

// Two filters of one kind add up, two kinds narrow down.
func TestFilters(t *testing.T) {
	needs(t)
	dir := t.TempDir()
	var names []string
	send := map[string]func(){}
	for _, n := range []string{"a.sock", "b.sock", "c.log"} {
		name := filepath.Join(dir, n)
		names = append(names, name)
		fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_DGRAM, 0)
		if err != nil {
			t.Fatal(err)
		}
		defer unix.Close(fd)
		if err := unix.Bind(fd, &unix.SockaddrUnix{Name: name}); err != nil {
			t.Fatal(err)
		}
		send[name] = func() {
			if err := unix.Sendto(fd, []byte("to "+n), 0, &unix.SockaddrUnix{Name: name}); err != nil {
				t.Fatal(err)
			}
		}
	}
	me := strconv.Itoa(os.Getpid())
	for _, tt := range []struct {
		args []string
		want string
	}{
		{[]string{names[0]}, "a.sock"},
		{[]string{names[0], names[2]}, "a.sock c.log"},
		{[]string{dir + "/*.sock"}, "a.sock b.sock"},
		{[]string{"*c.l?g"}, "c.log"},
		{[]string{"b.sock"}, "b.sock"},
		{[]string{"sock"}, ""},
		{[]string{"-p", me, dir + "/*"}, "a.sock b.sock c.log"},
		{[]string{"-p", "1", dir + "/*"}, ""},
		{[]string{dir + "/nothing*"}, ""},
	} {
		t.Run(strings.Join(tt.args, " "), func(t *testing.T) {
			r := record(t, append([]string{"--format", "stap"}, tt.args...)...)
			for _, name := range names {
				send[name]()
			}
			r.stop()
			var got []string
			for _, n := range []string{"a.sock", "b.sock", "c.log"} {
				if strings.Contains(r.stdout.String(), "[to "+n+"]") {
					got = append(got, n)
				}
			}
			if strings.Join(got, " ") != tt.want {
				t.Errorf("recorded %q, want %q", got, tt.want)
			}
		})
	}
}

// A reader that goes is no error, and a command can still be killed by one.
func TestReaderGone(t *testing.T) {
	needs(t, "python3")
	script := `exec 2>&1; record=$0; shift 0
"$record" --format stap -- python3 -c "
import socket
a, b = socket.socketpair()
for i in range(2000): a.send(b'x' * 1000); b.recv(2000)" | head -n 1 | cut -c1-1
"$record" --format stap -- sh -c 'grep SigIgn /proc/self/status'`
	out, err := exec.Command("sh", "-c", script, filepath.Join(bin, "record")).CombinedOutput()
	if err != nil {
		t.Errorf("%v: %s", err, out)
	}
	var ignored uint64
	if _, after, ok := strings.Cut(string(out), "SigIgn:\t"); !ok {
		t.Errorf("%s", out)
	} else if _, err := fmt.Sscanf(after, "%x", &ignored); err != nil || ignored>>(unix.SIGPIPE-1)&1 != 0 {
		t.Errorf("SIGPIPE is ignored: %s, %v", out, err)
	}
	if strings.Contains(string(out), "broken pipe") {
		t.Errorf("%s", out)
	}
}

// timeout(1) sends its signal to the program and then to the group it is in, which is
// one request to end: the file and the totals are complete.
func TestSignalTwice(t *testing.T) {
	needs(t)
	for range 5 {
		r := record(t, "-w", filepath.Join(t.TempDir(), "x.pcapng"))
		r.signal(syscall.SIGTERM)
		time.Sleep(2 * time.Millisecond)
		_ = r.cmd.Process.Signal(syscall.SIGTERM) // it may have ended
		if err := <-r.ended; err != nil || !strings.Contains(r.stderr.String(), "packets captured") {
			t.Errorf("%v: %s", err, &r.stderr)
		}
	}
}

// A recording whose output is stuck ends at the second signal.
func TestStuckOutput(t *testing.T) {
	needs(t, "python3")
	p, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	cmd := exec.Command(filepath.Join(bin, "record"), "-w", "-", "-p", strconv.Itoa(os.Getpid()))
	cmd.Stdout = w
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer cmd.Process.Kill()
	w.Close()
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	b := make([]byte, 60000)
	for range 200 { // more than a pipe holds, once it is recorded
		unix.Write(fds[0], b)
		unix.Read(fds[1], b)
		time.Sleep(10 * time.Millisecond)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	for {
		cmd.Process.Signal(os.Interrupt)
		select {
		case <-ended:
			return
		case <-time.After(100 * time.Millisecond):
		}
	}
}
