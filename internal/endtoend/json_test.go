package endtoend

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// talkJSON sends all that it reads, without waiting, and prints every message
// that comes back, until it has as many replies as it was told. What ends a
// message is the first argument.
const talkJSON = `
import json, socket, sys
end, replies = sys.argv[1].encode().decode("unicode_escape").encode(), int(sys.argv[3])
s = socket.socket(socket.AF_UNIX)
s.connect(sys.argv[2])
s.sendall(b"".join(line.rstrip(b"\n") + end for line in sys.stdin.buffer))
had = b""
while replies > 0:
    got = s.recv(4096)
    if not got:
        sys.exit("the server hung up")
    *all, had = (had + got).split(end)
    for m in all:
        print(m.decode().strip(), flush=True)
        m = json.loads(m)
        replies -= not ("QMP" in m or "event" in m or m.get("continues"))
`

// talkLines sends lines to a socket and returns what was answered, by lines.
func talkLines(t *testing.T, socket, end, lines string, replies int) string {
	t.Helper()
	cmd := exec.Command("timeout", "60", "python3", "-c", talkJSON, end, socket, strconv.Itoa(replies))
	cmd.Stdin = strings.NewReader(lines)
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return string(out)
}

// A jsonMessage has the members of QMP's and varlink's messages.
type jsonMessage struct {
	Execute    string
	ExecOOB    string `json:"exec-oob"`
	Method     string
	ID         json.RawMessage
	QMP        json.RawMessage
	Event      string
	Return     json.RawMessage
	Error      json.RawMessage
	Parameters json.RawMessage
}

func readMessage(t *testing.T, text string) (m jsonMessage) {
	t.Helper()
	if err := json.Unmarshal([]byte(text), &m); err != nil {
		t.Fatalf("%q: %v", text, err)
	}
	return m
}

const qmpLines = `{"execute": "qmp_capabilities", "arguments": {"enable": ["oob"]}}
{"execute": "query-status", "id": 1}
{"execute": "query-version", "id": {"of": ["the", "client"]}}
{"execute": "nonsense", "arguments": {"a": [1, {"b": "}"}]}, "id": "n"}
{"exec-oob": "query-yank", "id": "out of band"}
{"execute": "stop"}
{"execute": "cont", "id": 2}
{"execute": "device_add", "arguments": {"driver": "no such"}, "id": 3}
{"execute": "query-qmp-schema", "id": 4}
{"execute": "object-add", "arguments": {"qom-type": "secret", "id": "s0", "data": "sesame"}, "id": 5}
{"execute": "qom-list", "arguments": {"path": "/objects"}, "id": 6}
`

// What qemu traces of its QMP is what analyze finds in what record saw: commands
// with their ids, which of them failed and why, and events.
func TestQMP(t *testing.T) {
	needs(t, "qemu-system-x86_64", "python3", "timeout")
	dir := t.TempDir()
	socket, trace, file := filepath.Join(dir, "monitor"), filepath.Join(dir, "trace"), filepath.Join(dir, "qmp.pcapng")
	qemu := startProgram(t, nil, "qemu-system-x86_64", "-machine", "none", "-nodefaults", "-display", "none",
		"-qmp", "unix:"+socket+",server=on,wait=off", "-trace", "handle_qmp_command", "-trace", "monitor_qmp_respond", "-D", trace)
	waitUntil(t, "qemu has its socket", func() bool { _, err := os.Stat(socket); return err == nil })
	rec := record(t, "-w", file, socket)
	talkLines(t, socket, `\n`, qmpLines, strings.Count(qmpLines, "\n"))
	talkLines(t, socket, `\n`, `{"execute": "qmp_capabilities"}`+"\n"+`{"execute": "quit"}`+"\n", 2)
	qemu.Wait() // so that the trace is whole
	if captured, dropped := rec.stop(); captured == 0 || dropped != 0 {
		t.Fatalf("captured %d, dropped %d", captured, dropped)
	}
	b, err := os.ReadFile(trace)
	if err != nil {
		t.Fatal(err)
	}
	found := exchanges(t, file)
	sameCounts(t, "qmp", qmpFound(t, found), qmpTraced(t, string(b)))
	if strings.Contains(analyze(t, "log", "--format", "jsonl", file), "sesame") {
		t.Error("a secret is shown")
	}
	t.Logf("%d exchanges", len(found))
}

// qmpTraced counts calls by name and id, errors by id, class and text, and
// events. Before the first greeting nobody was there to be told.
func qmpTraced(t *testing.T, trace string) map[string]int {
	t.Helper()
	_, trace, _ = strings.Cut(trace, `resp: {"QMP"`)
	counts := map[string]int{"greeting": 1}
	for _, m := range regexp.MustCompile(`(?m) (?:req|resp): (\{.*)$`).FindAllStringSubmatch(trace, -1) {
		x := readMessage(t, m[1])
		id := strings.Trim(string(x.ID), `"`)
		switch {
		case x.Execute+x.ExecOOB != "":
			counts[fmt.Sprintf("call %s %s", x.Execute+x.ExecOOB, id)]++
		case x.Event != "":
			counts["event "+x.Event]++
		case x.QMP != nil:
			counts["greeting"]++
		case x.Error != nil:
			var e struct{ Class, Desc string }
			if err := json.Unmarshal(x.Error, &e); err != nil {
				t.Fatal(err)
			}
			counts[fmt.Sprintf("error %s %s: %s", id, e.Class, e.Desc)]++
		default:
			counts[fmt.Sprintf("return %s", id)]++
		}
	}
	return counts
}

func qmpFound(t *testing.T, found []exchange) map[string]int {
	t.Helper()
	counts := make(map[string]int)
	for i := range found {
		x := &found[i]
		if x.Proto != "json" || x.Attrs["dialect"] != "qmp" || x.Path == "" {
			t.Errorf("%+v", x)
		}
		name, _, _ := strings.Cut(x.Request, " ")
		id := word(x.Attrs["id"])
		switch {
		case x.Op == "greeting":
			counts["greeting"]++
			continue
		case x.Op == "event":
			counts["event "+name]++
			continue
		case x.Status == "error":
			counts[fmt.Sprintf("error %s %s: %s", id, x.ErrorCode, x.Error)]++
		case x.Status == "ok":
			counts["return "+id]++
		}
		counts[fmt.Sprintf("%s %s %s", x.Op, name, id)]++
	}
	return counts
}

const varlinkLines = `{"method": "io.systemd.Journal.Synchronize"}
{"method": "io.systemd.Journal.Rotate", "parameters": {}}
{"method": "io.systemd.Journal.NoSuch", "parameters": {"text": "}{"}}
{"method": "org.varlink.service.GetInfo"}
{"method": "org.example.Other.Get"}
`

// straced has sendto and recvfrom of connections that journalctl has, with every
// byte as \xNN.
var straced = regexp.MustCompile(`(?m)^.*\b(sendto|recvfrom)\(\d+, ("(?:\\x[0-9a-f]{2})+"), .*= [1-9]\d*$`)

// What journalctl and another client say to a journald, and what it answers, is
// what analyze finds in what record saw; the oracles are strace and the other
// client's own account.
func TestVarlink(t *testing.T) {
	needs(t, "strace", "python3", "timeout")
	dir, _ := startJournal(t)
	socket := filepath.Join(dir, "io.systemd.journal")
	temp := t.TempDir()
	file, trace := filepath.Join(temp, "varlink.pcapng"), filepath.Join(temp, "strace")
	waitUntil(t, "journald has its socket", func() bool { _, err := os.Stat(socket); return err == nil })
	rec := record(t, "-w", file, socket)
	answers := talkLines(t, socket, `\0`, varlinkLines, strings.Count(varlinkLines, "\n"))
	var told strings.Builder
	for _, what := range []string{"--sync", "--rotate", "--flush", "--relinquish-var"} {
		// A journald of a namespace refuses some of it, and then this fails.
		exec.Command("timeout", "60", "unshare", "-m", "sh", "-c", `mount --bind "$1" /run/systemd/journal && exec strace -xx -s 65536 -e trace=sendto,recvfrom -o "$2" journalctl "$3"`, "sh", dir, trace, what).Run()
		b, err := os.ReadFile(trace)
		if err != nil {
			t.Fatal(err)
		}
		told.Write(b)
	}
	if captured, dropped := rec.stop(); captured == 0 || dropped != 0 {
		t.Fatalf("captured %d, dropped %d", captured, dropped)
	}
	requests, replies := splitLines(varlinkLines), splitLines(answers)
	for _, m := range straced.FindAllStringSubmatch(told.String(), -1) {
		text, err := strconv.Unquote(m[2])
		if err != nil {
			t.Fatal(err)
		}
		all := strings.Split(strings.TrimSuffix(text, "\x00"), "\x00")
		if m[1] == "sendto" {
			requests = append(requests, all...)
		} else {
			replies = append(replies, all...)
		}
	}
	if len(requests) != len(replies) || len(requests) < strings.Count(varlinkLines, "\n")+4 {
		t.Fatalf("%d requests, %d replies\n%s", len(requests), len(replies), &told)
	}
	want, got := make(map[string]int), make(map[string]int)
	for i := range requests { // varlink answers in order
		var reply struct{ Error string }
		if err := json.Unmarshal([]byte(replies[i]), &reply); err != nil {
			t.Fatal(err)
		}
		want[strings.TrimSpace(readMessage(t, requests[i]).Method+" "+reply.Error)]++
	}
	found := exchanges(t, file)
	for i := range found {
		x := &found[i]
		if x.Op != "call" || x.Proto != "json" || x.Attrs["dialect"] != "varlink" || (x.Status == "ok") != (x.ErrorCode == "") {
			t.Errorf("%+v", x)
		}
		method, _, _ := strings.Cut(x.Request, " ")
		got[strings.TrimSpace(method+" "+x.ErrorCode)]++
	}
	sameCounts(t, "varlink", got, want)
	t.Logf("%d exchanges", len(found))
}

func splitLines(s string) []string { return strings.Split(strings.TrimSuffix(s, "\n"), "\n") }
