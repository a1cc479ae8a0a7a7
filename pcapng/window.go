package pcapng

import (
	"fmt"
	"io"
	"sync"
	"sync/atomic"
)

const (
	defaultReadBuffer = 256 << 10
	minReadBuffer     = 4 << 10 // less than a typical packet is no use

	// maxEmptyReads is how often an io.Reader may return nothing and no error,
	// as in package bufio.
	maxEmptyReads = 100
)

// A Buffer is memory that input is read into. Blocks point into it. Whoever
// wants them for longer than until the next one retains it, and the input goes
// on in another.
type Buffer struct {
	b    []byte
	refs atomic.Int32 // the Window's own, and those that retained it
}

// buffers are those of the default size that nobody has.
var buffers = sync.Pool{New: func() any { return &Buffer{b: make([]byte, defaultReadBuffer)} }}

func newBuffer(size int) *Buffer {
	var b *Buffer
	if size == defaultReadBuffer {
		b = buffers.Get().(*Buffer)
	} else {
		b = &Buffer{b: make([]byte, size)}
	}
	b.refs.Store(1)
	return b
}

// Retain keeps what is in the buffer as it is until Release is called.
func (b *Buffer) Retain() { b.refs.Add(1) }

// Release is the reverse of Retain, and may be called by any goroutine.
func (b *Buffer) Release() {
	if b.refs.Add(-1) == 0 && len(b.b) == defaultReadBuffer {
		buffers.Put(b)
	}
}

// A Window is the stretch of an input that is in memory, for readers of files
// that consist of records. It copies no record that it has whole.
type Window struct {
	src      io.Reader
	err      error // what src said last; there may still be records in buf
	buf      *Buffer
	pos, end int   // of the unread input in buf
	base     int64 // offset of the buffer's beginning in the input
	size     int   // of a new buffer
	limit    int   // of a grown one
}

// NewWindow returns a window on src that reads size bytes at once, and grows for
// records of up to limit bytes. If size is 0, it is 256 KiB, which fits the cache
// of a processor core.
func NewWindow(src io.Reader, size, limit int) *Window {
	if size <= 0 {
		size = defaultReadBuffer
	}
	size = max(size, minReadBuffer)
	return &Window{src: src, buf: newBuffer(size), size: size, limit: max(limit, minReadBuffer)}
}

// Bytes returns the unread input that is in memory.
func (w *Window) Bytes() []byte { return w.buf.b[w.pos:w.end] }

// Skip counts the next n bytes as read; they must be in memory.
func (w *Window) Skip(n int) { w.pos += n }

// Offset returns how much of the input was read.
func (w *Window) Offset() int64 { return w.base + int64(w.pos) }

// Buffer returns where Bytes points to.
func (w *Window) Buffer() *Buffer { return w.buf }

// Fill reads until n bytes are in memory. Its error is that of the input,
// io.EOF also if there are some bytes, but fewer.
func (w *Window) Fill(n int) error {
	for empty := 0; w.end-w.pos < n; {
		if w.err != nil {
			return w.err
		}
		w.makeRoom(n)
		room := w.buf.b[w.end:]
		got, err := w.src.Read(room)
		if got < 0 || got > len(room) {
			return fmt.Errorf("the input's Read returned an impossible count %d", got)
		}
		w.end += got
		w.err = err
		if got == 0 && err == nil {
			if empty++; empty == maxEmptyReads {
				return io.ErrNoProgress
			}
		}
	}
	return nil
}

// makeRoom makes room for more of a record of n bytes. It moves what is there to
// the front of the buffer, or of a new one if somebody retains the old one, and
// doubles the buffer when it is full, so that a length alone costs no memory:
// input must have come for half of it.
func (w *Window) makeRoom(n int) {
	full := w.pos == 0 && w.end == len(w.buf.b)
	switch {
	case full:
		w.move(newBuffer(min(2*len(w.buf.b), w.limit)))
	case w.pos+n <= len(w.buf.b):
	case w.buf.refs.Load() > 1:
		w.move(newBuffer(max(w.size, min(len(w.buf.b), pad4(n)))))
	default:
		w.move(w.buf)
	}
}

// move makes b the buffer, with what is unread at its front.
func (w *Window) move(b *Buffer) {
	n := copy(b.b, w.buf.b[w.pos:w.end])
	if b != w.buf {
		w.buf.Release()
		w.buf = b
	}
	w.base += int64(w.pos)
	w.pos, w.end = 0, n
}
