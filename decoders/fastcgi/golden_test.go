package fastcgi

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"unixcap/decoders"
	"unixcap/decoders/decodertest"
	"unixcap/internal/need"
)

// The conversations in testdata.
var golden = decodertest.Golden{Protocol: Protocol, Recordings: []decodertest.Recording{
	{Name: "php", Shows: "nginx and php-fpm over a connection that is kept: a form, 404, 500 with standard error, a redirect, a large answer", Slack: 1, Make: served},
}}

func TestGolden(t *testing.T)  { golden.Test(t) }
func TestRecord(t *testing.T)  { golden.Record(t) }
func FuzzDecoder(f *testing.F) { golden.Fuzz(f) }

const phpScript = `<?php
switch ($_GET['do'] ?? '') {
case 'missing': http_response_code(404); echo 'none'; break;
case 'fail': error_log('password=hunter2 is wrong'); throw new Exception('no');
case 'moved': header('Location: /x'); break;
case 'large': header('Content-Type: text/plain'); echo str_repeat('x', 20000); break;
default: echo 'hello ', $_POST['name'] ?? '';
}
`

const fpmConf = `
[global]
error_log = %[1]s/fpm.log
daemonize = no
[www]
user = root
listen = %[1]s/php-fpm.sock
pm = static
pm.max_children = 1
access.log = /dev/null
`

const nginxConf = `
daemon off; user root; error_log %[1]s/error.log; pid %[1]s/pid; events {}
http { access_log off; upstream php { server unix:%[2]s; keepalive 1; } client_body_temp_path %[1]s/b; proxy_temp_path %[1]s/p;
fastcgi_temp_path %[1]s/f; uwsgi_temp_path %[1]s/u; scgi_temp_path %[1]s/s;
server { listen unix:%[1]s/nginx.sock; location / { include /etc/nginx/fastcgi_params; fastcgi_param SCRIPT_FILENAME %[1]s/index.php; fastcgi_keep_conn on; fastcgi_pass php; } } }
`

// served is what nginx and php-fpm say to each other.
func served(t *testing.T) []decodertest.Conversation {
	need.Programs(t, "php-fpm8.2", "nginx", "curl")
	dir := t.TempDir()
	write := func(name, text string) string {
		t.Helper()
		name = filepath.Join(dir, name)
		if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		return name
	}
	write("index.php", phpScript)
	fpm, front := filepath.Join(dir, "php-fpm.sock"), filepath.Join(dir, "nginx.sock")
	decodertest.Start(t, fpm, "php-fpm8.2", "-R", "-y", write("fpm.conf", fmt.Sprintf(fpmConf, dir)))
	p := decodertest.Proxied(t, fpm)
	decodertest.Start(t, front, "nginx", "-c", write("nginx.conf", fmt.Sprintf(nginxConf, dir, p.Path)), "-e", filepath.Join(dir, "error.log"))
	for _, args := range [][]string{{"http://unix/a/12?do="}, {"-d", "name=me&password=hunter2", "http://unix/login?token=hunter2"},
		{"http://unix/a/13?do=missing"}, {"http://unix/?do=fail"}, {"http://unix/?do=moved"}, {"http://unix/?do=large"},
		{"-H", "Authorization: Basic aHVudGVyMg==", "http://unix/a/14"}} {
		if out, err := exec.Command("curl", append([]string{"-s", "-S", "-o", "/dev/null", "--unix-socket", front}, args...)...).CombinedOutput(); err != nil {
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
	slices.SortStableFunc(all, func(a, b decodertest.Conversation) int { return len(a) - len(b) })
	return all
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
