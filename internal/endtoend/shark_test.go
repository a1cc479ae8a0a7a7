package endtoend

import (
	"bytes"
	"cmp"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// A shark is a version of Wireshark.
type shark struct {
	name string
	tree string // "" is this system's own
}

// sharks are the versions to test with: this system's, and those of other suites
// of Debian that WIRESHARKS names, unpacked into folders.
func sharks(t *testing.T) []shark {
	t.Helper()
	needs(t, "tshark", "editcap", "mergecap")
	list := []shark{{name: "here"}}
	for _, tree := range filepath.SplitList(os.Getenv("WIRESHARKS")) {
		list = append(list, shark{filepath.Base(tree), tree})
	}
	if len(list) == 1 && os.Getenv("CI") == "true" {
		t.Fatal("needs a newer Wireshark too: WIRESHARKS")
	}
	return list
}

// tshark runs tshark on a capture and returns what it prints. Nothing of whoever
// runs the test is read. The profile is there for those who ask for it.
func (s shark) tshark(t *testing.T, file string, args ...string) string {
	t.Helper()
	home, place := t.TempDir(), ""
	script := filepath.Join("..", "..", "wireshark", "unixcap.lua")
	program := []string{"tshark"}
	if s.tree != "" {
		home = "/tmp/unixcap"
		place = filepath.Join(s.tree, home)
		if err := os.MkdirAll(place, 0o755); err != nil {
			t.Fatal(err)
		}
		run(t, "install", "-m", "644", file, script, place)
		file, script = filepath.Join(home, filepath.Base(file)), filepath.Join(home, "unixcap.lua")
		// From 4.4 on, root is not given what is in Lua.
		program = []string{"chroot", "--userspec=65534:65534", s.tree, "/usr/bin/tshark"}
	}
	profile := filepath.Join(cmp.Or(place, home), ".config/wireshark/profiles/unixcap")
	run(t, "install", "-d", profile)
	run(t, "sh", "-c", `install -m 644 ../../wireshark/profiles/unixcap/* "$1"`, "sh", profile)
	cmd := exec.Command(program[0], append(program[1:], append([]string{"-r", file, "-X", "lua_script:" + script}, args...)...)...)
	cmd.Env = append(os.Environ(), "HOME="+home, "XDG_CONFIG_HOME=", "TZ=UTC", "LC_ALL=C.UTF-8")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil || strings.Contains(stderr.String(), "Lua") {
		t.Fatalf("%s: %s: %v\n%s", s.name, cmd, err, &stderr)
	}
	return string(out)
}

// count returns how many packets a display filter finds.
func (s shark) count(t *testing.T, file, filter string) int {
	t.Helper()
	return strings.Count(s.tshark(t, file, "-Y", filter, "-T", "fields", "-e", "frame.number"), "\n")
}

// has reports whether it knows a field.
func (s shark) has(t *testing.T, field string) bool {
	t.Helper()
	program := []string{"tshark"}
	if s.tree != "" {
		program = []string{"chroot", s.tree, "/usr/bin/tshark"}
	}
	return strings.Contains(run(t, program[0], append(program[1:], "-G", "fields")...), "\t"+field+"\t")
}

// A mixture is a recording of a database, a web server, a message bus and a
// program that passes a file on.
type mixture struct {
	file, dir string
	database  *mariadb
	web, bus  string // sockets
	passing   string

	messages int    // in file
	sk       string // of a client of the database
}

// One recording shows what Wireshark makes of it.
func TestWireshark(t *testing.T) {
	m := recordMixture(t)
	t.Run("plugin", m.testPlugin)
	t.Run("filters of the manuals", m.testDocumentedFilters)
	t.Run("filters of exchanges", m.testFiltersOfExchanges)
	t.Run("screenshots", m.testScreenshots)
}

// recordMixture records one of each.
func recordMixture(t *testing.T) *mixture {
	t.Helper()
	m := &mixture{dir: t.TempDir(), database: startMariaDB(t), web: startNginx(t, "").socket, bus: startBus(t)}
	m.file, m.passing = filepath.Join(m.dir, "mixed.pcapng"), filepath.Join(m.dir, "pass.sock")
	m.database.query("create database shop; create table shop.orders (id int primary key, cents int)")
	l, err := net.Listen("unix", m.passing)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	r := record(t, "-w", m.file, "--port", "*/nginx.sock=80", m.database.socket, m.web, m.bus, m.passing)
	m.talk(t, l)
	if _, dropped := r.stop(); dropped > 0 {
		t.Fatalf("%d dropped", dropped)
	}
	return m
}

func (m *mixture) talk(t *testing.T, l net.Listener) {
	t.Helper()
	m.database.query("insert into shop.orders values (1, 1995), (2, 250), (3, 99900); select id, cents from shop.orders where cents > 1000; select sum(cents), sleep(0.05) from shop.orders")
	m.database.client("-e", "select * from shop.reviews").Run() // there is no such table
	for _, page := range []string{"/index.html", "/nothing"} {
		run(t, "curl", "-s", "-o", os.DevNull, "--unix-socket", m.web, "http://localhost"+page)
	}
	for _, method := range []string{"ListNames", "GetId"} {
		run(t, "dbus-send", "--bus=unix:path="+m.bus, "--print-reply", "--dest=org.freedesktop.DBus", "/", "org.freedesktop.DBus."+method)
	}
	accepted := make(chan error, 1)
	go func() {
		c, err := l.Accept()
		if err == nil {
			_, err = c.Read(make([]byte, 100))
			c.Close()
		}
		accepted <- err
	}()
	c, err := net.DialUnix("unix", nil, &net.UnixAddr{Name: m.passing, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, _, err := c.WriteMsgUnix([]byte("take this"), unix.UnixRights(int(os.Stdin.Fd())), nil); err != nil {
		t.Fatal(err)
	}
	if err := <-accepted; err != nil {
		t.Fatal(err)
	}
}

// Wireshark's window shows packets, their fields, a stream, and a live capture while
// it goes on. The script waits for each.
func (m *mixture) testScreenshots(t *testing.T) {
	needs(t, "wireshark", "Xvfb", "xdotool", "import", "identify", "pngquant", "optipng")
	folder := os.Getenv("SCREENSHOTS")
	if folder == "" {
		folder = t.TempDir()
	}
	cmd := exec.Command("../../scripts/wireshark/screenshots.sh", filepath.Join(bin, "record"), m.file, folder,
		m.web, "curl", "-s", "--unix-socket", m.web, "http://localhost/index.html")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, name := range []string{"list", "fields", "conversations", "follow", "live"} {
		info, err := os.Stat(filepath.Join(folder, name+".png"))
		if err != nil || info.Size() < 10_000 || info.Size() > 120_000 {
			t.Errorf("%s: %v, %v", name, info, err)
		}
	}
}
