package json

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"

	"unixcap/decoders"
	"unixcap/decoders/decodertest"
	"unixcap/internal/need"
)

// rpcServer answers JSON-RPC as the specification has it, with a header if the request had
// one, and calls the client back once.
const rpcServer = `
import json, socket, sys
s = socket.socket(socket.AF_UNIX); s.bind(sys.argv[1]); s.listen(); print("up", flush=True)
def answer(r):
    if "id" not in r or "method" not in r: return None
    if r["method"] == "add": return {"jsonrpc": "2.0", "result": sum(r["params"]), "id": r["id"]}
    return {"jsonrpc": "2.0", "error": {"code": -32601, "message": "Method \"%s\" not found" % r["method"]}, "id": r["id"]}
while True:
    c, _ = s.accept(); f = c.makefile("rb")
    while line := f.readline():
        head = line.startswith(b"Content-Length")
        if head:
            n = int(line.split(b":")[1]); f.readline(); line = f.read(n)
        r = json.loads(line)
        out = [a for a in map(answer, r) if a] if isinstance(r, list) else answer(r)
        if isinstance(r, dict) and r.get("method") == "initialized": out = {"jsonrpc": "2.0", "id": 1, "method": "client/registerCapability", "params": {"registrations": []}}
        if out:
            b = json.dumps(out).encode()
            c.sendall(b"Content-Length: %d\r\n\r\n%s" % (len(b), b) if head else b + b"\n")
    f.close(); c.close()
`

const rpcClient = `
import json, socket, sys, time
c = socket.socket(socket.AF_UNIX); c.connect(sys.argv[1]); f = c.makefile("rb")
def ask(v, answered=True):
    b = json.dumps(v).encode()
    c.sendall(b"Content-Length: %d\r\n\r\n%s" % (len(b), b) if sys.argv[2] == "lsp" else b + b"\n")
    if answered:
        line = f.readline()
        if line.startswith(b"Content"): f.readline(); f.read(int(line.split(b":")[1]))
def call(i, m, p=None): return {"jsonrpc": "2.0", "id": i, "method": m, "params": p}
ask(call(1, "add", [1, 2, 3])); ask(call("two", "no.such", {"password": "geheim", "text": "{\"[\\"}))
ask({"jsonrpc": "2.0", "method": "note", "params": {"a": 1}}, False)
ask([call(3, "add", [1]), {"jsonrpc": "2.0", "method": "note"}, call(4, "nothing")])
ask(call(5, "user.login", ["joe", "geheim"]))
if sys.argv[2] == "lsp": ask({"jsonrpc": "2.0", "method": "initialized", "params": {}}); ask({"jsonrpc": "2.0", "id": 1, "result": None}, False); ask(call(6, "add", [6]))
`

// pylspClient is an editor that says one thing at a time. Its ids have escapes that
// pylsp writes otherwise.
const pylspClient = `
import json, socket, sys
c = socket.socket(socket.AF_UNIX); c.connect(sys.argv[1]); f = c.makefile("rb")
def say(method, awaited, i=None, **params):
    m = {"jsonrpc": "2.0", "method": method, "params": params}
    b = json.dumps(m if i is None else {**m, "id": i}, ensure_ascii=False).encode()
    c.sendall(b"Content-Length: %d\r\n\r\n%s" % (len(b), b))
    while awaited:
        n = int(f.readline().split()[1])
        while f.readline().strip(): pass
        r = json.loads(f.read(n))
        awaited = r.get("id") != i if i is not None else r.get("method") != "textDocument/publishDiagnostics"
doc = {"uri": "file:///none/a.py"}
say("initialize", True, 0, processId=None, rootUri=None, capabilities={}, initializationOptions={"token": "geheim"}); say("initialized", False)
say("textDocument/didOpen", True, textDocument={**doc, "languageId": "python", "version": 1, "text": "import re\nprint(undefined, '\u00e9}{')\n"})
say("textDocument/hover", True, "a/1", textDocument=doc, position={"line": 0, "character": 8})
say("textDocument/definition", True, "\u00e9", textDocument=doc, position={"line": 1, "character": 1})
say("no/such", True, 1); say("textDocument/hover", True, "1", no="position"); say("$/cancelRequest", False, id=99)
say("shutdown", True, 2); say("textDocument/hover", True, 3, textDocument=doc); say("exit", False); f.read()
`

const qmpClient = `
import socket, sys
c = socket.socket(socket.AF_UNIX); c.connect(sys.argv[1]); f = c.makefile("rb"); f.readline()
def ask(s):
    c.sendall(s.encode() + b"\n")
    while b'"event"' in f.readline(): pass
ask('{"execute": "qmp_capabilities"}'); ask('{"execute": "query-status", "id": 7}')
ask('{"execute": "stop"}'); ask('{"execute": "nonsense", "arguments": {"a": [1, {"b": "}"}]}}')
ask('{"execute": "object-add", "arguments": {"qom-type": "secret", "id": "s0", "data": "geheim"}}')
ask('{"execute": "cont"}'); ask('{"execute": "query-version", "id": {"x": 1}}'); ask('{"execute": "quit"}')
`

const ndjsonServer = `
import json, socket, sys, threading
s = socket.socket(socket.AF_UNIX); s.bind(sys.argv[1]); s.listen(); print("up", flush=True)
while True:
    c, _ = s.accept(); f = c.makefile("rb")
    while line := f.readline(): c.sendall(json.dumps({"ok": True, "got": len(line)}).encode() + b"\n")
    f.close(); c.close()
`

const ndjsonClient = `
import socket, sys
c = socket.socket(socket.AF_UNIX); c.connect(sys.argv[1]); f = c.makefile("rb")
for i in range(4): c.sendall(b'{"op": "put", "n": %d, "token": "geheim"}\n' % i); f.readline()
`

// The conversations in testdata.
var golden = decodertest.Golden{Protocol: Protocol, Recordings: []decodertest.Recording{
	{Name: "jsonrpc", Shows: "JSON-RPC 2.0 in lines: ids of both types, a batch, notifications, errors, secrets", Slack: 2,
		Make: spoken(python(rpcServer), python(rpcClient, "lines"))},
	{Name: "lsp", Shows: "the same with headers, as language servers speak it; the server calls, too", Slack: 2,
		Make: spoken(python(rpcServer), python(rpcClient, "lsp"))},
	{Name: "pylsp", Shows: "a language server of Python's: diagnostics, progress, ids with escapes, errors with traces", Slack: 3,
		Make: spoken([]string{"sh", "-c", `exec socat UNIX-LISTEN:$0,fork "EXEC:env XDG_CACHE_HOME=$0.cache pylsp"`, "$SOCKET"}, python(pylspClient))},
	{Name: "qmp", Shows: "QEMU: greeting, commands with and without id, events, an error, a secret", Slack: 2,
		Make: spoken([]string{"sh", "-c", "exec qemu-system-x86_64 -S -M none -nodefaults -display none -qmp unix:$0,server=on,wait=off", "$SOCKET"}, python(qmpClient))},
	{Name: "varlink", Shows: "varlinkctl's way: io.systemd.Journal of a journald, as journalctl --sync calls it", Slack: 1, Make: asked},
	{Name: "lines", Shows: "any JSON in lines, answered line by line", Slack: 2, Make: spoken(python(ndjsonServer), python(ndjsonClient))},
}}

func TestGolden(t *testing.T)  { golden.Test(t) }
func TestRecord(t *testing.T)  { golden.Record(t) }
func FuzzDecoder(f *testing.F) { golden.Fuzz(f) }

// python is a program that is given a socket, and then more.
func python(program string, more ...string) []string {
	return append([]string{"python3", "-c", program, "$SOCKET"}, more...)
}

// spoken is what a client says to a server.
func spoken(server, client []string) func(*testing.T) []decodertest.Conversation {
	return func(t *testing.T) []decodertest.Conversation {
		socket := filepath.Join(t.TempDir(), "server.sock")
		decodertest.Start(t, socket, server[0], at(socket, server[1:])...)
		p := decodertest.Proxied(t, socket)
		return p.Say(t, exec.Command(client[0], at(p.Path, client[1:])...))
	}
}

// at returns arguments with a socket in them.
func at(socket string, args []string) []string {
	args = slices.Clone(args)
	args[slices.Index(args, "$SOCKET")] = socket
	return args
}

// asked is what a journald of the test's own is asked.
func asked(t *testing.T) []decodertest.Conversation {
	need.Root(t)
	namespace := fmt.Sprint("unixcap-json-", os.Getpid())
	dir := "/run/systemd/journal." + namespace
	socket := filepath.Join(dir, "io.systemd.journal")
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	decodertest.Start(t, socket, "/lib/systemd/systemd-journald", namespace)
	p := decodertest.Proxied(t, socket)
	callVarlink(t, p.Path)
	return p.Conversations()
}

// callVarlink calls journald as journalctl does.
func callVarlink(t *testing.T, path string) {
	c, err := net.Dial("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	b := make([]byte, 64<<10)
	for _, call := range []string{
		`{"method":"io.systemd.Journal.Synchronize","parameters":{}}`, `{"method":"org.varlink.service.GetInfo","parameters":{}}`,
		`{"method":"io.systemd.Journal.NoSuch"}`, `{"method":"io.systemd.Journal.Rotate"}`,
	} {
		fmt.Fprint(c, call+"\x00")
		if _, err := c.Read(b); err != nil {
			t.Fatal(err)
		}
	}
}

// Every value of the recorded conversations has the members that encoding/json
// finds.
func TestLibrary(t *testing.T) {
	n := 0
	for _, r := range golden.Recordings {
		for _, m := range r.Read(t) {
			var s side
			for p := m.Data; ; {
				k, _ := s.gapBetween(p)
				p = p[k:]
				if len(p) == 0 || p[0] != '{' {
					break
				}
				end, ended, ok := s.scan(p)
				if !ok || !ended {
					break // goes on in another message
				}
				var want map[string]json.RawMessage
				if err := json.Unmarshal(p[:end], &want); err != nil {
					t.Fatalf("%s: %v", p[:end], err)
				}
				walk(p[:end], func(name, v []byte, text bool) {
					w := string(want[string(name)])
					if text {
						v = []byte(`"` + string(v) + `"`)
					}
					if string(v) != w {
						t.Errorf("%s: %s, the library has %s", name, v, w)
					}
					delete(want, string(name))
				})
				if len(want) > 0 {
					t.Errorf("not found: %q", want)
				}
				n++
				p = p[end:]
			}
		}
	}
	if n < 30 {
		t.Errorf("%d values", n)
	}
}

func TestOneWay(t *testing.T) {
	ok := 0
	d := newDecoder(func(x *decoders.Exchange) {
		if x.Status == decoders.OK && x.Op == "message" {
			ok++
		}
	})
	for range 200 {
		d.Data(decoders.Client, decoders.Mark{}, []byte("{\"level\":\"info\"}\n"))
	}
	d.Close(decoders.Mark{})
	if ok != 200 {
		t.Errorf("%d", ok)
	}
}

func TestDetect(t *testing.T) {
	for text, want := range map[string]decoders.Verdict{
		`{"a":1}`: decoders.Yes, `[{"a" : 1}]`: decoders.Yes, "Content-Length: 20\r\n\r\n{\"id\":1": decoders.Yes, `{`: decoders.Maybe, "": decoders.Maybe,
		"{a:1}": decoders.No, `{"a"}`: decoders.No, "[1,2]": decoders.No, "Content-Type: x": decoders.Maybe, "GET / HTTP/1.1": decoders.No, "{\"a\x00\":": decoders.No,
	} {
		if got := detect([]byte(text), nil, true); got != want {
			t.Errorf("%q: %v", text, got)
		}
	}
}

// After a gap, a value is only whole for certain with its header, or behind another.
func TestBegin(t *testing.T) {
	const value = `{"id":1}`
	for text, want := range map[string]struct {
		value string
		torn  bool
	}{
		value:                                  {value, true},
		"t\":1}\n" + value:                     {value, false},
		"1]\x00" + value:                       {value, false},
		"Length: 8\r\n\r\n" + value:            {value, true},
		"Content-Length: 8\r\n\r\n" + value:    {"Content-Length: 8\r\n\r\n" + value, false},
		"}}Content-Length: 8\r\n\r\n" + value:  {"Content-Length: 8\r\n\r\n" + value, false},
		"8\r\nContent-Type: x\r\n\r\n" + value: {"Content-Type: x\r\n\r\n" + value, true},
		`}Content-Length: 8\r\n\r\n` + value:   {"", false}, // in a string
	} {
		if got, torn := begin([]byte(text)); string(bytes.TrimLeft(got, "\r\n")) != want.value || torn != want.torn {
			t.Errorf("%q: %q, %v", text, got, torn)
		}
	}
}

func TestFingerprint(t *testing.T) {
	for request, want := range map[string]string{
		`query-status`: "query-status", `add [1,2]`: "add", `{"op": "put", "n": 3}`: "{op n}", "": "{}",
	} {
		if got := string(appendFingerprint(nil, []byte(request))); got != want {
			t.Errorf("%s: %s", request, got)
		}
	}
}

func BenchmarkCalls(b *testing.B) {
	var c decodertest.Conversation
	for i := range 1000 {
		c = append(c,
			decodertest.Message{Data: fmt.Appendf(nil, `{"jsonrpc":"2.0","id":%d,"method":"textDocument/hover","params":{"textDocument":{"uri":"file:///src/a/main.go"},"position":{"line":%d,"character":7}}}`+"\n", i, i)},
			decodertest.Message{From: decoders.Server, Data: fmt.Appendf(nil, `{"jsonrpc":"2.0","id":%d,"result":{"contents":{"kind":"markdown","value":"func Println(a ...any) (n int, err error)\n\nPrintln formats using the default formats for its operands and writes to standard output."}}}`+"\n", i)})
	}
	decodertest.Benchmark(b, Protocol, c)
}
