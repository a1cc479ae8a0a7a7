package http

import (
	"context"
	"io"
	"net"
	nethttp "net/http"
	"strings"
	"testing"

	"github.com/coder/websocket"

	"unixcap/decoders/decodertest"
)

// The conversations in testdata.
var golden = decodertest.Golden{Protocol: Protocol, Recordings: []decodertest.Recording{
	{Name: "nginx", Shows: "curl and nginx: a connection that is kept, HEAD, 304, 206, 301, 401, 404, 405, gzip", Slack: 1, Make: func(t *testing.T) []decodertest.Conversation {
		p := decodertest.Proxied(t, startNginx(t))
		args := []string{"http://me:hunter2@unix/", "--next", "-I", "http://unix/lines.txt"}
		add := func(more ...string) { args = append(append(args, "--next"), more...) }
		add("-H", "If-Modified-Since: Fri, 01 Jan 2100 00:00:00 GMT", "http://unix/index.html")
		add("-r", "10-19", "http://unix/lines.txt")
		add("http://unix/old/1?password=hunter2&page=3")
		add("-H", "Authorization: Bearer hunter2", "-H", "Cookie: id=hunter2", "http://unix/private/7")
		add("http://unix/nothing")
		add("-d", "user=me&password=hunter2", "http://unix/index.html")
		add("--compressed", "http://unix/gzip/lines.txt")
		add("http://unix/empty")
		add("http://unix/lines.txt")
		curl(t, p.Path, args...)
		return p.Conversations()
	}},
	{Name: "pipeline", Shows: "three requests sent at once, twice, to nginx", Slack: 3, Make: func(t *testing.T) []decodertest.Conversation {
		p := decodertest.Proxied(t, startNginx(t))
		three := "GET / HTTP/1.1\r\nHost: a\r\n\r\nHEAD /lines.txt HTTP/1.1\r\nHost: a\r\n\r\nGET /nothing HTTP/1.1\r\nHost: a\r\n\r\n"
		decodertest.Speak(t, p.Path, [2]string{three, "</html>"}, [2]string{three, "</html>"})
		return p.Conversations()
	}},
	{Name: "docker", Shows: "Go's client and a server like Docker's: JSON with secrets, chunks with trailers, 204, 404", Slack: 1, Make: recordDaemon},
	{Name: "interim", Shows: "curl and Go's server: Expect, 100 and 103", Slack: 1, Make: func(t *testing.T) []decodertest.Conversation {
		p := decodertest.Proxied(t, startDaemon(t))
		curl(t, p.Path, "-T", "-", "-H", "Expect: 100-continue", "http://unix/hints", "--next", "http://unix/api/items")
		return p.Conversations()
	}},
	{Name: "codings", Shows: "gzip, deflate, br and zstd", Slack: 1, Make: func(t *testing.T) []decodertest.Conversation {
		p := decodertest.Proxied(t, startDaemon(t))
		curl(t, p.Path, "http://unix/coded/gzip", "http://unix/coded/deflate", "http://unix/coded/br", "http://unix/coded/zstd", "-o", "/dev/null", "-o", "/dev/null", "-o", "/dev/null", "-o", "/dev/null")
		return p.Conversations()
	}},
	{Name: "until_close", Shows: "HTTP/1.0: an answer without a length", Slack: 1, Make: func(t *testing.T) []decodertest.Conversation {
		p := decodertest.Proxied(t, startDaemon(t))
		curl(t, p.Path, "-0", "-X", "POST", "http://unix/v1.43/images/create?fromImage=x")
		return p.Conversations()
	}},
	{Name: "attach", Shows: "an upgrade to a protocol of Docker's own", Slack: 1, Make: func(t *testing.T) []decodertest.Conversation {
		p := decodertest.Proxied(t, startDaemon(t))
		decodertest.Speak(t, p.Path, [2]string{"GET /v1.43/containers/json HTTP/1.1\r\nHost: a\r\n\r\n", "/web"},
			[2]string{"POST /v1.43/containers/9f86d081884c7d659a2feaa0c55ad015/attach?stream=1 HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: tcp\r\nContent-Length: 0\r\n\r\n", "\r\n\r\n"},
			[2]string{"hello\n", "hello\n"}, [2]string{"GET / HTTP/1.1\r\n", "HTTP/1.1\r\n"})
		return p.Conversations()
	}},
	{Name: "connect", Shows: "CONNECT, refused and granted, TLS behind it", Slack: -1, Make: func(t *testing.T) []decodertest.Conversation {
		p := decodertest.Proxied(t, startDaemon(t))
		decodertest.Speak(t, p.Path, [2]string{"CONNECT refused:1 HTTP/1.1\r\nHost: refused:1\r\nProxy-Authorization: Basic bWU6aHVudGVyMg==\r\n\r\n", "\r\n\r\n"},
			[2]string{"CONNECT db:443 HTTP/1.1\r\nHost: db:443\r\n\r\n", "\r\n\r\n"},
			[2]string{"\x16\x03\x01\x00\x05hello", "hello"})
		return p.Conversations()
	}},
	{Name: "h2c", Shows: "curl and Go's server: a request that is upgraded to HTTP/2", Slack: 1, Make: func(t *testing.T) []decodertest.Conversation {
		p := decodertest.Proxied(t, startUpgradable(t))
		curl(t, p.Path, "--http2", "http://unix/v1.43/containers/missing/json?token=hunter2")
		return p.Conversations()
	}},
	{Name: "websocket", Shows: "WebSocket: texts, binary ones, ping, fragments, an end with an error", Slack: -1, Make: func(t *testing.T) []decodertest.Conversation {
		return recordChat(t, "?room=7&token=hunter2", websocket.CompressionDisabled)
	}},
	{Name: "deflate", Shows: "WebSocket with permessage-deflate", Slack: -1, Make: func(t *testing.T) []decodertest.Conversation {
		return recordChat(t, "?deflate", websocket.CompressionContextTakeover)
	}},
}}

func TestGolden(t *testing.T)  { golden.Test(t) }
func TestRecord(t *testing.T)  { golden.Record(t) }
func FuzzDecoder(f *testing.F) { golden.Fuzz(f) }
func FuzzDetect(f *testing.F) {
	decodertest.FuzzDetect(f, Protocol, [2]string{"GET / HTTP/1.1\r\n\r\n", "HTTP/1.1 200 OK\r\n"})
}

// overSocket returns a client that keeps one connection to a socket.
func overSocket(socket string) *nethttp.Client {
	return &nethttp.Client{Transport: &nethttp.Transport{
		MaxConnsPerHost: 1,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", socket)
		},
	}}
}

func recordDaemon(t *testing.T) []decodertest.Conversation {
	p := decodertest.Proxied(t, startDaemon(t))
	c := overSocket(p.Path)
	do := func(method, target, kind, body string, header ...string) {
		t.Helper()
		var content io.Reader
		if body != "" {
			content = strings.NewReader(body)
		}
		if kind == "chunked" {
			kind, content = "application/x-tar", io.MultiReader(strings.NewReader(body), strings.NewReader("\x00\x01"))
		}
		r, err := nethttp.NewRequest(method, "http://docker"+target, content)
		if err != nil {
			t.Fatal(err)
		}
		if kind != "" {
			r.Header.Set("Content-Type", kind)
		}
		for i := 0; i+1 < len(header); i += 2 {
			r.Header.Set(header[i], header[i+1])
		}
		answer, err := c.Transport.RoundTrip(r)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.Copy(io.Discard, answer.Body)
		answer.Body.Close()
	}
	do("GET", "/v1.43/containers/json?all=1&filters=%7B%22a%22%3A1%7D", "", "")
	do("GET", "/v1.43/containers/9f86d081884c7d659a2feaa0c55ad015/json", "", "")
	do("GET", "/v1.43/containers/missing/json", "", "")
	do("POST", "/v1.43/containers/create?name=web", "application/json", `{"Image":"nginx","Env":["API_TOKEN=hunter2","A=b"],"Labels":{"x":"y"}}`)
	do("POST", "/v1.43/auth", "application/json", `{"username":"me","password":"hunter2","serveraddress":"https://me:hunter2@registry/v1/"}`, "X-Registry-Auth", "aHVudGVyMg==")
	do("POST", "/login", "application/x-www-form-urlencoded", "name=me&pass%77ord=hunter2&next=http%3A%2F%2Fme%3Ahunter2%40x%2F")
	do("POST", "/v1.43/images/create?fromImage=alpine&tag=3", "", "")
	do("POST", "/v1.43/images/create?fromSrc=-", "chunked", "layer")
	do("DELETE", "/v1.43/containers/9f86d081884c7d659a2feaa0c55ad015?force=1", "", "")
	do("GET", "/api/items?page=2&sort=name", "", "", "Authorization", "hunter2")
	c.CloseIdleConnections()
	return p.Conversations()
}

func recordChat(t *testing.T, query string, mode websocket.CompressionMode) []decodertest.Conversation {
	p := decodertest.Proxied(t, startDaemon(t))
	ctx := context.Background()
	c, _, err := websocket.Dial(ctx, "ws://unix/chat"+query, &websocket.DialOptions{HTTPClient: overSocket(p.Path), CompressionMode: mode, CompressionThreshold: 64})
	if err != nil {
		t.Fatal(err)
	}
	defer c.CloseNow()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, text := range []string{"hello", `{"user":"me","password":"hunter2"}`, strings.Repeat("long ", 20), strings.Repeat("häßlich ", 200)} {
		must(c.Write(ctx, websocket.MessageText, []byte(text)))
		_, _, err := c.Read(ctx)
		must(err)
	}
	must(c.Write(ctx, websocket.MessageBinary, []byte{0, 1, 2, 255}))
	_, _, err = c.Read(ctx)
	must(err)
	w, err := c.Writer(ctx, websocket.MessageText)
	must(err)
	for range 3 { // more than its buffer, so in fragments
		_, err = io.WriteString(w, strings.Repeat("part ", 1000))
		must(err)
	}
	must(w.Close())
	_, _, err = c.Read(ctx)
	must(err)
	reading := c.CloseRead(ctx)
	must(c.Ping(ctx))
	must(c.Write(ctx, websocket.MessageText, []byte("fail")))
	<-reading.Done()
	c.CloseNow()
	return p.Conversations()
}
