package postgresql

import (
	"encoding/binary"

	"unixcap/decoders"
)

const (
	// typedHeader is a message's type and length; lengthField, the length
	// alone, is all that a startup packet has. The length counts itself.
	typedHeader = 5
	lengthField = 4
)

// A message is what the framer cuts off.
type message struct {
	kind  byte   // 0 for a startup packet
	body  []byte // its first bytes, as many as admit says
	size  int64  // all of them
	wire  int64  // with the header
	hole  int64  // bytes of it that are missing from the capture
	start decoders.Mark
}

// cut says how much of the body was not kept.
func (m *message) cut() int64 { return m.size - int64(len(m.body)) }

// A framer cuts one direction's bytes into messages, whatever way they are
// split. What it keeps of a message is for admit to say, and it takes memory
// only for bytes that came, never for a length that was announced.
type framer struct {
	types   *[256]messageType // those that there can be
	untyped bool              // the next message is a startup packet

	msg  message
	head [typedHeader]byte
	have int   // bytes of head
	left int64 // bytes of the body that are still to come
	keep int
	buf  []byte
}

// framing is what became of some bytes.
type framing uint8

const (
	partial  framing = iota // more are needed
	complete                // msg is there, until the next call
	refused                 // this is no message
)

// keepBuffer is the size up to which a message's buffer is kept for the next.
const keepBuffer = 64 << 10

// reset forgets a message that is not complete.
func (f *framer) reset() {
	f.have, f.left = 0, 0
	if cap(f.buf) > keepBuffer {
		f.buf = nil
	}
	f.buf = f.buf[:0]
}

// inside says whether a message has begun and is not complete.
func (f *framer) inside() bool { return f.have > 0 }

func (f *framer) headerLength() int {
	if f.untyped {
		return lengthField
	}
	return typedHeader
}

// parse reads a header.
func (f *framer) parse(head []byte) (kind byte, length int64, ok bool) {
	if !f.untyped {
		kind = head[0]
		head = head[1:]
	}
	n := int64(binary.BigEndian.Uint32(head)) - lengthField
	return kind, n, n >= 0 && n <= maxBody
}

// admit says how much to keep of a message's body, and false if this cannot be a
// message here.
func (f *framer) admit(kind byte, length int64) (keep int, ok bool) {
	if f.untyped {
		return maxStartup, length >= lengthField && length <= maxStartup
	}
	t := &f.types[kind]
	return t.keep, t.fits(length)
}

// next takes bytes off p until a message is complete or p is empty, and returns
// what it left.
func (f *framer) next(at decoders.Mark, p []byte) ([]byte, framing) {
	header := f.headerLength()
	if !f.inside() {
		f.reset()
		if len(p) >= header {
			kind, length, ok := f.parse(p)
			if end := header + int(length); ok && end <= len(p) {
				return f.whole(at, p, kind, end)
			}
		}
		f.msg = message{start: at}
	}
	if f.have < header {
		n := copy(f.head[f.have:header], p)
		f.have += n
		p = p[n:]
		if f.have < header {
			return p, partial
		}
		kind, length, ok := f.parse(f.head[:header])
		if !ok {
			return p, refused
		}
		if f.keep, ok = f.admit(kind, length); !ok {
			return p, refused
		}
		f.msg.kind, f.msg.size, f.msg.wire, f.left = kind, length, length+int64(header), length
	}
	n := int(min(f.left, int64(len(p))))
	if room := f.keep - len(f.buf); room > 0 {
		f.buf = append(f.buf, p[:min(n, room)]...)
	}
	f.left -= int64(n)
	if f.left > 0 {
		return p[n:], partial
	}
	f.finish()
	return p[n:], complete
}

func (f *framer) finish() {
	f.have = 0
	f.msg.body = f.buf
}

// whole is the short way for a message that stands in p with all its bytes,
// which are not copied.
func (f *framer) whole(at decoders.Mark, p []byte, kind byte, end int) ([]byte, framing) {
	header := f.headerLength()
	keep, ok := f.admit(kind, int64(end-header))
	if !ok {
		return p, refused
	}
	m := &f.msg // field by field, which is faster than making a new one and copying it
	m.kind = kind
	m.body = p[header:min(end, header+keep)]
	m.size, m.wire, m.hole = int64(end-header), int64(end), 0
	m.start = at
	return p[end:], complete
}

// hole passes over n bytes that are missing, if all of them belong to the
// message that has begun: its header says where the next one is. What was
// kept of it ends where the hole begins.
func (f *framer) hole(n int64) (filled bool, got framing) {
	if f.have < f.headerLength() || n <= 0 || n > f.left {
		return false, partial
	}
	f.keep = len(f.buf)
	f.left -= n
	f.msg.hole += n
	if f.left > 0 {
		return true, partial
	}
	f.finish()
	return true, complete
}
