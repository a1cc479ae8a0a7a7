package http2

import (
	"context"
	"fmt"
	"io"
	"net"
	nethttp "net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"unixcap/decoders/decodertest"
	"unixcap/internal/need"
)

// startNginx starts nginx and returns its socket.
func startNginx(t *testing.T) string {
	t.Helper()
	need.Programs(t, "nginx")
	return decodertest.Nginx(t, " http2", "before")
}

// curl runs curl on a socket. It fails the test only if nothing was answered.
func curl(t *testing.T, socket string, args ...string) {
	t.Helper()
	need.Programs(t, "curl")
	common := []string{"-s", "-S", "--http2-prior-knowledge", "--unix-socket", socket}
	all := common
	for _, a := range args {
		if all = append(all, a); a == "--next" {
			all = append(all, common...)
		}
	}
	out, err := exec.Command("curl", all...).CombinedOutput()
	if err != nil {
		t.Fatalf("curl %v: %v\n%s", args, err, out)
	}
}

// overSocket returns a client that keeps one connection to a socket.
func overSocket(socket string) *nethttp.Transport {
	var only nethttp.Protocols
	only.SetUnencryptedHTTP2(true)
	return &nethttp.Transport{
		Protocols:          &only,
		DisableCompression: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", socket)
		},
	}
}

// ask makes a request and reads the answer.
func ask(t *testing.T, c *nethttp.Transport, method, target, body string, fields ...string) {
	t.Helper()
	var content io.Reader
	if body != "" {
		content = strings.NewReader(body)
	}
	r, err := nethttp.NewRequest(method, "http://unix"+target, content)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i+1 < len(fields); i += 2 {
		r.Header.Set(fields[i], fields[i+1])
	}
	answer, err := c.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	_, _ = io.Copy(io.Discard, answer.Body)
	answer.Body.Close()
}

func recordNginx(t *testing.T) []decodertest.Conversation {
	p := decodertest.Proxied(t, startNginx(t))
	c := overSocket(p.Path)
	ask(t, c, "GET", "/", "", "Authorization", "Basic bWU6aHVudGVyMg==")
	ask(t, c, "HEAD", "/lines.txt", "")
	ask(t, c, "GET", "/index.html", "", "If-Modified-Since", "Fri, 01 Jan 2100 00:00:00 GMT")
	ask(t, c, "GET", "/lines.txt", "", "Range", "bytes=10-19")
	ask(t, c, "GET", "/old/1?password=hunter2&page=3", "")
	ask(t, c, "GET", "/private/7", "", "Authorization", "Bearer hunter2", "Cookie", "id=hunter2")
	ask(t, c, "GET", "/nothing", "")
	ask(t, c, "POST", "/index.html", "user=me&password=hunter2", "Content-Type", "application/x-www-form-urlencoded")
	ask(t, c, "GET", "/gzip/lines.txt", "", "Accept-Encoding", "gzip")
	ask(t, c, "GET", "/empty", "")
	ask(t, c, "GET", "/lines.txt", "")
	c.CloseIdleConnections()
	return p.Conversations()
}

// startNghttpd starts nghttpd, which listens on TCP only, and returns a socket that
// leads there.
func startNghttpd(t *testing.T, args ...string) string {
	t.Helper()
	need.Programs(t, "nghttpd")
	dir := t.TempDir()
	decodertest.Write(t, dir, "www/index.html", "<h1>Hello</h1>\n")
	decodertest.Write(t, dir, "www/style.css", strings.Repeat("a { color: red }\n", 100))
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	l.Close()
	port := strconv.Itoa(l.Addr().(*net.TCPAddr).Port)
	socket := filepath.Join(dir, "nghttpd.sock")
	bridge(t, listen(t, "unix", socket), "tcp", address)
	cmd := append([]string{"--no-tls", "--htdocs=" + filepath.Join(dir, "www"), "--address=127.0.0.1"}, args...)
	decodertest.Start(t, socket, "nghttpd", append(cmd, port)...)
	for { // the bridge listens in any case
		c, err := net.Dial("tcp", address)
		if err == nil {
			c.Close()
			return socket
		}
	}
}

// nghttp has nghttp, which connects to TCP only, talk to a socket.
func nghttp(t *testing.T, socket string, args ...string) []decodertest.Conversation {
	t.Helper()
	need.Programs(t, "nghttp")
	p := decodertest.Proxied(t, socket)
	l := listen(t, "tcp", "127.0.0.1:0")
	bridge(t, l, "unix", p.Path)
	for i, a := range args {
		args[i] = strings.Replace(a, "http://unix/", "http://"+l.Addr().String()+"/", 1)
	}
	return p.Say(t, exec.Command("nghttp", args...))
}

func listen(t *testing.T, network, address string) net.Listener {
	t.Helper()
	l, err := net.Listen(network, address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

// bridge passes connections on to another address.
func bridge(t *testing.T, l net.Listener, network, address string) {
	t.Helper()
	go func() {
		for {
			from, err := l.Accept()
			if err != nil {
				return
			}
			to, err := net.Dial(network, address)
			if err != nil {
				from.Close()
				continue
			}
			pass := func(dst, src net.Conn) {
				_, _ = io.Copy(dst, src)
				dst.Close()
			}
			go pass(from, to)
			go pass(to, from)
		}
	}()
}

// grpcPeers builds the server and the client of grpc-go.
func grpcPeers(t *testing.T) string {
	t.Helper()
	program := filepath.Join(t.TempDir(), "grpc")
	build := exec.Command("go", "build", "-o", program, "./grpc")
	build.Dir, build.Env = "../../peers", append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		need.Missing(t, fmt.Sprintf("grpc-go: %v: %s", err, out))
	}
	return program
}

func recordGRPC(t *testing.T) []decodertest.Conversation {
	program, dir := grpcPeers(t), t.TempDir()
	socket := filepath.Join(dir, "grpc.sock")
	decodertest.Start(t, socket, program, "server", socket, filepath.Join(dir, "record.jsonl"))
	p := decodertest.Proxied(t, socket)
	return p.Say(t, exec.Command(program, "client", p.Path))
}
