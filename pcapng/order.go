package pcapng

import (
	"encoding/binary"
	"math/bits"
)

// byteOrderMagic begins a section header's body and tells the byte order.
const byteOrderMagic = 0x1A2B3C4D

// An order is the byte order of a section. It is a bool with methods that are
// inlined; binary.ByteOrder would be a dynamic call a field.
type order bool

const (
	littleEndian order = false
	bigEndian    order = true
)

func (o order) u16(b []byte) uint16 {
	v := binary.LittleEndian.Uint16(b)
	if o == bigEndian {
		v = bits.ReverseBytes16(v)
	}
	return v
}

func (o order) u32(b []byte) uint32 {
	v := binary.LittleEndian.Uint32(b)
	if o == bigEndian {
		v = bits.ReverseBytes32(v)
	}
	return v
}

func (o order) u64(b []byte) uint64 {
	v := binary.LittleEndian.Uint64(b)
	if o == bigEndian {
		v = bits.ReverseBytes64(v)
	}
	return v
}

// timestamp reads a 64-bit number that is stored as two 32-bit ones, the upper
// first in both byte orders (draft section 4.3).
func (o order) timestamp(b []byte) uint64 {
	return uint64(o.u32(b))<<32 | uint64(o.u32(b[4:]))
}

// pad4 rounds n up to the next multiple of 4.
func pad4(n int) int { return (n + 3) &^ 3 }
