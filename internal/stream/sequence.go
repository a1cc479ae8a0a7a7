package stream

import (
	"slices"
	"time"

	"unixcap/decoders"
	"unixcap/internal/capture"
)

const (
	// maxHeld and maxHeldBytes bound how much of a conversation waits for a
	// message that seems to come late. Messages of one socket change places
	// only with their neighbours (two threads that send at once, captures
	// merged), so a few are enough, and a message that is really missing
	// delays little.
	maxHeld      = 16
	maxHeldBytes = 1 << 20
	// maxHeldTime bounds the same in the capture's time.
	maxHeldTime = 50 * time.Millisecond
	// recent is how many datagrams are remembered to know one that the
	// capture has twice.
	recent = 4
)

// A sequence is how far one end's bytes have been taken.
type sequence struct {
	begun bool
	next  uint64        // offset of the next byte
	last  decoders.Time // of the latest message taken
	acked uint64        // network traffic: what the other end has received

	// Datagrams: which ones came last.
	seen [recent]datagram
	turn int
}

type datagram struct {
	offset uint64
	time   decoders.Time
}

// A piece is a message on its way to the decoder. Its payload is a copy when
// the piece is held back, the message's own otherwise.
type piece struct {
	from    decoders.End
	at      decoders.Mark
	offset  uint64
	length  uint64
	payload []byte
	lost    uint64 // bytes lost just before, as the recorder counted them
	lostMsg bool
	acked   uint64
	closed  bool // not bytes but the end of them
	fds     int
}

func pieceOf(from decoders.End, at decoders.Time, m *capture.Message) piece {
	return piece{
		from:    from,
		at:      decoders.Mark{Time: at, Packet: m.Packet},
		offset:  m.Offset,
		length:  max(m.Length, uint64(len(m.Payload))),
		payload: m.Payload,
		lost:    m.LostBytes,
		lostMsg: m.LostMessages > 0,
		acked:   m.Acked,
		closed:  m.Op == capture.Close,
		fds:     m.FDs,
	}
}

// end is the offset just after the piece.
func (p *piece) end() uint64 { return p.offset + p.length }

// take brings a message into its place among those of its flow.
func (f *Flow) take(p *piece) {
	l := &f.line
	if f.Kind != capture.Stream {
		f.takeDatagram(p)
		return
	}
	if f.network() {
		f.acknowledge(p)
	}
	if len(l.held) == 0 {
		if !f.early(p) {
			f.place(p)
			return
		}
	} else if f.fills(p) {
		f.place(p)
		f.release(false)
		return
	}
	f.hold(p)
	f.release(false)
}

// early reports whether bytes before p seem to be still to come: there is a
// hole, and the recorder does not say that it lost them, or p answers to them.
func (f *Flow) early(p *piece) bool {
	s := &f.Ends[p.from].seq
	return s.begun && p.offset > s.next && p.offset-s.next != p.lost || f.overtakes(p)
}

// fills reports whether p closes the hole that holds the first piece back.
func (f *Flow) fills(p *piece) bool {
	head := &f.line.held[0]
	if f.early(p) {
		return false
	}
	if f.overtakes(head) && p.from != head.from {
		return true
	}
	s := &f.Ends[p.from].seq
	return p.from == head.from && !p.closed && p.offset <= s.next
}

// release lets held pieces go on while they fit, and gives up on what is
// missing when enough have waited, or always if all is set.
func (f *Flow) release(all bool) {
	l := &f.line
	n := 0
	for n < len(l.held) {
		head := l.held[n]
		if f.early(&head) && !all {
			x := f.patience(&head)
			if len(l.held)-n <= x.pieces && l.heldBytes <= x.bytes && l.newest.Sub(head.at.Time) <= x.time {
				break
			}
		}
		l.held[n].payload = nil
		n++
		l.heldBytes -= len(head.payload)
		f.place(&head)
	}
	rest := copy(l.held, l.held[n:])
	clear(l.held[rest:])
	l.held = l.held[:rest]
}

// hold keeps a copy of a piece until it is its turn. One of network traffic
// comes before those of its end that continue it: there may be several holes,
// and any order.
func (f *Flow) hold(p *piece) {
	l := &f.line
	held := *p
	held.payload = append([]byte(nil), p.payload...)
	at := len(l.held)
	if f.network() {
		for i := range l.held {
			if h := &l.held[i]; h.from == p.from && h.offset > p.offset {
				at = i
				break
			}
		}
	}
	l.held = slices.Insert(l.held, at, held)
	l.heldBytes += len(p.payload)
	l.newest = max(l.newest, p.at.Time)
}

// place feeds a piece of a stream, cut to what is new in it, with the gap
// before it.
func (f *Flow) place(p *piece) {
	e := &f.Ends[p.from]
	s := &e.seq
	if p.closed {
		f.shut(p.from, p.offset, p.at)
		return
	}
	missing := p.length - uint64(len(p.payload))
	if p.length > 0 || p.lost > 0 {
		f.begin(p)
	}
	switch {
	case p.offset > s.next:
		f.lose(p.from, p.offset-s.next)
	case p.offset < s.next && p.at.Time > s.last && !f.network():
		// Bytes seen before would have their old time. These are new ones,
		// counted from a new start: the recorder was started again.
		f.Middle = true
		f.gap(p.from, 0)
	case p.offset < s.next:
		old := min(s.next-p.offset, p.length)
		f.repeated(p, old)
		kept := min(old, uint64(len(p.payload)))
		p.payload = p.payload[kept:]
		missing -= old - kept
		if old == p.length {
			return
		}
	}
	s.next = p.end()
	s.last = max(s.last, p.at.Time)
	f.wait(p)
	if len(p.payload) > 0 {
		p.from = f.data(p.from, p.at, decoders.Packet{Data: p.payload})
	}
	f.cut(p.from, missing)
}

// cut counts and passes on what is missing of a message.
func (f *Flow) cut(from decoders.End, n uint64) {
	if n > 0 {
		f.Ends[from].CutBytes += int64(n)
		f.gap(from, int64(n))
	}
}

// begin handles the first bytes that the capture has of an end. What came
// before them, if anything, cannot be known.
func (f *Flow) begin(p *piece) {
	e := &f.Ends[p.from]
	if e.seq.begun {
		return
	}
	e.seq.begun = true
	e.seq.next = p.offset
	if p.offset > 0 || p.lost > 0 {
		e.LostBytes += int64(p.lost)
		f.Middle = true
		f.gap(p.from, 0)
	}
}

// lose counts and passes on bytes that are missing.
func (f *Flow) lose(from decoders.End, n uint64) {
	f.Ends[from].LostBytes += int64(n)
	f.gap(from, int64(n))
}

// shut handles the end of what one end sends; offset tells how much that was.
func (f *Flow) shut(from decoders.End, offset uint64, at decoders.Mark) {
	e := &f.Ends[from]
	if e.seq.begun && offset > e.seq.next {
		f.lose(from, offset-e.seq.next)
		e.seq.next = offset
	}
	e.Closed = true
	f.line.at = at
}

// takeDatagram feeds a message whose boundaries count. Its offset counts what
// the socket sent to anyone, so it cannot tell what is missing here.
func (f *Flow) takeDatagram(p *piece) {
	if p.closed {
		f.shut(p.from, 0, p.at)
		return
	}
	e := &f.Ends[p.from]
	s := &e.seq
	d := datagram{offset: p.offset, time: p.at.Time}
	for i := range s.seen {
		if s.begun && s.seen[i] == d {
			f.repeated(p, p.length)
			return
		}
	}
	s.seen[s.turn] = d
	s.turn = (s.turn + 1) % recent
	s.begun = true
	if p.lost > 0 || p.lostMsg {
		f.lose(p.from, p.lost)
	}
	missing := int64(p.length - uint64(len(p.payload)))
	p.from = f.data(p.from, p.at, decoders.Packet{Data: p.payload, Missing: missing, FDs: p.fds})
	f.Ends[p.from].CutBytes += missing
}
