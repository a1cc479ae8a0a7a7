package endtoend

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

const phpScript = `<?php
switch ($_GET['do'] ?? '') {
case 'missing': http_response_code(404); echo 'none'; break;
case 'fail': error_log('password=hunter2 is wrong'); throw new Exception('no');
case 'moved': header('Location: /x'); break;
case 'large': header('Content-Type: text/plain'); echo str_repeat('x', 200000); break;
default: echo 'hello ', $_POST['name'] ?? '';
}
`

// startPHP starts php-fpm and returns its folder.
func startPHP(t *testing.T) (dir, socket string) {
	t.Helper()
	needs(t, "php-fpm8.2")
	dir = t.TempDir()
	socket = filepath.Join(dir, "php-fpm.sock")
	conf := fmt.Sprintf("[global]\nerror_log = %[1]s/fpm.log\ndaemonize = no\n[www]\nuser = root\nlisten = %[2]s\npm = static\npm.max_children = 2\n"+
		"access.log = %[1]s/access.log\naccess.format = \"%%m %%s %%{REQUEST_URI}e %%l\"\n", dir, socket)
	for name, text := range map[string]string{"fpm.conf": conf, "index.php": phpScript} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command("php-fpm8.2", "-R", "-y", filepath.Join(dir, "fpm.conf"))
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	t.Cleanup(func() { _ = cmd.Process.Signal(syscall.SIGTERM); <-ended })
	awaitSocket(t, socket, ended)
	return dir, socket
}

// php-fpm's access log, nginx's, and tshark have the requests, statuses and sizes
// that analyze finds in what record saw between nginx and php-fpm.
func TestFastCGI(t *testing.T) {
	needs(t, "tshark")
	dir, socket := startPHP(t)
	n := startNginx(t, fmt.Sprintf("location /php/ { include /etc/nginx/fastcgi_params; fastcgi_param SCRIPT_FILENAME %s/index.php; fastcgi_pass unix:%s; }", dir, socket))
	file := filepath.Join(t.TempDir(), "fastcgi.pcapng")
	rec := record(t, "-w", file, socket)
	args := []string{"http://unix/php/12?do="}
	for _, more := range [][]string{
		{"-d", "name=me&password=hunter2", "http://unix/php/login?token=hunter2"},
		{"http://unix/php/13?do=missing"}, {"http://unix/php/?do=fail"}, {"http://unix/php/?do=moved"}, {"http://unix/php/?do=large"},
		{"-H", "Authorization: Basic aHVudGVyMg==", "http://unix/php/14"}, {"-X", "DELETE", "http://unix/php/15"},
	} {
		args = append(append(args, "--next"), more...)
	}
	for range 10 {
		curl(t, n.socket, args...)
	}
	const requests = 80
	logged := n.log(requests)
	var want []string
	for deadline := time.Now().Add(time.Minute); len(want) < requests && time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		text, err := os.ReadFile(filepath.Join(dir, "access.log"))
		if err != nil {
			t.Fatal(err)
		}
		want = strings.Split(strings.TrimSpace(withoutSecrets(string(text))), "\n")
	}
	captured, dropped := rec.stop()
	if captured == 0 || dropped != 0 {
		t.Fatalf("captured %d, dropped %d", captured, dropped)
	}
	found := exchanges(t, file, "--proto", "fastcgi")
	var got, statuses, gotStatuses []string
	notes := 0
	for i := range found {
		x := &found[i]
		length := x.Attrs["request_content_bytes"]
		if length == nil {
			length = 0
		}
		got = append(got, fmt.Sprintf("%s %v %s %v", strings.ToUpper(x.Op), x.Attrs["status_code"], x.Request, length))
		gotStatuses = append(gotStatuses, fmt.Sprintf("%s %s %v", strings.ToUpper(x.Op), x.Request, x.Attrs["status_code"]))
		if said, _ := x.Attrs["stderr"].(string); strings.Contains(said, "password=<secret>") {
			notes++
		}
	}
	for _, r := range logged {
		statuses = append(statuses, fmt.Sprintf("%s %s %d", r.Method, withoutSecrets(r.URI), r.Status))
	}
	sameLists(t, "php-fpm", got, want)
	sameLists(t, "nginx", gotStatuses, statuses)
	if notes != 10 {
		t.Errorf("%d requests with standard error, want 10", notes)
	}
	out := run(t, "tshark", "-r", file, "-d", "tcp.port==9000,fcgi", "-Y", "fcgi.type == 3", "-T", "fields", "-E", "occurrence=a", "-e", "fcgi.type")
	if ends := strings.Count(out, "3"); ends != requests {
		t.Errorf("tshark finds the end of %d requests", ends)
	}
	if strings.Contains(analyze(t, "log", "--format", "jsonl", file), "hunter2") {
		t.Error("analyze shows a password")
	}
}
