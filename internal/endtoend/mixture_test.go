package endtoend

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"unixcap/internal/need"
)

// A speaker is a server of one protocol, and what its clients say to it.
type speaker struct {
	sockets []string
	talk    func(t *testing.T)
}

// talkUnknown is a protocol that nobody knows: what comes in goes back, with its
// bits turned round.
const talkUnknown = `
import os, socket, sys
a = socket.socket(socket.AF_UNIX)
a.bind(sys.argv[1])
a.listen()
if os.fork() == 0:
    c = socket.socket(socket.AF_UNIX)
    c.connect(sys.argv[1])
    for i in range(1, 20):
        c.sendall(bytes([0xa5, i, 0xff - i]) * i)
        left = 3 * i
        while left > 0:
            left -= len(c.recv(left))
    os._exit(0)
b, _ = a.accept()
while p := b.recv(4096):
    b.sendall(bytes(x ^ 0xff for x in p))
os.wait()
`

// startSpeakers starts a server of every protocol that there is a decoder for,
// and of two that are not decoded.
func startSpeakers(t *testing.T) []speaker {
	t.Helper()
	list := []speaker{speakPostgreSQL(t), speakWeb(t), speakWebSocket(t), speakGRPC(t), speakLog(t), speakTLS(t)}
	m, r, bus := startMariaDB(t), startRedis(t), startBus(t)
	cache, _ := startMemcached(t)
	qemu, unknown, notify := startQEMU(t), filepath.Join(t.TempDir(), "unknown.sock"), filepath.Join(t.TempDir(), "notify.sock")
	l, err := net.ListenPacket("unixgram", notify)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return append(list,
		speaker{[]string{m.socket}, func(t *testing.T) {
			m.query("create database shop; use shop; create table t (a int); insert into t values (1), (2); select * from t")
			m.client("-e", "select * from nothing.here").Run() // which fails
		}},
		speaker{[]string{r.socket}, func(*testing.T) { r.typed("set a 1\nget a\nnonsense\n") }},
		speaker{[]string{bus}, func(t *testing.T) {
			run(t, "busctl", "--address=unix:path="+bus, "--timeout=60", "call", "org.freedesktop.DBus", "/", "org.freedesktop.DBus", "GetId")
		}},
		speaker{[]string{cache}, func(t *testing.T) { memtier(t, cache, 1, 2, 10) }},
		speaker{[]string{qemu}, func(t *testing.T) {
			talkLines(t, qemu, `\n`, `{"execute": "qmp_capabilities"}`+"\n"+`{"execute": "query-status"}`+"\n"+`{"execute": "nonsense"}`+"\n", 3)
		}},
		speaker{[]string{unknown}, func(t *testing.T) { run(t, "timeout", "60", "python3", "-c", talkUnknown, unknown) }},
		speaker{[]string{notify}, func(t *testing.T) {
			run(t, "env", "NOTIFY_SOCKET="+notify, "systemd-notify", "--no-block", "READY=1", "STATUS=Up and running")
		}})
}

func speakPostgreSQL(t *testing.T) speaker {
	p := startPostgreSQL(t)
	return speaker{[]string{p.socket}, func(*testing.T) { p.talk("select 1;\nselect * from nothing;\n", "psql", "-X") }}
}

// speakWeb is nginx, and php-fpm behind it.
func speakWeb(t *testing.T) speaker {
	dir, php := startPHP(t)
	n := startNginx(t, fmt.Sprintf("location /php/ { include /etc/nginx/fastcgi_params; fastcgi_param SCRIPT_FILENAME %s/index.php; fastcgi_pass unix:%s; }", dir, php))
	return speaker{[]string{n.socket, php}, func(t *testing.T) {
		for range 3 { // clients
			curl(t, n.socket, "http://shop/index.html", "--next", "http://shop/missing")
		}
		curl(t, n.socket, "http://shop/php/12?do=", "--next", "http://shop/php/13?do=missing")
	}}
}

// speakWebSocket is a chat within the test's own process.
func speakWebSocket(t *testing.T) speaker {
	socket := filepath.Join(t.TempDir(), "chat.sock")
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, err := websocket.Accept(w, r, nil)
		if err != nil {
			return
		}
		defer c.CloseNow()
		for {
			kind, p, err := c.Read(r.Context())
			if err != nil || c.Write(r.Context(), kind, p) != nil {
				return
			}
		}
	})}
	go server.Serve(l)
	t.Cleanup(func() { server.Close() })
	return speaker{[]string{socket}, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		over := &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", socket)
		}}
		c, _, err := websocket.Dial(ctx, "ws://unix/chat", &websocket.DialOptions{HTTPClient: &http.Client{Transport: over}})
		if err != nil {
			t.Fatal(err)
		}
		for range 5 {
			if err := c.Write(ctx, websocket.MessageText, []byte("hello")); err != nil {
				t.Fatal(err)
			}
			if _, _, err := c.Read(ctx); err != nil {
				t.Fatal(err)
			}
		}
		if err := c.Close(websocket.StatusNormalClosure, ""); err != nil {
			t.Error(err)
		}
	}}
}

// speakGRPC is a server of grpc-go, which also has a client of plain HTTP/2.
func speakGRPC(t *testing.T) speaker {
	program, socket := filepath.Join(t.TempDir(), "grpc"), filepath.Join(t.TempDir(), "grpc.sock")
	build := exec.Command("go", "build", "-o", program, "./grpc")
	build.Dir, build.Env = "../../peers", append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		need.Missing(t, fmt.Sprintf("grpc-go: %v: %s", err, out))
	}
	startProgram(t, nil, program, "server", socket, filepath.Join(t.TempDir(), "record.jsonl"))
	waitUntil(t, "gRPC's server has its socket", func() bool { _, err := os.Stat(socket); return err == nil })
	return speaker{[]string{socket}, func(t *testing.T) {
		run(t, program, "client", socket)
		run(t, "curl", "-s", "--max-time", "60", "--http2-prior-knowledge", "--unix-socket", socket, "http://shop/index.html")
	}}
}

// speakLog is a journald with three of its sockets: syslog, its own protocol, varlink.
func speakLog(t *testing.T) speaker {
	dir, _ := startJournal(t)
	syslog, native, varlink := filepath.Join(dir, "dev-log"), filepath.Join(dir, "socket"), filepath.Join(dir, "io.systemd.journal")
	return speaker{[]string{syslog, native, varlink}, func(t *testing.T) {
		run(t, "logger", "-u", syslog, "-t", "shop", "-p", "user.warning", "the end is near")
		const entry = `mount --bind "$1" /run/systemd/journal && printf 'MESSAGE=the end\nPRIORITY=3\nSYSLOG_IDENTIFIER=shop\n' | logger --journald`
		run(t, "unshare", "-m", "sh", "-c", entry, "sh", dir)
		talkLines(t, varlink, `\0`, `{"method": "org.varlink.service.GetInfo"}`+"\n", 1)
	}}
}

// speakTLS is what nobody can read. openssl ends with an error if the name of its
// socket is longer than a service's may be (getnameinfo: NI_MAXSERV), so it gets a relative one.
func speakTLS(t *testing.T) speaker {
	needs(t, "openssl", "env")
	dir := t.TempDir()
	in := []string{"-C", dir, "openssl"}
	run(t, "env", append(in, "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=shop", "-keyout", "key.pem", "-out", "cert.pem")...)
	startProgram(t, nil, "env", append(in, "s_server", "-quiet", "-rev", "-unix", "tls.sock", "-key", "key.pem", "-cert", "cert.pem")...)
	waitUntil(t, "openssl has its socket", func() bool { _, err := os.Stat(filepath.Join(dir, "tls.sock")); return err == nil })
	return speaker{[]string{"tls.sock"}, func(t *testing.T) {
		cmd := exec.Command("timeout", append([]string{"60", "env"}, append(in, "s_client", "-quiet", "-no_ign_eof", "-servername", "shop", "-unix", "tls.sock")...)...)
		cmd.Stdin = strings.NewReader("hello\n")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
	}}
}

// startQEMU starts a machine of nothing and returns the socket of its QMP.
func startQEMU(t *testing.T) string {
	t.Helper()
	needs(t, "qemu-system-x86_64", "python3", "timeout")
	socket := filepath.Join(t.TempDir(), "qmp.sock")
	startProgram(t, nil, "qemu-system-x86_64", "-machine", "none", "-nodefaults", "-display", "none", "-qmp", "unix:"+socket+",server=on,wait=off")
	waitUntil(t, "qemu has its socket", func() bool { _, err := os.Stat(socket); return err == nil })
	return socket
}
