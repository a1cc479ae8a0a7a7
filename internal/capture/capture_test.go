package capture

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// t0 is when the recordings of the tests begin.
var t0 = time.Unix(1764000000, 123456789).UTC()

// sizes are those at which a message becomes one packet more.
var sizes = []int{1, 2, 64, 4096, MaxSegment - 1, MaxSegment, MaxSegment + 1, 2 * MaxSegment, 200000, 1<<20 + 3}

// fill makes a payload that shows where each of its bytes belongs.
func pattern(n int, seed uint64) []byte {
	b := make([]byte, n)
	for i := range b {
		h := (uint64(i) + seed*7919) * 0x9e3779b97f4a7c15
		b[i] = byte(h >> 56)
	}
	return b
}

// A talk makes the messages of one connection: numbers, times and offsets.
type talk struct {
	client, server   *Socket
	clientP, serverP Process
	messages         []*Message
	offset           [2]uint64
	now              time.Time
}

var talks uint64

var testOrigin = Origin{
	Exe: "/opt/my \"sql\"=\xff/mysqld (deleted)", CgroupPath: `/machine.slice/docker-6d1f\x2d.scope`,
	Container: strings.Repeat("6d1f", 16), ContainerName: "web_db-1",
}

// newTalk returns a conversation over a connection between two sockets of its
// own.
func newTalk(kind Kind, path string) *talk {
	talks++
	n := talks
	return &talk{
		client:  &Socket{SK: 0xffff888100000000 + n<<12, Inode: uint32(70000 + 2*n), Kind: kind, NetNS: 4026531840},
		server:  &Socket{SK: 0xffff888200000000 + n<<12, Inode: uint32(70001 + 2*n), Kind: kind, Path: path, Cookie: n},
		clientP: Process{PID: 25101, TID: 25102, UID: 1000, Comm: "mariadb", Cgroup: 77, Origin: &Origin{Exe: "/usr/bin/mariadb", CgroupPath: "/user.slice"}},
		serverP: Process{PID: 24970, TID: 24999, UID: 114, Comm: "mysqld", Origin: &testOrigin},
		now:     t0,
	}
}

// say adds a message; fromServer tells who sends it.
func (t *talk) say(fromServer bool, payload []byte) *Message {
	m := &Message{
		Number: uint64(len(t.messages)) + 1, Time: t.now, Took: 1500 * time.Nanosecond,
		From: t.client, To: t.server, Sender: t.clientP, Peer: t.serverP,
		Length: uint64(len(payload)), Payload: payload,
	}
	d := 0
	if fromServer {
		m.From, m.To, m.Sender, m.Peer = m.To, m.From, m.Peer, m.Sender
		d = 1
	}
	m.Peer.TID = 0
	m.Offset = t.offset[d]
	t.offset[d] += m.Length
	t.now = t.now.Add(time.Millisecond)
	t.messages = append(t.messages, m)
	return m
}

// end adds the close of one end.
func (t *talk) end(fromServer bool) *Message {
	m := t.say(fromServer, nil)
	m.Op = Close
	return m
}

// record writes messages to a file.
func record(t testing.TB, o WriterOptions, messages []*Message) []byte {
	t.Helper()
	var b bytes.Buffer
	w, err := NewWriter(&b, o)
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range messages {
		if err := w.WriteMessage(m); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(&Stats{}); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// replay reads all messages of a file, as copies that stay valid.
func replay(t testing.TB, file []byte) []*Message {
	t.Helper()
	ms, err := readAll(file, ReaderOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return ms
}

func readAll(file []byte, o ReaderOptions) (ms []*Message, err error) {
	r, err := NewReader(bytes.NewReader(file), o)
	if err != nil {
		return nil, err
	}
	for {
		m, err := r.Next()
		if err == io.EOF {
			return ms, nil
		}
		if err != nil {
			return ms, err
		}
		c := *m
		c.Payload = bytes.Clone(m.Payload)
		ms = append(ms, &c)
	}
}

// same compares what was read with what was written.
func same(t testing.TB, got, want []*Message) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%d messages, want %d", len(got), len(want))
	}
	for i := range got {
		g, w := *got[i], *want[i]
		if !bytes.Equal(g.Payload, w.Payload) {
			t.Errorf("message %d: payload of %d bytes differs from the %d written", i, len(g.Payload), len(w.Payload))
		}
		g.Packet, g.Payload, w.Payload = 0, nil, nil
		g.Role, g.FromPort, g.ToPort = 0, 0, 0 // only a Reader sets them
		if d := cmp.Diff(w, g, cmpopts.EquateComparable(netip.AddrPort{})); d != "" {
			t.Errorf("message %d differs (- written, + read):\n%s", i, d)
		}
		if t.Failed() {
			t.FailNow()
		}
	}
}

func TestRoundTripSizes(t *testing.T) {
	for _, kind := range []Kind{Stream, Datagram, SeqPacket} {
		t.Run(kind.String(), func(t *testing.T) {
			c := newTalk(kind, "/run/test.sock")
			for i, n := range sizes {
				c.say(i%2 == 1, pattern(n, uint64(i)))
				c.say(i%3 == 1, pattern(n, uint64(i)+100))
			}
			if kind != Stream {
				c.say(false, nil)
			}
			c.end(false)
			c.end(true)
			same(t, replay(t, record(t, WriterOptions{}, c.messages)), c.messages)
		})
	}
}

func TestRoundTripFields(t *testing.T) {
	names := []string{"", "a b", `say "hi"`, `back\slash`, "new\nline", "\x00abstract\x00", "bad\xffutf8\xc3", "grüße",
		"k=v", "tab\there", "\u202eright to left", "\xed\xa0\x80 surrogate", "sk=0x1", "\"", "\\", "\\x41", " ", "\u0085"}
	for i, name := range names {
		for _, kind := range []Kind{Stream, Datagram, SeqPacket} {
			t.Run(fmt.Sprintf("%s/%q", kind, name), func(t *testing.T) {
				c := newTalk(kind, "@"+name)
				c.clientP.Comm, c.serverP.Comm = name[:min(15, len(name))], name[:min(7, len(name))]
				m := c.say(false, []byte("x"))
				m.FDs, m.Creds = i, i%2 == 0
				m.FDTypes = FDTypes(0xc8) & (1<<(4*i) - 1)
				m = c.say(true, nil)
				m.Error = "EAGAIN"
				c.say(true, []byte("yz"))
				m = c.say(true, nil)
				m.Error = name
				m.Payload = []byte("z")
				m.Length = 1
				if name != "" {
					m.Payload, m.Length = nil, 0
				} else {
					c.offset[1]++
				}
				m = c.say(true, nil)
				m.Op = Close
				same(t, replay(t, record(t, WriterOptions{}, c.messages)), c.messages)
			})
		}
	}
}

func TestRoundTripCut(t *testing.T) {
	for _, kind := range []Kind{Stream, Datagram, SeqPacket} {
		for _, n := range sizes {
			for _, snap := range []int{0, 1, 100, MaxSegment - 1, MaxSegment, MaxSegment + 1, 199999} {
				c := newTalk(kind, "/run/test.sock")
				m := c.say(false, pattern(n, 1))
				m.Payload = m.Payload[:min(snap, n)]
				c.say(true, []byte("after"))
				c.say(false, []byte("more"))
				t.Run(fmt.Sprintf("%s/%d of %d", kind, snap, n), func(t *testing.T) {
					same(t, replay(t, record(t, WriterOptions{}, c.messages)), c.messages)
				})
			}
		}
	}
}

func TestRoundTripUnknown(t *testing.T) {
	for _, kind := range []Kind{Stream, Datagram, SeqPacket} {
		t.Run(kind.String(), func(t *testing.T) {
			m := &Message{From: &Socket{SK: 5, Kind: kind}, Time: t0, Length: 2, Payload: []byte("hi")}
			n := *m
			n.Offset = 2
			got := replay(t, record(t, WriterOptions{}, []*Message{m, &n}))
			same(t, got, []*Message{m, &n})
			if got[0].From != got[1].From {
				t.Error("two Sockets for one socket")
			}
		})
	}
}

// A file that begins in the middle of a connection has its large offsets.
func TestRoundTripOffsets(t *testing.T) {
	for _, kind := range []Kind{Stream, Datagram, SeqPacket} {
		for _, start := range []uint64{0, 1, 1<<32 - 5, 1 << 32, 1<<40 + 7, 1<<64 - 1<<20} {
			t.Run(fmt.Sprintf("%s/%d", kind, start), func(t *testing.T) {
				c := newTalk(kind, "/run/test.sock")
				c.offset = [2]uint64{start, start / 3}
				for i := range 10 {
					c.say(i%3 == 0, pattern(i*20000+1, 1))
				}
				same(t, replay(t, record(t, WriterOptions{}, c.messages)), c.messages)
			})
		}
	}
}

func TestRoundTripLoss(t *testing.T) {
	for _, kind := range []Kind{Stream, Datagram, SeqPacket} {
		t.Run(kind.String(), func(t *testing.T) {
			c := newTalk(kind, "/run/test.sock")
			for i := range 20 {
				server := i%2 == 1
				if i%5 == 3 {
					c.offset[i%2] += uint64(1000 * i)
				}
				m := c.say(server, pattern(100*i+1, uint64(i)))
				if i%5 == 3 {
					m.LostBytes, m.LostMessages = uint64(1000*i), uint64(i)
				}
				if i == 12 {
					m.LostMessages = 3 // of no bytes
				}
			}
			same(t, replay(t, record(t, WriterOptions{}, c.messages)), c.messages)
		})
	}
}

// An address that another socket has now: the connection is another one.
func TestAddressReuse(t *testing.T) {
	for _, kind := range []Kind{Stream, Datagram, SeqPacket} {
		t.Run(kind.String(), func(t *testing.T) {
			a, b := newTalk(kind, "/run/a"), newTalk(kind, "/run/b")
			b.client.SK, b.server.SK = a.client.SK, a.server.SK
			b.clientP.PID++
			a.say(false, []byte("one"))
			a.say(true, []byte("two"))
			b.say(false, []byte("three"))
			b.say(true, []byte("four"))
			want := slices.Concat(a.messages, b.messages)
			got := replay(t, record(t, WriterOptions{}, want))
			same(t, got, want)
			if got[0].From == got[2].From || got[0].From != got[1].To {
				t.Error("Sockets are not canonical")
			}
		})
	}
}

// The server's end has no inode until it is accepted. The connection stays one.
func TestInodeLearnt(t *testing.T) {
	for _, kind := range []Kind{Stream, SeqPacket} {
		t.Run(kind.String(), func(t *testing.T) {
			c := newTalk(kind, "/run/test.sock")
			early := *c.server
			early.Inode, early.Cookie = 0, 0
			c.say(false, []byte("early")).To = &early
			c.say(true, []byte("hello"))
			c.say(false, []byte("there"))
			file := record(t, WriterOptions{}, c.messages)
			got := replay(t, file)
			same(t, got, c.messages)
			if got[1].From != got[2].To {
				t.Error("two Sockets for one socket, with nothing learnt between them")
			}
			if kind == Stream && countFlags(t, file, flagSYN) != 2 {
				t.Error("more than one handshake")
			}
		})
	}
}

// A peer that becomes known makes another connection, with its address.
func TestPeerLearnt(t *testing.T) {
	c := newTalk(Stream, "/run/test.sock")
	for range 3 {
		m := c.say(true, []byte("hello"))
		m.To, m.Peer = nil, Process{}
	}
	c.say(false, []byte("there"))
	c.say(true, []byte("you"))
	same(t, replay(t, record(t, WriterOptions{}, c.messages)), c.messages)
}

func TestEviction(t *testing.T) {
	var all []*Message
	talks := []*talk{newTalk(Stream, "/run/a"), newTalk(Stream, "/run/b"), newTalk(Stream, "/run/c"), newTalk(Datagram, "/run/d")}
	for i := range 40 {
		for _, c := range talks {
			all = append(all, c.say(i%2 == 0, pattern(i*3000+1, uint64(i))))
		}
	}
	file := record(t, WriterOptions{MaxConnections: 2}, all)
	same(t, replay(t, file), all)
	// A Reader with as little room still has all that is in the packets.
	got, err := readAll(file, ReaderOptions{MaxConnections: 1})
	if err != nil || len(got) != len(all) {
		t.Errorf("small Reader: %d messages, %v", len(got), err)
	}
	w, err := NewWriter(io.Discard, WriterOptions{MaxConnections: 2})
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range all {
		if err := w.WriteMessage(m); err != nil {
			t.Fatal(err)
		}
		if w.table.count > 2 || len(w.table.bySK) > 4 || len(w.table.byPair) > 2 {
			t.Fatalf("%d connections, %d+%d entries", w.table.count, len(w.table.bySK), len(w.table.byPair))
		}
	}
}

func TestCloseForgets(t *testing.T) {
	w, err := NewWriter(io.Discard, WriterOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for range 100 {
		for _, kind := range []Kind{Stream, Datagram, SeqPacket} {
			c := newTalk(kind, "/run/x")
			c.say(false, []byte("x"))
			c.end(false)
			c.end(true)
			for _, m := range c.messages {
				if err := w.WriteMessage(m); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	// Only one end of datagram sockets is there to be closed for each pair.
	if n := len(w.table.bySK); n != 0 || w.table.newest != nil && len(w.table.byPair) != w.table.count {
		t.Errorf("%d sockets, %d pairs, %d connections left", n, len(w.table.byPair), w.table.count)
	}
}

// Every file of a rotation is complete in itself.
func TestReset(t *testing.T) {
	c := newTalk(Stream, "/run/mysqld/mysqld.sock")
	for i := range 30 {
		c.say(i%2 == 0, pattern(5000*i+1, uint64(i)))
	}
	var files [3]bytes.Buffer
	w, err := NewWriter(&files[0], WriterOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for i, m := range c.messages {
		if i > 0 && i%10 == 0 {
			if err := w.Close(&Stats{}); err != nil {
				t.Fatal(err)
			}
			if err := w.Reset(&files[i/10]); err != nil {
				t.Fatal(err)
			}
		}
		if err := w.WriteMessage(m); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(nil); err != nil {
		t.Fatal(err)
	}
	for i := range files {
		same(t, replay(t, files[i].Bytes()), c.messages[10*i:10*i+10])
	}
	// Together they are one capture.
	var all []byte
	for i := range files {
		all = append(all, files[i].Bytes()...)
	}
	same(t, replay(t, all), c.messages)
}

func TestCutTail(t *testing.T) {
	c := newTalk(Stream, "/run/test.sock")
	for i := range 6 {
		c.say(i%2 == 0, pattern(40000*i+1, uint64(i)))
	}
	file := record(t, WriterOptions{}, c.messages)
	for n := len(file) - 1; n > 100; n -= 997 {
		got, err := readAll(file[:n], ReaderOptions{})
		if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Fatalf("cut at %d: %v", n, err)
		}
		for i, m := range got {
			w := c.messages[i]
			if m.Number != w.Number || m.Length != w.Length || !bytes.HasPrefix(w.Payload, m.Payload) {
				t.Fatalf("cut at %d: message %d is wrong", n, i)
			}
			if i < len(got)-1 && len(m.Payload) != len(w.Payload) {
				t.Fatalf("cut at %d: message %d is cut", n, i)
			}
		}
	}
}

func TestWriteMessageErrors(t *testing.T) {
	good := &Socket{SK: 1, Inode: 2}
	for name, m := range map[string]*Message{
		"no sender":      {Time: t0},
		"unknown sender": {Time: t0, From: &Socket{}},
		"kind":           {Time: t0, From: &Socket{SK: 1, Kind: 9}},
		"op":             {Time: t0, From: good, Op: 9},
		"time":           {From: good},
		"payload":        {Time: t0, From: good, Payload: []byte("x")},
		"length":         {Time: t0, From: good, Length: 1 << 40},
	} {
		w, err := NewWriter(io.Discard, WriterOptions{})
		if err != nil {
			t.Fatal(err)
		}
		if w.WriteMessage(m) == nil {
			t.Errorf("%s: no error", name)
		}
	}
}
