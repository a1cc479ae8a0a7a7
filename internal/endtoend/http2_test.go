package endtoend

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/h2c" //lint:ignore SA1019 net/http takes no upgrades

	"unixcap/internal/need"
)

// http2Client returns a client that keeps one connection to a socket.
func http2Client(socket string) *http.Transport {
	var only http.Protocols
	only.SetUnencryptedHTTP2(true)
	return &http.Transport{Protocols: &only, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", socket)
	}}
}

// nginx's access log and tshark have the methods, URIs, statuses and sizes that
// analyze finds in what record saw of HTTP/2 with curl, h2load and Go's client.
func TestHTTP2(t *testing.T) {
	needs(t, "tshark", "h2load", "curl")
	socket := filepath.Join(t.TempDir(), "h2c.sock")
	n := startNginx(t, fmt.Sprintf("listen unix:%s http2;", socket))
	file := filepath.Join(t.TempDir(), "http2.pcapng")
	rec := record(t, "-w", file, socket)
	n.talkHTTP2(socket)
	logged := n.log(232)
	captured, dropped := rec.stop()
	if captured == 0 || dropped != 0 {
		t.Fatalf("captured %d, dropped %d", captured, dropped)
	}
	found := exchanges(t, file, "--proto", "http2")
	t.Run("access log", func(t *testing.T) { accessLogAgreesHTTP2(t, logged, found) })
	t.Run("tshark", func(t *testing.T) { tsharkHTTP2Agrees(t, file, found) })
	t.Run("secrets", func(t *testing.T) { noSecrets(t, file) })
	t.Logf("%d messages, %d exchanges", captured, len(found))
}

// noSecrets tests that analyze shows no password.
func noSecrets(t *testing.T, file string) {
	for _, format := range [][]string{{"report"}, {"report", "--format", "json"}, {"log"}, {"log", "--format", "jsonl"}} {
		if out := analyze(t, append(format, file)...); strings.Contains(out, "hunter2") {
			t.Errorf("%v shows a password", format)
		}
	}
}

// accessLogAgreesHTTP2 compares requests. nginx counts a response's frames as they
// are, but of a request only the header block, and no content that it does not
// read, as those of POST here. If the answer comes first, the client may reset
// the stream instead of sending it.
func accessLogAgreesHTTP2(t *testing.T, logged []loggedRequest, found []exchange) {
	const frameHeader, resetLength = 9, 4
	var want, got []string
	for _, r := range logged {
		r.URI = withoutSecrets(r.URI)
		want = append(want, r.String())
	}
	for i := range found {
		x := &found[i]
		status, length := attr(t, x, "status_code"), x.RequestBytes-frameHeader
		if content := attr(t, x, "request_content_bytes"); content > 0 {
			length -= frameHeader + content
		}
		if x.Attrs["reset_by"] == "client" {
			length -= frameHeader + resetLength
		}
		got = append(got, loggedRequest{strings.ToUpper(x.Op), x.Request, int(status), length, x.ResponseBytes}.String())
		if wrong := status >= 400; wrong != (x.Status == "error") || wrong && x.ErrorCode != strconv.Itoa(int(status)) {
			t.Errorf("%d is %s %s", status, x.Status, x.ErrorCode)
		}
	}
	sameLists(t, "nginx", got, want)
}

// attr returns an attribute that is a number, 0 if there is none.
func attr(t *testing.T, x *exchange, key string) int64 {
	t.Helper()
	v, ok := x.Attrs[key].(json.Number)
	if !ok {
		return 0
	}
	n, err := v.Int64()
	if err != nil {
		t.Fatalf("%s of %+v: %v", key, x, err)
	}
	return n
}

// tsharkHTTP2Agrees compares requests and statuses. The port of the socket's name
// has Wireshark look for HTTP/2.
func tsharkHTTP2Agrees(t *testing.T, file string, found []exchange) {
	out := run(t, "tshark", "-r", file, "-Y", "http2", "-T", "fields", "-E", "separator=|", "-E", "occurrence=a", "-E", "aggregator= ",
		"-e", "http2.headers.method", "-e", "http2.headers.path", "-e", "http2.headers.status")
	requests, answers := make(map[string]int), make(map[string]int)
	for line := range strings.Lines(out) {
		f := strings.Split(strings.TrimSuffix(line, "\n"), "|")
		methods, paths := strings.Fields(f[0]), strings.Fields(f[1])
		for i := range methods {
			requests[methods[i]+" "+withoutSecrets(paths[i])]++
		}
		for _, code := range strings.Fields(f[2]) {
			answers[code]++
		}
	}
	gotRequests, gotAnswers := make(map[string]int), make(map[string]int)
	for i := range found {
		gotRequests[strings.ToUpper(found[i].Op)+" "+found[i].Request]++
		gotAnswers[fmt.Sprint(found[i].Attrs["status_code"])]++
	}
	sameCounts(t, "requests", gotRequests, requests)
	sameCounts(t, "statuses", gotAnswers, answers)
}

// talkHTTP2 says all that is compared.
func (n *nginx) talkHTTP2(socket string) {
	n.t.Helper()
	run(n.t, "curl", "-s", "-S", "-o", "/dev/null", "--http2-prior-knowledge", "--unix-socket", socket, "http://unix/index.html?token=hunter2")
	run(n.t, "h2load", "-B", "unix:"+socket, "-c", "2", "-m", "20", "-n", "180", "http://unix/", "http://unix/lines.txt", "http://unix/nothing")
	c := http2Client(socket)
	defer c.CloseIdleConnections()
	send := func(method, target string, content io.Reader, fields ...string) {
		n.t.Helper()
		r, err := http.NewRequest(method, "http://unix"+target, content)
		if err != nil {
			n.t.Fatal(err)
		}
		for i := 0; i+1 < len(fields); i += 2 {
			r.Header.Set(fields[i], fields[i+1])
		}
		answer, err := c.RoundTrip(r)
		if err != nil {
			n.t.Fatal(err)
		}
		if _, err := io.Copy(io.Discard, answer.Body); err != nil {
			n.t.Fatal(err)
		}
		answer.Body.Close()
	}
	ask := func(method, target, content string, fields ...string) {
		n.t.Helper()
		send(method, target, strings.NewReader(content), fields...)
	}
	late, later := io.Pipe()
	send("POST", "/index.html", late)
	later.Close()
	for i := range 5 {
		ask("GET", "/", "", "Authorization", "Basic aHVudGVyMg==")
		ask("HEAD", "/lines.txt", "")
		ask("GET", "/lines.txt", "", "Range", "bytes=10-19")
		ask("GET", fmt.Sprintf("/old/%d?password=hunter2&page=3", i), "")
		ask("GET", "/private/7", "", "Authorization", "Bearer hunter2", "Cookie", "id=hunter2")
		ask("POST", "/index.html", "user=me&password=hunter2", "Content-Type", "application/x-www-form-urlencoded")
		ask("GET", "/gzip/lines.txt", "", "Accept-Encoding", "gzip")
		ask("GET", "/empty", "")
		ask("PURGE", "/x", "")
		ask("GET", fmt.Sprintf("/users/%d/items?page=%d", i*i, i), "")
	}
}

// A recordedCall is one as the server of grpc-go wrote it down.
type recordedCall struct {
	Method   string
	Code     int64
	Message  string
	In       int64
	InBytes  int64 `json:"in_bytes"`
	Out      int64
	OutBytes int64 `json:"out_bytes"`
}

// startGRPC starts the server of grpc-go and returns its socket and record, and the
// program, which is the client too.
func startGRPC(t *testing.T) (socket, record, program string) {
	t.Helper()
	dir := t.TempDir()
	program = filepath.Join(dir, "grpc")
	build := exec.Command("go", "build", "-o", program, "./grpc")
	build.Dir, build.Env = "../../peers", append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		need.Missing(t, fmt.Sprintf("grpc-go: %v: %s", err, out))
	}
	socket, record = filepath.Join(dir, "grpc.sock"), filepath.Join(dir, "record.jsonl")
	cmd := exec.Command(program, "server", socket, record)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	t.Cleanup(func() { _ = cmd.Process.Signal(syscall.SIGTERM); <-ended })
	awaitSocket(t, socket, ended)
	return socket, record, program
}

// The record of grpc-go's server and tshark have the methods, statuses, messages
// and sizes that analyze finds in what record saw of calls of all kinds.
func TestGRPC(t *testing.T) {
	needs(t, "tshark")
	socket, log, program := startGRPC(t)
	file := filepath.Join(t.TempDir(), "grpc.pcapng")
	rec := record(t, "-w", file, socket)
	const clients, calls = 3, 14
	for range clients {
		run(t, program, "client", socket)
	}
	var want []recordedCall
	until(t, "the server wrote down all calls", func() bool {
		want = recordedCalls(t, log)
		return len(want) == clients*calls
	})
	if captured, dropped := rec.stop(); captured == 0 || dropped != 0 {
		t.Fatalf("captured %d, dropped %d", captured, dropped)
	}
	found := exchanges(t, file, "--proto", "http2")
	t.Run("record", func(t *testing.T) { recordAgrees(t, want, found) })
	t.Run("tshark", func(t *testing.T) { tsharkGRPCAgrees(t, file, found) })
	t.Run("secrets", func(t *testing.T) { noSecrets(t, file) })
}

func recordedCalls(t *testing.T, path string) (list []recordedCall) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	d := json.NewDecoder(strings.NewReader(string(text)))
	for {
		var c recordedCall
		if err := d.Decode(&c); err != nil { // at the end, perhaps within a line
			return list
		}
		list = append(list, c)
	}
}

// recordAgrees compares calls. One that the client gave up has no status on the
// wire, but RST_STREAM; to the server that is CANCELLED, or its deadline passes
// before it learns of it.
func recordAgrees(t *testing.T, recorded []recordedCall, found []exchange) {
	const cancelled, deadlineExceeded = 1, 4
	var want, got []string
	for _, c := range recorded {
		if c.Code == cancelled || c.Code == deadlineExceeded {
			c.Code, c.Message = cancelled, "CANCEL"
		}
		c.Message = withoutSecrets(c.Message)
		want = append(want, fmt.Sprintf("%+v", c))
	}
	for i := range found {
		x := &found[i]
		c := recordedCall{x.Request, attr(t, x, "grpc_status"), x.Error, attr(t, x, "request_messages"), attr(t, x, "request_message_bytes"),
			attr(t, x, "response_messages"), attr(t, x, "response_message_bytes")}
		switch {
		case x.Attrs["grpc_status"] == nil:
			c.Code, c.Message = cancelled, x.ErrorCode
		case c.Code == deadlineExceeded: // the server was quicker
			c.Code, c.Message = cancelled, "CANCEL"
		}
		if wrong := c.Code != 0; wrong != (x.Status == "error") || x.Fingerprint != x.Request || x.Op != "call" {
			t.Errorf("%+v", x)
		}
		got = append(got, fmt.Sprintf("%+v", c))
	}
	sameLists(t, "grpc-go", got, want)
}

// tsharkGRPCAgrees compares methods, statuses, messages, and the numbers of the
// fields in those of methods whose request is one message.
func tsharkGRPCAgrees(t *testing.T, file string, found []exchange) {
	const tooLate = "4" // DEADLINE_EXCEEDED, which may come behind the client's RST_STREAM
	columns := []string{"tcp.stream", "tcp.dstport", "http2.streamid", "http2.headers.path", "http2.header.name", "http2.header.value",
		"grpc.message_length", "grpc.compressed_flag", "protobuf.field.number"}
	args := []string{"-r", file, "-Y", "http2", "-T", "fields", "-E", "separator=|", "-E", "occurrence=a", "-E", "aggregator=\t"}
	for _, c := range columns {
		args = append(args, "-e", c)
	}
	want, got := make(map[string]int), make(map[string]int)
	paths := make(map[string]string)
	for line := range strings.Lines(run(t, "tshark", args...)) {
		f := strings.Split(strings.TrimSuffix(line, "\n"), "|")
		ids := strings.Split(f[2], "\t")
		stream := f[0] + " " + ids[len(ids)-1]
		if f[3] != "" {
			paths[stream] = f[3]
			want["method "+f[3]]++
		}
		values := strings.Split(f[5], "\t")
		for i, name := range strings.Split(f[4], "\t") {
			if name == "grpc-status" && values[i] != tooLate {
				want["status "+values[i]]++
			}
		}
		for _, n := range strings.Fields(f[6]) {
			want["messages"]++
			length, err := strconv.Atoi(n)
			if err != nil {
				t.Fatal(err)
			}
			want["bytes"] += length
		}
		want["compressed"] += strings.Count(f[7], "1")
		if path := paths[stream]; f[1] == "80" && f[8] != "" && isOneRequest(path) {
			want["fields "+path+" "+strings.ReplaceAll(f[8], "\t", " ")]++
		}
	}
	for i := range found {
		x := &found[i]
		got["method "+x.Request]++
		if status := fmt.Sprint(attr(t, x, "grpc_status")); x.Attrs["grpc_status"] != nil && status != tooLate {
			got["status "+status]++
		}
		for _, side := range []string{"request", "response"} {
			got["messages"] += int(attr(t, x, side+"_messages"))
			got["bytes"] += int(attr(t, x, side+"_message_bytes"))
			got["compressed"] += int(attr(t, x, side+"_compressed"))
		}
		if text, ok := x.Attrs["request_message"].(string); ok && isOneRequest(x.Request) {
			got["fields "+x.Request+" "+fieldNumbers(text)]++
		}
	}
	sameCounts(t, "tshark", got, want)
	if len(want) < 20 {
		t.Errorf("tshark finds no more than %v", want)
	}
}

func isOneRequest(path string) bool {
	return strings.HasSuffix(path, "/UnaryCall") || strings.HasSuffix(path, "/StreamingOutputCall")
}

// fieldNumbers returns the numbers of the outermost fields of a message's text.
func fieldNumbers(text string) string {
	var list []string
	depth, word := 0, ""
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case c == '"':
			for i++; text[i] != '"'; i++ {
				if text[i] == '\\' {
					i++
				}
			}
		case c == '{':
			depth++
		case c == '}':
			depth--
		case depth > 0:
		case c >= '0' && c <= '9':
			word += string(c)
			continue
		case c == ':' || c == ' ' && i+1 < len(text) && text[i+1] == '{':
			list = append(list, word)
		}
		word = ""
	}
	return strings.Join(list, " ")
}

// A connection that curl upgrades to HTTP/2 is one request to analyze; tshark has
// its statuses, that of HTTP/1.1 and that of HTTP/2.
func TestUpgradeToHTTP2(t *testing.T) {
	needs(t, "tshark", "curl")
	socket := filepath.Join(t.TempDir(), "h2c.sock")
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	answer := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusTeapot)
		fmt.Fprint(w, "tea")
	})
	//lint:ignore SA1019 net/http takes no upgrades
	s := &http.Server{Handler: h2c.NewHandler(answer, new(http2.Server))}
	go func() { _ = s.Serve(l) }()
	t.Cleanup(func() { _ = s.Close() })
	file := filepath.Join(t.TempDir(), "upgrade.pcapng")
	rec := record(t, "-w", file, socket)
	if got := run(t, "curl", "-s", "-S", "--http2", "--unix-socket", socket, "http://unix/a/1?token=hunter2"); got != "tea" {
		t.Errorf("the server answered %q", got)
	}
	rec.stop()
	found := exchanges(t, file)
	if len(found) != 1 {
		t.Fatalf("%+v", found)
	}
	x := &found[0]
	if x.Proto != "http" || x.Op != "get" || x.Request != "/a/1?token=<secret>" || x.Fingerprint != "/a/??token" || x.ErrorCode != "418" ||
		x.Attrs["interim"] != "101" || x.Attrs["upgrade"] != "h2c" || x.Attrs["version"] != "2" {
		t.Errorf("%+v", x)
	}
	out := run(t, "tshark", "-r", file, "-Y", "http.response or http2.headers.status", "-T", "fields", "-e", "http.response.code", "-e", "http2.headers.status")
	if got := strings.Join(strings.Fields(out), " "); got != "101 418" {
		t.Errorf("tshark has %q", got)
	}
}
