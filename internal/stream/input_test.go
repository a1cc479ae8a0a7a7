package stream

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	"unixcap/internal/capture"

	"github.com/google/go-cmp/cmp"
)

// save writes a capture of one message a text, seconds after begin.
func save(t *testing.T, name string, after int, texts ...string) string {
	t.Helper()
	name = filepath.Join(t.TempDir(), name)
	f, err := os.OpenFile(name, os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	w, err := capture.NewWriter(f, capture.WriterOptions{})
	if err != nil {
		t.Fatal(err)
	}
	c := newTalk()
	c.now = c.now.Add(time.Duration(after) * time.Second)
	for _, text := range texts {
		if err := w.WriteMessage(c.ask(text)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(nil); err != nil {
		t.Fatal(err)
	}
	return name
}

func TestInput(t *testing.T) {
	second := save(t, "second", 100, "c", "d")
	first := save(t, "first", 0, "a", "b")
	nothing := save(t, "nothing", 0)
	missing := filepath.Join(t.TempDir(), "missing")
	in := OpenInput([]string{second, nothing, missing, first})
	var got []string
	for {
		m, err := in.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		name, number := in.Locate(m.Packet)
		server, _ := m.ServerEnd()
		got = append(got, fmt.Sprintf("%s %s %v %s", m.Payload, filepath.Base(name), number > 0 && number < 10, server.Path))
	}
	want := []string{"a first true /run/svc.sock", "b first true /run/svc.sock", "c second true /run/svc.sock", "d second true /run/svc.sock"}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("messages (-want +got):\n%s", d)
	}
	if !in.Start().Equal(begin.Add(time.Millisecond)) {
		t.Errorf("start is %v", in.Start())
	}
	if errs := in.Errors(); len(errs) != 1 || !errors.Is(errs[0], os.ErrNotExist) {
		t.Errorf("errors %v, want one of a missing file", errs)
	}
	if read, total := in.Progress(); read != total || total == 0 {
		t.Errorf("read %d of %d bytes", read, total)
	}
	if n := len(in.Stats()); n != 3 {
		t.Errorf("statistics of %d files, want 3", n)
	}
}

func TestParseMoment(t *testing.T) {
	start := time.Unix(1000, 0).UTC()
	for in, want := range map[string]string{
		"2026-01-31T12:00:00Z":          "2026-01-31T12:00:00Z",
		"2026-01-31T12:00:00.123+01:00": "2026-01-31T11:00:00.123Z",
		"2026-01-31 12:00:00.5":         "2026-01-31T12:00:00.5Z",
		"2026-01-31 12:00":              "2026-01-31T12:00:00Z",
		"2026-01-31":                    "2026-01-31T00:00:00Z",
		"1700000000":                    "2023-11-14T22:13:20Z",
		"1700000000.25":                 "2023-11-14T22:13:20.25Z",
		"+90s":                          "1970-01-01T00:18:10Z",
		"yesterday":                     "",
		"+yesterday":                    "",
		"+-5s":                          "",
		"1.2.3":                         "",
		"":                              "",
	} {
		m, err := ParseMoment(in)
		if (err != nil) != (want == "") {
			t.Errorf("ParseMoment(%q): %v", in, err)
		}
		if err != nil {
			continue
		}
		if got := m.Time(start).UTC().Format(time.RFC3339Nano); got != want {
			t.Errorf("ParseMoment(%q) is %s, want %s", in, got, want)
		}
	}
}

func TestFilter(t *testing.T) {
	c := newTalk()
	m := c.ask("x")
	for _, tt := range []struct {
		name string
		f    Filter
		want bool
	}{
		{"nothing asked for", Filter{}, true},
		{"client's pid", Filter{PIDs: []uint32{100}}, true},
		{"server's pid, among others", Filter{PIDs: []uint32{7, 200}}, true},
		{"another pid", Filter{PIDs: []uint32{7}}, false},
		{"name", Filter{Comms: []string{"svc?"}}, true},
		{"one fits, one does not", Filter{Comms: []string{"app"}, PIDs: []uint32{7}}, false},
		{"path", Filter{Paths: []string{"svc.sock"}}, true},
		{"another path", Filter{Paths: []string{"/var/*"}}, false},
		{"socket", Filter{SKs: []uint64{0xffff888000000200}}, true},
		{"another socket", Filter{SKs: []uint64{5}}, false},
	} {
		if got := tt.f.Message(m); got != tt.want {
			t.Errorf("%s: message passes: %v", tt.name, got)
		}
		_, flows := run(t, Options{}, m)
		if got := tt.f.Flow(flows[0]); got != tt.want {
			t.Errorf("%s: flow passes: %v", tt.name, got)
		}
	}
	_, flows := run(t, Options{}, m)
	for proto, want := range map[string]bool{Unknown: true, "toy": false} {
		f := Filter{Protos: []string{proto}}
		if got := f.Flow(flows[0]); got != want {
			t.Errorf("flow passes as %s: %v", proto, got)
		}
	}
}
