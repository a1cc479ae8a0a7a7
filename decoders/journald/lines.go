package journald

import (
	"bytes"

	"unixcap/decoders"
)

const (
	// maxLine is how much of a line is kept. journald cuts them at 48 KiB
	// (LineMax in journald.conf).
	maxLine = 48 << 10
	// headerLines are what a stream begins with: identifier, unit, priority, and
	// whether lines may begin with a priority, and whether they are passed on to syslog, kmsg and
	// the console.
	headerLines = 7
)

type headerState uint8

const (
	inHeader headerState = iota
	behindHeader
	noHeader // the stream did not begin with one
)

// lines are what one end writes into a stream.
type lines struct {
	buf        []byte
	over       int64 // bytes of a line that were not kept
	span       decoders.Span
	header     headerState
	lost       bool
	identifier []byte
	unit       []byte
	priority   byte
	prefixes   bool // lines may begin with "<N>"
}

func (l *lines) reset() {
	if cap(l.buf) > 16<<10 {
		l.buf = nil
	}
	l.buf, l.over, l.span = l.buf[:0], 0, decoders.Span{}
}

func (l *lines) add(at decoders.Mark, n int) {
	if l.span.Bytes == 0 {
		l.span.First = at
	}
	l.span.Last = at
	l.span.Bytes += int64(n)
}

// Data implements decoders.Decoder, for streams.
func (d *decoder) Data(from decoders.End, at decoders.Mark, p []byte) {
	l := &d.lines[from&1]
	for len(p) > 0 {
		if l.header == inHeader {
			p = d.readHeader(l, from, at, p)
			continue
		}
		i := bytes.IndexByte(p, '\n')
		end := i + 1
		if i < 0 {
			i, end = len(p), len(p)
		}
		l.add(at, end)
		whole := len(l.buf) == 0 && end > i && i <= maxLine
		if !whole {
			n := min(i, maxLine-len(l.buf))
			l.buf = append(l.buf, p[:n]...)
			l.over += int64(i - n)
		}
		if end > i {
			b := p[:i]
			if !whole {
				b = l.buf
			}
			if !l.lost {
				d.line(l, from, b, 0)
			}
			l.lost = false
			l.reset()
		}
		p = p[end:]
	}
}

// readHeader takes a byte of the header, until that is whole or is none. It is short, and
// comes once.
func (d *decoder) readHeader(l *lines, from decoders.End, at decoders.Mark, p []byte) []byte {
	l.buf = append(l.buf, p[0])
	l.add(at, 1)
	switch n, ok := parseHeader(l.buf, l); {
	case !ok:
		l.header = noHeader
		again := bytes.Clone(l.buf)
		l.reset()
		d.Data(from, at, again)
	case n > 0:
		l.header = behindHeader
		l.reset()
	}
	return p[1:]
}

// parseHeader reads a header. It returns how long it is, 0 if its end is still to
// come.
func parseHeader(b []byte, l *lines) (n int, ok bool) {
	rest := b
	for i := range headerLines {
		end := bytes.IndexByte(rest, '\n')
		if end < 0 {
			return 0, len(rest) <= 256 && (i < 2 && isText(rest) || i >= 2 && len(rest) == 0 || i >= 2 && len(rest) == 1 && isFlag(rest[0], i))
		}
		word := rest[:end]
		if i < 2 && !isText(word) || i >= 2 && (len(word) != 1 || !isFlag(word[0], i)) {
			return 0, false
		}
		switch i {
		case 0:
			l.identifier = append(l.identifier[:0], word...)
		case 1:
			l.unit = append(l.unit[:0], word...)
		case 2:
			l.priority = word[0] - '0'
		case 3:
			l.prefixes = word[0] == '1'
		}
		rest = rest[end+1:]
	}
	return len(b) - len(rest), true
}

// isText says whether b can be an identifier or a unit.
func isText(b []byte) bool {
	for _, c := range b {
		if c < ' ' || c == '=' || c >= 0x7f {
			return false
		}
	}
	return true
}

// isFlag says whether line i of the header can be c: a priority or 0 or 1.
func isFlag(c byte, i int) bool { return c >= '0' && (c <= '1' || i == 2 && c <= '7') }

// line emits a line of a stream.
func (d *decoder) line(l *lines, from decoders.End, b []byte, missing int64) {
	priority := l.priority
	if len(b) > 3 && b[0] == '<' && b[1] >= '0' && b[1] <= '7' && b[2] == '>' && (l.prefixes || l.header == noHeader) {
		priority, b = b[1]-'0', b[3:]
	} else if l.header == noHeader {
		priority = 6 // as of most services
	}
	d.begin(from, l.span)
	d.x.Op = priorities[priority]
	d.text = d.text[:0]
	if len(l.identifier) > 0 && l.header == behindHeader {
		d.text = append(append(d.text, l.identifier...), ": "...)
	}
	d.text = decoders.AppendWithoutSecrets(d.text, b)
	d.x.Request = d.text
	d.x.AddText("transport", stdoutWord)
	if len(l.unit) > 0 && l.header == behindHeader {
		d.x.AddText("unit", l.unit)
	}
	if l.over > 0 {
		d.x.AddInt("truncated_bytes", l.over)
	}
	if missing >= 0 && l.lost || missing > 0 {
		d.x.AddInt("gap", missing)
	}
	d.emit(&d.x)
}

var stdoutWord = []byte("stdout")

// gap passes over missing bytes: up to the next line.
func (d *decoder) gap(l *lines, from decoders.End, n int64) {
	if len(l.buf) > 0 && !l.lost && l.header != inHeader {
		l.lost = true
		d.line(l, from, l.buf, max(n, 0))
	}
	l.reset()
	if l.header == inHeader {
		l.header = noHeader
	}
	l.lost = true
}
