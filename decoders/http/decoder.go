package http

import (
	"unixcap/decoders"
	"unixcap/decoders/httpsemantics"
)

// A decoder is a connection. request.go says what the client's items do,
// response.go what the server's do.
//
// A capture may begin in the middle of a connection, and parts of it may be
// missing. Requests and responses have no numbers, so that a loss leaves it
// open which response is whose. The decoder then is in doubt: it lets all
// requests come out unanswered until the server has spoken and the client
// speaks again, and takes it that no response is outstanding there. In our
// captures a call of Data begins where a send began, so the decoder looks for
// a start line at the beginning of each. Bytes that are missing inside content
// whose end is still to come cost nothing but these bytes.
type decoder struct {
	emit  func(*decoders.Exchange)
	sides [2]side
	x     decoders.Exchange

	phase  phase
	doubt  bool // whose the next response is, is not known
	heard  bool // in doubt, the server has spoken
	broken bool // something of the conversation is missing
	spoken bool // there was a request

	queue    queue
	skip     int // responses to come to requests that are out already
	response response
	hijacked int64 // bytes of the client behind a request that is answered until the end

	tunnel tunnel
	two    decoders.Decoder // once it is HTTP/2
	socket webSocket

	previewer  httpsemantics.Previewer
	ownMethods httpsemantics.OwnMethods
}

// A phase is what a connection is in.
type phase uint8

const (
	speaking     phase = iota // HTTP
	webSocketing              // WebSocket
	tunnelling                // something else
	versionTwo                // HTTP/2
	over
)

// A side is one direction of the connection.
type side struct {
	framer    framer
	span      decoders.Span // of the message
	head      head
	current   *request // the client's: the request that is being sent
	hunting   bool     // the place in the stream is not known
	candidate bool     // hunting, and a message may begin here
}

func newDecoder(emit func(*decoders.Exchange)) decoders.Decoder {
	d := &decoder{emit: emit}
	for i := range d.sides {
		d.sides[i].hunting = true
	}
	return d
}

func (d *decoder) client() *side { return &d.sides[decoders.Client] }
func (d *decoder) server() *side { return &d.sides[decoders.Server] }

// Data implements decoders.Decoder.
func (d *decoder) Data(from decoders.End, at decoders.Mark, p []byte) {
	if len(p) == 0 {
		return
	}
	from &= 1
	if d.phase != speaking {
		d.over(from, at, p)
		return
	}
	s := &d.sides[from]
	if s.hunting && !s.framer.inside() {
		s.candidate = true
	}
	if from == decoders.Client {
		d.turn()
		d.requests(s, at, p)
		return
	}
	d.heard = true
	d.responses(s, at, p)
}

// over takes in what comes when HTTP is over.
func (d *decoder) over(from decoders.End, at decoders.Mark, p []byte) {
	switch d.phase {
	case webSocketing:
		d.frames(from, at, p)
	case tunnelling:
		d.tunnel.add(from, at, p)
	case versionTwo:
		d.two.Data(from, at, p)
	}
}

// turn is where the client speaks, perhaps after the server.
func (d *decoder) turn() {
	s, c := d.server(), d.client()
	answering := !s.hunting && (s.framer.inside() || s.span.Bytes > 0)
	sending := c.framer.inside() || c.current != nil
	if d.doubt && d.heard && !answering && !sending {
		d.doubt = false
	}
	if s.hunting && len(d.queue.list) == 0 {
		s.framer.reset()
		s.span = decoders.Span{}
		d.response.reset()
	}
}

// lose says that the bytes of an end make no sense any more. Whose responses
// the server's are is then not known.
func (d *decoder) lose(s *side, why string) {
	if !d.doubt {
		d.abandon(why, 0)
	}
	d.loseFrom(s)
}

func (d *decoder) loseFrom(s *side) {
	d.skip, d.hijacked = 0, 0
	d.doubt, d.broken = true, true
	d.heard = s == d.server()
	s.framer.reset()
	s.span = decoders.Span{}
	s.hunting, s.candidate = true, false
	if s == d.server() {
		d.response.reset()
	}
}

// Gap implements decoders.Decoder.
func (d *decoder) Gap(from decoders.End, n int64) {
	from &= 1
	s := &d.sides[from]
	switch d.phase {
	case webSocketing:
		d.socket.gap(d, from, n)
		return
	case tunnelling:
		d.tunnel.gap(from, n)
		return
	case versionTwo:
		d.two.Gap(from, n)
		return
	case over:
		return
	}
	if !s.hunting && s.framer.skip(n) {
		s.span.Bytes += n
		if from == decoders.Server {
			d.response.content.Skip(n)
		} else {
			s.current.content.Skip(n)
		}
		return
	}
	if from == decoders.Client {
		d.cutRequest("gap", max(n, 0))
	}
	d.abandon("gap", max(n, 0))
	d.loseFrom(s)
}

// cutRequest lets a request come out whose head section is not complete, and
// forgets the one that is being sent.
func (d *decoder) cutRequest(why string, n int64) {
	s := d.client()
	r := s.current
	if r == nil {
		return
	}
	s.current = nil
	for _, queued := range d.queue.list {
		if queued == r {
			r.complete, r.sent = true, s.span // as much as there will be
			return
		}
	}
	if !d.wasOut(r) {
		r.complete, r.sent = true, s.span
		d.out(r, why, n)
	}
	d.queue.put(r)
}

// wasOut says whether a request came out while it was being sent.
func (d *decoder) wasOut(r *request) bool { return r.op == "" }

// Close implements decoders.Decoder.
func (d *decoder) Close(at decoders.Mark) {
	switch d.phase {
	case speaking:
		if s := d.server(); !s.hunting && s.framer.state == toClose {
			d.responseEnds(s)
		}
		d.abandon("", 0)
		d.cutRequest("", 0)
	case webSocketing:
		d.endFrames()
	case tunnelling:
		d.endTunnel()
	case versionTwo:
		d.two.Close(at)
	}
	d.phase = over
}

// abandon lets all open requests come out unanswered, with why as an
// attribute.
func (d *decoder) abandon(why string, n int64) {
	for r := d.queue.first(); r != nil; r = d.queue.first() {
		switch {
		case r.answered:
			d.finish(r)
		default:
			d.out(r, why, n)
		}
		if r.complete {
			d.queue.pop()
			continue
		}
		// It is still being sent: what is to come of it is for nobody.
		r.op = ""
		d.queue.list = d.queue.list[:0]
	}
}

// begin fills the exchange with what is known of a request.
func (d *decoder) begin(r *request) *decoders.Exchange {
	x := &d.x
	x.Reset()
	x.Op, x.Request, x.Sent = r.op, r.text, r.sent
	if !r.complete {
		x.Sent = d.client().span
	}
	if r.minor == 0 {
		x.AddText("version", versionTen)
	}
	x.AddText("host", r.host)
	x.AddText("user_agent", r.agent)
	x.AddText("authorization", r.scheme)
	if r.cut > 0 {
		x.AddInt("truncated_bytes", r.cut)
	}
	d.previewer.Describe(x, &r.content.Content, &httpsemantics.RequestKeys, 0)
	x.AddText("interim", r.interim)
	return x
}

var versionTen = []byte("1.0")

// out emits a request without an answer, or with a part of one.
func (d *decoder) out(r *request, why string, n int64) {
	if r.op == "" {
		return
	}
	x := d.begin(r)
	x.Status = decoders.Unanswered
	if s := d.server(); r == d.queue.first() && !d.doubt && d.skip == 0 && !s.hunting && d.response.code >= 200 {
		x.Answered = s.span
		x.AddInt("status_code", int64(d.response.code))
		d.previewer.Describe(x, &d.response.content.Content, &httpsemantics.ResponseKeys, 1)
	}
	if why != "" {
		x.AddInt(why, n)
	}
	d.emit(x)
}
