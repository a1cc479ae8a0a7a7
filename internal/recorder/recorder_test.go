package recorder

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"unixcap/bpf"
	"unixcap/internal/capture"
	"unixcap/internal/sockets"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
)

const ms = uint64(time.Millisecond)

// A script is a Source that gives events and then nothing more.
type script struct {
	events []bpf.Event
	end    context.CancelFunc
}

func (s *script) Read(e *bpf.Event) error {
	if len(s.events) == 0 {
		s.end()
		return os.ErrDeadlineExceeded
	}
	*e = s.events[0]
	s.events = s.events[1:]
	return nil
}

func (s *script) Detach() error { return nil }

// A list is an Output that keeps a line a message.
type list struct {
	lines []string
	show  func(*capture.Message) string
	last  time.Time
	t     *testing.T
}

func (l *list) WriteMessage(m *capture.Message) error {
	if m.Time.Before(l.last) {
		l.t.Errorf("%v is written after %v", m.Time, l.last)
	}
	l.last = m.Time
	l.lines = append(l.lines, l.show(m))
	return nil
}

func (l *list) Flush() error { return nil }

// ends shows who sent what to whom, with the inodes.
func ends(m *capture.Message) string {
	to := "?"
	if m.To != nil {
		to = fmt.Sprintf("%x:%d", m.To.SK, m.To.Inode)
	}
	s := fmt.Sprintf("%x:%d>%s", m.From.SK, m.From.Inode, to)
	switch {
	case m.Op == capture.Close:
		return s + " close"
	case m.Error != "":
		return s + " " + m.Error
	}
	s += " " + string(m.Payload)
	if n := m.Length - uint64(len(m.Payload)); n > 0 {
		s += fmt.Sprintf(" cut=%d", n)
	}
	if m.LostBytes > 0 || m.LostMessages > 0 {
		s += fmt.Sprintf(" lost=%d,%d", m.LostMessages, m.LostBytes)
	}
	return s
}

// streams shows where in its stream a message is and what it acknowledges.
func streams(m *capture.Message) string {
	return fmt.Sprintf("%x:%d at=%d acked=%d closed=%t", m.From.SK, m.From.Inode, m.Offset, m.Acked, m.Op == capture.Close)
}

// processes shows both ends' processes and the path.
func processes(m *capture.Message) string {
	return fmt.Sprintf("%s[%d]>%s[%d] %s", m.Sender.Comm, m.Sender.PID, m.Peer.Comm, m.Peer.PID, m.To.Path)
}

func comm(name string) (c [16]byte) {
	copy(c[:], name)
	return c
}

// send is a message of socket sk, with inode 100+sk, to socket peer.
func send(sk, peer uint64, entry, exit uint64, seq uint32, offset uint64, text string) bpf.Event {
	return bpf.Event{
		Op: bpf.Send, Kind: unix.SOCK_STREAM, SK: sk, Peer: peer, Inode: uint32(100 + sk), PeerInode: uint32(100 + peer),
		PID: uint32(sk), TID: uint32(sk), Comm: comm(fmt.Sprintf("p%d", sk)),
		Seq: seq, Offset: offset, Entry: entry, Exit: exit, Ret: int32(len(text)), Flags: bpf.Last,
		Data: []byte(text),
	}
}

// part is one of the records of a long message of length ret.
func part(e bpf.Event, at uint32, ret int32, last bool) bpf.Event {
	e.Part, e.Ret = at, ret
	if !last {
		e.Flags = 0
	}
	return e
}

func change(e bpf.Event, f func(*bpf.Event)) bpf.Event {
	f(&e)
	return e
}

func TestRecorder(t *testing.T) {
	at := uint64(read(unix.CLOCK_MONOTONIC)) + 1000*ms // nothing is old enough to be written before the end
	for _, tt := range []struct {
		name   string
		list   []*sockets.Socket
		events []bpf.Event
		show   func(*capture.Message) string
		count  uint64
		want   []string
	}{
		{name: "a reply that was seen first comes second", events: []bpf.Event{
			send(2, 1, at+20, at+40, 0, 0, "reply"),
			send(1, 2, at+10, at+50, 0, 0, "request"),
		}, want: []string{"1:101>2:102 request", "2:102>1:101 reply"}},
		{name: "bytes of one socket stay in their order", events: []bpf.Event{
			send(1, 2, at+10, at+50, 1, 5, "second"), // two threads: began first, sent second
			send(1, 2, at+20, at+40, 0, 0, "first"),
		}, want: []string{"1:101>2:102 first", "1:101>2:102 second"}},
		{name: "parts are joined, whatever comes between", events: []bpf.Event{
			part(send(1, 2, at, at+5, 0, 0, "abc"), 0, 6, false),
			send(3, 4, at+1, at+2, 0, 0, "other"),
			part(send(1, 2, at, at+5, 0, 0, "def"), 3, 6, true),
		}, want: []string{"1:101>2:102 abcdef", "3:103>4:104 other"}},
		{name: "a missing part cuts the message", events: []bpf.Event{
			part(send(1, 2, at, at+5, 0, 0, "abc"), 0, 9, false),
			part(send(1, 2, at, at+5, 0, 0, "ghi"), 6, 9, true),
			send(1, 2, at+6, at+7, 1, 9, "next"),
		}, want: []string{"1:101>2:102 abc cut=6", "1:101>2:102 next"}},
		{name: "so does a missing end", events: []bpf.Event{
			part(send(1, 2, at, at+5, 0, 0, "abc"), 0, 6, false),
			send(1, 2, at+6, at+7, 1, 6, "next"),
		}, want: []string{"1:101>2:102 abc cut=3", "1:101>2:102 next"}},
		{name: "a missing end is known when its thread goes on", events: []bpf.Event{
			part(send(1, 2, at, at+5, 0, 0, "abc"), 0, 6, false),
			send(1, 2, at+6*ms, at+7*ms, 1, 6, "next"),
			send(3, 4, at+100*ms, at+101*ms, 0, 0, "moves on"),
			send(1, 2, at+200*ms, at+201*ms, 3, 20, "after a loss"),
		}, want: []string{"1:101>2:102 abc cut=3", "1:101>2:102 next", "3:103>4:104 moves on", "1:101>2:102 after a loss lost=1,10"}},
		{name: "what comes late does not make others lost again", events: []bpf.Event{
			part(send(1, 2, at, at+5, 0, 0, "abc"), 0, 6, false),
			change(send(1, 2, at+6*ms, at+7*ms, 2, 16, "another thread's"), func(e *bpf.Event) { e.TID = 99 }),
			send(3, 4, at+100*ms, at+100*ms, 0, 0, "moves on"),
			send(3, 4, at+1500*ms, at+1500*ms, 1, 8, "again"),
			change(send(1, 2, at+1600*ms, at+1601*ms, 3, 32, "last"), func(e *bpf.Event) { e.TID = 99 }),
		}, want: []string{"1:101>2:102 another thread's lost=2,16", "1:101>2:102 abc cut=3", "3:103>4:104 moves on",
			"3:103>4:104 again", "1:101>2:102 last"}},
		{name: "parts that come late belong to what was given up", events: []bpf.Event{
			part(send(1, 2, at, at+5, 0, 0, "abc"), 0, 9, false),
			send(3, 4, at+5000*ms, at+5000*ms, 0, 0, "much later"),
			send(3, 4, at+5001*ms, at+5001*ms, 1, 10, "again"),
			part(send(1, 2, at, at+5, 0, 0, "def"), 3, 9, false),
			part(send(1, 2, at, at+5, 0, 0, "ghi"), 6, 9, true),
		}, want: []string{"1:101>2:102 abc cut=6", "3:103>4:104 much later", "3:103>4:104 again"}},
		{name: "parts may take their time", events: []bpf.Event{
			part(send(1, 2, at, at+5, 0, 0, "abc"), 0, 6, false),
			send(3, 4, at+500*ms, at+500*ms, 0, 0, "other"),
			part(send(1, 2, at, at+5, 0, 0, "def"), 3, 6, true),
		}, want: []string{"1:101>2:102 abcdef", "3:103>4:104 other"}},
		{name: "and a missing begin", events: []bpf.Event{
			part(send(1, 2, at, at+5, 0, 0, "def"), 3, 6, true),
		}, want: []string{"1:101>2:102  cut=6"}},
		{name: "memory that could not be read", events: []bpf.Event{
			change(send(1, 2, at, at+5, 0, 0, "abc"), func(e *bpf.Event) { e.Flags |= bpf.Fault; e.Data = nil }),
		}, want: []string{"1:101>2:102  cut=3"}},
		{name: "lost messages are counted, also the first", events: []bpf.Event{
			send(1, 2, at, at+5, 2, 30, "abc"),
			send(1, 2, at+6, at+7, 3, 33, "next"),
			send(1, 2, at+8, at+9, 5, 47, "end"),
		}, want: []string{"1:101>2:102 abc lost=2,30", "1:101>2:102 next", "1:101>2:102 end lost=1,10"}},
		{name: "a failed send takes no place", events: []bpf.Event{
			change(send(1, 2, at, at+5, 0, 0, ""), func(e *bpf.Event) { e.Ret = -int32(unix.EAGAIN) }),
			send(1, 2, at+6, at+7, 0, 0, "abc"),
		}, want: []string{"1:101>2:102 EAGAIN", "1:101>2:102 abc"}},
		{name: "the peer's inode is learnt when it is accepted", events: []bpf.Event{
			change(send(1, 2, at, at+5, 0, 0, "abc"), func(e *bpf.Event) { e.PeerInode = 0 }),
			send(2, 1, at+6, at+7, 0, 0, "def"),
		}, want: []string{"1:101>2:102 abc", "2:102>1:101 def"}},
		{name: "too late, the socket stays as it was written", events: []bpf.Event{
			change(send(1, 2, at, at+5, 0, 0, "abc"), func(e *bpf.Event) { e.PeerInode = 0 }),
			send(3, 4, at+50*ms, at+50*ms, 0, 0, "later"),
			send(2, 1, at+60*ms, at+60*ms, 0, 0, "def"),
		}, want: []string{"1:101>2:0 abc", "3:103>4:104 later", "2:0>1:101 def"}},
		{name: "an address with another inode is another socket", events: []bpf.Event{
			send(1, 2, at, at+5, 0, 0, "abc"),
			change(send(1, 3, at+6, at+7, 0, 0, "def"), func(e *bpf.Event) { e.Inode = 555 }),
		}, want: []string{"1:101>2:102 abc", "1:101>2:102 close", "1:555>3:103 def"}},
		{name: "an address that was closed and has no inode yet, too", events: []bpf.Event{
			send(1, 2, at, at+5, 0, 0, "abc"),
			{Op: bpf.Close, SK: 2, Inode: 102, Exit: at + 6},
			change(send(3, 2, at+7, at+8, 0, 0, "def"), func(e *bpf.Event) { e.PeerInode = 0 }),
		}, want: []string{"1:101>2:102 abc", "2:102>1:101 close", "3:103>2:0 def"}},
		{name: "nor does one that was never accepted become another", events: []bpf.Event{
			change(send(1, 2, at, at+5, 0, 0, "abc"), func(e *bpf.Event) { e.PeerInode = 0 }),
			send(2, 3, at+6, at+7, 0, 0, "def"),
		}, want: []string{"1:101>2:0 abc", "2:102>3:103 def"}},
		{name: "one that is accepted when its client is gone is still the same", show: processes, events: []bpf.Event{
			change(send(1, 2, at, at+5, 0, 0, "abc"), func(e *bpf.Event) { e.PeerInode = 0 }),
			{Op: bpf.Close, SK: 1, Inode: 101, Exit: at + 6},
			{Op: bpf.Socket, Kind: unix.SOCK_STREAM, SK: 2, Inode: 102, Peer: 1, PID: 77, Comm: comm("worker"), Path: []byte("/run/s")},
		}, want: []string{"p1[1]>worker[77] /run/s", "p1[1]>worker[77] /run/s"}},
		{name: "a close is told once, and only of sockets that spoke", events: []bpf.Event{
			send(1, 2, at, at+5, 0, 0, "abc"),
			{Op: bpf.Close, SK: 1, Inode: 101, Exit: at + 6},
			{Op: bpf.Close, SK: 1, Exit: at + 7},
			{Op: bpf.Close, SK: 9, Inode: 109, Exit: at + 8},
		}, want: []string{"1:101>2:102 abc", "1:101>2:102 close"}},
		{name: "enough is enough", count: 2, events: []bpf.Event{
			send(1, 2, at, at, 0, 0, "a"), send(1, 2, at+1, at+1, 1, 1, "b"), send(1, 2, at+2, at+2, 2, 2, "c"),
			send(1, 2, at+50*ms, at+50*ms, 3, 3, "d"),
		}, want: []string{"1:101>2:102 a", "1:101>2:102 b"}},
		{name: "who holds a socket from before", show: processes, list: []*sockets.Socket{
			{Socket: capture.Socket{SK: 1, Inode: 101}, PeerSK: 2},
			{Socket: capture.Socket{SK: 2, Inode: 102, Path: "/run/s"}, PeerSK: 1,
				Holders: []capture.Process{{PID: uint32(os.Getpid()), Comm: "old"}}},
		}, events: []bpf.Event{
			send(1, 2, at, at, 0, 0, "a"),
		}, want: []string{fmt.Sprintf("p1[1]>recorder.test[%d] /run/s", os.Getpid())}},
		{name: "who receives is who holds", show: processes, events: []bpf.Event{
			send(1, 2, at, at, 0, 0, "a"),
			{Op: bpf.Socket, Kind: unix.SOCK_STREAM, SK: 2, Inode: 102, Peer: 1, PeerInode: 101, PID: 77, Comm: comm("worker"), Path: []byte("/run/s")},
		}, want: []string{"p1[1]>worker[77] /run/s"}},
		{name: "one that shut down sending goes on receiving", show: streams, events: []bpf.Event{
			send(1, 2, at, at, 0, 0, "request"),
			{Op: bpf.Close, SK: 1, Inode: 101, Exit: at + 1},
			send(2, 1, at+2, at+2, 0, 0, "answer"),
			{Op: bpf.Receive, Kind: unix.SOCK_STREAM, SK: 1, Inode: 101, Peer: 2, PeerInode: 102, PID: 1, Exit: at + 3, Ret: 6, Received: 6},
			send(2, 1, at+4, at+4, 1, 6, "more"),
		}, want: []string{"1:101 at=0 acked=0 closed=false", "1:101 at=7 acked=0 closed=true", "2:102 at=0 acked=0 closed=false",
			"1:101 at=7 acked=6 closed=false", "2:102 at=6 acked=0 closed=false"}},
		{name: "an abstract name", show: processes, events: []bpf.Event{
			{Op: bpf.Socket, Kind: unix.SOCK_STREAM, SK: 1, Inode: 101, Peer: 2, PeerInode: 102, PeerPath: []byte("\x00name")},
			send(1, 2, at, at, 0, 0, "a"),
		}, want: []string{"p1[1]>[0] @name"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			show := tt.show
			if show == nil {
				show = ends
			}
			ctx, cancel := context.WithCancel(t.Context())
			out := &list{t: t, show: show}
			r := New(&script{tt.events, cancel}, out, tt.list)
			r.Count = tt.count
			r.table.hold.limit = 0 // the time is the script's
			if err := r.Run(ctx); err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(tt.want, out.lines); d != "" {
				t.Error(d)
			}
		})
	}
}

// A call that lasts longer than the window is written when it ends, at a time
// that keeps the order, and says how long it took.
func TestLongCall(t *testing.T) {
	const at = 1000 * ms
	ctx, cancel := context.WithCancel(t.Context())
	var took []time.Duration
	out := &list{t: t, show: func(m *capture.Message) string {
		took = append(took, m.Took)
		return string(m.Payload)
	}}
	r := New(&script{[]bpf.Event{
		send(1, 2, at, at, 0, 0, "short"),
		send(1, 2, at+100*ms, at+100*ms, 1, 5, "also short"),
		send(3, 4, at+100*ms, at+130*ms, 0, 0, "moves on"),
		send(5, 6, at+1*ms, at+200*ms, 0, 0, "long"),
	}, cancel}, out, nil)
	r.table.hold.limit = 0 // the time is the script's
	if err := r.Run(ctx); err != nil {
		t.Fatal(err)
	}
	want := "short, also short, moves on, long"
	if got := strings.Join(out.lines, ", "); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if want := time.Duration(199 * ms); took[3] != want {
		t.Errorf("the long call took %v, want %v", took[3], want)
	}
}

// endless gives the same messages again and again, on a few connections.
type endless struct {
	n    uint64
	data []byte
}

func (s *endless) Read(e *bpf.Event) error {
	s.n++
	sk := s.n%8 + 1
	*e = bpf.Event{
		Op: bpf.Send, Kind: unix.SOCK_STREAM, SK: sk, Peer: sk + 100, Inode: uint32(sk), PeerInode: uint32(sk + 100),
		PID: 1, TID: 1, Comm: [16]byte{'x'}, Seq: uint32(s.n / 8), Offset: s.n / 8 * uint64(len(s.data)),
		Entry: s.n * 1000, Exit: s.n*1000 + 500, Ret: int32(len(s.data)), Flags: bpf.Last,
		Data: s.data,
	}
	return nil
}

func (s *endless) Detach() error { return nil }

type discard struct{ n int }

func (d *discard) WriteMessage(m *capture.Message) error { d.n += len(m.Payload); return nil }
func (d *discard) Flush() error                          { return nil }

func TestAllocates(t *testing.T) {
	r := New(&endless{data: bytes.Repeat([]byte("x"), 100)}, &discard{}, nil)
	t.Cleanup(r.table.inspector.Start())
	var e bpf.Event
	step := func() {
		for range 1000 {
			if err := r.step(&e); err != nil {
				t.Fatal(err)
			}
		}
	}
	for range 100 {
		step() // fills the window
	}
	if n := testing.AllocsPerRun(100, step); n > 0 {
		t.Errorf("%v allocations for 1000 messages", n)
	}
}

// strangers gives messages each of which is from another process to another, on a
// connection that was not seen before.
type strangers struct{ endless }

func (s *strangers) Read(e *bpf.Event) error {
	if err := s.endless.Read(e); err != nil {
		return err
	}
	e.SK, e.Peer, e.Inode, e.PeerInode = s.n*2, s.n*2+1, uint32(s.n*2), uint32(s.n*2+1)
	e.PID, e.Seq, e.Offset = uint32(s.n%4_000_000+1), 0, 0
	return nil
}

// How long the reading of events is held up by a process that is new.
func BenchmarkStrangers(b *testing.B) {
	r := New(&strangers{endless{data: make([]byte, 64)}}, &discard{}, nil)
	b.Cleanup(r.table.inspector.Start())
	var e bpf.Event
	for b.Loop() {
		if err := r.step(&e); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkRecorder(b *testing.B) {
	for _, size := range []int{64, 4096, 32768} {
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			r := New(&endless{data: make([]byte, size)}, &discard{}, nil)
			b.Cleanup(r.table.inspector.Start())
			var e bpf.Event
			b.SetBytes(int64(size))
			for b.Loop() {
				if err := r.step(&e); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
