package decodertest

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const nginxConf = `
daemon off;
error_log %[1]s/error.log;
pid %[1]s/pid;
events { worker_connections 64; }
http {
	access_log off;
	types { text/html html; text/plain txt; application/json json; }
	client_body_temp_path %[1]s/body;
	proxy_temp_path %[1]s/proxy;
	fastcgi_temp_path %[1]s/fastcgi;
	uwsgi_temp_path %[1]s/uwsgi;
	scgi_temp_path %[1]s/scgi;
	gzip_types text/plain;
	if_modified_since %[3]s;
	server {
		listen unix:%[1]s/nginx.sock%[2]s;
		root %[1]s/www;
		location /old/ { return 301 /new/; }
		location /private/ { return 401; }
		location /gzip/ { alias %[1]s/www/; gzip on; gzip_min_length 1; }
		location /empty { return 204; }
	}
}
`

// Nginx starts nginx, which answers in many ways, and returns its socket. listen has
// what its listen says behind that, and modified its if_modified_since.
func Nginx(t testing.TB, listen, modified string) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.Chmod(filepath.Dir(dir), 0o755); err != nil {
		t.Fatal(err)
	}
	Write(t, dir, "nginx.conf", fmt.Sprintf(nginxConf, dir, listen, modified))
	Write(t, dir, "www/index.html", "<h1>Hello</h1>\n")
	Write(t, dir, "www/lines.txt", strings.Repeat("All work and no play makes Jack a dull boy.\n", 50))
	path := filepath.Join(dir, "nginx.sock")
	Start(t, path, "nginx", "-c", filepath.Join(dir, "nginx.conf"), "-e", filepath.Join(dir, "error.log"))
	return path
}

// Write writes a file, and makes the folders that it is in.
func Write(t testing.TB, dir, name, text string) {
	t.Helper()
	name = filepath.Join(dir, name)
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}
