package endtoend

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// talkLSP is an editor. Each line of its standard input is a list of messages that
// it sends at once, or in pieces of as many bytes as its second argument says. Then
// it waits for the replies, and for the diagnostics of a document it opened. It
// prints what the server sends, a message a line, until the server hangs up.
const talkLSP = `
import json, socket, sys
s = socket.socket(socket.AF_UNIX)
s.connect(sys.argv[1])
f, piece = s.makefile("rb"), int(sys.argv[2])
def read():
    size = None
    while (line := f.readline()).strip():
        name, value = line.split(b":")
        if name == b"Content-Length":
            size = int(value)
    if size is None:
        return None
    m = json.loads(f.read(size))
    print(json.dumps(m), flush=True)
    return m
for line in sys.stdin:
    batch, awaited = b"", 0
    for m in json.loads(line):
        body = json.dumps({"jsonrpc": "2.0", **m}, ensure_ascii=False).encode()
        batch += b"Content-Length: %d\r\n\r\n%s" % (len(body), body)
        awaited += "id" in m or m["method"].endswith("/didOpen")
    for i in range(0, len(batch), piece or len(batch)):
        s.sendall(batch[i:i + (piece or len(batch))])
    while awaited > 0:
        m = read()
        if m is None:
            sys.exit("the server hung up")
        awaited -= "id" in m or m["method"] == "textDocument/publishDiagnostics"
while read():
    pass
`

// lspLines has ids of both types that are the same text, and some that the server
// writes with other escapes than the client.
const lspLines = `[{"id": 0, "method": "initialize", "params": {"processId": null, "rootUri": null, "capabilities": {}, "initializationOptions": {"token": "sesame"}}}]
[{"method": "initialized", "params": {}}, {"method": "$/setTrace", "params": {"value": "off"}}]
[{"method": "textDocument/didOpen", "params": {"textDocument": {"uri": "file:///none/a.py", "languageId": "python", "version": 1, "text": "import os\nprint(undefined, 'é}{')\nos.\n"}}}]
[{"id": 1, "method": "textDocument/completion", "params": {"textDocument": {"uri": "file:///none/a.py"}, "position": {"line": 2, "character": 3}}}, {"id": "1", "method": "no/such", "params": {}}]
[{"id": "a/b", "method": "textDocument/documentSymbol", "params": {"textDocument": {"uri": "file:///none/a.py"}}}, {"id": "é\"", "method": "no/such/either"}]
[{"id": 2, "method": "textDocument/hover", "params": {"textDocument": {"uri": "file:///none/a.py"}, "position": {"line": 0, "character": 8}}}]
[{"id": 3, "method": "textDocument/hover", "params": {"no": "position"}}, {"method": "$/cancelRequest", "params": {"id": 99}}]
[{"method": "textDocument/didClose", "params": {"textDocument": {"uri": "file:///none/a.py"}}}, {"id": 4, "method": "shutdown"}]
[{"id": 5, "method": "textDocument/hover", "params": {}}]
[{"method": "exit"}]
`

// readLSPLog reads the log of pylsp -vv, where messages are as Python writes them.
const readLSPLog = `
import ast, json, re, sys
for line in open(sys.argv[1]):
    if m := re.search(r"Handling (request|notification|response) from client (\{.*)", line):
        x = ast.literal_eval(m[2])
        print(json.dumps({"what": m[1], "id": json.dumps(x.get("id")), "method": x.get("method")}))
    elif m := re.search(r"Sending notification: (\S+)", line):
        print(json.dumps({"what": "sent", "method": m[1]}))
    elif re.search(r"Failed to handle request ", line):
        print(json.dumps({"what": "failed"}))
`

// What pylsp logs and what it answers an editor is what analyze finds in what
// record saw: calls with their ids, which of them failed and why, and the
// notifications of both. tshark is no oracle: it does not know LSP's header.
func TestLanguageServer(t *testing.T) {
	needs(t, "pylsp", "socat", "python3", "timeout")
	dir := t.TempDir()
	socket, log, file := filepath.Join(dir, "pylsp.sock"), filepath.Join(dir, "log"), filepath.Join(dir, "lsp.pcapng")
	startProgram(t, nil, "socat", "UNIX-LISTEN:"+socket+",fork", "EXEC:env XDG_CACHE_HOME="+dir+" pylsp -vv --log-file "+log)
	waitUntil(t, "socat has its socket", func() bool { _, err := os.Stat(socket); return err == nil })
	rec := record(t, "-w", file, socket)
	var told string
	for _, piece := range []string{"0", "7"} {
		cmd := exec.Command("timeout", "60", "python3", "-c", talkLSP, socket, piece)
		cmd.Stdin = strings.NewReader(lspLines)
		cmd.Stderr = t.Output()
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		told += string(out)
	}
	if captured, dropped := rec.stop(); captured == 0 || dropped != 0 {
		t.Fatalf("captured %d, dropped %d", captured, dropped)
	}
	found := exchanges(t, file)
	sameCounts(t, "lsp", lspFound(t, found), lspTold(t, run(t, "python3", "-c", readLSPLog, log), told))
	if strings.Contains(analyze(t, "log", "--format", "jsonl", file), "sesame") {
		t.Error("a secret is shown")
	}
	t.Logf("%d exchanges", len(found))
}

// lspTold counts the messages that the server logs. How it answered a call is what
// it told the editor; the log says only how many failed.
func lspTold(t *testing.T, log, told string) map[string]int {
	t.Helper()
	outcomes := make(map[string][]string) // of an id, in order
	failed, notified := 0, make(map[string]int)
	for _, line := range splitLines(told) {
		m := readMessage(t, line)
		if m.Method != "" {
			notified[m.Method]++
			continue
		}
		if m.Error != nil {
			failed++
		}
		outcomes[string(m.ID)] = append(outcomes[string(m.ID)], rpcOutcome(t, m.Error))
	}
	counts := make(map[string]int)
	for _, line := range splitLines(log) {
		var m struct{ What, ID, Method string }
		if err := json.Unmarshal([]byte(line), &m); err != nil {
			t.Fatal(err)
		}
		switch m.What {
		case "request":
			if len(outcomes[m.ID]) == 0 {
				t.Fatalf("%s was not answered", line)
			}
			var id any
			if err := json.Unmarshal([]byte(m.ID), &id); err != nil {
				t.Fatal(err)
			}
			counts[fmt.Sprintf("call %s %v %s", m.Method, id, outcomes[m.ID][0])]++
			outcomes[m.ID] = outcomes[m.ID][1:]
		case "failed":
			failed--
		case "sent":
			notified[m.Method]--
			counts["the server's "+m.Method]++
		default:
			counts[m.What+" "+m.Method]++
		}
	}
	for method, n := range notified {
		if n != 0 {
			t.Errorf("the editor has %d of %s more than the log", n, method)
		}
	}
	if failed != 0 {
		t.Errorf("the editor has %d errors more than the log", failed)
	}
	return counts
}

// rpcOutcome is how a call ended: ok, or with an error of JSON-RPC.
func rpcOutcome(t *testing.T, failure json.RawMessage) string {
	t.Helper()
	if failure == nil {
		return "ok"
	}
	var e struct {
		Code    int
		Message string
	}
	if err := json.Unmarshal(failure, &e); err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("error %d: %s", e.Code, e.Message)
}

func lspFound(t *testing.T, found []exchange) map[string]int {
	t.Helper()
	counts := make(map[string]int)
	for i := range found {
		x := &found[i]
		if x.Proto != "json" || x.Attrs["dialect"] != "jsonrpc" || x.Path == "" {
			t.Errorf("%+v", x)
		}
		method, _, _ := strings.Cut(x.Request, " ")
		switch {
		case x.Op == "call":
			outcome := x.Status
			if x.Status == "error" {
				outcome = fmt.Sprintf("error %s: %s", x.ErrorCode, x.Error)
			}
			counts[fmt.Sprintf("call %s %s %s", method, word(x.Attrs["id"]), outcome)]++
		case x.RequestBytes == 0:
			counts["the server's "+method]++
		default:
			counts[x.Op+" "+method]++
		}
	}
	return counts
}
