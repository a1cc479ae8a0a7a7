package postgresql

import (
	"unixcap/decoders"
	"unixcap/decoders/sql"
)

// clientMessage takes in a message of the client.
func (d *decoder) clientMessage(m *message, at decoders.Mark) {
	c := d.client()
	if m.kind == 0 {
		d.startupPacket(m, at)
		return
	}
	if c.hunting && !plausibleRequest(m) {
		d.lose(c)
		return
	}
	c.hunting = false
	switch m.kind {
	case kindCopyData, kindCopyDone, kindCopyFail:
		d.clientCopy(m)
		return
	case kindPassword:
		d.password(m)
		return
	case kindFlush:
		d.flush(m, at)
		return
	}
	d.phase = phaseReady
	switch m.kind {
	case kindQuery:
		d.simpleQuery(m, at)
	case kindFunctionCall:
		r := d.begin(stepFunctionCall, m, at)
		b := reader{b: m.body}
		r.x.AddUint("function_oid", uint64(b.uint32()))
		d.push(r)
	case kindTerminate:
		d.unanswerable("terminate", m, at)
	default:
		d.extended(m, at)
	}
}

// begin returns a request whose first message is m.
func (d *decoder) begin(s step, m *message, at decoders.Mark) *request {
	r := d.queue.take()
	r.add(s)
	r.x.Op = stepNames[s]
	r.x.Sent = decoders.Span{First: m.start, Last: at, Bytes: m.wire}
	return r
}

// push makes r wait for its answer.
func (d *decoder) push(r *request) {
	d.queue.push(r)
	d.bound()
}

// bound gives up when too much waits for answers.
func (d *decoder) bound() {
	if d.queue.full() {
		d.abandon("overflow", uint64(d.queue.len()))
		s := d.server()
		s.hunting, s.candidate, d.doubt = true, false, true
		s.framer.reset()
	}
}

// unanswerable hands over a message that the server does not answer.
func (d *decoder) unanswerable(op string, m *message, at decoders.Mark) {
	r := d.queue.take()
	r.x.Op = op
	r.x.Sent = decoders.Span{First: m.start, Last: at, Bytes: m.wire}
	r.partial = d.doubt && m.kind == kindFlush // it may be about what was lost
	d.out(r)
}

// flush takes in a Flush, which asks for answers but gets none itself.
func (d *decoder) flush(m *message, at decoders.Mark) {
	if r := d.queue.tail(); r != nil && r.steps[0] >= stepParse && !r.answered {
		r.x.Sent.Last = at
		r.x.Sent.Bytes += m.wire
		return
	}
	d.unanswerable("flush", m, at)
}

func (d *decoder) simpleQuery(m *message, at decoders.Mark) {
	r := d.begin(stepQuery, m, at)
	b := reader{b: m.body}
	r.text = sql.PostgreSQL.AppendWithoutSecrets(r.text[:0], b.text(), &r.hidden)
	r.x.Request = r.text
	r.x.AddCount("truncated_bytes", uint64(m.cut()))
	d.push(r)
}
