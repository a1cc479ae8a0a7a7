package syslog

import (
	"bytes"
	"math"

	"unixcap/decoders"
)

// maxMessage is how much of a message is kept. RFC 5424 wants receivers to take
// 2 KiB at least, rsyslog takes 8, and a datagram cannot have much more than 200.
const maxMessage = 256 << 10

// unknown stands for a number of missing bytes that is not known.
const unknown = -1

// A side is what one end sends on a stream socket. Messages end with a line feed
// or a zero byte, or are counted: "LENGTH <PRI>…" (RFC 6587, section 3.4).
type side struct {
	buf   []byte // the beginning of a message whose end is still to come
	over  int64  // bytes of it that were not kept
	left  int64  // bytes of a counted message still to come, -1 if none is
	span  decoders.Span
	lost  bool // the place in the stream is not known
	doubt bool // it was not, and a line without a priority may be the rest of another message
}

func (s *side) reset() {
	if cap(s.buf) > 16<<10 {
		s.buf = nil
	}
	s.buf, s.over, s.left, s.span = s.buf[:0], 0, -1, decoders.Span{}
}

func (s *side) add(at decoders.Mark, n int) {
	if s.span.Bytes == 0 {
		s.span.First = at
	}
	s.span.Last = at
	s.span.Bytes += int64(n)
}

func (s *side) keep(p []byte) {
	n := min(len(p), maxMessage-len(s.buf))
	s.buf = append(s.buf, p[:n]...)
	s.over += int64(len(p) - n)
}

// countOf reads the count of a message at the beginning of b. more says that
// it may be one, but does not end in b.
func countOf(b []byte) (n int64, length int, more bool) {
	for i, c := range b {
		switch {
		case c == ' ' && i > 0:
			return n, i + 1, false
		case c < '0' || c > '9' || i == 0 && c == '0' || i > 7:
			return 0, 0, false
		}
		n = n*10 + int64(c-'0')
	}
	return 0, 0, len(b) > 0
}

// stream takes messages from what an end sends.
func (d *decoder) stream(s *side, from decoders.End, at decoders.Mark, p []byte) {
	if s.lost {
		if p = begin(p); len(p) == 0 {
			return
		}
		s.lost, s.doubt = false, true
	}
	if s.left < 0 && len(s.buf) > 0 {
		// What began behind a loss without its count ends where a send has one.
		if n, ok := opens(p); ok && n == int64(len(p)) {
			d.message(from, s.buf, s.span, s.over, unknown)
			s.reset()
		}
	}
	ends := lineEnds{feed: math.MaxInt}
	for len(p) > 0 {
		if s.left < 0 && len(s.buf) == 0 && p[0] >= '1' && p[0] <= '9' || s.counting() {
			if p = d.counted(s, at, p); len(p) == 0 {
				return
			}
		}
		if s.left >= 0 {
			n := int(min(s.left, int64(len(p))))
			s.keep(p[:n])
			s.add(at, n)
			s.left -= int64(n)
			p = p[n:]
			if s.left == 0 {
				s.doubt = false
				d.message(from, s.buf, s.span, s.over, 0)
				s.reset()
			}
			continue
		}
		i := ends.next(p)
		if i < 0 {
			s.keep(p)
			s.add(at, len(p))
			return
		}
		s.add(at, i+1)
		b := p[:i]
		if len(s.buf) > 0 || i > maxMessage {
			s.keep(b)
			b = s.buf
		}
		d.message(from, b, s.span, s.over, s.doubtful(b))
		s.reset()
		p = p[i+1:]
	}
}

// lineEnds finds where messages end, and looks at each byte only once.
type lineEnds struct {
	feed int // how many bytes there are from the next line feed on, 0 if there is none
}

// next returns where the first message of p ends, -1 if it does not. p is what is left of
// the p before.
func (e *lineEnds) next(p []byte) int {
	if e.feed > len(p) {
		e.feed = 0
		if i := bytes.IndexByte(p, '\n'); i >= 0 {
			e.feed = len(p) - i
		}
	}
	i := len(p) - e.feed
	if z := bytes.IndexByte(p[:i], 0); z >= 0 {
		return z
	}
	if i == len(p) {
		return -1
	}
	return i
}

// begin returns p from where a message begins for certain: one with a priority,
// at the beginning, where a send began, or behind the end of another.
func begin(p []byte) []byte {
	for len(p) > 0 {
		if n, ok := opens(p); ok {
			// A count is believed if another message follows where it says.
			if n >= int64(len(p)) || n == 0 {
				return p
			}
			if _, ok := opens(p[n:]); ok {
				return p
			}
		}
		i := bytes.IndexAny(p, "\n\x00")
		if i < 0 {
			return nil
		}
		p = p[i+1:]
	}
	return nil
}

// doubtful says how much is missing of a line that may be none.
func (s *side) doubtful(b []byte) int64 {
	if s.doubt && len(b) > 0 && b[0] != '<' {
		return unknown
	}
	return 0
}

// opens says whether a message with a priority begins, and where it ends if it
// says so.
func opens(p []byte) (end int64, ok bool) {
	n, length, _ := countOf(p)
	if length > 0 {
		end = n + int64(length)
	}
	_, _, ok = priorityOf(p[length:])
	return end, ok
}

// counting says whether what is kept may be the beginning of a count.
func (s *side) counting() bool {
	if s.left >= 0 || len(s.buf) == 0 {
		return false
	}
	_, length, more := countOf(s.buf)
	return more || length == len(s.buf)
}

// counted reads a count, if it is one, and returns what is behind it. A priority
// follows, or it is none, and what was kept is text.
func (d *decoder) counted(s *side, at decoders.Mark, p []byte) []byte {
	had := len(s.buf)
	head := append(s.buf, p[:min(len(p), 10)]...)
	n, length, more := countOf(head)
	switch {
	case more && len(head) < 10, length > 0 && length == len(head):
		s.buf = head
		s.add(at, len(p))
		return nil
	case length > 0 && head[length] == '<' && n > 0 && n <= 1<<20:
		s.buf = head[:0]
		s.add(at, length-had)
		s.left = n
		return p[length-had:]
	}
	s.buf = head[:had]
	if had > 0 {
		return p
	}
	s.keep(p[:1])
	s.add(at, 1)
	return p[1:]
}
