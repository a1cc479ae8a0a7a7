package dbus

import (
	"unixcap/decoders"
)

const (
	// maxCalls and maxCallBytes bound the calls that wait for a reply. A bus
	// allows 1024 of a connection (max_replies_per_connection), which can be
	// raised; and a service may take its time with calls that carry a lot.
	maxCalls     = 8192
	maxCallBytes = 8 << 20
	// maxSpare calls of at most maxSpareCall bytes are kept for reuse.
	maxSpare     = 64
	maxSpareCall = 2 << 10
)

// calls are those of one end that wait for their replies, by serial number and
// in the order in which they came.
type calls struct {
	bySerial       map[uint32]*call
	oldest, newest *call
	bytes          int
	free           *call // for reuse
	spare          int   // how many
}

// A call waits for its reply.
type call struct {
	raw          []byte // header and body, as much as was kept
	span         decoders.Span
	serial       uint32
	gap          int64 // bytes of it that are missing
	missed       bool  // something of the other end is missing since
	older, newer *call
}

// missed notes that replies may be missing.
func (q *calls) missed() {
	for c := q.newest; c != nil && !c.missed; c = c.older {
		c.missed = true
	}
}

func (q *calls) push(raw []byte, serial uint32, span decoders.Span, gap int64) {
	c := q.free
	if c == nil {
		c = new(call)
	} else {
		q.free = c.newer
		q.spare--
	}
	c.raw = append(c.raw[:0], raw...)
	c.span, c.serial, c.gap, c.missed = span, serial, gap, false
	c.older, c.newer = q.newest, nil
	if q.newest != nil {
		q.newest.newer = c
	} else {
		q.oldest = c
	}
	q.newest = c
	if q.bySerial == nil {
		q.bySerial = make(map[uint32]*call)
	}
	q.bySerial[serial] = c
	q.bytes += cap(c.raw)
}

func (q *calls) remove(c *call) {
	delete(q.bySerial, c.serial)
	q.bytes -= cap(c.raw)
	if c.older != nil {
		c.older.newer = c.newer
	} else {
		q.oldest = c.newer
	}
	if c.newer != nil {
		c.newer.older = c.older
	} else {
		q.newest = c.older
	}
	c.older, c.newer = nil, nil
	if cap(c.raw) <= maxSpareCall && q.spare < maxSpare {
		c.newer = q.free
		q.free = c
		q.spare++
	}
}

// take takes in a message: d.msg, read from what s has at hand.
func (d *decoder) take(s *side) {
	m := &d.msg
	if s.end == decoders.Server && (d.monitor || d.others(m)) {
		d.monitored(s)
		return
	}
	switch m.kind {
	case methodCall:
		d.called(s)
	case signal:
		d.begin(m, s, s.span, s.gap)
		d.emit(&d.x)
	default:
		q := &d.calls[s.end.Other()]
		if c := q.bySerial[m.replySerial]; c != nil {
			d.answered(s, q, c)
			return
		}
		d.stray(s)
	}
}

// kinds are what message types are called.
var kinds = [...]string{methodCall: "method_call", methodReturn: "method_return", errorReply: "error", signal: "signal"}

// others says whether the bus sends what is for somebody else: to one that
// eavesdrops (a match rule's key), or whose BecomeMonitor was not seen. That a
// monitor is one shows when the bus sends it what is for two.
func (d *decoder) others(m *message) bool {
	to := m.destination
	switch {
	case len(to) == 0 || to[0] != ':':
		return false
	case len(d.unique) > 0:
		return string(to) != string(d.unique)
	case len(d.guess) == 0:
		d.guess = append(d.guess, to...)
	}
	d.monitor = string(to) != string(d.guess)
	return d.monitor
}

// monitored takes in what others said to each other.
func (d *decoder) monitored(s *side) {
	m := &d.msg
	if m.kind == methodCall || m.kind == signal {
		d.begin(m, s, s.span, s.gap)
		d.x.Sent, d.x.Answered = decoders.Span{}, s.span
	} else {
		d.alone(s)
	}
	d.x.AddInt("monitored", 1)
	d.emit(&d.x)
}

// called takes in a call.
func (d *decoder) called(s *side) {
	m := &d.msg
	if s.end == decoders.Client && d.monitor { // it is none: those only listen
		d.monitor, d.guess = false, d.guess[:0]
	}
	if m.flags&noReplyExpected != 0 {
		d.begin(m, s, s.span, s.gap)
		d.emit(&d.x)
		return
	}
	q := &d.calls[s.end]
	if c := q.bySerial[m.serial]; c != nil { // the other end began anew
		d.unanswered(q, c, "gap")
	}
	q.push(m.raw, m.serial, s.span, s.gap)
	for len(q.bySerial) > maxCalls || q.bytes > maxCallBytes && q.oldest != q.newest {
		d.unanswered(q, q.oldest, "overflow")
	}
}

// unanswered lets a call come out.
func (d *decoder) unanswered(q *calls, c *call, why string) {
	d.reload(c)
	s := &d.sides[0]
	if q == &d.calls[1] {
		s = &d.sides[1]
	}
	d.begin(&d.call, s, c.span, c.gap)
	if why == "" && c.missed && c.gap == 0 {
		why = "gap"
	}
	if why != "" {
		d.x.AddInt(why, 0)
	}
	d.x.Status = decoders.Unanswered
	d.emit(&d.x)
	q.remove(c)
}

// reload reads a call again.
func (d *decoder) reload(c *call) {
	header, body, _ := sizes(c.raw)
	d.call.read(c.raw, header, body) // it was read before
}

// answered takes in a reply to a call.
func (d *decoder) answered(s *side, q *calls, c *call) {
	m := &d.msg
	d.reload(c)
	caller := &d.sides[s.end.Other()]
	d.begin(&d.call, caller, c.span, c.gap+s.gap)
	x := &d.x
	x.Answered = s.span
	d.replied(m, d.call.hides() || d.body.named(d.call.signature), s.gap)
	if m.kind == methodReturn {
		d.learn()
	}
	d.emit(x)
	q.remove(c)
}

// stray takes in a reply to a call that was not seen, or wants none.
func (d *decoder) stray(s *side) {
	d.alone(s)
	switch {
	case s.gap > 0:
	case d.broken || !d.auth.seen:
		d.x.AddInt("gap", 0)
	default:
		d.x.AddInt("unexpected", 1)
	}
	d.emit(&d.x)
}

// alone fills the exchange with a reply by itself. Whether that has secrets is
// not known.
func (d *decoder) alone(s *side) {
	m := &d.msg
	x := d.fresh()
	x.Op = kinds[m.kind]
	x.Answered = s.span
	d.x.AddInt("serial", int64(m.serial))
	d.x.AddInt("reply_serial", int64(m.replySerial))
	d.x.AddText("sender", m.sender)
	d.x.AddText("destination", m.destination)
	d.replied(m, true, s.gap)
	if s.gap > 0 {
		d.x.AddInt("gap", s.gap)
	}
}

// fresh returns the exchange, empty.
func (d *decoder) fresh() *decoders.Exchange {
	x := &d.x
	x.Reset()
	x.Args = nil
	x.User = d.user
	return x
}

// begin fills the exchange with a call or a signal.
func (d *decoder) begin(m *message, s *side, span decoders.Span, gap int64) {
	x := d.fresh()
	x.Op = kinds[m.kind]
	x.Sent = span
	if m.kind == signal && s.end == decoders.Server {
		x.Sent, x.Answered = decoders.Span{}, span
	}
	d.text = m.text(d.text[:0])
	x.Request = d.text
	ok := d.body.print(m, maxText, m.hides())
	x.Args = d.body.args
	d.x.AddInt("serial", int64(m.serial))
	d.x.AddText("sender", m.sender)
	d.x.AddText("destination", m.destination)
	d.x.AddText("signature", m.signature)
	if m.unixFDs > 0 {
		d.x.AddInt("unix_fds", int64(m.unixFDs))
	}
	d.flags(m, s)
	d.bodyState("body", m, ok, gap)
	if gap > 0 {
		d.x.AddInt("gap", gap)
	}
}

// flags adds what is unusual about a call.
func (d *decoder) flags(m *message, s *side) {
	if m.kind == methodCall {
		if s.end == decoders.Server && !d.monitor {
			d.x.AddText("caller", serverWord)
		}
		if m.flags&noReplyExpected != 0 {
			d.x.AddInt("no_reply_expected", 1)
		}
		if m.flags&noAutoStart != 0 {
			d.x.AddInt("no_auto_start", 1)
		}
		if m.flags&allowInteractiveAuthorization != 0 {
			d.x.AddInt("allow_interactive_authorization", 1)
		}
	}
	if m.big {
		d.x.AddText("byte_order", bigWord)
	}
}

var serverWord, bigWord, invalidWord = []byte("server"), []byte("big"), []byte("invalid")

// bodyState says what is missing of a body, or wrong with it.
func (d *decoder) bodyState(key string, m *message, ok bool, gap int64) {
	missing := m.length - int64(len(m.body)) - gap
	switch {
	case missing > 0:
		d.x.AddInt("truncated_bytes", missing)
	case !ok && gap == 0:
		d.x.AddText(key, invalidWord)
	}
}

// maxReply is how much of a reply is shown: it is an attribute, and no result
// that anyone wants whole.
const maxReply = 2048

// replied adds the reply.
func (d *decoder) replied(m *message, hide bool, gap int64) {
	x := &d.x
	ok := d.reply.print(m, maxReply, hide)
	if m.kind == errorReply {
		x.Status = decoders.Error
		x.ErrorCode = d.intern(m.errorName)
		if len(d.reply.args) > 0 {
			x.Error = append(x.Error[:0], d.reply.args[0].Bytes...)
		}
	} else if len(d.reply.args) > 0 {
		d.shown = append(d.shown[:0], '[')
		for i := range d.reply.args {
			if i > 0 {
				d.shown = append(d.shown, ',')
			}
			d.shown = d.replyValue(d.shown, i)
			if len(d.shown) > maxReply {
				break
			}
		}
		d.shown = append(d.shown, ']')
		if len(d.shown) > maxReply {
			d.shown = append(trimRune(d.shown[:maxReply]), "…"...)
		}
		d.x.AddText("reply_signature", m.signature)
		d.x.AddText("reply", d.shown)
	}
	if m.unixFDs > 0 {
		d.x.AddInt("reply_unix_fds", int64(m.unixFDs))
	}
	d.bodyState("reply_body", m, ok, gap)
}

// replyValue appends a value: containers are JSON already.
func (d *decoder) replyValue(dst []byte, i int) []byte {
	v := d.reply.args[i]
	if d.reply.raw[i] {
		return append(dst, v.Bytes...)
	}
	return v.AppendJSON(dst)
}

// trimRune takes off the beginning of a character whose end is cut off.
func trimRune(b []byte) []byte {
	for n := len(b); n > 0 && len(b)-n < 4; n-- {
		switch c := b[n-1]; {
		case c < 0x80:
			return b[:n]
		case c >= 0xc0:
			return b[:n-1]
		}
	}
	return b
}

// learn takes over what the bus says about the connection.
func (d *decoder) learn() {
	switch {
	case string(d.call.member) == "Hello" && string(d.call.iface) == "org.freedesktop.DBus" && len(d.reply.args) == 1:
		d.unique = append(d.unique[:0], d.reply.args[0].Bytes...)
		d.x.AddText("unique_name", d.unique)
	case string(d.call.member) == "BecomeMonitor" && string(d.call.iface) == "org.freedesktop.DBus.Monitoring":
		d.monitor = true
	}
}
