package http

import (
	"net/http"
	"strconv"

	"unixcap/decoders"
	"unixcap/decoders/httpsemantics"
	"unixcap/decoders/uri"
)

// maxReason bounds what is kept of a reason phrase.
const maxReason = 128

// A response is what the server is sending, or has sent to a request that is
// not complete.
type response struct {
	code     int
	reason   []byte
	server   []byte
	location []byte
	upgrade  []byte // the protocol that follows
	content  content
	span     decoders.Span // once it is complete
	orphan   bool          // its request was not seen
	early    bool          // perhaps because the capture lacks it
}

func (r *response) reset() {
	r.content.reset()
	r.reason, r.server, r.location, r.upgrade = r.reason[:0], r.server[:0], r.location[:0], r.upgrade[:0]
	r.code, r.span, r.orphan, r.early = 0, decoders.Span{}, false, false
}

// matched returns the request that the current response is to, nil if that is
// not known.
func (d *decoder) matched() *request {
	if d.doubt || d.skip > 0 || d.response.orphan {
		return nil
	}
	return d.queue.first()
}

// refused returns the request of which the head or the first line is still being
// sent when the server refuses it, as with 400, 414 or 431; nil if there is none.
// From here on it waits for its answer like those that are sent as far as their
// content.
func (d *decoder) refused() *request {
	c := d.client()
	if d.doubt || d.skip > 0 || len(d.queue.list) > 0 || !c.framer.inside() {
		return nil
	}
	if c.current == nil && !d.requestStarts(c, &item{data: c.framer.line, cut: c.framer.over}, false) || c.current == nil {
		return nil
	}
	d.spoken = true
	d.queue.list = append(d.queue.list, c.current)
	return c.current
}

// responses reads responses from what the server sends.
func (d *decoder) responses(s *side, at decoders.Mark, p []byte) {
	d.bodiless(s, p)
	for len(p) > 0 && d.phase == speaking {
		if s.hunting && !s.candidate {
			return
		}
		if s.hunting && !s.framer.inside() && !startsStatus(p) {
			d.wrongResponse(s)
			return
		}
		if s.span.Bytes == 0 {
			s.span.First = at
		}
		whole := len(p)
		if s.framer.state == inHead && !s.framer.partial {
			p = s.fields(p, &d.response, &d.response.content)
		}
		rest, got := s.framer.next(p)
		s.span.Bytes += int64(whole - len(rest))
		s.span.Last = at
		p = rest
		if got == more && s.framer.state == inStart && !startsStatus(s.framer.line) {
			got = malformed
		}
		if got == malformed || got == found && !d.responseItem(s) {
			d.wrongResponse(s)
			return
		}
	}
	if len(p) > 0 {
		d.over(decoders.Server, at, p)
	}
}

// bodiless is where a response whose request is not known has no content after
// all, as those to HEAD.
func (d *decoder) bodiless(s *side, p []byte) {
	const enough = len("HTTP/1.1 200")
	r := &d.response
	if s.hunting || !r.orphan || r.content.Length > 0 || len(p) < enough || !startsStatus(p) {
		return
	}
	if s.framer.state == inContent || s.framer.state == toClose {
		s.framer.reset()
		d.responseEnds(s)
	}
}

// wrongResponse is where the server's bytes are no response.
func (d *decoder) wrongResponse(s *side) {
	if s.hunting && (d.doubt || len(d.queue.list) == 0) {
		s.framer.reset()
		s.span = decoders.Span{}
		d.response.reset()
		s.candidate = false
		return
	}
	d.lose(s, "gap")
}

// responseItem takes in an item and says whether it can be.
func (d *decoder) responseItem(s *side) bool {
	t, r := &s.framer.item, &d.response
	switch t.kind {
	case kindStart:
		code, reason, ok := parseStatus(t.data)
		if !ok {
			return false
		}
		first := d.matched()
		if first == nil && code >= 400 {
			first = d.refused()
		}
		if first != nil && first.answered {
			return false // a second response, while the request is being sent
		}
		r.reset()
		s.head.reset()
		s.hunting = false
		r.code, r.reason = code, append(r.reason, reason[:min(len(reason), maxReason)]...)
		r.orphan = first == nil
		r.early = d.broken || !d.spoken
		r.content.Secret = first == nil || first.content.Secret // as long as nothing tells
	case kindField:
		if len(t.data) == 0 {
			d.responseHeadEnds(s)
			return true
		}
		return s.fieldLine(t.data, r, &r.content)
	case kindTrailer:
		name, _, ok := cutField(t.data)
		if ok && name != nil {
			r.content.Trailer(name)
		}
		return ok
	case kindContent:
		if len(t.data) > 0 {
			r.content.Add(t.data, httpsemantics.MaxKept)
		}
		if s.framer.ended() {
			d.responseEnds(s)
		}
	case kindEnd:
		d.responseEnds(s)
	}
	return true
}

// framing says how the end of the content is found: RFC 9112, 6.3.
func (d *decoder) framing(h *head) framing {
	first, code := d.matched(), d.response.code
	switch {
	case code < 200 || code == 204 || code == 304 || first != nil && first.head:
		return noContent
	case h.chunked:
		return byChunks
	case h.length >= 0 && !h.coded && !h.wrong:
		return byLength
	}
	return byClose
}

// responseHeadEnds decides what follows: content, the next message, or another
// protocol.
func (d *decoder) responseHeadEnds(s *side) {
	r, h := &d.response, &s.head
	first := d.matched()
	if first != nil && first.connect && r.code/100 == 2 {
		s.framer.state, s.framer.section = inStart, 0
		d.change(s, "connect")
		return
	}
	if r.code == http.StatusSwitchingProtocols {
		s.framer.state, s.framer.section = inStart, 0
		d.change(s, string(h.upgrade))
		return
	}
	r.content.framed(d.framing(h))
	s.framer.content(r.content.how, h.length)
	if r.content.how == byClose && first != nil && first.complete && d.client().current == nil {
		d.client().hunting, d.client().candidate = true, false // it has no more to ask
	}
	if s.framer.ended() {
		d.responseEnds(s)
	}
}

// responseEnds is where all of a response was sent.
func (d *decoder) responseEnds(s *side) {
	r := &d.response
	r.span = s.span
	s.span = decoders.Span{}
	first := d.matched()
	if r.code < 200 {
		if first != nil {
			first.informed(r.code)
		}
		r.reset()
		return
	}
	switch {
	case d.doubt:
	case d.skip > 0:
		d.skip--
	case first == nil:
		d.unasked()
	case first.complete:
		d.emitFirst()
		return
	default:
		first.answered = true
		return
	}
	r.reset()
}

// informed notes a 1xx response: RFC 9110, 15.2.
func (r *request) informed(code int) {
	if len(r.interim) >= maxReason {
		return
	}
	if len(r.interim) > 0 {
		r.interim = append(r.interim, ' ')
	}
	r.interim = strconv.AppendInt(r.interim, int64(code), 10)
}

// emitFirst emits the oldest request with the response that is complete.
func (d *decoder) emitFirst() {
	d.finish(d.queue.first())
	d.queue.pop()
}

// finish emits a request with the response.
func (d *decoder) finish(r *request) {
	x := d.begin(r)
	d.answer(x)
	d.emit(x)
	d.response.reset()
}

// unasked emits a response without a request: a server that ends a connection
// may say why, and captures may lack the request.
func (d *decoder) unasked() {
	x := &d.x
	x.Reset()
	x.Op, x.Request = "response", nil
	d.answer(x)
	if d.response.early {
		x.AddInt("gap", 0)
	}
	d.emit(x)
}

// answer adds the response to the exchange.
func (d *decoder) answer(x *decoders.Exchange) {
	r := &d.response
	x.Answered = r.span
	x.AddInt("status_code", int64(r.code))
	if r.code >= 400 {
		x.Status = decoders.Error
		x.ErrorCode = httpsemantics.CodeText(r.code)
		if x.Error = uri.AppendMasked(x.Error, r.reason); len(x.Error) == 0 {
			x.Error = append(x.Error, http.StatusText(r.code)...)
		}
	}
	x.AddText("server", r.server)
	x.AddText("location", r.location)
	x.AddText("upgrade", r.upgrade)
	d.previewer.Describe(x, &r.content.Content, &httpsemantics.ResponseKeys, 1)
	if d.hijacked > 0 {
		x.AddInt("client_bytes", d.hijacked)
		d.hijacked = 0
	}
	if r.content.how == byClose && r.content.Gap() {
		x.AddInt("gap", r.content.Missing)
	}
}
