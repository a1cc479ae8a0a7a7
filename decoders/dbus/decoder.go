package dbus

import (
	"unixcap/decoders"
)

// A decoder is a connection. Messages have lengths and serial numbers, so that
// what a loss costs is only what was lost: calls stay open, and are answered
// should their reply come. A place to begin is looked for at the beginning of
// each call of Data, where in our captures a send began; a header is too
// distinctive to be mistaken.
type decoder struct {
	emit   func(*decoders.Exchange)
	sides  [2]side
	calls  [2]calls // by who called
	auth   handshake
	broken bool // something of the conversation is missing
	// The bus shows the client what others say (BecomeMonitor).
	monitor bool
	unique  []byte // the client's name, if Hello was seen
	guess   []byte // or what seems to be it
	closed  bool

	x        decoders.Exchange
	msg      message // the one at hand
	call     message // the call it answers
	body     printer
	reply    printer
	text     []byte
	shown    []byte // of the reply
	user     string
	interned map[string]string
}

func newDecoder(emit func(*decoders.Exchange)) decoders.Decoder {
	d := &decoder{emit: emit}
	d.sides[decoders.Server].end = decoders.Server
	return d
}

// Data implements decoders.Decoder.
func (d *decoder) Data(from decoders.End, at decoders.Mark, p []byte) {
	s := &d.sides[from&1]
	whole := p
	for len(p) > 0 && !d.closed {
		if s.skip > 0 {
			n := min(s.skip, int64(len(p)))
			s.skip -= n
			s.add(at, n)
			p = p[n:]
			if s.skip == 0 {
				d.message(s, s.buf)
				s.reset()
			}
			continue
		}
		older := len(s.buf) > 0
		rest, ok := d.unit(s, at, p)
		if ok {
			p = rest
			continue
		}
		retry := s.lost && older
		d.lose(s)
		if !retry {
			return
		}
		// What was taken for a beginning was none. This may be one.
		p = whole
	}
}

func (s *side) add(at decoders.Mark, n int64) {
	if s.span.Bytes == 0 {
		s.span.First = at
	}
	s.span.Last = at
	s.span.Bytes += n
}

// unit takes a line or a message, or the beginning of one, from p.
func (d *decoder) unit(s *side, at decoders.Mark, p []byte) (rest []byte, ok bool) {
	b := p
	if len(s.buf) > 0 {
		// As much as it takes to know more, or all that is wanted.
		had := len(s.buf)
		u := s.judge(s.buf)
		n := len(p)
		switch {
		case u.want > 0:
			n = min(n, int(u.want)-had)
		case had < 2: // "B" may be BEGIN
			n = 1
		case u.what == binaryMessage:
			n = min(n, fixedHeader-had)
		default:
			for i, c := range p {
				if c == '\n' {
					n = i + 1
					break
				}
			}
		}
		s.buf = append(s.buf, p[:n]...)
		s.add(at, int64(n))
		b, p = s.buf, p[n:]
	}
	u := s.judge(b)
	if u.what == wrong {
		return nil, false
	}
	if u.want == 0 || u.want > int64(len(b)) {
		if len(s.buf) == 0 {
			s.buf = append(s.buf, b...)
			s.add(at, int64(len(b)))
			p = nil
		}
		return p, true
	}
	return p[d.found(s, at, b, u):], !s.lost || u.what == line
}

// found takes in what is there as far as it is wanted. It returns how much of
// the caller's bytes it used.
func (d *decoder) found(s *side, at decoders.Mark, b []byte, u unit) (used int) {
	buffered := len(s.buf) > 0
	if !buffered {
		used = int(u.want)
		s.add(at, u.want)
	}
	b = b[:u.want]
	if u.what == line {
		d.line(s, b)
		s.started = true
		s.reset()
		return used
	}
	if !d.msg.read(b, u.header, u.length-u.header) {
		s.lost = true
		return used
	}
	s.lost, s.started, s.binary = false, true, true
	if u.want == u.length {
		d.take(s)
		s.reset()
		return used
	}
	if !buffered {
		s.buf = append(s.buf, b...)
	}
	s.skip = u.length - u.want
	return used
}

// message takes in a message of which the header and the beginning are in b.
func (d *decoder) message(s *side, b []byte) {
	header, body, _ := sizes(b)
	d.msg.read(b, header, body) // it was read before
	d.take(s)
}

// lose says that an end's bytes make no sense any more.
func (d *decoder) lose(s *side) {
	d.broken = true
	if !s.lost {
		d.auth.lose(d)
	}
	s.lost, s.started = true, true
	s.reset()
}

// Gap implements decoders.Decoder.
func (d *decoder) Gap(from decoders.End, n int64) {
	if d.closed {
		return
	}
	d.broken = true
	s := &d.sides[from&1]
	d.calls[from.Other()].missed()
	d.auth.lose(d)
	left := n
	if u := s.open(); u.want > 0 && n > 0 && !s.lost && int64(len(s.buf)) >= u.header {
		n = min(n, u.length-s.span.Bytes-s.gap)
		s.gap += n
		s.skip = u.length - s.span.Bytes - s.gap
		left -= n
		if s.skip == 0 {
			d.message(s, s.buf)
			s.reset()
		}
		if left == 0 {
			return
		}
	}
	s.reset()
	s.lost, s.started = true, true
}

// open returns what is in the making, if it is a message.
func (s *side) open() unit {
	if len(s.buf) < fixedHeader {
		return unit{}
	}
	if u := s.judge(s.buf); u.what == binaryMessage {
		return u
	}
	return unit{}
}

// Close implements decoders.Decoder.
func (d *decoder) Close(decoders.Mark) {
	if d.closed {
		return
	}
	d.auth.close(d)
	for i := range d.calls {
		for c := d.calls[i].oldest; c != nil; c = d.calls[i].oldest {
			d.unanswered(&d.calls[i], c, "")
		}
	}
	for i := range d.sides {
		s := &d.sides[i]
		if u := s.open(); u.want > 0 && !s.lost && int64(len(s.buf)) >= u.header && d.msg.read(s.buf, u.header, u.length-u.header) && d.msg.kind == methodCall {
			d.begin(&d.msg, s, s.span, 0)
			d.x.Status = decoders.Unanswered
			d.emit(&d.x)
		}
	}
	d.closed = true
}

// maxInterned bounds the names that are remembered.
const maxInterned = 256

// intern returns b as a string that is made only once.
func (d *decoder) intern(b []byte) string {
	if s, ok := d.interned[string(b)]; ok {
		return s
	}
	if d.interned == nil || len(d.interned) >= maxInterned {
		d.interned = make(map[string]string)
	}
	s := string(b)
	d.interned[s] = s
	return s
}
