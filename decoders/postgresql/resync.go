package postgresql

import (
	"bytes"

	"unixcap/decoders"
)

// A capture may begin in the middle of a connection, and parts of it may be
// missing. Then the decoder hunts: in our captures a call of Data begins where
// a send began, so it takes the beginning of each for a message's, and believes
// it if the types, the lengths and the form are right: of a client, a request;
// of a server, the answer to the request that was sent. A server's send that
// ends with ReadyForQuery ends a message for certain.

// hunt looks at the beginning of a call of Data for s's place in the stream.
func (d *decoder) hunt(s *side, p []byte) {
	if s.end == decoders.Client {
		s.framer.untyped = p[0] == 0
		s.candidate = s.framer.untyped && plausibleStartup(p)
		if !s.framer.untyped {
			_, s.candidate = chained(&clientTypes, p)
		}
		return
	}
	s.candidate = false
	if r := d.queue.first(); r != nil && d.fits(r, p[0]) {
		_, s.candidate = chained(&serverTypes, p)
	}
	if !s.candidate && endsReady(p) {
		d.abandon("gap", 0)
		s.hunting, d.doubt = false, false
		s.framer.reset()
		s.passing = true
	}
}

// endsReady says whether p ends with a ReadyForQuery.
func endsReady(p []byte) bool {
	n := len(p) - typedHeader - 1
	return n >= 0 && bytes.Equal(p[n:n+typedHeader], []byte{kindReadyForQuery, 0, 0, 0, lengthField + 1}) &&
		transactionStatus(p[n+typedHeader]) != nil
}

// lose says that s's bytes make no sense any more. Whose answers the server's
// are is then not known.
func (d *decoder) lose(s *side) {
	if !s.hunting {
		d.gap(s, 0)
	}
	s.candidate = false
	s.framer.reset()
}

func (d *decoder) gap(s *side, n int64) {
	d.cutRequest()
	d.abandon("gap", uint64(max(n, 0)))
	s.framer.reset()
	s.hunting, s.candidate = true, false
	d.phase = phaseReady
	d.doubt = true
}

// cutRequest lets a statement come out of which the end is missing.
func (d *decoder) cutRequest() {
	c := d.client()
	f := &c.framer
	if c.hunting || f.have != typedHeader || f.untyped || len(f.buf) == 0 {
		return
	}
	switch f.msg.kind {
	case kindQuery, kindParse:
	default:
		return
	}
	m := f.msg
	m.body = f.buf
	m.wire -= f.left
	d.clientMessage(&m, m.start)
}

// plausibleRequest says whether a message of the client reads like what its
// type says it is. It is asked when one is met out of the blue.
func plausibleRequest(m *message) bool {
	r := reader{b: m.body}
	whole := m.cut() == 0
	switch m.kind {
	case kindQuery:
		text := r.text()
		return (!whole || !r.bad && len(r.b) == 0) && plausibleText(text)
	case kindParse:
		name, text := r.text(), r.text()
		types := r.uint16()
		return plausibleText(name) && plausibleText(text) && (!whole || r.ended(4*types))
	case kindBind:
		return plausibleBind(r, whole)
	case kindDescribe, kindClose:
		what := r.byte()
		name := r.text()
		return (what == 'S' || what == 'P') && plausibleText(name) && !r.bad && len(r.b) == 0
	case kindExecute:
		return plausibleText(r.text()) && !r.bad && len(r.b) == 4
	case kindSync, kindFlush, kindTerminate:
		return true
	}
	return false
}

// ended says whether exactly n bytes are left, and there was enough before.
func (r *reader) ended(n int) bool { return !r.bad && len(r.b) == n }

func plausibleBind(r reader, whole bool) bool {
	portal, name := r.text(), r.text()
	if !plausibleText(portal) || !plausibleText(name) || r.bad {
		return false
	}
	if !whole {
		return true
	}
	for range r.uint16() {
		if r.uint16() > 1 {
			return false
		}
	}
	for range r.uint16() {
		if n := int32(r.uint32()); n >= 0 {
			r.take(int(n))
		} else if n != -1 {
			return false
		}
		if r.bad {
			return false
		}
	}
	n := r.uint16()
	return r.ended(2 * n)
}

// plausibleText says whether b may begin a statement or a name.
func plausibleText(b []byte) bool {
	for _, c := range b[:min(len(b), 64)] {
		if c < ' ' && c != '\t' && c != '\n' && c != '\r' && c != '\f' && c != '\v' {
			return false
		}
	}
	return true
}
