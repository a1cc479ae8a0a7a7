package http

import (
	"encoding/binary"

	"unixcap/decoders"
	"unixcap/decoders/httpsemantics"
)

// Opcodes: RFC 6455, 11.8.
const (
	opContinuation = 0
	opText         = 1
	opBinary       = 2
	opClose        = 8
	opPing         = 9
	opPong         = 10
)

// opcodes are the operations' names, as the RFC has them.
var opcodes = [16]string{opText: "text", opBinary: "binary", opClose: "close", opPing: "ping", opPong: "pong"}

const (
	// maxFrameHead is the length of the longest head of a frame.
	maxFrameHead = 14

	// maxControl is the longest payload of a control frame: RFC 6455, 5.5.
	maxControl = 125

	// normalClosure, goingAway and noStatus are the status codes of a
	// connection that ends well: RFC 6455, 7.4.1.
	normalClosure = 1000
	goingAway     = 1001
	noStatus      = 1005
)

// A webSocket is a connection after its opening handshake.
type webSocket struct {
	route   []byte // the request target that it was opened with
	deflate bool   // permessage-deflate is in use: RFC 7692
	sides   [2]socketSide
}

// A socketSide is one direction of it.
type socketSide struct {
	head      [maxFrameHead]byte
	have      int // bytes of the head
	inPayload bool
	left      int64 // of the payload
	mask      [4]byte
	masked    bool
	at        int  // place in the mask
	final     bool // the frame is its message's last one
	hunting   bool
	candidate bool

	cur     *socketMessage // of the frame
	data    socketMessage
	control socketMessage // may stand between the frames of another one
}

// A socketMessage is one that is being sent.
type socketMessage struct {
	open       bool
	op         byte
	compressed bool
	frames     int64
	n          int64 // payload bytes
	begin      []byte
	span       decoders.Span
	gone       bool // bytes of it are missing
	lost       int64
}

func (w *webSocket) begin(route []byte, deflate bool) { w.route, w.deflate = route, deflate }

// frames reads frames from what an end sends.
func (d *decoder) frames(from decoders.End, at decoders.Mark, p []byte) {
	s := &d.socket.sides[from]
	if s.hunting {
		s.candidate = true
	}
	for len(p) > 0 && d.phase == webSocketing {
		if s.inPayload {
			p = d.payload(s, from, at, p)
			continue
		}
		if s.hunting && !s.candidate {
			return
		}
		if s.have == 0 {
			s.control.span.First = at // a frame begins, whichever message it is of
		}
		s.head[s.have] = p[0]
		s.have++
		p = p[1:]
		n, ok := frameHead(s.head[:s.have], from, d.socket.deflate)
		switch {
		case !ok:
			d.loseFrame(from, 0)
			s.candidate = false
			return
		case s.have == n:
			if !d.frameBegins(s, from, at) {
				d.loseFrame(from, 0)
				return
			}
			if s.left == 0 {
				d.frameEnds(s, from)
			}
		}
	}
}

// frameHead judges the beginning of a frame's head: RFC 6455, 5.2. n is how
// long the head is, as far as is known.
func frameHead(b []byte, from decoders.End, deflate bool) (n int, ok bool) {
	op := b[0] & 15
	reserved := b[0] >> 4 & 7
	switch {
	case op != opContinuation && opcodes[op] == "",
		op >= opClose && b[0]&0x80 == 0,
		reserved != 0 && (reserved != 4 || !deflate || op != opText && op != opBinary):
		return 0, false
	case len(b) == 1:
		return 2, true
	case (b[1]&0x80 != 0) != (from == decoders.Client):
		return 0, false
	}
	n = 2
	length := b[1] & 0x7f
	switch {
	case length > maxControl && op >= opClose:
		return 0, false
	case length == 126:
		n += 2
		if len(b) == n && binary.BigEndian.Uint16(b[2:]) < 126 {
			return 0, false
		}
	case length == 127:
		n += 8
		if len(b) == n {
			if l := binary.BigEndian.Uint64(b[2:]); l < 1<<16 || l > maxSize {
				return 0, false
			}
		}
	}
	if b[1]&0x80 != 0 {
		n += 4
	}
	return n, true
}

// frameBegins is where a frame's head is complete. It says whether the frame
// can be.
func (d *decoder) frameBegins(s *socketSide, from decoders.End, at decoders.Mark) bool {
	h := s.head[:s.have]
	op := h[0] & 15
	first := s.control.span.First
	switch length := h[1] & 0x7f; length {
	case 126:
		s.left = int64(binary.BigEndian.Uint16(h[2:]))
	case 127:
		s.left = int64(binary.BigEndian.Uint64(h[2:]))
	default:
		s.left = int64(length)
	}
	s.final, s.at, s.masked, s.inPayload = h[0]&0x80 != 0, 0, from == decoders.Client, true
	if s.masked {
		copy(s.mask[:], h[len(h)-4:])
	}
	m := &s.data
	if op >= opClose {
		m = &s.control
	}
	switch {
	case op == opContinuation && !m.open:
		if !s.hunting {
			return false
		}
		m.start(op, first) // of a message whose beginning is missing
	case op != opContinuation && m.open && op < opClose:
		return false
	case op != opContinuation:
		m.start(op, first)
		m.compressed = h[0]&0x40 != 0
	}
	s.hunting = false
	s.cur = m
	m.frames++
	m.span.Bytes += int64(len(h))
	m.span.Last = at
	return true
}

func (m *socketMessage) start(op byte, first decoders.Mark) {
	*m = socketMessage{open: true, op: op, begin: m.begin[:0], span: decoders.Span{First: first}}
}

// payload takes in a stretch of payload, and returns what is behind it.
func (d *decoder) payload(s *socketSide, from decoders.End, at decoders.Mark, p []byte) []byte {
	m := s.cur
	n := min(s.left, int64(len(p)))
	if room := httpsemantics.MaxPreview + 4 - len(m.begin); room > 0 && !m.gone {
		for i, c := range p[:min(n, int64(room))] {
			if s.masked {
				c ^= s.mask[(s.at+i)&3]
			}
			m.begin = append(m.begin, c)
		}
	}
	s.at += int(n & 3)
	s.left -= n
	m.n += n
	m.span.Bytes += n
	m.span.Last = at
	if s.left == 0 {
		d.frameEnds(s, from)
	}
	return p[n:]
}

func (d *decoder) frameEnds(s *socketSide, from decoders.End) {
	s.have, s.inPayload = 0, false
	if !s.final {
		return
	}
	d.emitMessage(s.cur, from, decoders.OK)
}

// emitMessage emits a message. Those of a server come unasked.
func (d *decoder) emitMessage(m *socketMessage, from decoders.End, status decoders.Status) {
	m.open = false
	if opcodes[m.op] == "" {
		return
	}
	x := &d.x
	x.Reset()
	x.Op, x.Request, x.Status = opcodes[m.op], d.socket.route, status
	if from == decoders.Client {
		x.Sent = m.span
	} else {
		x.Answered = m.span
	}
	x.AddInt("payload_bytes", m.n)
	if m.frames > 1 {
		x.AddInt("frames", m.frames)
	}
	if m.compressed {
		x.AddInt("compressed", 1)
	}
	text := m.begin
	if m.op == opClose && len(text) >= 2 {
		code := int(binary.BigEndian.Uint16(text))
		text = text[2:]
		x.AddInt("close_code", int64(code))
		if code != normalClosure && code != goingAway && code != noStatus {
			x.Status = decoders.Error
			x.ErrorCode = httpsemantics.CodeText(code)
			x.Error = append(x.Error, d.previewer.Text(text, 0, int64(len(text)))...)
		}
	}
	if m.op != opBinary && !m.compressed {
		if shown := d.previewer.Text(text, 0, int64(len(text))); len(shown) > 0 {
			x.Args = append(x.Args, decoders.TextValue(shown))
		}
	}
	if m.gone {
		x.AddInt("gap", m.lost)
	}
	d.emit(x)
}

// gap passes over missing bytes of payload whose end is still to come.
func (w *webSocket) gap(d *decoder, from decoders.End, n int64) {
	s := &w.sides[from]
	if s.inPayload && n > 0 && n < s.left && !s.hunting {
		m := s.cur
		s.left -= n
		s.at += int(n & 3)
		m.n += n
		m.span.Bytes += n
		m.gone = true
		m.lost += n
		return
	}
	d.loseFrame(from, n)
}

// loseFrame looks for a frame at the beginning of what the end sends next.
func (d *decoder) loseFrame(from decoders.End, n int64) {
	s := &d.socket.sides[from]
	for _, m := range []*socketMessage{&s.data, &s.control} {
		if m.open {
			m.gone = true
			m.lost += max(n, 0)
			d.emitMessage(m, from, decoders.Unanswered)
		}
	}
	s.have, s.inPayload, s.left = 0, false, 0
	s.hunting, s.candidate = true, false
}

// endFrames lets messages come out that are not complete.
func (d *decoder) endFrames() {
	for i := range d.socket.sides {
		for _, m := range []*socketMessage{&d.socket.sides[i].data, &d.socket.sides[i].control} {
			if m.open {
				d.emitMessage(m, decoders.End(i), decoders.Unanswered)
			}
		}
	}
}
