package endtoend

import (
	"bufio"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// receivers is a program that receives in pieces, and prints how many bytes each
// call got. Its first bytes are on their way before it is told to go on.
const receivers = `
import socket, os, sys
a, b = socket.socketpair()
a.send(b"0123456789")
print("ready", flush=True)
sys.stdin.readline()
got = []
def get(n, flags=0):
    d = b.recv(n, flags)
    if not flags:
        got.append(len(d))
get(4)
a.send(b"abcdef")
get(100, socket.MSG_PEEK)
get(100)
for size in 1, 300, 70000, 150000:
    a.send(bytes(size))
    left = size
    while left:
        get(min(left, 65536))
        left -= got[-1]
    b.send(b"answer")
    a.recv(100)
a.send(b"xyz")
get(1)
get(1)
print(*got)
`

// Each receive call is a pure ACK that acknowledges what it got, also where
// bytes were on their way before the recording.
func TestReceive(t *testing.T) {
	needs(t, "python3", "tshark")
	cmd := exec.Command("python3", "-c", receivers)
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	lines.Scan() // it is ready
	file := filepath.Join(t.TempDir(), "receive.pcapng")
	r := record(t, "--receive", "-w", file, "-p", strconv.Itoa(cmd.Process.Pid))
	fmt.Fprintln(in)
	lines.Scan()
	want := strings.Fields(lines.Text())
	if err := cmd.Wait(); err != nil {
		t.Fatal(err)
	}
	r.stop()

	var got []string
	received, sent := 0, 0
	server := ""
	for l := range strings.Lines(analyze(t, "dump", "--format", "jsonl", file)) {
		var m struct {
			Event         string
			From          struct{ SK string }
			Length, Acked int
			Payload       string
		}
		if err := json.Unmarshal([]byte(l), &m); err != nil {
			t.Fatal(err)
		}
		switch {
		case m.Event == "send" && server == "": // the first is to it
			server, sent = "not "+m.From.SK, m.Length
		case m.Event == "send" && "not "+m.From.SK == server:
			sent += m.Length
		case m.Event == "receive" && "not "+m.From.SK != server:
			got = append(got, strconv.Itoa(m.Length))
			if received += m.Length; len(got) == 1 {
				received = sent // less what came before
			}
			if m.Acked != received || received > sent {
				t.Errorf("%d bytes acknowledged after %d of %d", m.Acked, received, sent)
			}
		}
	}
	// The first call got bytes from before; they are not part of the stream that
	// was seen. From the second on, which took all there was, it is known.
	if len(want) < 5 || want[0] != "4" || want[1] != "12" || !slices.Equal(got, append([]string{"12"}, want[2:]...)) {
		t.Errorf("calls got %v, recorded %v", want, got)
	}
	unflagged(t, file)
}

// What waits is what Wireshark says waits: the time from a request to its ACK.
func TestQueueing(t *testing.T) {
	m := startMariaDB(t)
	m.query("create database sbtest")
	m.sysbench("auto", "prepare")
	file := filepath.Join(t.TempDir(), "mysql.pcapng")
	r := record(t, "--receive", "-w", file, m.socket)
	m.sysbench("auto", "run")
	m.sysbench("disable", "run")
	r.stop()
	unflagged(t, file)

	rtt := make(map[string]float64) // by the packet that is acknowledged
	for l := range strings.Lines(run(t, "tshark", "-r", file, "-Y", "tcp.len == 0 && frame.comment contains \"read=\"",
		"-T", "fields", "-e", "tcp.analysis.acks_frame", "-e", "tcp.analysis.ack_rtt")) {
		f := strings.Fields(l)
		if len(f) == 0 {
			continue // of a part of a packet: a header
		}
		seconds, err := strconv.ParseFloat(f[1], 64)
		if err != nil {
			t.Fatal(err)
		}
		rtt[f[0]] = seconds
	}
	compared := 0
	for l := range strings.Lines(analyze(t, "log", "--format", "jsonl", file)) {
		var x struct {
			Op      string
			Packet  int
			Queued  *int64 `json:"queued_ns"`
			Service *int64 `json:"service_ns"`
			Latency int64  `json:"latency_ns"`
		}
		if err := json.Unmarshal([]byte(l), &x); err != nil {
			t.Fatal(err)
		}
		if x.Op == "connect" || x.Op == "quit" || x.Op == "stmt_close" { // of several messages; without an answer
			continue
		}
		if x.Queued == nil || x.Service == nil {
			t.Fatalf("not known how long it waited: %s", l)
		}
		if *x.Queued+*x.Service != x.Latency {
			t.Errorf("%d and %d ns are not %d", *x.Queued, *x.Service, x.Latency)
		}
		if want, ok := rtt[strconv.Itoa(x.Packet)]; !ok || math.Abs(want*1e9-float64(*x.Queued)) > 1 {
			t.Fatalf("waited %d ns, tshark says %v s: %s", *x.Queued, want, l)
		}
		compared++
	}
	if compared < 1000 {
		t.Errorf("%d requests compared", compared)
	}
	if text := analyze(t, file); !strings.Contains(text, "  queued  ") {
		t.Errorf("the report says nothing of it:\n%s", text)
	}
}

// unflagged has Wireshark find no fault with a file's TCP.
func unflagged(t *testing.T, file string) {
	t.Helper()
	filter := "_ws.malformed || tcp.analysis.flags || tcp.checksum.status == \"Bad\""
	if out := run(t, "tshark", "-r", file, "-o", "tcp.check_checksum:TRUE", "-Y", filter); out != "" {
		t.Errorf("tshark complains:\n%s", out)
	}
}

// Each file of a set is faultless TCP, also where it begins with what is received.
func TestReceiveSet(t *testing.T) {
	dir := t.TempDir()
	path := chatter(t, dir, 4, time.Millisecond)
	r := record(t, "--receive", "-C", "50k", "-W", "50", "-c", "2000", "-w", filepath.Join(dir, "set"), path)
	if err := <-r.ended; err != nil {
		t.Fatalf("%v: %s", err, &r.stderr)
	}
	names := glob(t, filepath.Join(dir, "set*"))
	if len(names) < 5 {
		t.Errorf("%d files", len(names))
	}
	for _, name := range names {
		// A file that begins in the middle has a second handshake at the next request.
		filter := "_ws.malformed || tcp.analysis.flags && !tcp.analysis.reused_ports"
		if out := run(t, "tshark", "-r", name, "-Y", filter); out != "" {
			t.Errorf("tshark complains:\n%s", out)
		}
	}
}
