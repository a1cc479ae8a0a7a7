package redis

import (
	"bytes"

	"unixcap/decoders"
)

const (
	// maxLine is how much of a line is kept: what Redis itself takes for an
	// inline command (PROTO_INLINE_MAX_SIZE). Simple strings and errors may be
	// longer; the rest of them is counted.
	maxLine = 64 << 10

	// maxNumberLine is more than a line with a number has: a sign, 19 digits
	// and what little else a version may bring.
	maxNumberLine = 32

	// maxBulk is eight times Redis's limit, proto-max-bulk-len, which can be
	// raised. A length beyond is taken for a mistake.
	maxBulk = 4 << 30

	// maxElements is Redis's limit of the elements of a command or reply.
	maxElements = 1<<31 - 1

	// streamed is the length of what is as long as it turns out to be.
	streamed = -2
)

// Kinds of items beside RESP's types.
const (
	kindInline = 0   // a line that is no RESP: an inline command
	kindPart   = 1   // more of a bulk string
	kindEnd    = 2   // a bulk string ends
	kindChunk  = ';' // of a streamed string
	kindStop   = '.' // of a streamed aggregate
)

// An item is a RESP line, a whole bulk string, or a part of one that comes in
// parts: its header, stretches of its body, and its end.
type item struct {
	kind  byte
	n     int64  // number of bytes or elements, -1 for null, or streamed
	data  []byte // of a line, or of a bulk string; valid until the next call
	cut   int64  // bytes of the line that are not in data
	whole bool   // data is all of the bulk string
}

type framerState uint8

const (
	inLine framerState = iota
	inBody
	inBodyEnd
)

// A framer cuts one end's bytes into items.
type framer struct {
	end   decoders.End
	item  item
	state framerState
	line  []byte // the beginning of a line whose end is still to come
	over  int64  // bytes of it that were not kept
	left  int64  // bytes of the body, or of the CRLF behind it, still to come
}

// inside says whether an item has begun but not ended.
func (f *framer) inside() bool { return f.state != inLine || len(f.line) > 0 }

func (f *framer) reset() {
	if cap(f.line) > 4<<10 {
		f.line = nil
	}
	*f = framer{end: f.end, line: f.line[:0]}
}

type result uint8

const (
	more      result = iota // p is used up
	found                   // f.item is the next item
	malformed               // this is no RESP
)

// next takes an item from p and returns what is left of p.
func (f *framer) next(p []byte) ([]byte, result) {
	switch f.state {
	case inBody:
		n := min(f.left, int64(len(p)))
		if n == 0 {
			return nil, more
		}
		f.left -= n
		if f.left == 0 {
			f.state, f.left = inBodyEnd, 2
		}
		f.item = item{kind: kindPart, data: p[:n]}
		return p[n:], found
	case inBodyEnd:
		for len(p) > 0 {
			if p[0] != "\n\r"[f.left-1] {
				return nil, malformed
			}
			p = p[1:]
			if f.left--; f.left == 0 {
				f.state = inLine
				f.item = item{kind: kindEnd}
				return p, found
			}
		}
		return nil, more
	}
	return f.nextLine(p)
}

// nextLine takes a line from p, and the bulk string behind it if p has it all.
func (f *framer) nextLine(p []byte) ([]byte, result) {
	if len(p) == 0 {
		return nil, more
	}
	if len(f.line) == 0 && !f.begins(p[0]) {
		return nil, malformed
	}
	if len(f.line) == 0 && numbered(p[0]) && (f.end == decoders.Server || p[0] == '*' || p[0] == '$') {
		if rest, ok := f.nextShort(p); ok {
			return rest, found
		}
	}
	i := bytes.IndexByte(p, '\n')
	if i < 0 {
		f.keep(p)
		if numbered(f.line[0]) && len(f.line) > maxNumberLine {
			return nil, malformed
		}
		return nil, more
	}
	line, over := p[:i], f.over
	if len(f.line) > 0 {
		f.keep(line)
		line, over = f.line, f.over
	} else if len(line) > maxLine {
		line, over = line[:maxLine], int64(len(line)-maxLine)
	}
	f.line, f.over = f.line[:0], 0
	p = p[i+1:]
	ended := over > 0
	if n := len(line); !ended && n > 0 && line[n-1] == '\r' {
		line, ended = line[:n-1], true
	}
	return f.open(line, over, ended, p)
}

// nextShort takes what most of a conversation consists of from p: a number of
// elements, or a bulk string, that is in p as a whole.
func (f *framer) nextShort(p []byte) (rest []byte, ok bool) {
	n, i := 0, 1
	for ; i < len(p) && i < 9; i++ {
		c := p[i] - '0'
		if c > 9 {
			break
		}
		n = n*10 + int(c)
	}
	if i == 1 || i+2 > len(p) || p[i] != '\r' || p[i+1] != '\n' {
		return p, false
	}
	kind, start := p[0], i+2
	t := &f.item
	if types[kind] == 'e' {
		t.kind, t.n, t.data, t.cut, t.whole = kind, int64(n), nil, 0, true
		return p[start:], true
	}
	end := start + n
	if end+2 > len(p) || n == 0 && kind == kindChunk || p[end] != '\r' || p[end+1] != '\n' {
		return p, false
	}
	t.kind, t.n, t.data, t.cut, t.whole = kind, int64(n), p[start:end], 0, true
	return p[end+2:], true
}

func (f *framer) keep(p []byte) {
	n := min(len(p), maxLine-len(f.line))
	f.line = append(f.line, p[:n]...)
	f.over += int64(len(p) - n)
}

// begins says whether a line of the end can begin with c. Redis takes all that
// is no array for an inline command.
func (f *framer) begins(c byte) bool {
	if f.end == decoders.Client {
		return c >= ' ' && c < 0x7f || c == '\r' || c == '\n' || c == '\t'
	}
	return types[c] != 0
}

// types has for each type of RESP whether a number follows: of bytes (b), of
// elements (e), or none (l).
var types = [256]byte{
	'+': 'l', '-': 'l', ':': 'l', '_': 'l', ',': 'l', '#': 'l', '(': 'l', kindStop: 'l',
	'$': 'b', '!': 'b', '=': 'b', kindChunk: 'b',
	'*': 'e', '%': 'e', '~': 'e', '>': 'e', '|': 'e',
}

func numbered(c byte) bool { return types[c] == 'b' || types[c] == 'e' }

// open makes an item of a line, behind which p begins.
func (f *framer) open(line []byte, over int64, crlf bool, p []byte) ([]byte, result) {
	if f.end == decoders.Client && (len(line) == 0 || line[0] != '*' && line[0] != '$') {
		f.item = item{kind: kindInline, data: line, cut: over}
		return p, found
	}
	if !crlf || len(line) == 0 {
		return nil, malformed
	}
	f.item = item{kind: line[0], data: line[1:], cut: over}
	form := types[line[0]]
	if form == 'l' {
		return p, found
	}
	n, ok := length(line[1:], line[0])
	if !ok {
		return nil, malformed
	}
	f.item.n = n
	if form == 'e' || n < 0 || n == 0 && line[0] == kindChunk {
		f.item.data = nil
		f.item.whole = true
		return p, found
	}
	if n+2 <= int64(len(p)) {
		f.item.data, f.item.whole = p[:n], true
		if p[n] != '\r' || p[n+1] != '\n' {
			return nil, malformed
		}
		return p[n+2:], found
	}
	f.item.data = nil
	f.state, f.left = inBody, n
	if n == 0 {
		f.state, f.left = inBodyEnd, 2
	}
	return p, found
}

// length reads the number behind a type.
func length(b []byte, kind byte) (int64, bool) {
	switch {
	case len(b) == 1 && b[0] == '?':
		return streamed, kind != kindChunk
	case len(b) == 2 && b[0] == '-' && b[1] == '1':
		return -1, kind == '$' || kind == '*'
	}
	n, ok := decoders.Decimal(b)
	limit := int64(maxElements)
	if types[kind] == 'b' {
		limit = maxBulk
	}
	return n, ok && n <= limit
}

// signed reads a number with an optional sign.
func signed(b []byte) (int64, bool) {
	if len(b) > 0 && (b[0] == '-' || b[0] == '+') {
		n, ok := decoders.Decimal(b[1:])
		if b[0] == '-' {
			n = -n
		}
		return n, ok
	}
	return decoders.Decimal(b)
}
