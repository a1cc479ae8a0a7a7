package http

import (
	"bytes"

	"unixcap/decoders"
	"unixcap/decoders/http2"
	"unixcap/decoders/httpsemantics"
	"unixcap/decoders/uri"
)

const (
	// maxPending bounds the requests that wait for their answers. Pipelines
	// are a few long; behind a server that is not recorded they would grow
	// without end.
	maxPending = 1024

	// fewPending is how many of them are kept in full; of more, shortTarget of
	// the target and nothing of the content.
	fewPending  = 64
	shortTarget = 128

	// maxFree bounds the requests kept for reuse.
	maxFree = 16
)

// A request is one whose exchange is not complete.
type request struct {
	op      string
	head    bool // HEAD: the response has no content
	connect bool
	minor   byte // of the version
	text    []byte
	cut     int64
	host    []byte
	agent   []byte
	scheme  []byte // of Authorization
	sent    decoders.Span
	content content

	complete bool // all of it was sent
	interim  []byte
	answered bool // and its response is in the decoder
}

// reset empties r and keeps its memory.
func (r *request) reset() {
	r.content.reset()
	r.text, r.host, r.agent, r.interim = r.text[:0], r.host[:0], r.agent[:0], r.interim[:0]
	r.op, r.scheme, r.minor, r.cut, r.sent = "", nil, 0, 0, decoders.Span{}
	r.head, r.connect, r.complete, r.answered = false, false, false, false
}

// A queue holds the requests that are not answered yet, oldest first.
type queue struct {
	list []*request
	free []*request
}

func (q *queue) first() *request {
	if len(q.list) == 0 {
		return nil
	}
	return q.list[0]
}

// get returns an empty request.
func (q *queue) get() *request {
	if n := len(q.free); n > 0 {
		r := q.free[n-1]
		q.free = q.free[:n-1]
		return r
	}
	return new(request)
}

func (q *queue) put(r *request) {
	if len(q.free) < maxFree {
		r.reset()
		q.free = append(q.free, r)
	}
}

// pop lets go of the oldest request.
func (q *queue) pop() {
	q.put(q.list[0])
	n := copy(q.list, q.list[1:])
	q.list[n] = nil
	q.list = q.list[:n]
}

// requests reads requests from what the client sends.
func (d *decoder) requests(s *side, at decoders.Mark, p []byte) {
	for len(p) > 0 && d.phase == speaking {
		if s.span.Bytes == 0 && !s.framer.inside() && d.response.content.how != byClose {
			for p[0] == '\r' || p[0] == '\n' { // RFC 9112, 2.2
				if p = p[1:]; len(p) == 0 {
					return
				}
			}
		}
		if s.hunting && !s.candidate {
			if d.response.content.how == byClose {
				d.hijacked += int64(len(p))
			}
			return
		}
		if s.hunting && !s.framer.inside() && !startsRequest(firstLine(p)) {
			s.candidate = false
			continue
		}
		if s.span.Bytes == 0 {
			s.span.First = at
		}
		whole := len(p)
		if s.framer.state == inHead && !s.framer.partial {
			p = s.fields(p, s.current, &s.current.content)
		}
		rest, got := s.framer.next(p)
		s.span.Bytes += int64(whole - len(rest))
		s.span.Last = at
		p = rest
		if got == more && s.hunting && !startsRequest(s.framer.line) {
			got = malformed
		}
		if got == malformed || got == found && !d.requestItem(s) {
			d.wrongRequest(s)
			return
		}
	}
	if len(p) > 0 {
		d.over(decoders.Client, at, p)
	}
}

// firstLine returns p's first line, without its end.
func firstLine(p []byte) []byte {
	if i := bytes.IndexByte(p, '\n'); i >= 0 {
		p = p[:i]
		if i > 0 && p[i-1] == '\r' {
			p = p[:i-1]
		}
	}
	return p[:min(len(p), httpsemantics.MaxTarget)]
}

// wrongRequest is where the client's bytes are no request.
func (d *decoder) wrongRequest(s *side) {
	if s.hunting {
		s.framer.reset()
		s.span = decoders.Span{}
		s.candidate = false
		return
	}
	d.cutRequest("gap", 0)
	d.lose(s, "gap")
}

// requestItem takes in an item and says whether it can be.
func (d *decoder) requestItem(s *side) bool {
	t := &s.framer.item
	switch t.kind {
	case kindStart:
		return d.requestStarts(s, t, t.cut == 0)
	case kindField:
		if len(t.data) == 0 {
			d.requestHeadEnds(s)
			return true
		}
		return s.fieldLine(t.data, s.current, &s.current.content)
	case kindTrailer:
		name, _, ok := cutField(t.data)
		if ok && name != nil {
			s.current.content.Trailer(name)
		}
		return ok
	case kindContent:
		if len(t.data) > 0 {
			room := httpsemantics.MaxKept
			if len(d.queue.list) > fewPending {
				room = 0
			}
			s.current.content.Add(t.data, room)
		}
		if s.framer.ended() {
			d.requestEnds(s)
		}
	case kindEnd:
		d.requestEnds(s)
	}
	return true
}

// requestStarts takes in a request line, of which whole says that it is all there.
func (d *decoder) requestStarts(s *side, t *item, whole bool) bool {
	var line requestLine
	if !line.parse(t.data, !whole) {
		return false
	}
	op, known := httpsemantics.Method(line.method)
	if s.hunting && d.broken && !known {
		return false
	}
	if line.two {
		d.phase, d.two = versionTwo, http2.Behind(d.emit, nil)
		d.two.Data(decoders.Client, s.span.Last, []byte(http2.PrefaceLine))
		return true
	}
	if !known {
		op = d.ownMethods.Name(line.method)
	}
	s.hunting = false
	s.head.reset()
	r := s.current // refused already
	out := r != nil && d.wasOut(r)
	if r == nil {
		r = d.queue.get()
		s.current = r
	}
	if r.op, r.minor = op, line.minor; out {
		r.op = ""
	}
	r.head, r.connect = op == "head", op == "connect"
	room := httpsemantics.MaxTarget
	if len(d.queue.list) > fewPending {
		room = shortTarget
	}
	if !whole { // so that it is seen to be cut, perhaps within a secret
		room = min(room, len(line.target)-1)
	}
	r.text, r.content.Secret = uri.AppendTarget(r.text[:0], line.target, room)
	r.cut = t.cut + int64(max(len(line.target)-room, 0))
	return true
}

// requestHeadEnds puts a request into the queue, whose content may still come.
func (d *decoder) requestHeadEnds(s *side) {
	r, h := s.current, &s.head
	how := noContent
	switch {
	case h.chunked:
		how = byChunks
	case h.length > 0 && !h.coded && !h.wrong:
		how = byLength
	}
	r.content.framed(how)
	d.spoken = true
	s.framer.content(how, h.length)
	if !d.wasOut(r) {
		d.enqueue(r)
	}
	if s.framer.ended() {
		d.requestEnds(s)
	}
}

// enqueue puts a request into the queue, unless it was refused, which put it
// there.
func (d *decoder) enqueue(r *request) {
	if n := len(d.queue.list); n > 0 && d.queue.list[n-1] == r {
		return
	}
	if len(d.queue.list) == maxPending {
		d.out(d.queue.first(), "overflow", maxPending)
		d.queue.pop()
		d.skip++
	}
	d.queue.list = append(d.queue.list, r)
}

// requestEnds is where all of a request was sent.
func (d *decoder) requestEnds(s *side) {
	r := s.current
	s.current = nil
	if d.wasOut(r) {
		d.queue.put(r)
		s.span = decoders.Span{}
		return
	}
	r.complete, r.sent = true, s.span
	s.span = decoders.Span{}
	switch {
	case r.answered:
		d.emitFirst()
	case d.doubt:
		d.out(r, "gap", 0)
		d.queue.pop()
	case r.connect && len(d.queue.list) == 1:
		// What follows is for the tunnel, should there be one.
		s.hunting, s.candidate = true, false
	}
}
