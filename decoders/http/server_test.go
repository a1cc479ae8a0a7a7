package http

import (
	"bytes"
	"compress/gzip"
	"compress/zlib"
	"context"
	"fmt"
	"io"
	"net"
	nethttp "net/http"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/andybalholm/brotli"
	"github.com/coder/websocket"
	"github.com/klauspost/compress/zstd"
	"golang.org/x/net/http2"
	"golang.org/x/net/http2/h2c" //lint:ignore SA1019 net/http takes no upgrades

	"unixcap/decoders/decodertest"
	"unixcap/internal/need"
)

// startNginx starts nginx and returns its socket.
func startNginx(t *testing.T) string {
	t.Helper()
	need.Programs(t, "nginx")
	return decodertest.Nginx(t, "", "exact")
}

// curl runs curl on a socket. It fails the test only if nothing was answered.
func curl(t *testing.T, socket string, args ...string) {
	t.Helper()
	need.Programs(t, "curl")
	common := []string{"-s", "-S", "--unix-socket", socket}
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

// startDaemon starts a server with an interface like that of Docker's daemon,
// and returns its socket.
func startDaemon(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "docker.sock")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	s := &nethttp.Server{Handler: daemon()}
	go func() { _ = s.Serve(l) }()
	t.Cleanup(func() { _ = s.Close() })
	return path
}

func daemon() nethttp.Handler {
	mux := nethttp.NewServeMux()
	reply := func(pattern string, code int, header, body string) {
		mux.HandleFunc(pattern, func(w nethttp.ResponseWriter, r *nethttp.Request) {
			_, _ = io.Copy(io.Discard, r.Body)
			for line := range strings.Lines(header) {
				name, value, _ := strings.Cut(strings.TrimSpace(line), ": ")
				w.Header().Set(name, value)
			}
			w.WriteHeader(code)
			_, _ = io.WriteString(w, body)
		})
	}
	const inJSON = "Content-Type: application/json"
	reply("GET /v1.43/containers/json", 200, inJSON, `[{"Id":"9f86d081884c7d659a2feaa0c55ad015","Names":["/web"]}]`)
	reply("GET /v1.43/containers/{id}/json", 200, inJSON, `{"Id":"9f86d081884c7d659a2feaa0c55ad015","Config":{"Env":["DB_PASSWORD=hunter2","LANG=C"]}}`)
	reply("GET /v1.43/containers/missing/json", 404, inJSON, `{"message":"No such container: missing"}`)
	reply("POST /v1.43/containers/create", 201, inJSON, `{"Id":"0123456789abcdef0123456789abcdef","Warnings":[]}`)
	reply("DELETE /v1.43/containers/{id}", 204, "", "")
	reply("POST /v1.43/auth", 200, inJSON+"\nSet-Cookie: session=hunter2; Path=/", `{"Status":"Login Succeeded","IdentityToken":"hunter2"}`)
	reply("POST /login", 303, "Location: http://me:hunter2@other/done?token=hunter2&page=2\nSet-Cookie: id=hunter2", "")
	reply("GET /api/items", 200, inJSON, `[]`)
	mux.HandleFunc("POST /v1.43/images/create", progress)
	mux.HandleFunc("POST /v1.43/containers/{id}/attach", attach)
	mux.HandleFunc("PUT /hints", hints)
	mux.HandleFunc("GET /coded/{coding}", coded)
	mux.HandleFunc("GET /chat", chat)
	return nethttp.HandlerFunc(func(w nethttp.ResponseWriter, r *nethttp.Request) {
		if r.Method == nethttp.MethodConnect {
			connect(w, r)
			return
		}
		mux.ServeHTTP(w, r)
	})
}

// progress sends chunks, and trailers behind them.
func progress(w nethttp.ResponseWriter, r *nethttp.Request) {
	_, _ = io.Copy(io.Discard, r.Body)
	w.Header().Set("Trailer", "X-Checksum")
	w.Header().Set("Content-Type", "application/json")
	for i := range 3 {
		fmt.Fprintf(w, `{"status":"Pulling","progress":%d}`+"\n", i)
		_ = nethttp.NewResponseController(w).Flush()
	}
	w.Header().Set("X-Checksum", "abc")
}

// attach hands the connection over, as Docker does.
func attach(w nethttp.ResponseWriter, r *nethttp.Request) {
	c, rw, err := nethttp.NewResponseController(w).Hijack()
	if err != nil {
		return
	}
	defer c.Close()
	_, _ = rw.WriteString("HTTP/1.1 101 UPGRADED\r\nContent-Type: application/vnd.docker.raw-stream\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n")
	_ = rw.Flush()
	for {
		line, err := rw.ReadString('\n')
		if err != nil {
			return
		}
		_, _ = rw.WriteString("\x01\x00\x00\x00\x00\x00\x00" + string(rune(len(line))) + line)
		_ = rw.Flush()
	}
}

func hints(w nethttp.ResponseWriter, r *nethttp.Request) {
	w.Header().Set("Link", "</style.css>; rel=preload")
	w.WriteHeader(nethttp.StatusEarlyHints)
	_, _ = io.Copy(io.Discard, r.Body)
	_, _ = io.WriteString(w, "thanks\n")
}

func coded(w nethttp.ResponseWriter, r *nethttp.Request) {
	var b bytes.Buffer
	var e io.WriteCloser
	switch coding := r.PathValue("coding"); coding {
	case "gzip":
		e = gzip.NewWriter(&b)
	case "deflate":
		e = zlib.NewWriter(&b)
	case "br":
		e = brotli.NewWriter(&b)
	case "zstd":
		e, _ = zstd.NewWriter(&b)
	}
	for i := range 2000 {
		fmt.Fprintf(e, `{"line":%d,"password":"hunter2"}`+"\n", i*i)
	}
	e.Close()
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Encoding", r.PathValue("coding"))
	_, _ = w.Write(b.Bytes())
}

// chat echoes messages.
func chat(w nethttp.ResponseWriter, r *nethttp.Request) {
	mode := websocket.CompressionDisabled
	if r.URL.Query().Has("deflate") {
		mode = websocket.CompressionContextTakeover
	}
	c, err := websocket.Accept(w, r, &websocket.AcceptOptions{CompressionMode: mode, CompressionThreshold: 64})
	if err != nil {
		return
	}
	defer c.CloseNow()
	for {
		kind, text, err := c.Read(context.Background())
		if err != nil {
			return
		}
		if string(text) == "fail" {
			_ = c.Close(websocket.StatusInternalError, "as you wish")
			return
		}
		_ = c.Write(context.Background(), kind, text)
	}
}

func connect(w nethttp.ResponseWriter, r *nethttp.Request) {
	if r.Host == "refused:1" {
		w.WriteHeader(nethttp.StatusForbidden)
		return
	}
	w.WriteHeader(nethttp.StatusOK)
	c, rw, err := nethttp.NewResponseController(w).Hijack()
	if err != nil {
		return
	}
	defer c.Close()
	_, _ = io.Copy(c, rw)
}

// startUpgradable starts a server that takes upgrades to HTTP/2, and returns its
// socket.
func startUpgradable(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "h2c.sock")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	//lint:ignore SA1019 net/http takes no upgrades
	s := &nethttp.Server{Handler: h2c.NewHandler(daemon(), new(http2.Server))}
	go func() { _ = s.Serve(l) }()
	t.Cleanup(func() { _ = s.Close() })
	return path
}
