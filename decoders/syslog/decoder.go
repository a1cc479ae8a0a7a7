package syslog

import (
	"unixcap/decoders"
)

// A decoder is a socket that messages are sent to.
type decoder struct {
	emit  func(*decoders.Exchange)
	sides [2]side
	msg   message
	x     decoders.Exchange
	text  []byte
	data  []byte
}

func newDecoder(emit func(*decoders.Exchange)) decoders.Decoder {
	d := &decoder{emit: emit}
	for i := range d.sides {
		d.sides[i].left = -1
	}
	return d
}

// Data implements decoders.Decoder, for streams.
func (d *decoder) Data(from decoders.End, at decoders.Mark, p []byte) {
	d.stream(&d.sides[from&1], from, at, p)
}

// Packet implements decoders.PacketDecoder.
func (d *decoder) Packet(from decoders.End, at decoders.Mark, p decoders.Packet) {
	b := p.Data
	for len(b) > 0 && (b[len(b)-1] == '\n' || b[len(b)-1] == 0) {
		b = b[:len(b)-1]
	}
	span := decoders.Span{First: at, Last: at, Bytes: int64(len(p.Data))}
	d.message(from, b, span, 0, p.Missing)
}

// Gap implements decoders.Decoder.
func (d *decoder) Gap(from decoders.End, n int64) {
	s := &d.sides[from&1]
	if len(s.buf) > 0 && !s.lost {
		if n <= 0 {
			n = unknown
		}
		d.message(from, s.buf, s.span, s.over, n)
	}
	s.reset()
	s.lost = true
}

// Close implements decoders.Decoder.
func (d *decoder) Close(decoders.Mark) {
	for i := range d.sides {
		s := &d.sides[i]
		if len(s.buf) > 0 && !s.lost {
			over := s.over
			if s.left > 0 {
				over += s.left
			}
			d.message(decoders.End(i), s.buf, s.span, over, s.doubtful(s.buf))
		}
		s.reset()
	}
}

// message emits a message of which cut bytes were not kept, and missing ones are
// not in the capture.
func (d *decoder) message(from decoders.End, b []byte, span decoders.Span, cut, missing int64) {
	if len(b) == 0 && missing == 0 {
		return
	}
	m := &d.msg
	m.read(b)
	x := &d.x
	x.Reset()
	x.Op = priorities[m.priority]
	x.Sent = span
	if from == decoders.Server {
		x.Sent, x.Answered = decoders.Span{}, span
	}
	d.text = d.text[:0]
	if len(m.app) > 0 {
		d.text = append(append(d.text, m.app...), ": "...)
	}
	// "password: …"; but "sshd-session[7]: …" is a program.
	if len(m.pid) == 0 && len(m.text) > 0 && decoders.IsSecretName(m.app) {
		d.text = append(d.text, decoders.Secret...)
	} else {
		d.text = decoders.AppendWithoutSecrets(d.text, m.text)
	}
	x.Request = d.text
	d.x.AddText("app_name", m.app)
	d.x.AddText("procid", m.pid)
	d.x.AddText("hostname", m.hostname)
	d.x.AddText("timestamp", m.timestamp)
	d.x.AddText("msgid", m.id)
	if len(m.data) > 0 {
		d.data = decoders.AppendWithoutSecrets(d.data[:0], m.data)
		d.x.AddText("structured_data", d.data)
	}
	switch {
	case m.rfc5424:
		d.x.AddText("format", formatRFC5424)
	case m.explicit:
		d.x.AddText("format", formatRFC3164)
	default:
		d.x.AddText("format", formatNone)
	}
	if cut > 0 {
		d.x.AddInt("truncated_bytes", cut)
	}
	if missing != 0 {
		d.x.AddInt("gap", max(missing, 0))
	}
	d.emit(x)
}

var formatRFC5424, formatRFC3164, formatNone = []byte("rfc5424"), []byte("rfc3164"), []byte("none")
