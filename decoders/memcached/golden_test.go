package memcached

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"flag"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"unixcap/decoders/decodertest"
)

var (
	update = flag.Bool("update", false, "rewrite the expected output in testdata")
	record = flag.Bool("record", false, "record the conversations in testdata anew")
)

// The conversations in testdata, what each shows, how many requests may go
// unanswered before the decoder has found its place (-1: there is no way to
// tell whose the first answer is), and what the client said.
var golden = []struct {
	name, shows string
	slack       int
	steps       [][2]string // what is sent, and what ends the answer
}{
	{"text", "the text protocol: all commands, hits and misses, errors", 1, [][2]string{
		{"version\r\n", "\r\n"},
		{"set user:1001:name 5 0 5\r\nhello\r\n", "\r\n"},
		{"get user:1001:name\r\n", "END\r\n"},
		{"get user:1002:name user:1001:name user:1003:name\r\n", "END\r\n"},
		{"gets user:1001:name\r\n", "END\r\n"},
		{"add user:1001:name 0 0 1\r\nx\r\n", "\r\n"},
		{"replace none 0 0 1\r\nx\r\n", "\r\n"},
		{"append user:1001:name 0 0 2\r\n\r\n\r\n", "\r\n"},
		{"cas user:1001:name 0 0 1 1\r\ny\r\n", "\r\n"},
		{"set n 0 0 1\r\n7\r\n", "\r\n"},
		{"incr n 5\r\n", "\r\n"},
		{"decr none 5\r\n", "\r\n"},
		{"incr user:1001:name 1\r\n", "\r\n"},
		{"touch n 100\r\n", "\r\n"},
		{"gat 100 n none\r\n", "END\r\n"},
		{"delete n\r\n", "\r\n"},
		{"delete n\r\n", "\r\n"},
		{"nonsense\r\n", "\r\n"},
		{"set big 0 0 2000\r\n" + strings.Repeat("y", 2000) + "\r\n", "\r\n"},
		{"stats\r\n", "END\r\n"},
		{"set empty 0 0 0\r\n\r\n", "\r\n"},
		{"get empty\r\n", "END\r\n"},
		{"set quiet 0 0 1 noreply\r\na\r\nget quiet\r\n", "END\r\n"},
		{"flush_all\r\n", "OK\r\n"},
	}},
	{"pipeline", "several commands at once", 4, [][2]string{
		{"set a 0 0 1\r\na\r\nset b 0 0 1\r\nb\r\nget a b\r\n", "END\r\n"},
		{"get a\r\nget c\r\ndelete a\r\nget a b\r\n", "b\r\nEND\r\n"},
		{"get b\r\nincr c 1\r\nversion\r\n", "VERSION 1.6.18\r\n"},
	}},
	{"meta", "meta commands: quiet ones, opaques, a miss and a hit", 5, [][2]string{
		{"ms key:1 5 T0\r\nhello\r\n", "\r\n"},
		{"mg key:1 v t\r\n", "hello\r\n"},
		{"mg key:2 v\r\n", "\r\n"},
		{"mg key:1\r\n", "\r\n"},
		{"mg key:2 q v\r\nmg key:1 q v k\r\nmg key:3 q v\r\nmn\r\n", "MN\r\n"},
		{"mg key:2 v q O1\r\nmg key:1 v q O2\r\nms key:4 1 q O3\r\nx\r\nmn\r\n", "MN\r\n"},
		{"md key:1 q\r\nmd key:1 q\r\nmd key:1\r\n", "NF\r\n"},
		{"ma n\r\n", "NF\r\n"},
		{"ma n N0 J5 v\r\n", "5\r\n"},
		{"me key:4\r\n", "\r\n"},
		{"ms key:1 zz\r\n", "\r\n"},
		{"mn\r\n", "MN\r\n"},
	}},
	{"binary", "the binary protocol: hits, misses, quiet commands, statistics, errors", 4, [][2]string{
		{packet(0x0b, 0, "", "", ""), "1.6.18"},
		{packet(0x01, 1, "\x00\x00\x00\x05\x00\x00\x00\x00", "user:1", "hello"), header24(1, 0)},
		{packet(0x00, 2, "", "user:1", ""), "hello"},
		{packet(0x00, 3, "", "user:2", ""), "Not found"},
		{packet(0x0c, 4, "", "user:1", ""), "hello"},
		{packet(0x09, 5, "", "user:2", "") + packet(0x0d, 6, "", "user:1", "") + packet(0x09, 7, "", "user:3", "") + packet(0x0a, 8, "", "", ""), header24(8, 0x0a)},
		{packet(0x05, 9, "\x00\x00\x00\x00\x00\x00\x00\x02\x00\x00\x00\x00\x00\x00\x00\x28\x00\x00\x00\x00", "n", ""), "\x00\x00\x00\x28"},
		{packet(0x02, 10, "\x00\x00\x00\x00\x00\x00\x00\x00", "user:1", "again"), "exists"},
		{packet(0x05, 11, "\x00\x00\x00\x00\x00\x00\x00\x02\x00\x00\x00\x00\x00\x00\x00\x28\x00\x00\x00\x00", "user:1", ""), "value"},
		{packet(0x11, 12, "\x00\x00\x00\x00\x00\x00\x00\x00", "q", "quiet") + packet(0x0a, 13, "", "", ""), header24(13, 0x0a)},
		{packet(0x10, 14, "", "", ""), header24(14, 0x10)},
		{packet(0x21, 15, "", "PLAIN", "\x00me\x00hunter2"), "command"},
		{packet(0x04, 16, "", "user:1", ""), header24(16, 4)},
		{packet(0x08, 17, "", "", ""), header24(17, 8)},
	}},
}

// packet is a request of the binary protocol.
func packet(opcode byte, opaque uint32, extras, key, value string) string {
	b := []byte{magicRequest, opcode, 0, byte(len(key)), byte(len(extras)), 0, 0, 0}
	b = binary.BigEndian.AppendUint32(b, uint32(len(extras)+len(key)+len(value)))
	b = binary.BigEndian.AppendUint32(b, opaque)
	b = append(b, make([]byte, 8)...)
	return string(b) + extras + key + value
}

// header24 is the end of a header without a body that answers a request.
func header24(opaque uint32, _ byte) string {
	b := binary.BigEndian.AppendUint32([]byte{0, 0, 0, 0}, opaque)
	return string(b)
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
			decodertest.Everything(t, Protocol, c, g.slack)
		})
	}
}

// TestRecord is not a test but how the conversations got here:
//
//	go test -run TestRecord/NAME -record
func TestRecord(t *testing.T) {
	if !*record {
		return // it makes golden conversations, and tests nothing
	}
	for _, g := range golden {
		t.Run(g.name, func(t *testing.T) {
			p := startServer(t)
			c, err := net.Dial("unix", p.Path)
			if err != nil {
				t.Fatal(err)
			}
			_ = c.SetDeadline(time.Now().Add(time.Minute))
			r := bufio.NewReader(c)
			for _, s := range g.steps {
				if _, err := io.WriteString(c, s[0]); err != nil {
					t.Fatal(err)
				}
				var heard []byte
				for !bytes.HasSuffix(heard, []byte(s[1])) {
					b, err := r.ReadByte()
					if err != nil {
						t.Fatalf("%q: %v behind %q", s[0][:min(len(s[0]), 100)], err, heard)
					}
					heard = append(heard, b)
				}
				for r.Buffered() > 0 { // the rest of a packet
					_, _ = r.ReadByte()
				}
			}
			c.Close()
			all := p.Conversations()
			all[len(all)-1].Write(t, filepath.Join("testdata", g.name+".conv"))
		})
	}
}

// startServer starts a server of our own behind a proxy that records.
func startServer(t *testing.T) *decodertest.Proxy {
	t.Helper()
	if _, err := exec.LookPath("memcached"); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatalf("%v (needed where CI=true)", err)
		}
		t.Skip(err)
	}
	dir := t.TempDir()
	target := filepath.Join(dir, "real.sock")
	cmd := exec.Command("memcached", "-s", target, "-u", "root", "-t", "1")
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		if c, err := net.Dial("unix", target); err == nil {
			c.Close()
			break
		} else if time.Now().After(deadline) {
			t.Fatal(err)
		}
	}
	p, err := decodertest.NewProxy(filepath.Join(dir, "memcached.sock"), target)
	if err != nil {
		t.Fatal(err)
	}
	return p
}
