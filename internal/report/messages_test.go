package report

import (
	"bytes"
	"io"
	"strings"
	"testing"
	"time"

	"unixcap/internal/capture"
)

func testMessage(payload string) *capture.Message {
	return &capture.Message{
		Number: 1, Packet: 4,
		Time:   time.Date(2026, 1, 2, 3, 4, 5, 6789, time.UTC),
		From:   &capture.Socket{SK: 0xffff81009df84000, Inode: 7, Path: "/var/lib/mysql/a-rather-long-name-of-a-socket.sock"},
		To:     &capture.Socket{SK: 0xffff81009df85000, Inode: 8},
		Sender: capture.Process{PID: 24970, Comm: "mysqld", UID: 27},
		Peer:   capture.Process{PID: 25101, Comm: "mysql"},
		Length: uint64(len(payload)), Payload: []byte(payload),
	}
}

func write(t *testing.T, f Format, width int, m *capture.Message) string {
	t.Helper()
	var b bytes.Buffer
	w, err := NewMessageWriter(&b, f, width)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.WriteMessage(m); err != nil {
		t.Fatal(err)
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestStap(t *testing.T) {
	closed := testMessage("")
	closed.Op = capture.Close
	failed := testMessage("")
	failed.Error = "EAGAIN"
	odd := testMessage("\x1b[2J")
	odd.Sender.Comm = "e\x1bvil"
	cut := testMessage("hello")
	cut.Length = 500
	for _, tt := range []struct {
		name string
		m    *capture.Message
		want string
	}{
		{"the ancestor's example", testMessage("hello"), "24970 mysqld 0xffff81009df84000 5 [hello] [68656C6C6F]\n"},
		{"nothing sent", testMessage(""), "24970 mysqld 0xffff81009df84000 0 [] []\n"},
		{"not printable", odd, "24970 e.vil 0xffff81009df84000 4 [.[2J] [1B5B324A]\n"},
		{"cut: the length is what was sent", cut, "24970 mysqld 0xffff81009df84000 500 [hello] [68656C6C6F]\n"},
		{"close", closed, ""},
		{"failed send", failed, ""},
	} {
		if got := write(t, Stap, 0, tt.m); got != tt.want {
			t.Errorf("%s: got %q, want %q", tt.name, got, tt.want)
		}
	}
}

func TestTextFitsTerminal(t *testing.T) {
	m := testMessage(strings.Repeat("\x1b]0;x\a", 100))
	got := write(t, Text, 110, m)
	if n := columnsOf([]byte(strings.TrimSuffix(got, "\n"))); n > 110 {
		t.Errorf("%d columns on a terminal of 110:\n%s", n, got)
	}
	if strings.ContainsAny(got, "\x1b\a") {
		t.Errorf("control characters reach the terminal: %q", got)
	}
}

func TestMessageWriterAllocates(t *testing.T) {
	m := testMessage(strings.Repeat("0123456789", 100))
	for _, f := range MessageFormats {
		w, err := NewMessageWriter(io.Discard, f, 0)
		if err != nil {
			t.Fatal(err)
		}
		if n := testing.AllocsPerRun(100, func() { w.WriteMessage(m) }); n != 0 {
			t.Errorf("%s: %v allocations a message, want 0", f, n)
		}
	}
}

func TestSafe(t *testing.T) {
	for in, want := range map[string]string{
		"plain":            "plain",
		"größe ✓":          "größe ✓",
		"a\nb\tc\r":        `a\nb\tc\r`,
		"\x1b[31m\x07\x7f": `\x1b[31m\x07\x7f`,
		"\xff\xc3":         `\xff\xc3`,
		"\u009b31m":        `\u009b31m`,
		"abc\u202ecba":     `abc\u202ecba`,
		"\U000e0001":       `\U000e0001`,
		"\u2028":           `\u2028`,
	} {
		if got := Safe(in); got != want {
			t.Errorf("Safe(%q) = %q, want %q", in, got, want)
		}
	}
}
