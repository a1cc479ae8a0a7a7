package endtoend

import (
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// An nginx is a server of the test's own.
type nginx struct {
	t           *testing.T
	dir, socket string
}

// nginxConf has the server's own account of each request as JSON.
const nginxConf = `
daemon off;
user root;
worker_processes 2;
error_log %[1]s/error.log;
pid %[1]s/pid;
events { worker_connections 64; }
http {
	log_format json escape=json '{"method":"$request_method","uri":"$request_uri","status":$status,'
		'"request_length":$request_length,"bytes_sent":$bytes_sent}';
	access_log %[1]s/access.log json;
	types { text/html html; text/plain txt; application/json json; }
	client_body_temp_path %[1]s/body;
	proxy_temp_path %[1]s/proxy;
	fastcgi_temp_path %[1]s/fastcgi;
	uwsgi_temp_path %[1]s/uwsgi;
	scgi_temp_path %[1]s/scgi;
	gzip_types text/plain;
	client_max_body_size 100k;
	server {
		listen unix:%[1]s/nginx.sock;
		root %[1]s/www;
		location /old/ { return 301 /new/; }
		location /private/ { return 401; }
		location /gzip/ { alias %[1]s/www/; gzip on; gzip_min_length 1; }
		location /empty { return 204; }
		location /users/ { return 200 "{\"a\":1}"; }
		location /up { proxy_pass http://unix:%[1]s/backend.sock; }
%[2]s
	}
}
`

// startNginx starts nginx with more locations.
func startNginx(t *testing.T, locations string) *nginx {
	t.Helper()
	needs(t, "nginx", "curl")
	dir := t.TempDir()
	n := &nginx{t: t, dir: dir, socket: filepath.Join(dir, "nginx.sock")}
	if err := os.Mkdir(filepath.Join(dir, "www"), 0o755); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"nginx.conf":     fmt.Sprintf(nginxConf, dir, locations),
		"www/index.html": "<h1>Hello</h1>\n",
		"www/lines.txt":  strings.Repeat("All work and no play makes Jack a dull boy.\n", 5000),
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command("nginx", "-c", filepath.Join(dir, "nginx.conf"), "-e", filepath.Join(dir, "error.log"))
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	t.Cleanup(func() { _ = cmd.Process.Signal(syscall.SIGTERM); <-ended })
	awaitSocket(t, n.socket, ended)
	return n
}

// awaitSocket waits until a server listens.
func awaitSocket(t *testing.T, path string, ended chan error) {
	t.Helper()
	for {
		c, err := net.Dial("unix", path)
		if err == nil {
			c.Close()
			return
		}
		select {
		case err := <-ended:
			ended <- err
			t.Fatalf("the server at %s: %v", path, err)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// A logged request is one as nginx wrote it down.
type loggedRequest struct {
	Method, URI   string
	Status        int
	RequestLength int64 `json:"request_length"`
	BytesSent     int64 `json:"bytes_sent"`
}

func (r loggedRequest) String() string {
	return fmt.Sprintf("%s %s %d in %d out %d", r.Method, r.URI, r.Status, r.RequestLength, r.BytesSent)
}

// log returns what nginx has logged, once that is n requests.
func (n *nginx) log(requests int) []loggedRequest {
	n.t.Helper()
	for deadline := time.Now().Add(time.Minute); ; {
		text, err := os.ReadFile(filepath.Join(n.dir, "access.log"))
		if err != nil {
			n.t.Fatal(err)
		}
		var list []loggedRequest
		for line := range strings.Lines(string(text)) {
			var r loggedRequest
			if err := json.Unmarshal([]byte(line), &r); err != nil {
				n.t.Fatalf("%s: %v", line, err)
			}
			list = append(list, r)
		}
		if len(list) >= requests || time.Now().After(deadline) {
			return list
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// curl makes requests on one connection, --next between them.
func curl(t *testing.T, socket string, args ...string) {
	t.Helper()
	common := []string{"-s", "-S", "-o", "/dev/null", "--unix-socket", socket}
	all := common
	for _, a := range args {
		if all = append(all, a); a == "--next" {
			all = append(all, common...)
		}
	}
	run(t, "curl", all...)
}

// nginx's access log and tshark have the methods, URIs, statuses and sizes that
// analyze finds in what record saw of requests of many kinds.
func TestHTTP(t *testing.T) {
	needs(t, "tshark")
	n := startNginx(t, "")
	file := filepath.Join(t.TempDir(), "http.pcapng")
	rec := record(t, "-w", file, n.socket)
	n.talk()
	logged := n.log(68)
	captured, dropped := rec.stop()
	if captured == 0 || dropped != 0 {
		t.Fatalf("captured %d, dropped %d", captured, dropped)
	}
	found := exchanges(t, file, "--proto", "http")
	t.Run("access log", func(t *testing.T) { accessLogAgrees(t, logged, found) })
	t.Run("tshark", func(t *testing.T) { tsharkHTTPAgrees(t, file, found) })
	t.Run("secrets", func(t *testing.T) { noSecrets(t, file) })
	t.Run("routes", func(t *testing.T) {
		classes := make(map[string]int)
		for i := range found {
			classes[found[i].Op+" "+found[i].Fingerprint]++
		}
		if classes["get /users/?/items?page"] != 50 {
			t.Errorf("%v", classes)
		}
	})
	t.Logf("%d messages, %d exchanges", captured, len(found))
}

// talk says all that is compared.
func (n *nginx) talk() {
	n.t.Helper()
	args := []string{"http://me:hunter2@unix/", "--next", "-I", "http://unix/lines.txt"}
	for _, more := range [][]string{
		{"-H", "If-Modified-Since: Fri, 01 Jan 2100 00:00:00 GMT", "http://unix/index.html"},
		{"-r", "10-19", "http://unix/lines.txt"},
		{"http://unix/old/1?password=hunter2&page=3"},
		{"-H", "Authorization: Bearer hunter2", "-H", "Cookie: id=hunter2", "http://unix/private/7"},
		{"http://unix/nothing"},
		{"-d", "user=me&password=hunter2", "http://unix/index.html"},
		{"--compressed", "http://unix/gzip/lines.txt"},
		{"http://unix/empty"},
		{"http://unix/up"},
		{"-X", "PURGE", "http://unix/x"},
		{"-H", "Transfer-Encoding: chunked", "-d", "some text", "http://unix/up"},
		{"http://unix/lines.txt"},
	} {
		args = append(append(args, "--next"), more...)
	}
	curl(n.t, n.socket, args...)
	curl(n.t, n.socket, "-0", "http://unix/gzip/lines.txt")
	args = []string{"-H", "X: y"}
	for i := range 50 {
		args = append(args, fmt.Sprintf("http://unix/users/%d/items?page=%d", i*i, i), "-o", "/dev/null")
	}
	curl(n.t, n.socket, args[:len(args)-2]...)
	c, err := net.Dial("unix", n.socket)
	if err != nil {
		n.t.Fatal(err)
	}
	defer c.Close()
	const three = "GET / HTTP/1.1\r\nHost: a\r\n\r\nHEAD /lines.txt HTTP/1.1\r\nHost: a\r\n\r\nGET /nothing HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
	if _, err := c.Write([]byte(three)); err != nil {
		n.t.Fatal(err)
	}
	for b := make([]byte, 4096); err == nil; {
		_, err = c.Read(b)
	}
}

// withoutSecrets is a URI as analyze shows it.
func withoutSecrets(uri string) string { return strings.ReplaceAll(uri, "hunter2", "<secret>") }

func accessLogAgrees(t *testing.T, logged []loggedRequest, found []exchange) {
	var want, got []string
	for _, r := range logged {
		r.URI = withoutSecrets(r.URI)
		want = append(want, r.String())
	}
	for i := range found {
		x := &found[i]
		status, err := strconv.Atoi(fmt.Sprint(x.Attrs["status_code"]))
		if err != nil {
			t.Fatalf("%+v", x)
		}
		length := x.RequestBytes
		if content, ok := x.Attrs["request_content_bytes"].(json.Number); ok && status == 405 {
			n, err := content.Int64()
			if err != nil {
				t.Fatal(err)
			}
			length -= n // nginx does not count what it did not read
		}
		got = append(got, loggedRequest{strings.ToUpper(x.Op), x.Request, status, length, x.ResponseBytes}.String())
		if wrong := status >= 400; wrong != (x.Status == "error") || wrong && x.ErrorCode != strconv.Itoa(status) {
			t.Errorf("%d is %s %s", status, x.Status, x.ErrorCode)
		}
	}
	sameLists(t, "nginx", got, want)
}

// sameLists compares lists in any order.
func sameLists(t *testing.T, whose string, got, want []string) {
	t.Helper()
	count := func(list []string) map[string]int {
		m := make(map[string]int)
		for _, s := range list {
			m[s]++
		}
		return m
	}
	sameCounts(t, whose, count(got), count(want))
	if len(want) == 0 {
		t.Errorf("%s says nothing", whose)
	}
}

// tsharkHTTPAgrees compares requests and statuses. Wireshark 4.0 does not know
// PURGE, and in a pipeline waits for the content of the answer to HEAD, so that it
// finds neither that answer nor the next one.
func tsharkHTTPAgrees(t *testing.T, file string, found []exchange) {
	out := run(t, "tshark", "-r", file, "-Y", "http", "-T", "fields", "-E", "separator=|", "-E", "occurrence=a", "-E", "aggregator= ",
		"-e", "tcp.stream", "-e", "http.request.method", "-e", "http.request.uri", "-e", "http.response.code")
	requests, answers := make(map[string]int), make(map[string]int)
	for line := range strings.Lines(out) {
		f := strings.Split(strings.TrimSuffix(line, "\n"), "|")
		methods, uris, codes := strings.Fields(f[1]), strings.Fields(f[2]), strings.Fields(f[3])
		for i := range methods {
			requests[methods[i]+" "+withoutSecrets(uris[i])]++
		}
		for _, code := range codes {
			answers[code]++
		}
	}
	requests["PURGE /x"]++
	answers["200"]++
	answers["404"]++
	gotRequests, gotAnswers := make(map[string]int), make(map[string]int)
	for i := range found {
		gotRequests[strings.ToUpper(found[i].Op)+" "+found[i].Request]++
		gotAnswers[fmt.Sprint(found[i].Attrs["status_code"])]++
	}
	sameCounts(t, "requests", gotRequests, requests)
	sameCounts(t, "statuses", gotAnswers, answers)
}
