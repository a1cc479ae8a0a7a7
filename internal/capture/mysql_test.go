package capture

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"unixcap/pcapng"
)

// mysqlSession returns the messages of a session of MariaDB's client and server:
// a login, 12 queries, a statement with a large result, an error, a quit.
func mysqlSession(t testing.TB) *talk {
	t.Helper()
	f, err := os.Open("testdata/mysql.pcapng.gz")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	file, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	c := newTalk(Stream, "/var/lib/mysql/mysql.sock")
	packets(t, file, func(p *pcapng.EnhancedPacket, s *segment, payload []byte) {
		if len(payload) > 0 {
			m := c.say(s.srcPort == 3306, bytes.Clone(payload))
			m.Time = p.Time()
		}
	})
	return c
}

// mysqlInfo returns what tshark says of the packets with payload: their times,
// the protocol it decoded and the query. The summary column may differ after a loss:
// since 4.6 the dissector heeds what was agreed at login, which a new connection lacks.
func mysqlInfo(t *testing.T, messages []*Message) []string {
	t.Helper()
	path := save(t, record(t, WriterOptions{}, messages))
	// The rest of a message whose beginning was lost may well be malformed.
	flawless(t, path, "_ws.malformed")
	out := tool(t, "tshark")("-r", path, "-Y", "tcp.len > 0", "-T", "fields", "-e", "frame.time_epoch",
		"-e", "_ws.col.Protocol", "-e", "mysql.query")
	return strings.Split(strings.TrimSpace(out), "\n")
}

// Wireshark decodes a MySQL session without being told anything.
func TestWiresharkMySQL(t *testing.T) {
	path := save(t, record(t, WriterOptions{}, mysqlSession(t).messages))
	flawless(t, path)
	out := tool(t, "tshark")("-r", path, "-Y", "mysql.query", "-T", "fields", "-e", "mysql.query")
	if n := strings.Count(out, "\n"); n != 12 {
		t.Errorf("%d queries decoded, want 12:\n%s", n, out)
	}
	out = tool(t, "tshark")("-r", path, "-Y", "mysql.error_code == 1054 or mysql.version", "-T", "fields", "-e", "frame.number")
	if n := strings.Count(out, "\n"); n != 2 {
		t.Errorf("greeting and error: %d packets, want 2", n)
	}
}

// After lost bytes, wherever they are, Wireshark decodes everything from the next
// request on as if nothing had been lost.
func TestWiresharkMySQLAfterLoss(t *testing.T) {
	whole := mysqlSession(t)
	all := mysqlInfo(t, whole.messages)
	// A response, a request, and the beginning, the middle and the end of a large
	// response.
	for _, i := range []int{6, 9, 16, 20, 25} {
		lost := whole.messages[i]
		var left []*Message
		var next time.Time // the next request after something of the server's
		for j, m := range whole.messages {
			if j == i {
				continue
			}
			if j > i && m.From == lost.From && m.Offset == lost.Offset+lost.Length {
				n := *m
				n.LostBytes, n.LostMessages = lost.Length, 1
				m = &n
			}
			left = append(left, m)
			if j > i+1 && next.IsZero() && m.From == whole.client {
				next = m.Time
			}
		}
		after := func(lines []string) []string {
			from := fmt.Sprintf("%d.%09d", next.Unix(), next.Nanosecond())
			k, _ := slices.BinarySearch(lines, from)
			return lines[k:]
		}
		want, got := after(all), after(mysqlInfo(t, left))
		if d := cmp.Diff(want, got); d != "" || len(got) < 10 {
			t.Errorf("message %d lost, decoded differently after it (- whole, + loss):\n%s", i, d)
		}
	}
}
