package fastcgi

import (
	"flag"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"unixcap/decoders"
	"unixcap/decoders/decodertest"
)

var (
	update = flag.Bool("update", false, "rewrite the expected output in testdata")
	record = flag.Bool("record", false, "record the conversations in testdata anew")
)

// The conversations in testdata, and what each shows.
var golden = []struct{ name, shows string }{
	{"php", "nginx and php-fpm over a connection that is kept: a form, 404, 500 with standard error, a redirect, a large answer"},
}

func TestGolden(t *testing.T) {
	for _, g := range golden {
		t.Run(g.name, func(t *testing.T) {
			c := decodertest.Golden(t, Protocol, filepath.Join("testdata", g.name), *update)
			if t.Failed() {
				t.Log(g.shows)
			}
			for _, x := range decodertest.Whole(Protocol, c) {
				if strings.Contains(decodertest.JSON(&x), "hunter2") {
					t.Errorf("a secret: %s", decodertest.JSON(&x))
				}
			}
			decodertest.Everything(t, Protocol, c, 1)
		})
	}
}

const phpScript = `<?php
switch ($_GET['do'] ?? '') {
case 'missing': http_response_code(404); echo 'none'; break;
case 'fail': error_log('password=hunter2 is wrong'); throw new Exception('no');
case 'moved': header('Location: /x'); break;
case 'large': header('Content-Type: text/plain'); echo str_repeat('x', 20000); break;
default: echo 'hello ', $_POST['name'] ?? '';
}
`

// TestRecord is not a test but how the conversation got here:
//
//	go test -run TestRecord -record
func TestRecord(t *testing.T) {
	if !*record {
		return // it makes golden conversations, and tests nothing
	}
	dir := t.TempDir()
	for name, text := range map[string]string{
		"index.php": phpScript,
		"fpm.conf": fmt.Sprintf("[global]\nerror_log = %[1]s/fpm.log\ndaemonize = no\n[www]\nuser = root\nlisten = %[1]s/real.sock\npm = static\npm.max_children = 1\n"+
			"access.log = /dev/null\n", dir),
		"nginx.conf": fmt.Sprintf(`daemon off; user root; error_log %[1]s/error.log; pid %[1]s/pid; events {}
http { access_log off; upstream php { server unix:%[1]s/php-fpm.sock; keepalive 1; } client_body_temp_path %[1]s/b; proxy_temp_path %[1]s/p;
fastcgi_temp_path %[1]s/f; uwsgi_temp_path %[1]s/u; scgi_temp_path %[1]s/s;
server { listen unix:%[1]s/nginx.sock; location / { include /etc/nginx/fastcgi_params; fastcgi_param SCRIPT_FILENAME %[1]s/index.php; fastcgi_keep_conn on; fastcgi_pass php; } } }`, dir),
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	start := func(socket string, args ...string) {
		t.Helper()
		cmd := exec.Command(args[0], args[1:]...)
		cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = cmd.Process.Signal(syscall.SIGTERM); _ = cmd.Wait() })
		for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(10 * time.Millisecond) {
			if c, err := net.Dial("unix", filepath.Join(dir, socket)); err == nil {
				c.Close()
				return
			} else if time.Now().After(deadline) {
				t.Fatal(err)
			}
		}
	}
	start("real.sock", "php-fpm8.2", "-R", "-y", filepath.Join(dir, "fpm.conf"))
	p, err := decodertest.NewProxy(filepath.Join(dir, "php-fpm.sock"), filepath.Join(dir, "real.sock"))
	if err != nil {
		t.Fatal(err)
	}
	start("nginx.sock", "nginx", "-c", filepath.Join(dir, "nginx.conf"), "-e", filepath.Join(dir, "error.log"))
	for _, args := range [][]string{{"http://unix/a/12?do="}, {"-d", "name=me&password=hunter2", "http://unix/login?token=hunter2"},
		{"http://unix/a/13?do=missing"}, {"http://unix/?do=fail"}, {"http://unix/?do=moved"}, {"http://unix/?do=large"},
		{"-H", "Authorization: Basic aHVudGVyMg==", "http://unix/a/14"}} {
		if out, err := exec.Command("curl", append([]string{"-s", "-S", "-o", "/dev/null", "--unix-socket", filepath.Join(dir, "nginx.sock")}, args...)...).CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
	}
	// The connection is kept, so the server must go for the conversation to end.
	pid, err := os.ReadFile(filepath.Join(dir, "pid"))
	if err != nil {
		t.Fatal(err)
	}
	_ = exec.Command("kill", strings.TrimSpace(string(pid))).Run()
	all := p.Conversations()
	longest := all[0]
	for _, c := range all {
		if len(c) > len(longest) {
			longest = c
		}
	}
	longest.Write(t, filepath.Join("testdata", "php.conv"))
}

func FuzzDecoder(f *testing.F) {
	for _, g := range golden {
		f.Add(decodertest.Read(f, filepath.Join("testdata", g.name+".conv")).Seed())
	}
	f.Fuzz(func(t *testing.T, data []byte) { decodertest.Chaos(t, Protocol, data) })
}

func BenchmarkPHP(b *testing.B) {
	c := decodertest.Read(b, filepath.Join("testdata", "php.conv"))
	for len(c) < 4000 {
		c = append(c, c...)
	}
	decodertest.Benchmark(b, Protocol, c)
}

func TestDetect(t *testing.T) {
	begin := "\x01\x01\x00\x01\x00\x08\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00"
	for _, test := range []struct {
		client, server string
		want           decoders.Verdict
	}{
		{begin, "", decoders.Yes},
		{begin[:12], "", decoders.Maybe},
		{begin[:8] + "\x00\x09\x00\x00\x00\x00\x00\x00", "", decoders.No},
		{begin, "HTTP/1.1 200 OK\r\n", decoders.No},
		{"", "\x01\x06\x00\x01\x00\x10\x00\x00Status: 404", decoders.Yes},
		{"", "\x01\x06\x00\x01\x00\x10\x00\x00\x00\x01", decoders.Maybe},
		{"GET / HTTP/1.1\r\n", "", decoders.No},
	} {
		if got := detect([]byte(test.client), []byte(test.server), true); got != test.want {
			t.Errorf("%q, %q: %v, want %v", test.client, test.server, got, test.want)
		}
	}
}
