package capture

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"unixcap/internal/need"
)

// tool returns a function that runs a program of Wireshark's, the oracle of
// these tests, and returns what it prints.
func tool(t testing.TB, name string) func(args ...string) string {
	t.Helper()
	need.Programs(t, name)
	return func(args ...string) string {
		t.Helper()
		cmd := exec.Command(name, args...)
		// A user's own settings must not have a say.
		cmd.Env = append(os.Environ(), "WIRESHARK_CONFIG_DIR="+t.TempDir())
		out, err := cmd.Output()
		if err != nil {
			var e *exec.ExitError
			if errors.As(err, &e) {
				err = fmt.Errorf("%w: %s", err, e.Stderr)
			}
			t.Fatalf("%s %s: %v", name, strings.Join(args, " "), err)
		}
		return string(out)
	}
}

// save writes a file for tools to read.
func save(t testing.TB, b []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "capture.pcapng")
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func load(t testing.TB, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// faults is a display filter for everything that must not be in a capture.
var faults = strings.Join([]string{
	"_ws.malformed", "ip.checksum.status==0", "tcp.checksum.status==0", "udp.checksum.status==0",
	"udp.checksum.zero", "udp.length.bad", "tcp.analysis.lost_segment", "tcp.analysis.ack_lost_segment",
	"tcp.analysis.retransmission", "tcp.analysis.fast_retransmission", "tcp.analysis.spurious_retransmission",
	"tcp.analysis.out_of_order", "tcp.analysis.window_full", "tcp.analysis.zero_window",
	"tcp.analysis.window_update", "tcp.analysis.keep_alive", "tcp.analysis.duplicate_ack",
}, " or ")

// flawless fails the test if tshark finds fault with a file.
func flawless(t testing.TB, path string, allow ...string) {
	t.Helper()
	filter := faults
	for _, a := range allow {
		filter = strings.Replace(filter, a, "frame.number == 0", 1)
	}
	// Of a protocol that some port makes tshark see in test patterns, nothing
	// is to be learnt; MySQL has a test of its own.
	out := tool(t, "tshark")("-r", path, "-o", "tcp.check_checksum:TRUE", "-o", "udp.check_checksum:TRUE",
		"-o", "ip.check_checksum:TRUE", "-Y", filter)
	if out != "" {
		t.Errorf("tshark finds fault with:\n%s", out[:min(len(out), 3000)])
	}
}

// everything is a recording with messages of all kinds and sizes.
func everything() []*Message {
	stream, late := newTalk(Stream, "/run/one.sock"), newTalk(Stream, "@two")
	dgram, seq := newTalk(Datagram, "/run/three"), newTalk(SeqPacket, "/run/four")
	all := []*talk{stream, late, dgram, seq}
	for i, n := range sizes {
		for j, c := range all {
			if j == 1 && i < 3 {
				continue
			}
			c.say(i%2 == 1, pattern(n, uint64(i)))
			c.say(i%3 == 1, pattern(n/3+1, uint64(i+j))).FDs = i
		}
	}
	dgram.say(false, nil)
	seq.say(true, nil)
	for _, c := range all {
		c.end(false)
		c.end(true)
	}
	return merge(all...)
}

// merge puts conversations in order of time and numbers their messages.
func merge(talks ...*talk) (ms []*Message) {
	for i, c := range talks {
		for j, m := range c.messages {
			m.Time = t0.Add(time.Duration(j)*time.Millisecond + time.Duration(i)*10*time.Microsecond)
			ms = append(ms, m)
		}
	}
	slices.SortStableFunc(ms, func(a, b *Message) int { return a.Time.Compare(b.Time) })
	for i, m := range ms {
		m.Number = uint64(i) + 1
	}
	return ms
}

func TestWiresharkFindsNoFault(t *testing.T) {
	path := save(t, record(t, WriterOptions{Program: "unixcap 1.0", Kernel: "Linux 6.12", Host: "h", Command: "record -o x"}, everything()))
	flawless(t, path)
	info := tool(t, "capinfos")(path)
	for _, want := range []string{"Strict time order:   True", "Capture application: unixcap 1.0", "Number of interfaces in file: 3",
		"Name = unix-stream", "Name = unix-dgram", "Name = unix-seqpacket", "Encapsulation = Raw IP", "nanoseconds (9)"} {
		if !strings.Contains(info, want) {
			t.Errorf("capinfos does not say %q:\n%s", want, info)
		}
	}
}

// Following a stream in Wireshark gives the exact bytes of both directions.
func TestWiresharkFollowsStreams(t *testing.T) {
	c := newTalk(Stream, "/run/one.sock")
	for i, n := range sizes[:9] {
		c.say(i%2 == 1, pattern(n, uint64(i)))
		c.say(i%3 == 1, pattern(n/3+1, uint64(i)))
	}
	c.end(true)
	c.end(false)
	out := tool(t, "tshark")("-r", save(t, record(t, WriterOptions{}, c.messages)), "-q", "-z", "follow,tcp,raw,0")
	var got, want [2][]byte
	for _, m := range c.messages {
		d := 0
		if m.From == c.server {
			d = 1
		}
		want[d] = append(want[d], m.Payload...)
	}
	for line := range strings.Lines(out) {
		d := 0
		if line[0] == '\t' { // the end that did not send first
			d = 1
		}
		if b, err := hex.DecodeString(strings.TrimSpace(line)); err == nil {
			got[d] = append(got[d], b...)
		}
	}
	for d := range got {
		if !bytes.Equal(got[d], want[d]) {
			t.Errorf("direction %d: followed %d bytes, sent %d", d, len(got[d]), len(want[d]))
		}
	}
}

func TestWiresharkCut(t *testing.T) {
	var talks []*talk
	for _, kind := range []Kind{Stream, Datagram, SeqPacket} {
		c := newTalk(kind, "/run/test.sock")
		for i, n := range sizes {
			m := c.say(i%2 == 1, pattern(n, 1))
			m.Payload = m.Payload[:min(n, []int{0, 1, 100, 65000, 70000}[i%5])]
			c.say(i%3 == 0, []byte("whole"))
		}
		talks = append(talks, c)
	}
	flawless(t, save(t, record(t, WriterOptions{}, merge(talks...))))
}

// After a loss there is a new handshake, so nothing looks lost or sent twice.
func TestWiresharkLoss(t *testing.T) {
	c := newTalk(Stream, "/run/one.sock")
	for i := range 50 {
		server := i%2 == 1
		if i%7 == 6 {
			c.offset[i%2] += uint64(i) << 20
			c.say(server, pattern(30000, uint64(i))).LostBytes = uint64(i) << 20
			continue
		}
		c.say(server, pattern(30000, uint64(i)))
	}
	path := save(t, record(t, WriterOptions{}, c.messages))
	flawless(t, path)
	out := tool(t, "tshark")("-r", path, "-Y", "frame.comment contains \"lost=\"", "-T", "fields", "-e", "frame.number")
	if n := strings.Count(out, "\n"); n != 7 {
		t.Errorf("%d packets say lost=, want 7", n)
	}
}

func TestWiresharkFailedSends(t *testing.T) {
	var talks []*talk
	for _, kind := range []Kind{Stream, Datagram, SeqPacket} {
		c := newTalk(kind, "/run/test.sock")
		for i := range 12 {
			m := c.say(i%2 == 1, []byte("hello"))
			if i%3 == 1 {
				m.Error, m.Payload, m.Length = "EAGAIN", nil, 0
				c.offset[i%2] -= 5
			}
		}
		talks = append(talks, c)
	}
	all := merge(talks...)
	path := save(t, record(t, WriterOptions{}, all))
	// A packet that only repeats an acknowledgement is one, whatever it is for.
	flawless(t, path, "tcp.analysis.duplicate_ack")
	same(t, replay(t, load(t, path)), all)
}

// An end that only sends: no window may fill up, however much it is.
func TestWiresharkOneWay(t *testing.T) {
	c := newTalk(Stream, "/run/one.sock")
	for range 4000 {
		c.say(false, pattern(64, 1))
	}
	for range 30 { // 1.5 GiB of which only the beginning was recorded
		m := c.say(false, []byte("begin"))
		m.Length = 50 << 20
		c.offset[0] += m.Length - 5
	}
	c.say(true, []byte("enough"))
	flawless(t, save(t, record(t, WriterOptions{}, c.messages)))
}

func TestWiresharkEviction(t *testing.T) {
	var talks []*talk
	for range 5 {
		c := newTalk(Stream, "/run/one.sock")
		for i := range 20 {
			c.say(i%2 == 1, pattern(1000*i+1, 1))
		}
		talks = append(talks, c)
	}
	flawless(t, save(t, record(t, WriterOptions{MaxConnections: 2}, merge(talks...))))
}

// What tools make of a capture is still the same recording.
func TestReaderAfterTools(t *testing.T) {
	all := everything()
	path := save(t, record(t, WriterOptions{}, all))
	comments := tool(t, "tshark")("-r", path, "-T", "fields", "-e", "frame.comment")
	for name, args := range map[string][]string{
		"editcap":    {path},
		"tshark":     {"-r", path, "-w"},
		"reordercap": {path},
		"mergecap":   {path, "-w"},
	} {
		t.Run(name, func(t *testing.T) {
			out := filepath.Join(t.TempDir(), "out.pcapng")
			tool(t, name)(append(args, out)...)
			same(t, replay(t, load(t, out)), all)
			if got := tool(t, "tshark")("-r", out, "-T", "fields", "-e", "frame.comment"); got != comments {
				t.Error("comments differ")
			}
			flawless(t, out)
		})
	}
}

// Two halves of a recording made at the same time, merged.
func TestReaderAfterMerge(t *testing.T) {
	all := everything()
	var halves [2][]*Message
	for _, m := range all {
		h := int(min(m.From.SK, m.To.SK)>>12) & 1
		halves[h] = append(halves[h], m)
	}
	a, b := save(t, record(t, WriterOptions{}, halves[0])), save(t, record(t, WriterOptions{}, halves[1]))
	out := filepath.Join(t.TempDir(), "out.pcapng")
	tool(t, "mergecap")("-w", out, a, b)
	got := replay(t, load(t, out))
	slices.SortStableFunc(got, func(a, b *Message) int { return a.Time.Compare(b.Time) })
	same(t, got, all)
	flawless(t, out)

	// The halves in the wrong order, put right.
	swapped := filepath.Join(t.TempDir(), "swapped.pcapng")
	tool(t, "mergecap")("-a", "-w", swapped, b, a)
	if got := replay(t, load(t, swapped)); len(got) != len(all) {
		t.Errorf("%d messages of files put together, want %d", len(got), len(all))
	}
	tool(t, "reordercap")(swapped, out)
	got = replay(t, load(t, out))
	slices.SortStableFunc(got, func(a, b *Message) int { return a.Time.Compare(b.Time) })
	same(t, got, all)
}

// A piece out of the middle lacks what only descriptions say, and nothing else.
func TestReaderAfterCut(t *testing.T) {
	c := newTalk(Stream, "/run/one.sock")
	early := *c.server
	early.Inode = 0
	for i := range 40 {
		m := c.say(i%2 == 1, pattern(3000*i+1, uint64(i)))
		if i == 0 {
			m.To = &early
		}
	}
	path := save(t, record(t, WriterOptions{}, c.messages))
	out := filepath.Join(t.TempDir(), "out.pcapng")
	tool(t, "editcap")("-r", path, out, "21-45")
	got := replay(t, load(t, out))
	if len(got) < 10 {
		t.Fatalf("%d messages", len(got))
	}
	for _, g := range got {
		w := c.messages[g.Number-1]
		if g.Offset+g.Length != w.Offset+w.Length && g.Offset != w.Offset {
			t.Errorf("message %d: bytes %d+%d, want %d+%d", g.Number, g.Offset, g.Length, w.Offset, w.Length)
		}
		if part := w.Payload[g.Offset-w.Offset:]; !bytes.HasPrefix(part, g.Payload) {
			t.Errorf("message %d: wrong bytes", g.Number)
		}
		if g.From.SK != w.From.SK || g.From.Inode != w.From.Inode || g.To.SK != w.To.SK || g.To.Inode != c.inodeOf(w.To) ||
			g.Sender.PID != w.Sender.PID || g.Sender.TID != w.Sender.TID || g.Sender.Comm != w.Sender.Comm {
			t.Errorf("message %d: from %+v %+v, want %+v %+v", g.Number, g.From, g.Sender, w.From, w.Sender)
		}
	}
}

func (t *talk) inodeOf(s *Socket) uint32 {
	if s.SK == t.server.SK {
		return t.server.Inode
	}
	return t.client.Inode
}

// editcap -s cuts every packet, so of a long message only the first one's
// beginning is of use.
func TestReaderAfterSnap(t *testing.T) {
	all := everything()
	out := filepath.Join(t.TempDir(), "out.pcapng")
	tool(t, "editcap")("-s", "100", save(t, record(t, WriterOptions{}, all)), out)
	got := replay(t, load(t, out))
	want := make([]*Message, len(all))
	for i, m := range all {
		w := *m
		header := ipv6Len + tcpLen
		if w.From.Kind != Stream {
			header = ipv6Len + udpLen
		}
		w.Payload = w.Payload[:min(len(w.Payload), 100-header)]
		want[i] = &w
	}
	same(t, got, want)
	flawless(t, out)
}

// Through classic pcap the comments are gone, and what they said with them:
// addresses, ports, offsets and bytes are left.
func TestReaderAfterPcap(t *testing.T) {
	c := newTalk(Stream, "/run/mysqld/mysqld.sock")
	for i := range 20 {
		c.say(i%2 == 1, pattern(1000*i+1, uint64(i)))
	}
	c.end(false)
	again := newTalk(Stream, "/run/mysqld/mysqld.sock") // at the same addresses
	again.client.SK, again.server.SK, again.now = c.client.SK, c.server.SK, c.now
	again.say(false, []byte("one"))
	again.say(true, []byte("two"))
	again.end(true)
	c.messages = append(c.messages, again.messages...)
	dir := t.TempDir()
	pcap, back := filepath.Join(dir, "out.pcap"), filepath.Join(dir, "out.pcapng")
	tool(t, "editcap")("-F", "nsecpcap", save(t, record(t, WriterOptions{}, c.messages)), pcap)
	tool(t, "editcap")("-F", "pcapng", pcap, back)
	var want []*Message
	for _, m := range c.messages {
		w := &Message{Op: m.Op, Time: m.Time, Offset: m.Offset, Length: m.Length, Payload: m.Payload,
			From: &Socket{SK: m.From.SK, Inode: m.From.Inode}, To: &Socket{SK: m.To.SK, Inode: m.To.Inode}}
		want = append(want, w)
	}
	same(t, replay(t, load(t, back)), want)
}

func TestWiresharkNames(t *testing.T) {
	c := newTalk(Stream, "/run/mysqld/mysqld.sock")
	c.say(false, []byte("x"))
	file := save(t, record(t, WriterOptions{}, c.messages))
	out := tool(t, "tshark")("-r", file, "-N", "n", "-T", "fields", "-e", "ipv6.dst_host", "-c", "1")
	if got := strings.TrimSpace(out); got != "mysqld[24970] /run/mysqld/mysqld.sock" {
		t.Errorf("name %q", got)
	}
	sk := fmt.Sprintf("fd75:6e78:%x:%x:%x:%x::/96", c.client.SK>>48, c.client.SK>>32&0xffff, c.client.SK>>16&0xffff, c.client.SK&0xffff)
	out = tool(t, "tshark")("-r", file, "-Y", "ipv6.addr == "+sk, "-T", "fields", "-e", "frame.number")
	if n := strings.Count(out, "\n"); n != 4 {
		t.Errorf("%d packets of the socket by its address, want 4", n)
	}
}

// epb_packetid, epb_dropcount and epb_flags as Wireshark has them.
func TestWiresharkPacketOptions(t *testing.T) {
	c := newTalk(Stream, "/run/one.sock")
	c.say(false, pattern(MaxSegment+1, 1))
	c.offset[1] = 100
	m := c.say(true, []byte("x"))
	m.LostBytes, m.LostMessages = 100, 7
	out := tool(t, "tshark")("-r", save(t, record(t, WriterOptions{}, c.messages)), "-Y", "tcp.len > 0",
		"-T", "fields", "-e", "frame.packet_id", "-e", "frame.drop_count", "-e", "frame.packet_flags_direction")
	want := "1\t\t1\n1\t\t1\n2\t7\t2\n"
	out = strings.ReplaceAll(strings.ReplaceAll(out, "0x00000001", "1"), "0x00000002", "2")
	if out != want {
		t.Errorf("packet id, drop count, direction:\n%swant\n%s", out, want)
	}
}
