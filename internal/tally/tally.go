package tally

import (
	"sync"
	"time"

	"unixcap/bpf"
	"unixcap/internal/capture"
	"unixcap/internal/fileset"
	"unixcap/internal/recorder"
)

// A Tap is what a bpf.Tap knows of losses.
type Tap interface {
	Losses() (bpf.Losses, error)
	// Ring returns how many bytes wait in the ring buffer, and its size.
	Ring() (used, size int)
}

// A Sink is where the messages go, a fileset.Set or a printer.
type Sink interface {
	recorder.Output
	Written() uint64
	Lost() fileset.Losses
	File() string
	Files() int
}

// A Tally stands between the recorder and a Sink, and counts. Its methods are
// for the recorder's goroutine, except
// Snapshot, Current and Do.
type Tally struct {
	// Connections, if not nil, is asked now and then how many there are. It is
	// called in the recorder's goroutine.
	Connections func() int

	tap     Tap
	out     Sink
	snaplen uint64
	now     counts
	worst   worst
	counted time.Time // when Connections was called
	jobs    chan func() error

	mu        sync.Mutex
	published counts
	losses    bpf.Losses // as they were last read
	shown     []Socket
}

// counts are what the recorder's goroutine counts.
type counts struct {
	taken       [Kinds]Count
	cut         [Kinds]Count
	incomplete  Count
	written     uint64
	output      fileset.Losses
	file        string
	files       int
	connections int
}

// New returns a Tally of a recording whose messages are cut at snaplen bytes, 0
// being none.
func New(tap Tap, snaplen uint32) *Tally {
	return &Tally{tap: tap, snaplen: uint64(snaplen), jobs: make(chan func() error, 16)}
}

// Start has the messages go to a Sink.
func (t *Tally) Start(out Sink) {
	t.out = out
	t.publish()
}

// WriteMessage counts a message and hands it on.
func (t *Tally) WriteMessage(m *capture.Message) error {
	t.note(m)
	err := t.out.WriteMessage(m)
	if m.Op == capture.Send {
		n := &t.now.taken[m.From.Kind]
		n.Messages++
		n.Bytes += m.Length
	}
	return err
}

// note counts what is missing before a message and of it.
func (t *Tally) note(m *capture.Message) {
	lost := Count{m.LostMessages, m.LostBytes}
	if missing := m.Length - uint64(len(m.Payload)); missing > 0 && m.Op == capture.Send && m.Error == "" {
		whole := m.Length
		if t.snaplen > 0 && whole > t.snaplen {
			whole = t.snaplen
			n := &t.now.cut[m.From.Kind]
			n.Messages++
			n.Bytes += m.Length - whole
		}
		if missing = whole - uint64(len(m.Payload)); missing > 0 {
			part := Count{1, missing}
			t.now.incomplete = t.now.incomplete.plus(part)
			lost = lost.plus(part)
		}
	}
	if lost != (Count{}) {
		t.worst.add(m, lost)
	} else {
		t.worst.meet(m)
	}
}

// LoseOne counts a message that the Sink could not write.
func (t *Tally) LoseOne(sk uint64, inode uint32, l fileset.Loss) {
	t.worst.addUnseen(sk, inode, Count(l))
}

// Flush does what is to be done in the recorder's goroutine, and publishes the
// numbers.
func (t *Tally) Flush() error {
	for {
		select {
		case job := <-t.jobs:
			if err := job(); err != nil {
				t.publish()
				return err
			}
			continue
		default:
		}
		break
	}
	err := t.out.Flush()
	t.publish()
	return err
}

// Do has something done in the recorder's goroutine, some hundred milliseconds
// later at the most while the recording goes on. An error of it ends the
// recording like one of the Sink.
func (t *Tally) Do(job func() error) {
	select {
	case t.jobs <- job:
	default: // as many wait as anybody can have asked for
	}
}

// connectionsEvery is how often Connections is called, which takes a while where
// there are many.
const connectionsEvery = time.Second

func (t *Tally) publish() {
	t.now.written, t.now.output = t.out.Written(), t.out.Lost()
	t.now.file, t.now.files = t.out.File(), t.out.Files()
	if now := time.Now(); t.Connections != nil && now.Sub(t.counted) >= connectionsEvery {
		t.counted, t.now.connections = now, t.Connections()
	}
	var shown []Socket
	if len(t.worst.sockets) > 0 {
		shown = t.worst.most(worstShown)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.published, t.shown = t.now, shown
}

// Stats are what the statistics of a file have of what was lost before it came to
// the Sink.
func (t *Tally) Stats() capture.Stats {
	var s Snapshot
	losses, _ := t.read() // an error is told by the Snapshot at the end
	s.reasons(&losses, &t.now)
	return s.stats()
}

// read returns what the kernel's side lost, and what it was when it could last be
// read if it can't.
func (t *Tally) read() (bpf.Losses, error) {
	l, err := t.tap.Losses()
	t.mu.Lock()
	defer t.mu.Unlock()
	if err == nil {
		t.losses = l
	}
	return t.losses, err
}

// Snapshot returns the numbers as they were published last, and the kernel's as
// they are. It is there also if there is an error. Any goroutine may call it.
func (t *Tally) Snapshot() (Snapshot, error) {
	losses, err := t.read()
	t.mu.Lock()
	defer t.mu.Unlock()
	p := &t.published
	s := Snapshot{
		Taken: p.taken, Written: p.written, Incomplete: p.incomplete, Worst: t.shown,
		File: p.file, Files: p.files, Connections: p.connections,
	}
	s.RingUsed, s.RingSize = t.tap.Ring()
	s.reasons(&losses, p)
	return s, err
}

// Publish takes the numbers of the Sink once more, after it was closed.
func (t *Tally) Publish() { t.publish() }

// Current is Snapshot with numbers that are not older than the call, if the
// recorder's goroutine gives them before the timeout.
func (t *Tally) Current(timeout time.Duration) (Snapshot, error) {
	published := make(chan bool)
	t.Do(func() error {
		t.publish()
		close(published)
		return nil
	})
	select {
	case <-published:
	case <-time.After(timeout): // it waits for a disk or a reader, say
	}
	return t.Snapshot()
}
