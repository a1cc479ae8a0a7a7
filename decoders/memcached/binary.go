package memcached

import (
	"bytes"
	"encoding/binary"
	"fmt"

	"unixcap/decoders"
)

// packetRequest takes in a packet's header, extras and key.
func (d *decoder) packetRequest(s *side, h header) bool {
	op := opcodes[h.opcode()]
	r := d.get()
	r.op, r.binary, r.code, r.id, r.quiet, r.value = op.name, true, h.opcode(), h.opaque(), op.quiet, -1
	if n := h.valueLength(); n > 0 {
		r.value = int64(n)
	}
	r.text = append(r.text[:0], op.name...)
	if key := h.key(); len(key) > 0 {
		r.text = appendKey(append(r.text, ' '), key)
	}
	switch e := h.extras(); {
	case (op.name == "incr" || op.name == "decr") && len(e) >= 8:
		r.text = fmt.Appendf(r.text, " %d", binary.BigEndian.Uint64(e))
	case op.name == "quit":
		r.role = roleQuit
		if h.opcode() != opQuitQ {
			r.role = roleOther
		}
	}
	d.cur = r
	s.hunting = false
	if s.framer.ended() {
		d.complete(s)
	}
	return true
}

// appendKey appends a key, of any bytes, as a word.
func appendKey(dst, key []byte) []byte {
	for _, c := range key {
		if c > ' ' && c < 0x7f {
			dst = append(dst, c)
		} else {
			dst = append(dst, '\\', 'x', "0123456789abcdef"[c>>4], "0123456789abcdef"[c&15])
		}
	}
	return dst
}

// packetReply takes in a packet's header, extras and key.
func (d *decoder) packetReply(s *side, h header) bool {
	r := &d.reply
	if !r.open {
		d.quietBefore(h)
	}
	if first := d.first(); first != nil {
		if !first.binary || first.code != h.opcode() {
			return false
		}
		s.hunting = false
	}
	r.open, r.packet = true, true
	r.status, r.code, r.id, r.key = h.status(), h.opcode(), h.opaque(), h.keyLength() > 0
	r.begin = r.begin[:0]
	if s.framer.ended() {
		d.packetEnds(s)
	}
	return true
}

// quietBefore lets quiet commands come out that the server had nothing to say
// to, as the answer to a later one shows.
func (d *decoder) quietBefore(h header) {
	for r := d.first(); r != nil && r.binary && r.quiet && (r.code != h.opcode() || r.id != h.opaque()); r = d.first() {
		if len(d.queue)-d.head < 2 {
			return // it is the only one
		}
		d.silent(r)
	}
}

// packetEnds is where a packet is complete. Statistics are several, the last of
// which has no key.
func (d *decoder) packetEnds(s *side) {
	r := &d.reply
	r.packet = false
	if r.code == opStat && r.key && r.status == 0 {
		r.rows++
		return
	}
	span := s.span
	s.span = decoders.Span{}
	first := d.first()
	switch {
	case d.skip > 0 && !d.doubt:
		d.skip--
	case first != nil:
		d.packetAnswer(first, span)
		d.pop()
	}
	r.reset()
}

// packetAnswer emits a command with its answer in the binary protocol.
func (d *decoder) packetAnswer(q *request, span decoders.Span) {
	x, r := d.begin(q), &d.reply
	x.Answered = span
	op := opcodes[q.code]
	result, fine := statuses[r.status]
	switch {
	case r.status == 0:
		switch {
		case op.get:
			x.Rows = 1
		case q.code == opStat:
			x.Rows = r.rows
		case (op.name == "incr" || op.name == "decr") && len(r.begin) == 8:
			d.x.AddInt("result", int64(binary.BigEndian.Uint64(r.begin)))
		case op.name == "version":
			x.Add("result", decoders.TextValue(r.begin))
		}
		if op.get && r.value > 0 {
			d.x.AddInt("response_value_bytes", r.value)
		}
	case fine:
		if op.get {
			x.Rows = 0
		}
		x.Add("result", decoders.StringValue(result))
	default:
		x.Status = decoders.Error
		x.ErrorCode = fmt.Sprintf("%#x", r.status)
		if isText(r.begin) {
			x.Error = append(x.Error, bytes.TrimSpace(r.begin)...)
		}
	}
	if r.missing > 0 {
		d.x.AddInt("response_missing_bytes", r.missing)
	}
	d.emit(x)
}
