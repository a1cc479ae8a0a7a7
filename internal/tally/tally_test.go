package tally

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"unixcap/bpf"
	"unixcap/internal/capture"
	"unixcap/internal/fileset"
)

// A tap is the kernel's side of a test.
type tap struct {
	losses bpf.Losses
	err    error
}

func (t *tap) Losses() (bpf.Losses, error) { return t.losses, t.err }
func (t *tap) Ring() (used, size int)      { return 3, 10 }

// A sink takes messages.
type sink struct {
	n     uint64
	lost  fileset.Losses
	flush error
}

func (s *sink) WriteMessage(*capture.Message) error { s.n++; return nil }
func (s *sink) Flush() error                        { return s.flush }
func (s *sink) Written() uint64                     { return s.n }
func (s *sink) Lost() fileset.Losses                { return s.lost }
func (s *sink) File() string                        { return "x" }
func (s *sink) Files() int                          { return 2 }

// message is one of a socket, of which some bytes were recorded.
func message(sk uint64, kind capture.Kind, length uint64, recorded int) *capture.Message {
	return &capture.Message{
		From: &capture.Socket{SK: sk, Inode: uint32(sk), Kind: kind}, To: &capture.Socket{SK: sk + 1, Path: "/run/s", Kind: kind},
		Sender: capture.Process{PID: uint32(sk), Comm: "p"}, Length: length, Payload: make([]byte, recorded),
	}
}

func snapshot(t *testing.T, x *Tally) Snapshot {
	t.Helper()
	if err := x.Flush(); err != nil {
		t.Fatal(err)
	}
	s, err := x.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func write(t *testing.T, x *Tally, messages ...*capture.Message) {
	t.Helper()
	for _, m := range messages {
		if err := x.WriteMessage(m); err != nil {
			t.Fatal(err)
		}
	}
}

// Each reason is counted apart, by kind, and is in the sums it belongs to.
func TestReasons(t *testing.T) {
	kernel := &tap{losses: bpf.Losses{Missed: 7, Kinds: [3]bpf.Loss{
		{RingMessages: 1, RingBytes: 100, FaultMessages: 2, FaultBytes: 200},
		{NoBufferMessages: 3, NoBufferBytes: 300},
		{StateMessages: 4, CapMessages: 8, CapBytes: 800},
	}}}
	out := &sink{}
	out.lost[fileset.Disk][capture.Datagram] = fileset.Loss{Messages: 5, Bytes: 500}
	out.lost[fileset.Reader][capture.SeqPacket] = fileset.Loss{Messages: 6, Bytes: 600}
	x := New(kernel, 10)
	x.Start(out)
	failed := message(1, capture.Stream, 0, 0)
	failed.Error = "EAGAIN"
	closed := message(1, capture.Stream, 0, 0)
	closed.Op = capture.Close
	write(t, x, message(1, capture.Stream, 15, 10), message(1, capture.Datagram, 5, 5), failed, closed)
	s := snapshot(t, x)
	var lines []string
	for i, r := range Reasons {
		for kind := range s.ByKind {
			if n := s.ByKind[kind][i]; n != (Count{}) {
				lines = append(lines, fmt.Sprintf("%s %v %d %d", r.Name, capture.Kind(kind), n.Messages, n.Bytes))
			}
		}
	}
	want := `ring_full stream 1 100
no_memory seqpacket 4 0
busy stream 7 0
fault stream 2 200
no_buffer dgram 3 300
disk dgram 5 500
reader seqpacket 6 600
cap seqpacket 8 800
snaplen stream 1 5`
	if got := strings.Join(lines, "\n"); got != want {
		t.Errorf("%s", got)
	}
	if s.Dropped() != 12 || s.Lost() != (Count{28, 1700}) || s.Complete() || s.Incomplete != (Count{}) {
		t.Errorf("dropped %d, lost %v, incomplete %v", s.Dropped(), s.Lost(), s.Incomplete)
	}
	if s.Taken != [Kinds]Count{{2, 15}, {1, 5}, {}} || s.Written != 4 || s.RingUsed != 3 || s.RingSize != 10 || s.Files != 2 || s.File != "x" {
		t.Errorf("%+v", s)
	}
	stats := x.Stats()
	if i := stats.Interfaces; i[0].Dropped != 1 || i[0].OSDropped != 7 || i[1].Dropped != 0 || i[2].OSDropped != 4 {
		t.Errorf("%+v", i)
	}
	for _, l := range stats.Losses[capture.Datagram] {
		if l.Reason == "disk" || l.Reason == "no_buffer" && l != (capture.Loss{Reason: "no_buffer", Messages: 3, Bytes: 300}) {
			t.Errorf("%+v", l) // the Sink adds its own
		}
	}
}

// What was asked for is no loss, and everything else is.
func TestComplete(t *testing.T) {
	before := message(1, capture.Stream, 5, 5)
	before.LostMessages, before.LostBytes = 1, 10
	for name, tt := range map[string]struct {
		m        *capture.Message
		losses   bpf.Losses
		complete bool
	}{
		"whole":              {message(1, capture.Stream, 10, 10), bpf.Losses{}, true},
		"cut as asked":       {message(1, capture.Stream, 100, 10), bpf.Losses{}, true},
		"cut further":        {message(1, capture.Stream, 100, 9), bpf.Losses{}, false},
		"beyond a cap":       {before, bpf.Losses{Kinds: [3]bpf.Loss{{CapMessages: 1, CapBytes: 10}}}, true},
		"not all of it":      {message(1, capture.Stream, 8, 7), bpf.Losses{}, false},
		"ring":               {message(1, capture.Stream, 8, 8), bpf.Losses{Kinds: [3]bpf.Loss{{RingBytes: 1}}}, false},
		"not seen":           {message(1, capture.Stream, 8, 8), bpf.Losses{Missed: 1}, false},
		"nothing, or a loss": {before, bpf.Losses{Kinds: [3]bpf.Loss{{RingMessages: 1, RingBytes: 10}}}, false},
	} {
		x := New(&tap{losses: tt.losses}, 10)
		x.Start(&sink{})
		write(t, x, tt.m)
		if s := snapshot(t, x); s.Complete() != tt.complete {
			t.Errorf("%s: %v", name, s.Complete())
		}
	}
}

// The sockets that lost most are known, with who is there, whether messages say
// what is missing or the Sink does.
func TestWorst(t *testing.T) {
	x := New(&tap{}, 0)
	x.Start(&sink{})
	for sk := range uint64(3 * worstMax) {
		m := message(sk+1, capture.Stream, 5, 5)
		m.LostMessages, m.LostBytes = 1, sk%1000
		if sk == 500 {
			m.LostMessages, m.LostBytes = 9, 90000
		}
		write(t, x, m)
	}
	x.LoseOne(7777, 7, fileset.Loss{Messages: 1, Bytes: 80000})
	x.LoseOne(7777, 7, fileset.Loss{Messages: 1, Bytes: 1})
	late := message(7777, capture.Stream, 5, 5)
	late.From.Inode = 7
	write(t, x, late)
	s := snapshot(t, x)
	if len(s.Worst) != worstShown || len(x.worst.sockets) > worstMax {
		t.Fatalf("%d shown of %d", len(s.Worst), len(x.worst.sockets))
	}
	a, b := s.Worst[0], s.Worst[1]
	if a.SK != 501 || a.Lost != (Count{9, 90000}) || a.Process.PID != 501 || a.PeerPath != "/run/s" {
		t.Errorf("%+v", a)
	}
	if b.SK != 7777 || b.Lost != (Count{2, 80001}) || b.Process.PID != 7777 {
		t.Errorf("%+v", b)
	}
}

// When the kernel's counters can't be read, those of the last time count on.
func TestUnreadable(t *testing.T) {
	kernel := &tap{losses: bpf.Losses{Missed: 7}}
	x := New(kernel, 0)
	x.Start(&sink{})
	snapshot(t, x)
	kernel.losses, kernel.err = bpf.Losses{}, errors.New("gone")
	s, err := x.Snapshot()
	if err == nil || s.Dropped() != 7 || x.Stats().Interfaces[0].OSDropped != 7 {
		t.Errorf("%v, %d", err, s.Dropped())
	}
}

// What is asked for is done by the recorder's goroutine, and its error ends the
// recording. Who asks for numbers does not wait for long if that is held up.
func TestDo(t *testing.T) {
	x := New(&tap{}, 0)
	x.Start(&sink{})
	failed := errors.New("failed")
	x.Do(func() error { return failed })
	if err := x.Flush(); err != failed {
		t.Error(err)
	}
	for range 100 { // nobody takes them
		x.Do(func() error { return nil })
	}
	if _, err := x.Current(time.Millisecond); err != nil {
		t.Error(err)
	}
	current := make(chan uint64)
	write(t, x, message(1, capture.Stream, 5, 5))
	if err := x.Flush(); err != nil {
		t.Fatal(err)
	}
	write(t, x, message(1, capture.Stream, 5, 5))
	go func() {
		s, err := x.Current(time.Hour)
		if err != nil {
			t.Error(err)
		}
		current <- s.Written
	}()
	for {
		select {
		case n := <-current:
			if n != 2 {
				t.Errorf("%d written", n)
			}
			return
		default:
			if err := x.Flush(); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// Counting costs a message next to nothing.
func TestAllocates(t *testing.T) {
	x := New(&tap{}, 100)
	x.Start(&sink{})
	m := message(1, capture.Stream, 200, 100)
	if n := testing.AllocsPerRun(1000, func() {
		if err := x.WriteMessage(m); err != nil {
			t.Fatal(err)
		}
	}); n > 0 {
		t.Errorf("%v allocations a message", n)
	}
}

func BenchmarkTally(b *testing.B) {
	x := New(&tap{}, 0)
	x.Start(&sink{})
	m := message(1, capture.Stream, 64, 64)
	for b.Loop() {
		if err := x.WriteMessage(m); err != nil {
			b.Fatal(err)
		}
	}
}
