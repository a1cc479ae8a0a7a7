package monitor

import (
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"unixcap/internal/capture"
	"unixcap/internal/tally"
)

// at is a Snapshot with so many messages lost for a reason.
func at(name string, kind capture.Kind, n tally.Count) *tally.Snapshot {
	s := &tally.Snapshot{}
	for i := range tally.Reasons {
		if tally.Reasons[i].Name == name {
			s.ByKind[kind][i] = n
		}
	}
	return s
}

func TestStatus(t *testing.T) {
	before := &tally.Snapshot{}
	before.Taken[0] = tally.Count{Messages: 1000}
	s := at("ring_full", capture.Stream, tally.Count{Messages: 12, Bytes: 3})
	s.Taken[0], s.Taken[1] = tally.Count{Messages: 3000, Bytes: 1_500_000}, tally.Count{Messages: 456}
	s.RingUsed, s.RingSize, s.File = 37, 100, "/var/log/long/x.pcapng00012"
	want := "3.5k packets  1.5MB  1.2k/s  12 lost  buffer 37%  x.pcapng00012"
	if got := status(s, before, 2*time.Second, 80); got != want {
		t.Errorf("%q", got)
	}
	// It never reaches the last column, whatever the file is called.
	s.File = "日本語日本語日本語日本語\x1b[2J\n" + strings.Repeat("x", 300)
	for columns := range 200 {
		line := status(s, before, time.Second, columns)
		wide := utf8.RuneCountInString(line)
		for _, r := range line {
			if r >= utf8.RuneSelf {
				wide++
			}
			if r < ' ' {
				t.Errorf("control character in %q", line)
			}
		}
		if wide > max(0, columns-1) || columns > 60 && wide < columns-2 {
			t.Errorf("%d columns of %d: %q", wide, columns, line)
		}
	}
}

func TestLostInWords(t *testing.T) {
	incomplete := &tally.Snapshot{Incomplete: tally.Count{Messages: 3, Bytes: 9}}
	for want, s := range map[string]*tally.Snapshot{
		"0 lost":       at("snaplen", capture.Stream, tally.Count{Messages: 5, Bytes: 5}),
		"3 incomplete": incomplete,
		"45k lost":     at("disk", capture.Datagram, tally.Count{Messages: 45000, Bytes: 5}),
	} {
		if got := lost(s); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

func TestShort(t *testing.T) {
	for want, v := range map[string]float64{
		"0": 0, "1": 0.7, "999": 999, "1.0k": 999.7, "9.9k": 9940, "10k": 9960, "999k": 999_400, "1.0M": 999_600, "18E": 1.8e19, "2000E": 2e21,
	} {
		if got := short(v); got != want {
			t.Errorf("%v is %q, want %q", v, got, want)
		}
	}
}

// The closing lines are tcpdump's, then why and where something is missing.
func TestTotals(t *testing.T) {
	s := at("disk", capture.Datagram, tally.Count{Messages: 3, Bytes: 30})
	s.ByKind[capture.Stream][0] = tally.Count{Messages: 2, Bytes: 20}
	s.Written = 10
	s.Worst = []tally.Socket{
		{SK: 0xffff888100000000, Inode: 7, Path: "/run/a\x1b.sock", Process: capture.Process{PID: 1, Comm: "a\nb"}, Peer: capture.Process{PID: 2, Comm: "c"}, Lost: tally.Count{Messages: 2, Bytes: 20}},
		{SK: 0xffff888100000100, Inode: 8, PeerPath: "@x", Process: capture.Process{PID: 1, Comm: "d"}, Lost: tally.Count{Messages: 1}},
		{SK: 0xffff888100000200, Inode: 9},
	}
	var b strings.Builder
	Totals(&b, s)
	want := `10 packets captured
15 packets received by filter
2 packets dropped by kernel
  ring buffer full (-B makes it larger): 2 packets, 20 bytes
  disk: could not be written: 3 packets, 30 bytes
sockets that lost most:
  SK                  INODE  PACKETS  BYTES  PROCESS  PEER  PATH
  0xffff888100000000  7      2        20     a\nb[1]  c[2]  /run/a\x1b.sock
  0xffff888100000100  8      1        0      d[1]     -     → @x
  0xffff888100000200  9      0        0      -        -     
  others, or later           2        30
`
	if b.String() != want {
		t.Errorf("%s", b.String())
	}
}
