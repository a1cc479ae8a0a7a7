package json

import (
	"bytes"

	"unixcap/decoders"
)

const (
	// maxPending and maxPendingBytes bound the calls of one end that wait.
	maxPending      = 4096
	maxPendingBytes = 4 << 20
	// maxRequest is how much of a request's text is shown.
	maxRequest = 64 << 10
	// maxID is the longest id that calls are told apart by.
	maxID = 128
	// maxOneWay is how many values of an end wait until it is clear that
	// nobody answers.
	maxOneWay = 64
)

// A decoder is a connection.
type decoder struct {
	emit    func(*decoders.Exchange)
	sides   [2]side
	calls   [2][]*pending // by who called, the oldest first
	bytes   int
	free    []*pending
	msg     message
	x       decoders.Exchange
	text    []byte
	plain   []byte // parameters without some of their secrets
	command decoders.Arguments
	spoke   [2]bool // that end sent something that answers, or could
	oneWay  [2]bool

	doubt  [2]bool // whose the next reply without an id is, is not known
	heard  [2]bool // in doubt, the other end has spoken
	broken bool    // something of the conversation is missing
	fits   bool    // msg is the reply to the call that comes out
}

// A pending is a call that waits for its reply.
type pending struct {
	text     []byte
	id       []byte
	textID   bool
	dialect  string
	op       string
	sent     decoders.Span
	answered decoders.Span
	cut      int64
	replies  int64
	hidden   bool
	secrets  []byte // what was hidden of it, as appendHidden has it
	torn     bool   // more of it, or of its reply, may have been sent than was seen
}

func newDecoder(emit func(*decoders.Exchange)) decoders.Decoder {
	d := &decoder{emit: emit}
	d.sides[decoders.Server].end = decoders.Server
	return d
}

// value takes in a value: an object, or an array, which is a batch.
func (d *decoder) value(s *side, b []byte) {
	if b[0] == '[' && s.over == 0 && d.batch(s, b) {
		return
	}
	d.object(s, b, s.span)
}

// batch takes in the objects of an array (JSON-RPC 2.0, section 6); it is none if
// it has others.
func (d *decoder) batch(s *side, b []byte) bool {
	found := false
	for i := skipSpace(b, 1); i < len(b) && b[i] == '{'; {
		end := valueEnd(b, i)
		if end < 0 {
			return found
		}
		if d.msg.read(b[i:end]); d.msg.kind == plain && !found {
			return false
		}
		found = true
		span := s.span
		span.Bytes = int64(end - i)
		d.object(s, b[i:end], span)
		if i = skipSpace(b, end); i < len(b) && b[i] == ',' {
			i = skipSpace(b, i+1)
		}
	}
	return found
}

func (d *decoder) object(s *side, b []byte, span decoders.Span) {
	m := &d.msg
	m.read(b)
	from := s.end
	if d.doubt[from] && d.heard[from] && m.kind != reply {
		d.doubt[from] = false
	}
	d.heard[from.Other()] = true
	switch m.kind {
	case call:
		d.called(s, span, "call")
	case notice:
		op := "notification"
		if m.dialect == qmp {
			op = "event"
		}
		d.alone(s, op, m.method, m.params, span, s.over)
	case greeting:
		d.alone(s, "greeting", nil, m.params, span, s.over)
	case reply:
		d.replied(s, span)
	default:
		d.said(s, b, span)
	}
}

// said takes in a value that does not say what it is: it answers the other
// end's, or wants an answer.
func (d *decoder) said(s *side, b []byte, span decoders.Span) {
	from, other := s.end, s.end.Other()
	if from == decoders.Server && len(d.calls[other]) > 0 && d.calls[other][0].dialect == others {
		d.answer(other, 0, span, false)
		return
	}
	if from == decoders.Server || d.oneWay[from] {
		d.alone(s, "message", nil, b, span, s.over)
		return
	}
	d.msg.params = b
	d.called(s, span, "message")
	if n := len(d.calls[from]); n > maxOneWay && !d.spoke[other] {
		d.oneWay[from] = true
		for len(d.calls[from]) > 0 {
			d.out(from, 0, decoders.OK, "")
		}
	}
}

// called notes a call.
func (d *decoder) called(s *side, span decoders.Span, op string) {
	m := &d.msg
	from := s.end
	var p *pending
	if n := len(d.free); n > 0 {
		p, d.free = d.free[n-1], d.free[:n-1]
	} else {
		p = new(pending)
	}
	text := p.text[:0]
	*p = pending{id: p.id[:0], secrets: p.secrets[:0], textID: m.textID, dialect: m.dialect, op: op, sent: span, torn: s.torn}
	p.text, p.cut, p.hidden = d.describe(text, m)
	if shown := p.text[min(len(m.method)+1, len(p.text)):]; op == "call" && !p.hidden && !bytes.HasPrefix(m.params, shown) {
		p.secrets = appendHidden(p.secrets, m.params[:min(len(m.params), maxRequest)], shown)
	}
	p.cut += s.over
	if len(m.id) <= maxID {
		p.id = append(p.id, m.id...)
	}
	d.calls[from] = append(d.calls[from], p)
	d.bytes += cap(p.text) + cap(p.secrets)
	for len(d.calls[from]) > maxPending || d.bytes > maxPendingBytes && len(d.calls[from]) > 1 {
		d.out(from, 0, decoders.Unanswered, "overflow")
	}
	if d.doubt[from] && len(p.id) == 0 {
		d.out(from, len(d.calls[from])-1, decoders.Unanswered, "gap")
	}
}

// describe appends method and parameters without secrets.
func (d *decoder) describe(dst []byte, m *message) (text []byte, cut int64, hidden bool) {
	dst = append(dst, m.method...)
	if len(m.params) == 0 {
		return dst, 0, false
	}
	if len(m.method) > 0 {
		dst = append(dst, ' ')
	}
	if hidden = hides(m.method); hidden {
		return append(dst, decoders.Secret...), 0, true
	}
	params := m.params
	if string(m.method) == "guest-exec" {
		params = d.guestExec(params)
	}
	n := min(len(params), maxRequest)
	cut = int64(len(params) - n)
	if hidesParameters(m, params[:n]) {
		return append(dst, decoders.Secret...), cut, true
	}
	return decoders.AppendWithoutSecrets(dst, params[:n]), cut, false
}

// replied takes in a reply.
func (d *decoder) replied(s *side, span decoders.Span) {
	m := &d.msg
	caller := s.end.Other()
	d.spoke[s.end] = true
	at := -1
	for i, p := range d.calls[caller] {
		if len(m.id) > 0 && p.textID == m.textID && bytes.Equal(p.id, m.id) || len(m.id) == 0 && len(p.id) == 0 && p.op == "call" {
			at = i
			break
		}
	}
	if at < 0 {
		d.fresh("reply", m.dialect)
		d.x.Answered = span
		if d.broken || !d.sides[caller].begun {
			d.x.AddInt("gap", 0)
		} else {
			d.x.AddInt("unexpected", 1)
		}
		d.fail(true, nil)
		d.emit(&d.x)
		return
	}
	d.answer(caller, at, span, m.more)
}

// answer pairs a reply with call at.
func (d *decoder) answer(caller decoders.End, at int, span decoders.Span, more bool) {
	d.spoke[caller.Other()] = true
	p := d.calls[caller][at]
	if p.answered.Bytes == 0 {
		p.answered.First = span.First
	}
	p.answered.Last = span.Last
	p.answered.Bytes += span.Bytes
	p.replies++
	p.torn = p.torn || d.sides[caller.Other()].torn
	if !more {
		d.fits = true
		d.out(caller, at, decoders.OK, "")
		d.fits = false
	}
}

// out emits a call and forgets it.
func (d *decoder) out(caller decoders.End, at int, status decoders.Status, why string) {
	p := d.calls[caller][at]
	x := d.fresh(p.op, p.dialect)
	x.Request, x.Status, x.Sent, x.Answered = p.text, status, p.sent, p.answered
	if len(p.id) > 0 {
		d.x.AddText("id", p.id)
	}
	if caller == decoders.Server {
		d.x.AddText("caller", serverWord)
	}
	if p.replies > 1 {
		d.x.AddInt("replies", p.replies)
	}
	if p.cut > 0 {
		d.x.AddInt("truncated_bytes", p.cut)
	}
	if p.torn && why != "gap" {
		d.x.AddInt("gap", 0)
	}
	if why != "" {
		d.x.AddInt(why, 0)
	} else if d.fits && p.op == "call" {
		d.fail(p.hidden, p.secrets)
	}
	d.emit(x)
	d.bytes -= cap(p.text) + cap(p.secrets)
	d.calls[caller] = append(d.calls[caller][:at], d.calls[caller][at+1:]...)
	if cap(p.text)+cap(p.secrets) <= 4<<10 && len(d.free) < 64 {
		d.free = append(d.free, p)
	}
}

// alone emits what nobody answers.
func (d *decoder) alone(s *side, op string, method, params []byte, span decoders.Span, cut int64) {
	x := d.fresh(op, d.msg.dialect)
	d.msg.method, d.msg.params = method, params
	var more int64
	d.text, more, _ = d.describe(d.text[:0], &d.msg)
	x.Request = d.text
	x.Sent = span
	if s.end == decoders.Server {
		x.Sent, x.Answered = decoders.Span{}, span
	}
	if cut+more > 0 {
		d.x.AddInt("truncated_bytes", cut+more)
	}
	if s.torn || op == "message" && (d.broken || s.end == decoders.Server && !d.sides[decoders.Client].begun) {
		d.x.AddInt("gap", 0) // a message may answer something that was not seen, or be part of it
	}
	d.emit(x)
}

// fail takes over the error of the reply at hand, but for its text if that may have
// something that was hidden of the call.
func (d *decoder) fail(hidden bool, secrets []byte) {
	m, x := &d.msg, &d.x
	if m.kind != reply || len(m.failure) == 0 {
		return
	}
	x.Status = decoders.Error
	text := m.params
	x.ErrorCode = string(m.failure[:min(len(m.failure), maxID)])
	if m.failure[0] == '{' {
		x.ErrorCode = ""
		text = nil
		walk(m.failure, func(name, v []byte, _ bool) {
			switch string(name) {
			case "code", "class":
				x.ErrorCode = string(v[:min(len(v), maxID)])
			case "message", "desc":
				text = unquoted(v)
			}
		})
	}
	if len(text) > 0 && (hidden || repeats(text, secrets)) {
		text = []byte(decoders.Secret)
	}
	x.Error = decoders.AppendWithoutSecrets(x.Error[:0], text[:min(len(text), maxRequest)])
}

func (d *decoder) fresh(op, dialect string) *decoders.Exchange {
	d.x.Reset()
	d.x.Op = op
	d.x.AddText("dialect", dialects[dialect])
	return &d.x
}

var dialects = map[string][]byte{jsonRPC: []byte(jsonRPC), qmp: []byte(qmp), varlink: []byte(varlink), others: []byte(others)}

var serverWord = []byte("server")

// lose says that an end's bytes make no sense, or are missing. Replies without
// an id are then not to be told apart.
func (d *decoder) lose(s *side) {
	s.reset()
	s.lost, d.broken = true, true
	for end := range d.calls {
		for i := 0; i < len(d.calls[end]); {
			if len(d.calls[end][i].id) > 0 {
				i++
				continue
			}
			d.out(decoders.End(end), i, decoders.Unanswered, "gap")
		}
		d.doubt[end], d.heard[end] = true, false
	}
	d.heard[s.end.Other()] = true
}

// Gap implements decoders.Decoder.
func (d *decoder) Gap(from decoders.End, _ int64) { d.lose(&d.sides[from&1]) }

// Close implements decoders.Decoder.
func (d *decoder) Close(decoders.Mark) {
	for end := range d.calls {
		for len(d.calls[end]) > 0 {
			status, p := decoders.Unanswered, d.calls[end][0]
			if p.op == "message" && !d.spoke[decoders.End(end).Other()] && !d.broken {
				status = decoders.OK // nobody ever answers
			}
			why := ""
			if d.broken {
				why = "gap"
			}
			d.out(decoders.End(end), 0, status, why)
		}
	}
}

// appendFingerprint appends the method, or of other values the names of their
// members.
func appendFingerprint(dst, request []byte) []byte {
	const most = 160
	if len(request) > 0 && request[0] != '{' && request[0] != '[' {
		method, _, _ := bytes.Cut(request, []byte{' '})
		return append(dst, method[:min(len(method), most)]...)
	}
	start := len(dst)
	dst = append(dst, '{')
	walk(request, func(name, _ []byte, _ bool) {
		if len(dst)-start < most {
			if len(dst)-start > 1 {
				dst = append(dst, ' ')
			}
			dst = append(dst, name[:min(len(name), most)]...)
		}
	})
	return append(dst, '}')
}
