package mysql

import "unixcap/decoders"

// maxPacket is the payload length that says that the payload goes on in the
// next packet, "Sending More Than 16Mb".
const maxPacket = 1<<24 - 1

const headerLength = 4

// A packet is a payload, joined if it was sent in several packets of the wire.
type packet struct {
	payload []byte // its first bytes, as many as admit wanted to keep
	size    int64  // all of them
	wire    int64  // with headers
	first   byte   // sequence id of the first packet
	last    byte   // and of the last
	start   decoders.Mark
}

// A framer cuts one direction's bytes into packets, whatever way they are
// split. What it keeps of a packet is for admit to say, and it takes memory
// only for bytes that came, never for a length that was announced.
type framer struct {
	// admit is asked about each packet when its first byte is there: the
	// sequence id and the length of the first packet of the wire, and the
	// payload's first byte, 0 if it is empty. It says how much to keep of the
	// payload, and false if this cannot be a packet here.
	admit func(seq byte, length int, first byte) (keep int, ok bool)

	// unordered says that the sequence ids are not to be relied on.
	unordered bool

	pkt      packet
	head     [headerLength]byte
	have     int  // bytes of head
	left     int  // bytes of the current packet that are still to come
	more     bool // another packet belongs to this one
	admitted bool
	keep     int
	buf      []byte
}

// framing is what became of some bytes.
type framing uint8

const (
	partial  framing = iota // more are needed
	complete                // pkt is there, until the next call
	refused                 // this is no packet
)

// keepBuffer is the size up to which a packet's buffer is kept for the next.
const keepBuffer = 64 << 10

// reset forgets a packet that is not complete.
func (f *framer) reset() {
	f.have, f.left, f.more, f.admitted = 0, 0, false, false
	if cap(f.buf) > keepBuffer {
		f.buf = nil
	}
	f.buf = f.buf[:0]
	f.pkt = packet{}
}

// inside says whether a packet has begun and is not complete.
func (f *framer) inside() bool { return f.have > 0 || f.more }

// next takes bytes off p until a packet is complete or p is empty, and returns
// what it left.
func (f *framer) next(at decoders.Mark, p []byte) ([]byte, framing) {
	if !f.inside() {
		if len(p) > headerLength {
			length := uint24(p)
			if end := headerLength + length; length < maxPacket && length > 0 && end <= len(p) {
				return f.whole(at, p, end)
			}
		}
		f.reset()
		f.pkt.start = at
	}
	for {
		if f.have < headerLength {
			n := copy(f.head[f.have:], p)
			f.have += n
			p = p[n:]
			if f.have < headerLength {
				return p, partial
			}
			if !f.header() {
				return p, refused
			}
		}
		if !f.admitted {
			if f.left > 0 && len(p) == 0 {
				return p, partial
			}
			if !f.ask(p) {
				return p, refused
			}
		}
		p = f.fill(p)
		if f.left > 0 {
			return p, partial
		}
		f.have = 0
		if !f.more {
			f.pkt.payload = f.buf
			return p, complete
		}
	}
}

// whole is the short way for a packet that stands in p with all its bytes,
// which are not copied.
func (f *framer) whole(at decoders.Mark, p []byte, end int) ([]byte, framing) {
	if len(f.buf) > 0 {
		f.reset()
	}
	keep, ok := f.admit(p[3], end-headerLength, p[headerLength])
	if !ok {
		return p, refused
	}
	k := &f.pkt
	k.payload = p[headerLength:min(end, headerLength+keep)]
	k.size, k.wire = int64(end-headerLength), int64(end)
	k.first, k.last = p[3], p[3]
	k.start = at
	return p[end:], complete
}

// header takes in a packet's header and says whether it continues as it must.
func (f *framer) header() bool {
	length := uint24(f.head[:])
	seq := f.head[3]
	if f.more && seq != f.pkt.last+1 && !f.unordered {
		return false
	}
	if !f.more {
		f.pkt.first = seq
	}
	f.pkt.last = seq
	f.pkt.size += int64(length)
	f.pkt.wire += int64(length) + headerLength
	f.left = length
	f.more = length == maxPacket
	return true
}

func (f *framer) ask(p []byte) bool {
	first := byte(0)
	if f.left > 0 {
		first = p[0]
	}
	keep, ok := f.admit(f.pkt.first, f.left, first)
	f.keep, f.admitted = keep, ok
	return ok
}

// fill takes payload off p and keeps what there is room for.
func (f *framer) fill(p []byte) []byte {
	n := min(f.left, len(p))
	if room := f.keep - len(f.buf); room > 0 {
		f.buf = append(f.buf, p[:min(n, room)]...)
	}
	f.left -= n
	return p[n:]
}
