package json

import (
	"bytes"
	"encoding/binary"
	"math/bits"

	"unixcap/decoders"
)

const (
	// maxValue is how much of a value is kept. The rest is passed over by its
	// brackets.
	maxValue = 1 << 20
	// maxDepth is how deep brackets may lie in each other: encoding/json takes
	// 10,000, others less.
	maxDepth = 10_000
)

// A side is one direction of the connection.
type side struct {
	end     decoders.End
	buf     []byte // the beginning of a value whose end is still to come
	over    int64  // bytes of it that were not kept
	span    decoders.Span
	depth   int
	quoted  bool // within a string
	escaped bool // behind a backslash
	lost    bool // the place in the stream is not known
	begun   bool // a value was seen to its end
	headed  bool // values have headers
	torn    bool // the value at hand may have had more of a header
}

func (s *side) reset() {
	if cap(s.buf) > 64<<10 {
		s.buf = nil
	}
	s.buf, s.over, s.span, s.depth, s.quoted, s.escaped, s.torn = s.buf[:0], 0, decoders.Span{}, 0, false, false, false
}

func (s *side) add(at decoders.Mark, p []byte, keep bool) {
	if s.span.Bytes == 0 {
		s.span.First = at
	}
	s.span.Last = at
	s.span.Bytes += int64(len(p))
	if keep {
		n := min(len(p), maxValue-len(s.buf))
		s.buf = append(s.buf, p[:n]...)
		s.over += int64(len(p) - n)
	}
}

// between says which bytes may stand between values: white space, a zero byte
// (varlink), QMP's 0xff (it resets the parser), and those of headers.
var between = func() (t [256]bool) {
	for _, c := range " \t\r\n\x00\x1e" {
		t[byte(c)] = true
	}
	t[0xff] = true
	return t
}()

// heads are the headers of the Language Server Protocol ("Header Part").
var heads = [][]byte{[]byte("Content-Length: "), []byte("Content-Type: ")}

// structural are the bytes that mean something outside of strings.
var structural = [256]bool{'"': true, '{': true, '}': true, '[': true, ']': true}

// scan goes on in a value. It returns how much of p belongs to it, and whether it
// ends there; ok is false if the brackets do not fit.
func (s *side) scan(p []byte) (n int, ended, ok bool) {
	for n < len(p) {
		if s.quoted {
			if s.escaped {
				s.escaped = false
				n++
				continue
			}
			if n = stringStop(p, n); n == len(p) {
				return n, false, true
			}
			s.quoted, s.escaped = p[n] != '"', p[n] != '"'
			n++
			continue
		}
		c := p[n]
		n++
		if !structural[c] {
			continue
		}
		switch c {
		case '"':
			s.quoted = true
		case '{', '[':
			if s.depth++; s.depth > maxDepth {
				return n, false, false
			}
		default:
			if s.depth--; s.depth == 0 {
				return n, true, true
			}
		}
	}
	return n, false, true
}

// stringStop returns where, from i on, a string ends or has a backslash. Most
// strings are short, so that a search that is quick with long ones comes second.
func stringStop(p []byte, i int) int {
	const (
		ones = 0x0101010101010101
		high = 0x80 * ones
	)
	for end := min(len(p), i+32); i+8 <= end; i += 8 { // eight at a time
		x := binary.LittleEndian.Uint64(p[i:])
		quote, slash := x^('"'*ones), x^('\\'*ones)
		// Of the bytes that are zero in one of the two, the first has its high bit set.
		if hits := ((quote-ones)&^quote | (slash-ones)&^slash) & high; hits != 0 {
			return i + bits.TrailingZeros64(hits)/8
		}
	}
	rest := p[i:]
	n := bytes.IndexByte(rest, '"')
	if n < 0 {
		n = len(rest)
	}
	if e := bytes.IndexByte(rest[:n], '\\'); e >= 0 {
		n = e
	}
	return i + n
}

// Data implements decoders.Decoder.
func (d *decoder) Data(from decoders.End, at decoders.Mark, p []byte) {
	s := &d.sides[from&1]
	if s.lost {
		var torn bool
		if p, torn = begin(p); len(p) == 0 {
			return
		}
		s.lost, s.torn = false, torn && (s.headed || !s.begun)
	}
	for len(p) > 0 {
		if s.depth == 0 {
			n, ok := s.gapBetween(p)
			if !ok {
				d.lose(s)
				return
			}
			// What ends a value is none of the next one's.
			for s.span.Bytes == 0 && n > 0 && between[p[0]] {
				p, n = p[1:], n-1
			}
			if n > 0 {
				s.add(at, p[:n], false)
				s.headed = true
			}
			if p = p[n:]; len(p) == 0 {
				return
			}
		}
		fresh := len(s.buf) == 0 && s.over == 0
		n, ended, ok := s.scan(p)
		if !ok {
			d.lose(s)
			return
		}
		whole := fresh && ended && n <= maxValue
		s.add(at, p[:n], !whole)
		if ended {
			b := s.buf
			if whole {
				b = p[:n]
			}
			d.value(s, b)
			s.begun = true
			s.reset()
		}
		p = p[n:]
	}
}

// gapBetween returns how many bytes stand before the next value. A header may be
// split, so its letters are taken as they come, and counted.
func (s *side) gapBetween(p []byte) (n int, ok bool) {
	for n < len(p) {
		switch c := p[n]; {
		case c == '{' || c == '[':
			s.escaped = false
			return n, s.span.Bytes < 1024 // a longer header is none
		case between[c], isHead(c):
			n++
		default:
			return n, false
		}
	}
	return n, s.span.Bytes < 1024
}

// isHead says whether c can be in a header.
func isHead(c byte) bool {
	return c|0x20 >= 'a' && c|0x20 <= 'z' || c >= '0' && c <= '9' || c == '-' || c == ':' || c == '/' || c == ';' || c == '='
}

// begin returns p from where a value begins for certain: at the beginning of a
// send, behind a line feed or a zero byte, or at a header, which no string has in
// it with its line feed. torn says that more of a header may have stood before it:
// neither is the header whole, nor is what ends there another value.
func begin(p []byte) (value []byte, torn bool) {
	length := heads[0]
	for from := 0; from < len(p); {
		if opens(p[from:]) == decoders.Yes {
			before := bytes.TrimRight(p[:from], " \t\r\n\x00")
			return p[from:], !bytes.HasPrefix(p[from:], length) && !bytes.HasSuffix(before, []byte{'}'}) && !bytes.HasSuffix(before, []byte{']'})
		}
		i := bytes.IndexAny(p[from:], "\n\x00")
		if i < 0 {
			return nil, false
		}
		if h := from + bytes.LastIndex(p[from:from+i], length); h > from && opens(p[h:]) == decoders.Yes {
			return p[h:], false
		}
		from += i + 1
	}
	return nil, false
}

// opens says whether an object begins that has a member, or an array of such,
// perhaps behind a header.
func opens(p []byte) decoders.Verdict {
	b := bytes.TrimLeft(p, " \t\r\n\x00\xff\x1e")
	for range 2 {
		for _, h := range heads {
			if n := min(len(b), len(h)); n > 0 && bytes.EqualFold(b[:n], h[:n]) {
				i := bytes.IndexByte(b, '\n')
				if i < 0 {
					if len(b) < 128 {
						return decoders.Maybe
					}
					return decoders.No
				}
				b = bytes.TrimLeft(b[i+1:], "\r\n")
			}
		}
	}
	if len(b) > 0 && b[0] == '[' {
		b = bytes.TrimLeft(b[1:], " \t\r\n")
	}
	if len(b) == 0 {
		return decoders.Maybe
	}
	if b[0] != '{' {
		return decoders.No
	}
	return member(bytes.TrimLeft(b[1:], " \t\r\n"))
}

// member says whether b begins with a member's name and a colon.
func member(b []byte) decoders.Verdict {
	if len(b) == 0 {
		return decoders.Maybe
	}
	if b[0] != '"' {
		return decoders.No
	}
	for i := 1; i < len(b); i++ {
		switch c := b[i]; {
		case c == '"':
			rest := bytes.TrimLeft(b[i+1:], " \t\r\n")
			switch {
			case len(rest) == 0:
				return decoders.Maybe
			case rest[0] == ':' && i > 1:
				return decoders.Yes
			}
			return decoders.No
		case c < ' ' || c == '\\' || i > 256:
			return decoders.No
		}
	}
	return decoders.Maybe
}

func detect(client, server []byte, _ bool) decoders.Verdict {
	c, s := decoders.Maybe, decoders.Maybe
	if len(client) > 0 {
		c = opens(client)
	}
	if len(server) > 0 {
		s = opens(server)
	}
	switch {
	case c == decoders.No || s == decoders.No:
		return decoders.No
	case c == decoders.Yes || s == decoders.Yes:
		return decoders.Yes
	}
	return decoders.Maybe
}
