package memcached

import (
	"bytes"
	"encoding/binary"
)

const (
	// maxLine bounds what is kept of a line: some 30 keys of the longest kind.
	maxLine = 8 << 10

	// maxKey is the longest key: KEY_MAX_LENGTH in memcached.
	maxKey = 250

	// maxValue is the largest item that memcached can be told to take (-I).
	maxValue = 1 << 30

	// headerLength is that of a binary packet's header.
	headerLength = 24

	// maxExtras is the most that a binary packet has of them.
	maxExtras = 32

	// maxBegin bounds what is kept of a data block: an error's message, or the
	// name of a statistic's value.
	maxBegin = 256
)

// The first bytes of binary packets.
const (
	magicRequest  = 0x80
	magicResponse = 0x81
)

type kind uint8

const (
	kindLine   kind = iota
	kindPacket      // a binary header with extras and key
	kindBlock       // a stretch of a data block or value
	kindEnd         // the block ends
)

// An item is a piece of a message.
type item struct {
	kind kind
	data []byte // valid until the next call
	cut  int64  // bytes of the line that are not in data
}

type framerState uint8

const (
	inLine framerState = iota
	inPacket
	inBlock
	inBlockEnd // the CRLF behind it
)

// A framer cuts one end's bytes into items. Behind a line the dialogue says
// whether a data block follows: see block.
type framer struct {
	item   item
	state  framerState
	buf    []byte // the beginning of a line or packet
	over   int64
	begun  bool // of a line
	left   int64
	text   bool // the block is of the text protocol
	server bool
}

func (f *framer) inside() bool { return f.state != inLine || f.begun }

func (f *framer) reset() { *f = framer{buf: f.buf[:0], server: f.server} }

type result uint8

const (
	more result = iota
	found
	malformed
)

// next takes an item from p and returns what is left of p.
func (f *framer) next(p []byte) ([]byte, result) {
	switch f.state {
	case inBlock:
		n := min(f.left, int64(len(p)))
		if f.left -= n; f.left == 0 {
			f.endBlock()
		}
		f.item = item{kind: kindBlock, data: p[:n]}
		return p[n:], found
	case inBlockEnd:
		if p[0] != "\n\r"[f.left-1] {
			return nil, malformed
		}
		if f.left--; f.left == 0 {
			f.state = inLine
			f.item = item{kind: kindEnd}
			return p[1:], found
		}
		return p[1:], more
	case inPacket:
		return f.packet(p)
	}
	if !f.begun && p[0]&^1 == magicRequest {
		f.state = inPacket
		f.buf = f.buf[:0]
		return f.packet(p)
	}
	return f.nextLine(p)
}

func (f *framer) endBlock() {
	f.state, f.left = inBlockEnd, 2
	if !f.text {
		f.state = inBlockDone
	}
}

// inBlockDone is where the value of a binary packet has ended, which takes no
// more bytes: see ended.
const inBlockDone = inBlockEnd + 1

// ended says whether a binary packet ended with the last item.
func (f *framer) ended() bool {
	if f.state != inBlockDone {
		return false
	}
	f.state = inLine
	return true
}

func (f *framer) nextLine(p []byte) ([]byte, result) {
	i := bytes.IndexByte(p, '\n')
	if i < 0 {
		f.keep(p)
		f.begun = true
		return nil, more
	}
	line, over := p[:i], int64(0)
	if f.begun {
		f.keep(line)
		line, over = f.buf, f.over
	} else if len(line) > maxLine {
		line, over = line[:maxLine], int64(len(line)-maxLine)
	}
	f.buf, f.over, f.begun = f.buf[:0], 0, false
	if n := len(line); over == 0 && n > 0 && line[n-1] == '\r' {
		line = line[:n-1]
	}
	f.item = item{kind: kindLine, data: line, cut: over}
	return p[i+1:], found
}

func (f *framer) keep(p []byte) {
	n := min(len(p), maxLine-len(f.buf))
	f.buf = append(f.buf, p[:n]...)
	f.over += int64(len(p) - n)
}

// block says that a data block of n bytes follows the line.
func (f *framer) block(n int64) {
	f.state, f.left, f.text = inBlock, n, true
	if n == 0 {
		f.endBlock()
	}
}

// packet takes a binary packet up to its value.
func (f *framer) packet(p []byte) ([]byte, result) {
	want := headerLength
	for {
		if n := min(want-len(f.buf), len(p)); n > 0 {
			f.buf = append(f.buf, p[:n]...)
			p = p[n:]
		}
		if len(f.buf) < want {
			return nil, more
		}
		h := header(f.buf)
		if !h.valid(f.server) {
			return nil, malformed
		}
		if want == headerLength && h.keyLength()+h.extrasLength() > 0 {
			want += h.keyLength() + h.extrasLength()
			continue
		}
		f.item = item{kind: kindPacket, data: f.buf}
		f.state, f.left, f.text = inBlock, int64(h.valueLength()), false
		if f.left == 0 {
			f.endBlock()
		}
		return p, found
	}
}

// skip passes over n missing bytes within a block whose end is still to come.
func (f *framer) skip(n int64) bool {
	if f.state != inBlock || n <= 0 || n > f.left || n == f.left && !f.text {
		return false
	}
	if f.left -= n; f.left == 0 {
		f.endBlock()
	}
	return true
}

// A header is that of a binary packet, with its extras and key.
type header []byte

func (h header) opcode() byte      { return h[1] }
func (h header) keyLength() int    { return int(binary.BigEndian.Uint16(h[2:])) }
func (h header) extrasLength() int { return int(h[4]) }
func (h header) status() uint16    { return binary.BigEndian.Uint16(h[6:]) }
func (h header) opaque() uint32    { return binary.BigEndian.Uint32(h[12:]) }
func (h header) bodyLength() int   { return int(binary.BigEndian.Uint32(h[8:])) }
func (h header) valueLength() int  { return h.bodyLength() - h.keyLength() - h.extrasLength() }
func (h header) key() []byte {
	return h[headerLength+h.extrasLength() : headerLength+h.extrasLength()+h.keyLength()]
}
func (h header) extras() []byte { return h[headerLength : headerLength+h.extrasLength()] }

// valid says whether a header can be one of the end. The data type is always 0.
func (h header) valid(server bool) bool {
	want := byte(magicRequest)
	if server {
		want = magicResponse
	}
	return h[0] == want && h[5] == 0 && h.keyLength() <= maxKey && h.extrasLength() <= maxExtras &&
		h.keyLength()+h.extrasLength() <= h.bodyLength() && h.bodyLength() <= maxValue && opcodes[h.opcode()].name != "" &&
		(server || h.status() < 1024) // a vbucket
}
