package capture

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"unixcap/pcapng"
)

// packets calls f for every packet of a file.
func packets(t testing.TB, file []byte, f func(p *pcapng.EnhancedPacket, s *segment, payload []byte)) {
	t.Helper()
	r, err := pcapng.NewReader(bytes.NewReader(file))
	if err != nil {
		t.Fatal(err)
	}
	for {
		b, err := r.Next()
		if err == io.EOF {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		if p, ok := b.(*pcapng.EnhancedPacket); ok {
			var s segment
			payload, ok := parseHeaders(p.Data, &s)
			if !ok {
				t.Fatalf("packet is not of the profile: % x", p.Data)
			}
			f(p, &s, payload)
		}
	}
}

// countFlags counts the packets that have a TCP flag.
func countFlags(t testing.TB, file []byte, flag uint8) (n int) {
	packets(t, file, func(_ *pcapng.EnhancedPacket, s *segment, _ []byte) {
		if s.flags&flag != 0 {
			n++
		}
	})
	return n
}

func itoa(n int) string { return strconv.Itoa(n) }

// A checksum is right if the sum of everything, itself included, is 0xffff.
func TestChecksum(t *testing.T) {
	for n := range 200 {
		for _, proto := range []uint8{protoTCP, protoUDP} {
			src, dst := address{0xfd, 0x75, 0x6e, 0x78, 1}, address{0xfd, 0x75, 0x6e, 0x78, 15: 2}
			payload := pattern(n, uint64(n))
			if n%3 == 0 {
				payload = bytes.Repeat([]byte{0xff}, n)
			}
			s := segment{src: &src, dst: &dst, srcPort: 1, dstPort: 2, proto: proto, flags: flagACK, length: n}
			b := append(appendHeaders(nil, &s, sumOf(sumOf(0, src[:]), dst[:]), payload), payload...)
			slow := uint32(proto) + uint32(len(b)-ipv6Len)
			for i, c := range b[8:] {
				slow += uint32(c) << (8 * uint(1-i&1))
			}
			for slow>>16 != 0 {
				slow = slow>>16 + slow&0xffff
			}
			if slow != 0xffff {
				t.Errorf("protocol %d, %d bytes: sum %#x", proto, n, slow)
			}
			var back segment
			if got, ok := parseHeaders(b, &back); !ok || !bytes.Equal(got, payload) || back.length != n || *back.src != src || *back.dst != dst {
				t.Errorf("protocol %d, %d bytes: read back %+v", proto, n, back)
			}
		}
	}
}

// layoutFile is a file with everything a section header and the statistics can
// say, and what it was made of.
func layoutFile(t *testing.T) ([]byte, *talk, Stats) {
	t.Helper()
	c := newTalk(Stream, "/run/mysqld/mysqld.sock")
	c.say(false, []byte("x"))
	c.say(true, []byte("y"))
	var b bytes.Buffer
	w, err := NewWriter(&b, WriterOptions{Program: "unixcap 1.0", Kernel: "Linux 6.12", Hardware: "x86_64", Host: "db 1", Command: "record -p 1"})
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range c.messages {
		if err := w.WriteMessage(m); err != nil {
			t.Fatal(err)
		}
	}
	s := Stats{Start: t0, End: t0.Add(time.Minute)}
	s.Interfaces[Stream] = InterfaceStats{Received: 5, Dropped: 1, Accepted: 4, OSDropped: 2, Delivered: 3}
	s.Losses[Stream] = []Loss{{"ring_full", 1, 70}, {"busy", 2, 0}}
	if err := w.Close(&s); err != nil {
		t.Fatal(err)
	}
	return b.Bytes(), c, s
}

// brief is a block in a few words.
func brief(b pcapng.Block) string {
	switch x := b.(type) {
	case *pcapng.SectionHeader:
		return fmt.Sprint("section ", x.UserAppl, ", ", x.OS, ", ", x.Hardware, ", ", string(x.Comments[0]))
	case *pcapng.InterfaceDescription:
		return fmt.Sprint(x.Name, " ", x.LinkType, " ", x.Resolution())
	case *pcapng.NameResolution:
		words := "names"
		for _, n := range x.Records {
			for name := range n.Names() {
				words += ", " + name
			}
		}
		return words
	case *pcapng.ProcessInformation:
		return fmt.Sprint("process ", x.ProcessID, " ", x.Name)
	case *pcapng.EnhancedPacket:
		return fmt.Sprint("packet ", x.Direction(), " ", x.ProcessIndex.Value, " ", x.PeerProcessIndex.Value)
	case *pcapng.InterfaceStatistics:
		return fmt.Sprint("statistics ", x.InterfaceID, " ", x.IfRecv.Value, " ", x.IfDrop.Value, " ",
			x.FilterAccept.Value, " ", x.OSDrop.Value, " ", x.UsrDeliv.Value, " ", string(bytes.Join(x.Comments, []byte("; "))))
	}
	return "another block"
}

// Layout of a file: what comes before the packets and after them.
func TestFileBlocks(t *testing.T) {
	file, _, _ := layoutFile(t)
	r, err := pcapng.NewReader(bytes.NewReader(file))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for {
		b, err := r.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, brief(b))
	}
	want := []string{
		`section unixcap 1.0, Linux 6.12, x86_64, host="db 1" command="record -p 1"`,
		"unix-stream 101 10^-9 s", "unix-dgram 101 10^-9 s", "unix-seqpacket 101 10^-9 s",
		"names, mariadb[25101], mysqld[24970] /run/mysqld/mysqld.sock",
		"process 25101 mariadb", "process 24970 mysqld",
		"packet inbound 0 1", "packet outbound 1 0", "packet inbound 0 1", // handshake
		"packet inbound 0 1", "packet outbound 1 0",
		"statistics 0 5 1 4 2 3 ring_full=1 ring_full_bytes=70 busy=2 busy_bytes=0", "statistics 1 0 0 0 0 0 ", "statistics 2 0 0 0 0 0 ",
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

// What a Reader knows besides the messages.
func TestReaderAbout(t *testing.T) {
	file, c, stats := layoutFile(t)
	r, err := NewReader(bytes.NewReader(file), ReaderOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; ; i++ {
		m, err := r.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if server, port := m.ServerEnd(); server == nil || server.SK != c.server.SK || port != 3306 {
			t.Errorf("server %+v at port %d", server, port)
		}
		from, to := m.FromPort, m.ToPort
		if i == 0 && (to != 3306 || from == 3306) || i == 1 && from != 3306 || m.Packet != uint64(4+i) {
			t.Errorf("message %d: packet %d, ports %d to %d", i, m.Packet, from, to)
		}
	}
	if d := cmp.Diff(stats, r.Stats()); d != "" {
		t.Errorf("statistics (- written, + read):\n%s", d)
	}
	if r.Section().UserAppl != "unixcap 1.0" {
		t.Errorf("section %+v", r.Section())
	}
}

func TestSocketName(t *testing.T) {
	long := "/" + strings.Repeat("x", 70) + "/ü/last.sock"
	for _, c := range []struct {
		path string
		p    Process
		want string
	}{
		{"/a", Process{PID: 5, Comm: "x"}, "x[5] /a"},
		{"", Process{PID: 5, Comm: "x"}, "x[5]"},
		{"/a", Process{}, "/a"},
		{"", Process{}, ""},
		{"@a\x00b\xff", Process{}, "@a?b?"},
		{long, Process{PID: 5, Comm: "x"}, "x[5] ..." + long[len(long)-55:]},
	} {
		got := string(socketName(&Socket{SK: 1, Path: c.path}, &c.p))
		if got != c.want || len(got) > maxName {
			t.Errorf("%q %v: %q, want %q", c.path, c.p, got, c.want)
		}
	}
}

func TestForeign(t *testing.T) {
	var b bytes.Buffer
	w := pcapng.NewWriter(&b)
	for _, x := range []pcapng.Block{
		&pcapng.SectionHeader{UserAppl: "dumpcap"}, pcapng.NewInterface("eth0", 1), pcapng.NewInterface("any", LinkType),
		&pcapng.EnhancedPacket{InterfaceID: 1, Data: make([]byte, 60)},
	} {
		if err := w.WriteBlock(x); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	if _, err := readAll(b.Bytes(), ReaderOptions{}); !errors.Is(err, ErrForeign) {
		t.Errorf("error %v, want ErrForeign", err)
	}
	if Recognize(b.Bytes()) || Recognize(nil) || Recognize([]byte("GIF89a")) {
		t.Error("foreign input was recognised")
	}
	c := newTalk(Stream, "/run/x")
	c.say(false, []byte("x"))
	ours := record(t, WriterOptions{}, c.messages)
	if !Recognize(ours[:64]) || !Recognize(ours) {
		t.Error("capture was not recognised")
	}
	// A file of both is one of ours that has other packets too.
	both := append(bytes.Clone(ours), b.Bytes()...)
	same(t, replay(t, both), c.messages)
}

// The description is there when it has to be, and not with every packet.
func TestDescriptions(t *testing.T) {
	c := newTalk(Stream, "/run/x")
	for i := range 100 {
		m := c.say(i%2 == 1, []byte("x"))
		if i < 50 {
			m.Peer = Process{} // learnt later, on one end
			if m.From == c.server {
				m.Sender = Process{}
			}
		}
	}
	c.now = c.now.Add(time.Hour)
	c.say(true, []byte("x"))
	n := 0
	packets(t, record(t, WriterOptions{}, c.messages), func(p *pcapng.EnhancedPacket, s *segment, payload []byte) {
		if len(payload) > 0 && bytes.Contains(p.Comments[0], []byte("kind=")) {
			n++
		}
	})
	// Two at first, two for the process, one after an hour.
	if n < 5 || n > 7 {
		t.Errorf("%d descriptions", n)
	}
}
