package monitor

import (
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestParseAddress(t *testing.T) {
	for s, want := range map[string]string{
		"/run/x.sock":                      "/run/x.sock",
		"unix:/run/x.sock":                 "/run/x.sock",
		"unix:x.sock":                      "x.sock",
		"./x":                              "./x",
		"127.0.0.1:9900":                   "127.0.0.1:9900",
		"127.1.2.3:9900":                   "127.1.2.3:9900",
		"localhost:9900":                   "127.0.0.1:9900",
		"[::1]:9900":                       "[::1]:9900",
		":9900":                            "error: other machines",
		"0.0.0.0:9900":                     "error: other machines",
		"[::]:9900":                        "error: other machines",
		"192.0.2.1:9900":                   "error: other machines",
		"example.com:9900":                 "error: other machines",
		"localhost.example.com:80":         "error: other machines",
		"9900":                             "error: such as 127.0.0.1:9900",
		"127.0.0.1":                        "error: such as 127.0.0.1:9900",
		"127.0.0.1:":                       "error: such as 127.0.0.1:9900",
		"127.0.0.1:99000":                  "error: 99000",
		"":                                 "error: such as",
		"unix:":                            "error: 107",
		"@metrics":                         "error: everybody",
		"unix:@metrics":                    "error: everybody",
		"/run/" + strings.Repeat("x", 103): "error: 107",
	} {
		a, err := ParseAddress(s)
		if part, bad := strings.CutPrefix(want, "error: "); bad {
			if err == nil || !strings.Contains(err.Error(), part) || !strings.HasPrefix(err.Error(), "--metrics ") {
				t.Errorf("%q: %v", s, err)
			}
		} else if err != nil || a.String() != want {
			t.Errorf("%q: %v, %v", s, a, err)
		}
	}
}

// The socket is its owner's alone, takes the place only of one that nobody
// listens on, and is gone afterwards.
func TestListen(t *testing.T) {
	name := filepath.Join(t.TempDir(), "m.sock")
	a, err := ParseAddress(name)
	if err != nil {
		t.Fatal(err)
	}
	stale, err := net.ListenUnix("unix", &net.UnixAddr{Name: name, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := a.Listen(); err == nil || !strings.Contains(err.Error(), "already") {
		t.Errorf("beside another: %v", err)
	}
	stale.SetUnlinkOnClose(false)
	stale.Close()
	l, err := a.Listen()
	if err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(name); err != nil || info.Mode() != 0o600|os.ModeSocket {
		t.Errorf("%v, %v", info, err)
	}
	if err := l.Close(); err != nil {
		t.Error(err)
	}
	if _, err := os.Lstat(name); !os.IsNotExist(err) {
		t.Errorf("after the end: %v", err)
	}
}

// What is no socket, or is another's by now, stays.
func TestListenLeaves(t *testing.T) {
	name := filepath.Join(t.TempDir(), "m.sock")
	a, err := ParseAddress(name)
	if err != nil {
		t.Fatal(err)
	}
	l, err := a.Listen()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(name); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte("precious"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := l.Close(); err != nil {
		t.Error(err)
	}
	if _, err := a.Listen(); err == nil || !strings.Contains(err.Error(), "no socket") {
		t.Error(err)
	}
	link := name + ".link"
	if err := os.Symlink(name, link); err != nil {
		t.Fatal(err)
	}
	if a, err = ParseAddress(link); err != nil {
		t.Fatal(err)
	}
	if _, err := a.Listen(); err == nil || !strings.Contains(err.Error(), "no socket") {
		t.Error(err)
	}
	if b, err := os.ReadFile(name); string(b) != "precious" || err != nil {
		t.Errorf("%q, %v", b, err)
	}
}
