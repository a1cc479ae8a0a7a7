package http

import (
	"bytes"

	"unixcap/decoders"
)

const (
	// maxLine bounds what is kept of a line. Servers take 8 KiB as a rule, and
	// cookies make for the longest.
	maxLine = 64 << 10

	// maxHead bounds a head or trailer section. Go's server takes 1 MiB.
	maxHead = 2 << 20

	// maxSizeLine bounds the line with a chunk's size and its extensions.
	maxSizeLine = 16 << 10

	// maxSize bounds a chunk or a content: what is longer is a mistake.
	maxSize = 1 << 50
)

// Kinds of items.
const (
	kindStart   = iota // a start line
	kindField          // a line of the head section; empty at its end
	kindTrailer        // a line of the trailer section
	kindContent        // a stretch of content
	kindEnd            // the message ends
)

// An item is a line without its end, or a stretch of content.
type item struct {
	kind int
	data []byte // valid until the next call
	cut  int64  // bytes of the line that are not in data
}

type framerState uint8

const (
	inStart framerState = iota
	inHead
	inContent // of known length
	toClose   // content that ends with the connection
	inChunkSize
	inChunk
	inChunkEnd // the line end behind a chunk
	inTrailer
)

// A framer cuts one end's bytes into items. Behind a head section the dialogue
// says what follows: see content.
type framer struct {
	item    item
	state   framerState
	line    []byte // the beginning of a line whose end is still to come
	over    int64  // bytes of it that were not kept
	partial bool   // a line has begun
	section int    // bytes of the head or trailer section
	left    int64  // of the content or chunk
}

// inside says whether a message has begun but not ended.
func (f *framer) inside() bool { return f.state != inStart || f.partial }

func (f *framer) reset() {
	if cap(f.line) > 4<<10 {
		f.line = nil
	}
	*f = framer{line: f.line[:0]}
}

type result uint8

const (
	more      result = iota // p is used up
	found                   // f.item is the next item
	malformed               // this is no HTTP
)

// next takes an item from p and returns what is left of p.
func (f *framer) next(p []byte) ([]byte, result) {
	switch f.state {
	case inContent, inChunk:
		n := min(f.left, int64(len(p)))
		f.left -= n
		f.item = item{kind: kindContent, data: p[:n]}
		if f.left == 0 {
			if f.state == inChunk {
				f.state = inChunkEnd
			} else {
				f.state = inEndOfContent
			}
		}
		return p[n:], found
	case toClose:
		f.item = item{kind: kindContent, data: p}
		return nil, found
	}
	return f.nextLine(p)
}

// inEndOfContent is where content of known length has ended, which takes no
// more bytes: see ended.
const inEndOfContent = inTrailer + 1

// ended says whether the message ended with the last item, and begins a new one.
func (f *framer) ended() bool {
	if f.state != inEndOfContent {
		return false
	}
	f.state = inStart
	return true
}

func (f *framer) nextLine(p []byte) ([]byte, result) {
	i := bytes.IndexByte(p, '\n')
	limit := maxLine
	if f.state == inChunkSize || f.state == inChunkEnd {
		limit = maxSizeLine
	}
	if i < 0 {
		f.partial = f.partial || len(p) > 0
		f.keep(p)
		if f.section += len(p); f.section > maxHead || limit == maxSizeLine && len(f.line) > limit {
			return nil, malformed
		}
		return nil, more
	}
	line, over := p[:i], int64(0)
	if f.partial {
		f.keep(line)
		line, over = f.line, f.over
	} else if len(line) > maxLine {
		line, over = line[:maxLine], int64(len(line)-maxLine)
	}
	f.section += i + 1
	f.line, f.over, f.partial = f.line[:0], 0, false
	if f.section > maxHead {
		return nil, malformed
	}
	if n := len(line); over == 0 && n > 0 && line[n-1] == '\r' {
		line = line[:n-1]
	}
	return f.open(line, over, p[i+1:])
}

func (f *framer) keep(p []byte) {
	n := min(len(p), maxLine-len(f.line))
	f.line = append(f.line, p[:n]...)
	f.over += int64(len(p) - n)
}

// open makes an item of a line, behind which p begins.
func (f *framer) open(line []byte, over int64, p []byte) ([]byte, result) {
	f.item = item{data: line, cut: over}
	switch f.state {
	case inStart:
		f.item.kind = kindStart
		f.state = inHead
	case inHead:
		f.item.kind = kindField
	case inTrailer:
		f.item.kind = kindTrailer
		if len(line) == 0 {
			f.item.kind = kindEnd
			f.state, f.section = inStart, 0
		}
	case inChunkEnd:
		if len(line) > 0 {
			return nil, malformed
		}
		f.state, f.section = inChunkSize, 0
		f.item.kind = kindContent
	case inChunkSize:
		n, ok := chunkSize(line)
		if !ok {
			return nil, malformed
		}
		f.section, f.left = 0, n
		f.item = item{kind: kindContent}
		if f.state = inChunk; n == 0 {
			f.state = inTrailer
		}
	}
	return p, found
}

// A framing says how the end of content is found: RFC 9112, 6.3.
type framing uint8

const (
	noContent framing = iota
	byLength
	byChunks
	byClose
)

// content says what follows a head section. n is the length, if it is known.
func (f *framer) content(how framing, n int64) {
	f.section = 0
	switch {
	case how == byChunks:
		f.state = inChunkSize
	case how == byClose:
		f.state = toClose
	case how == byLength && n > 0:
		f.state, f.left = inContent, n
	default:
		f.state = inEndOfContent
	}
}

// skip passes over n bytes that are missing, if they are content and the end
// of it is still to come.
func (f *framer) skip(n int64) bool {
	switch {
	case n <= 0:
		return false
	case f.state == toClose:
		return true
	case f.state == inContent && n < f.left:
		f.left -= n
		return true
	case f.state == inChunk && n <= f.left:
		if f.left -= n; f.left == 0 {
			f.state = inChunkEnd
		}
		return true
	}
	return false
}

// chunkSize reads a chunk's size, in hexadecimal, behind which extensions may
// stand: RFC 9112, 7.1.
func chunkSize(line []byte) (n int64, ok bool) {
	i := 0
	for ; i < len(line); i++ {
		d := decoders.Unhex(line[i])
		if d < 0 {
			break
		}
		if n = n<<4 | int64(d); n > maxSize {
			return 0, false
		}
	}
	if i == 0 {
		return 0, false
	}
	rest := bytes.TrimLeft(line[i:], " \t")
	return n, len(rest) == 0 || rest[0] == ';'
}
