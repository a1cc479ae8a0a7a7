package journald

import (
	"bytes"

	"unixcap/decoders"
)

// priorities are syslog's severities, which PRIORITY has as a number.
var priorities = [8]string{"emerg", "alert", "crit", "err", "warning", "notice", "info", "debug"}

// A decoder is a socket of the journal's.
type decoder struct {
	emit  func(*decoders.Exchange)
	lines [2]lines
	entry entry
	x     decoders.Exchange
	text  []byte
	names map[string]*name // of fields
	last  [maxFields]*name // of the last entry's, in their order
}

func newDecoder(emit func(*decoders.Exchange)) decoders.Decoder {
	return &decoder{emit: emit}
}

// Packet implements decoders.PacketDecoder. A datagram has one entry, or
// several with empty lines between them.
func (d *decoder) Packet(from decoders.End, at decoders.Mark, p decoders.Packet) {
	if len(p.Data) == 0 && p.Missing == 0 {
		if p.FDs > 0 {
			d.described(from, at, p.FDs)
		}
		return
	}
	rest := p.Data
	for len(rest) > 0 {
		before := len(rest)
		var ended bool
		rest, ended = d.entry.read(rest)
		span := decoders.Span{First: at, Last: at, Bytes: int64(before - len(rest))}
		missing := int64(0)
		if len(rest) == 0 {
			missing = p.Missing
		}
		if d.entry.n > 0 || !ended || missing > 0 {
			d.logged(from, span, missing, ended || missing > 0)
		}
	}
	if len(p.Data) == 0 {
		d.entry.reset()
		d.logged(from, decoders.Span{First: at, Last: at}, p.Missing, true)
	}
}

// described emits an entry of which only the descriptor was sent.
func (d *decoder) described(from decoders.End, at decoders.Mark, fds int) {
	d.begin(from, decoders.Span{First: at, Last: at})
	d.x.Op = "entry"
	d.x.AddInt("in_descriptor", int64(fds))
	d.emit(&d.x)
}

func (d *decoder) begin(from decoders.End, span decoders.Span) {
	d.x.Reset()
	d.x.Sent = span
	if from == decoders.Server {
		d.x.Sent, d.x.Answered = decoders.Span{}, span
	}
}

// logged emits an entry.
func (d *decoder) logged(from decoders.End, span decoders.Span, missing int64, valid bool) {
	d.begin(from, span)
	x, e := &d.x, &d.entry
	x.Op = "entry"
	d.text = d.text[:0]
	if id := e.identifier; len(id) > 0 {
		d.text = append(append(d.text, id...), ": "...)
	}
	d.text = decoders.AppendWithoutSecrets(d.text, e.message)
	if p := e.priority; len(p) == 1 && p[0] >= '0' && p[0] <= '7' {
		x.Op = priorities[p[0]-'0']
	}
	e.shown = e.shown[:0]
	for i := range e.fields[:e.n] {
		f := &e.fields[i]
		// A program's entries mostly have the same fields in the same order.
		if n := d.last[i]; n == nil || n.text != string(f.name) {
			d.last[i] = d.name(f.name)
		}
		d.field(d.last[i], f.value)
	}
	x.Request = d.text
	d.state(e, missing, valid)
	d.emit(x)
}

// field adds a field that is not shown already.
func (d *decoder) field(n *name, value []byte) {
	if n.shown {
		return
	}
	v := decoders.TextValue(value[:min(len(value), maxValue)])
	switch {
	case n.secret:
		v.Bytes = decoders.SecretBytes
	case bytes.IndexByte(v.Bytes, 0) >= 0:
		v.Kind = decoders.Binary
	case decoders.MayHaveSecrets(v.Bytes):
		e := &d.entry
		start := len(e.shown)
		e.shown = decoders.AppendWithoutSecrets(e.shown, v.Bytes)
		v.Bytes = e.shown[start:len(e.shown):len(e.shown)]
	}
	d.x.Add(n.lower, v)
}

// state says what is missing or wrong.
func (d *decoder) state(e *entry, missing int64, valid bool) {
	if e.more > 0 {
		d.x.AddInt("truncated_fields", int64(e.more))
	}
	if missing > 0 {
		d.x.AddInt("gap", missing)
	} else if !valid {
		d.x.AddText("entry", invalidWord)
	}
}

var invalidWord = []byte("invalid")

// maxNames bounds the names that are remembered.
const maxNames = 256

// A name is what is known of a field by its name.
type name struct {
	text   string
	lower  string
	secret bool
	shown  bool // elsewhere
}

// name returns what is known of a field.
func (d *decoder) name(b []byte) *name {
	if n := d.names[string(b)]; n != nil {
		return n
	}
	if d.names == nil || len(d.names) >= maxNames {
		d.names = make(map[string]*name)
	}
	n := &name{text: string(b), lower: string(bytes.ToLower(b)), secret: decoders.IsSecretName(b)}
	switch string(b) {
	case "MESSAGE", "PRIORITY", "SYSLOG_IDENTIFIER":
		n.shown = true
	}
	d.names[n.text] = n
	return n
}

// Gap implements decoders.Decoder.
func (d *decoder) Gap(from decoders.End, n int64) { d.gap(&d.lines[from&1], from, n) }

// Close implements decoders.Decoder.
func (d *decoder) Close(decoders.Mark) {
	for i := range d.lines {
		if l := &d.lines[i]; len(l.buf) > 0 && !l.lost && l.header != inHeader {
			d.line(l, decoders.End(i), l.buf, 0)
		}
		d.lines[i].reset()
	}
}
