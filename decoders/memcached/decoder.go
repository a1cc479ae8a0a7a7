package memcached

import "unixcap/decoders"

const (
	// maxPending bounds the commands that wait for their answers; behind a
	// server that is not recorded they would grow without end.
	maxPending = 1 << 14

	// fewPending is how many of them are kept in full; of more, shortText.
	fewPending = 1 << 10
	shortText  = 256

	// maxFree bounds the requests kept for reuse.
	maxFree = 64
)

// A decoder is a connection. text.go and binary.go say what the items do.
//
// After a loss it is not known which answer is whose, since most have nothing
// that tells. The decoder then is in doubt: all commands come out unanswered
// until the server has spoken and the client speaks again, and it takes it that
// no answer is outstanding there. Bytes that are missing within a value cost
// nothing but these bytes.
type decoder struct {
	emit  func(*decoders.Exchange)
	sides [2]side
	x     decoders.Exchange

	doubt  bool
	heard  bool // in doubt, the server has spoken
	opaque bool // what follows is not decoded: watch, or the end

	cur   *request   // the client's, in the making
	queue []*request // from head on
	head  int
	free  []*request
	skip  int // answers to come to commands that are out already
	reply reply
}

// A side is one direction of the connection.
type side struct {
	framer    framer
	span      decoders.Span
	hunting   bool
	candidate bool
}

// A request is a command whose answer is not complete.
type request struct {
	op      string
	role    role
	text    []byte
	cut     int64
	sent    decoders.Span
	value   int64 // length of its data block, -1 if it has none
	missing int64

	silent bool // noreply
	quiet  bool // may be without an answer
	binary bool
	code   byte // binary: opcode
	id     uint32
	mark   []byte // meta: opaque
}

func newDecoder(emit func(*decoders.Exchange)) decoders.Decoder {
	d := &decoder{emit: emit}
	for i := range d.sides {
		d.sides[i].hunting = true
		d.sides[i].framer.server = decoders.End(i) == decoders.Server
	}
	return d
}

func (d *decoder) client() *side { return &d.sides[decoders.Client] }
func (d *decoder) server() *side { return &d.sides[decoders.Server] }

// Data implements decoders.Decoder.
func (d *decoder) Data(from decoders.End, at decoders.Mark, p []byte) {
	if d.opaque || len(p) == 0 {
		return
	}
	s := &d.sides[from&1]
	if s.hunting && !s.framer.inside() {
		s.candidate = true
	}
	if from&1 == decoders.Client {
		d.turn()
	} else {
		d.heard = true
	}
	for len(p) > 0 && !d.opaque {
		if s.hunting && !s.candidate {
			return
		}
		if s.span.Bytes == 0 {
			s.span.First = at
		}
		rest, got := s.framer.next(p)
		s.span.Bytes += int64(len(p) - len(rest))
		s.span.Last = at
		p = rest
		ok := got != malformed
		if got == found {
			if s == d.client() {
				ok = d.clientItem(s)
			} else {
				ok = d.serverItem(s)
			}
		} else if ok && s.hunting && s.framer.begun {
			ok = isText(s.framer.buf)
		}
		if !ok {
			d.wrong(s)
			return
		}
	}
}

func isText(b []byte) bool {
	for _, c := range b {
		if c < ' ' && c != '\r' && c != '\t' || c == 0x7f {
			return false
		}
	}
	return true
}

// turn is where the client speaks, perhaps after the server.
func (d *decoder) turn() {
	s := d.server()
	answering := !s.hunting && (s.framer.inside() || s.span.Bytes > 0)
	if d.doubt && d.heard && !answering && !d.client().framer.inside() && d.cur == nil {
		d.doubt = false
	}
	if s.hunting && d.pending() == 0 {
		s.framer.reset()
		s.span = decoders.Span{}
		d.reply.reset()
	}
}

// wrong is where an end's bytes make no sense.
func (d *decoder) wrong(s *side) {
	if s.hunting && (d.doubt || d.pending() == 0) {
		s.framer.reset()
		s.span = decoders.Span{}
		s.candidate = false
		if s == d.server() {
			d.reply.reset()
		}
		return
	}
	d.lose(s, "gap", 0)
}

// lose says that the place in an end's stream is lost. Whose answers the
// server's are is then not known.
func (d *decoder) lose(s *side, why string, n int64) {
	if s == d.client() {
		d.cutRequest(why, n)
	}
	if !d.doubt {
		d.abandon(why, n)
	}
	d.skip = 0
	d.doubt = true
	d.heard = s == d.server()
	s.framer.reset()
	s.span = decoders.Span{}
	s.hunting, s.candidate = true, false
	if s == d.server() {
		d.reply.reset()
	}
}

// Gap implements decoders.Decoder.
func (d *decoder) Gap(from decoders.End, n int64) {
	if d.opaque {
		return
	}
	s := &d.sides[from&1]
	if !s.hunting && s.framer.skip(n) {
		s.span.Bytes += n
		if s == d.client() {
			d.cur.missing += n
		} else {
			d.reply.missing += n
			d.reply.value += n
		}
		return
	}
	d.lose(s, "gap", max(n, 0))
}

// cutRequest lets a command come out of which the end is missing.
func (d *decoder) cutRequest(why string, n int64) {
	if r := d.cur; r != nil {
		d.cur = nil
		r.sent = d.client().span
		d.out(r, decoders.Unanswered, why, n)
		d.put(r)
	}
}

// Close implements decoders.Decoder.
func (d *decoder) Close(decoders.Mark) {
	if d.opaque {
		return
	}
	d.abandon("", 0)
	d.cutRequest("", 0)
	d.opaque = true
}

// abandon lets all open commands come out unanswered, but for quiet ones.
func (d *decoder) abandon(why string, n int64) {
	for d.pending() > 0 {
		r := d.queue[d.head]
		if r.quiet && why == "" {
			d.out(r, decoders.OK, "quiet", 1)
		} else {
			d.out(r, decoders.Unanswered, why, n)
		}
		d.pop()
	}
}

func (d *decoder) get() *request {
	if n := len(d.free); n > 0 {
		r := d.free[n-1]
		d.free = d.free[:n-1]
		return r
	}
	return new(request)
}

func (d *decoder) put(r *request) {
	if len(d.free) < maxFree {
		*r = request{text: r.text[:0], mark: r.mark[:0]}
		d.free = append(d.free, r)
	}
}

// pop lets go of the oldest command.
func (d *decoder) pop() {
	d.put(d.queue[d.head])
	d.queue[d.head] = nil
	d.head++
	switch {
	case d.head == len(d.queue):
		d.queue, d.head = d.queue[:0], 0
	case d.head >= fewPending && 2*d.head >= len(d.queue):
		n := copy(d.queue, d.queue[d.head:])
		clear(d.queue[n:])
		d.queue, d.head = d.queue[:n], 0
	}
}

func (d *decoder) pending() int { return len(d.queue) - d.head }

// first returns the command whose answer comes next, nil if that is not known.
func (d *decoder) first() *request {
	if d.doubt || d.skip > 0 || d.pending() == 0 {
		return nil
	}
	return d.queue[d.head]
}

// begin fills the exchange with what is known of a command.
func (d *decoder) begin(r *request) *decoders.Exchange {
	x := &d.x
	x.Reset()
	x.Op, x.Request, x.Sent = r.op, r.text, r.sent
	if r.binary {
		d.x.AddInt("binary", 1)
	}
	if r.value >= 0 {
		d.x.AddInt("value_bytes", r.value)
	}
	if r.missing > 0 {
		d.x.AddInt("missing_bytes", r.missing)
	}
	if r.cut > 0 {
		d.x.AddInt("truncated_bytes", r.cut)
	}
	return x
}

// out emits a command without an answer.
func (d *decoder) out(r *request, status decoders.Status, why string, n int64) {
	x := d.begin(r)
	x.Status = status
	if why != "" {
		d.x.AddInt(why, n)
	}
	d.emit(x)
}
