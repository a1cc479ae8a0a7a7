package pcapng

import (
	"encoding/binary"
	"fmt"
	"math/bits"
)

// An encoder appends blocks to one buffer. Every block begins at a multiple of
// 4 in it, so that pad need not know where. An error remains until the next
// block begins.
type encoder struct {
	buf        []byte
	order      order
	start      int  // of the block being made
	anyOption  bool // the block has an option, so its list needs an end
	maxBlock   int
	snapLen    uint32 // of the section's first interface
	interfaces uint32 // in the section
	err        error
}

// begin begins a block.
func (e *encoder) begin(t uint32) {
	e.err, e.start, e.anyOption = nil, len(e.buf), false
	e.u32(t)
	e.u32(0) // its length, filled in by end
}

// end ends the block that begin began. If it cannot be written, nothing of it
// remains.
func (e *encoder) end() error {
	e.pad()
	size := len(e.buf) - e.start + 4
	if e.err == nil && size > e.maxBlock {
		e.err = fmt.Errorf("%w: %d bytes, at most %d", ErrBlockSize, size, e.maxBlock)
	}
	if e.err != nil {
		e.buf = e.buf[:e.start]
		return e.err
	}
	e.u32(uint32(size))
	copy(e.buf[e.start+4:], e.buf[len(e.buf)-4:])
	return nil
}

// fail records the first thing wrong with a block.
func (e *encoder) fail(format string, args ...any) {
	if e.err == nil {
		e.err = fmt.Errorf(format, args...)
	}
}

func (e *encoder) u16(v uint16) {
	if e.order == bigEndian {
		v = bits.ReverseBytes16(v)
	}
	e.buf = binary.LittleEndian.AppendUint16(e.buf, v)
}

func (e *encoder) u32(v uint32) {
	if e.order == bigEndian {
		v = bits.ReverseBytes32(v)
	}
	e.buf = binary.LittleEndian.AppendUint32(e.buf, v)
}

func (e *encoder) u64(v uint64) {
	if e.order == bigEndian {
		v = bits.ReverseBytes64(v)
	}
	e.buf = binary.LittleEndian.AppendUint64(e.buf, v)
}

// timestamp writes the upper half first in both byte orders.
func (e *encoder) timestamp(v uint64) {
	e.u32(uint32(v >> 32))
	e.u32(uint32(v))
}

// bytes appends b, unless the block is already too long: what is longer than
// any block is not even copied.
func (e *encoder) bytes(b []byte) {
	if len(e.buf)-e.start+len(b) > e.maxBlock {
		e.fail("%w: more than %d bytes", ErrBlockSize, e.maxBlock)
		return
	}
	e.buf = append(e.buf, b...)
}

var zeros [3]byte

// pad appends zeros up to a multiple of 4.
func (e *encoder) pad() {
	e.buf = append(e.buf, zeros[:-len(e.buf)&3]...)
}

// packetLength returns the length of a packet's two parts, or fails if no block
// can hold them.
func (e *encoder) packetLength(headers, data int) (uint32, bool) {
	// Each alone first: their sum might overflow.
	if headers > e.maxBlock || data > e.maxBlock || headers+data > e.maxBlock {
		e.fail("%w: %d bytes of data, at most %d fit a block", ErrBlockSize, max(headers, data), e.maxBlock)
		return 0, false
	}
	return uint32(headers + data), true
}

// optionHeader begins an option whose value of n bytes, and padding, the caller
// writes. It reports false if n is too long for an option.
func (e *encoder) optionHeader(code uint16, n int) bool {
	if n > maxOptionValue {
		e.fail("option %d: value of %d bytes, at most %d fit", code, n, maxOptionValue)
		return false
	}
	e.anyOption = true
	// Code and length at once: the first of the two is the lower half of a
	// number in little endian, and the upper half in big endian.
	if e.order == bigEndian {
		e.u32(uint32(code)<<16 | uint32(n))
	} else {
		e.u32(uint32(n)<<16 | uint32(code))
	}
	return true
}

func (e *encoder) option(code uint16, v []byte) {
	if e.optionHeader(code, len(v)) {
		e.bytes(v)
		e.pad()
	}
}

// stringOption writes s, unless it is empty.
func (e *encoder) stringOption(code uint16, s string) {
	if s != "" && e.optionHeader(code, len(s)) {
		e.buf = append(e.buf, s...)
		e.pad()
	}
}

func (e *encoder) byteOption(code uint16, v byte) {
	e.optionHeader(code, 1)
	e.buf = append(e.buf, v)
	e.pad()
}

func (e *encoder) u32Option(code uint16, v Optional[uint32]) {
	if v.Valid {
		e.optionHeader(code, 4)
		e.u32(v.Value)
	}
}

func (e *encoder) u64Option(code uint16, v Optional[uint64]) {
	if v.Valid {
		e.optionHeader(code, 8)
		e.u64(v.Value)
	}
}

func (e *encoder) timestampOption(code uint16, v Optional[uint64]) {
	if v.Valid {
		e.optionHeader(code, 8)
		e.timestamp(v.Value)
	}
}

// endOfOpt ends the list of options, if there are any (draft section 3.5).
func (e *encoder) endOfOpt() {
	if e.anyOption {
		e.u32(0)
	}
}
