package redis

import "unixcap/decoders"

// A decoder is a connection. client.go says what the client's items do,
// server.go what the server's replies do.
//
// A capture may begin in the middle of a connection, and parts of it may be
// missing. Commands and answers have no numbers, so that a loss leaves it open
// which answer is whose. The decoder then is in doubt: it lets all requests
// come out unanswered until the server has spoken and the client speaks again,
// and takes it that no answer is outstanding there. That is so for clients that
// wait for their answers, to one command or to many. With one that never does,
// answers may be paired wrongly until it pauses, unless their types give it
// away; likewise where a capture begins behind the first part of a pipeline. In our captures a call of Data begins where a send began, so the
// decoder looks for a command or reply at the beginning of each.
type decoder struct {
	emit  func(*decoders.Exchange)
	sides [2]side
	x     decoders.Exchange

	opaque bool // what follows is not RESP: replication, or the end
	doubt  bool // whose the next answer is, is not known
	heard  bool // in doubt, the server has spoken
	broken bool // something of the conversation is missing
	spoken bool // there was a command

	recent recentCommands

	cur   incoming // the client's, in the making
	queue queue
	skip  int // answers to come to requests that are out already
	reply reply
	mode  mode

	unasked struct { // of what a server sends unasked, for reuse
		request     request
		lower, word []byte
	}
	masked []byte            // a value without its secrets, for reuse
	names  map[string]string // seen, so that they cost nothing again
}

// A side is one direction of the connection.
type side struct {
	framer    framer
	hunting   bool // the place in the stream is not known
	candidate bool // hunting, and an item may begin here
}

// A mode is what the connection is in, as far as is known.
type mode struct {
	user, database string
	queuedDatabase string // SELECT in a transaction
	multi          bool   // all of the transaction was seen
	hidden         bool   // a command with a secret is in it
	subscribed     bool
	monitor        bool
	silent         bool // CLIENT REPLY OFF
	silentNext     bool // CLIENT REPLY SKIP
}

// mayHide says whether an error in a transaction may repeat a secret.
func (m *mode) mayHide() bool { return m.hidden || !m.multi }

func (m *mode) endTransaction() { m.queuedDatabase, m.multi, m.hidden = "", false, false }

func newDecoder(emit func(*decoders.Exchange)) decoders.Decoder {
	d := &decoder{emit: emit}
	for i := range d.sides {
		d.sides[i].hunting = true
		d.sides[i].framer.end = decoders.End(i)
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
	if from == decoders.Client {
		d.turn()
		d.commands(s, at, p)
		return
	}
	d.heard = true
	if d.doubt && !s.framer.inside() && !d.reply.open {
		s.candidate = looksPushed(p)
	}
	d.replies(s, at, p)
}

// turn is where the client speaks, perhaps after the server.
func (d *decoder) turn() {
	s := d.server()
	answering := !s.hunting && (s.framer.inside() || d.reply.open)
	if d.doubt && d.heard && !answering && !d.client().framer.inside() && !d.cur.open {
		d.doubt = false
	}
	if s.hunting && d.queue.n == 0 {
		s.framer.reset()
		d.reply.reset()
	}
}

// lose says that the bytes of an end make no sense any more. Whose answers the
// server's are is then not known.
func (d *decoder) lose(s *side, why string) {
	if !d.doubt {
		d.abandon(why, 0)
	}
	d.loseFrom(s)
}

func (d *decoder) loseFrom(s *side) {
	d.skip = 0
	d.mode.multi = false
	d.doubt, d.broken = true, true
	d.heard = s.framer.end == decoders.Server
	s.framer.reset()
	s.hunting, s.candidate = true, false
	if s.framer.end == decoders.Client {
		d.cur.reset()
	} else {
		d.reply.reset()
	}
}

// Gap implements decoders.Decoder.
func (d *decoder) Gap(from decoders.End, n int64) {
	if d.opaque {
		return
	}
	s := &d.sides[from&1]
	if from == decoders.Server && d.bridge(s, n) {
		return
	}
	d.cutRequest(from, "gap", n)
	d.abandon("gap", max(n, 0))
	d.loseFrom(s)
}

// bridge passes over a gap inside a bulk string, whose end is known.
func (d *decoder) bridge(s *side, n int64) bool {
	f := &s.framer
	if n <= 0 || s.hunting && (d.doubt || d.queue.n == 0) || f.state != inBody || f.left <= n {
		return false
	}
	f.left -= n
	d.reply.span.Bytes += n
	d.reply.missing += n
	return true
}

// cutRequest lets a command come out of which the end is missing.
func (d *decoder) cutRequest(from decoders.End, why string, n int64) {
	if c := &d.cur; from == decoders.Client && c.open && !d.client().hunting && c.at > 0 {
		d.name()
		d.out(&c.request, decoders.Unanswered, why, n)
	}
	d.cur.reset()
}

// Close implements decoders.Decoder.
func (d *decoder) Close(decoders.Mark) {
	if d.opaque {
		return
	}
	d.abandon("", 0)
	d.cutRequest(decoders.Client, "", 0)
	d.opaque = true
}

// abandon lets all open requests come out unanswered, with why as an
// attribute.
func (d *decoder) abandon(why string, n int64) {
	for r := d.queue.first(); r != nil; r = d.queue.first() {
		d.out(r, decoders.Unanswered, why, n)
		d.queue.pop()
	}
}

// begin fills the exchange with what is known of a request.
func (d *decoder) begin(r *request) *decoders.Exchange {
	x := &d.x
	x.Reset()
	x.Op, x.Request, x.Sent = r.op, r.text, r.sent
	x.User, x.Database = d.mode.user, d.mode.database
	if r.cut > 0 {
		d.x.AddInt("truncated_bytes", r.cut)
	}
	return x
}

// out emits a request without an answer.
func (d *decoder) out(r *request, status decoders.Status, why string, n int64) {
	x := d.begin(r)
	x.Status, x.Answered = status, r.answered
	if why != "" {
		d.x.AddInt(why, n)
	}
	d.emit(x)
}
