package http2

import (
	"bytes"
	"encoding/binary"
	"slices"

	"golang.org/x/net/http2/hpack"
)

// peeked is how many bits are looked up at once: of usual texts two characters,
// whose codes have 5 to 7 bits: RFC 7541, B.
const peeked = 12

// A codePair is what the next bits stand for: one or two characters, the first in
// the lower byte; none if they begin with a longer code.
type codePair struct {
	chars       uint16
	count, bits uint8
}

// codePairs are by the next bits. They are made of what the library makes of each
// character; the length in bits is that of eight of them in bytes.
var codePairs = func() (list [1 << peeked]codePair) {
	for c := range 256 {
		eight := string(bytes.Repeat([]byte{byte(c)}, 8))
		bits := int(hpack.HuffmanEncodeLength(eight))
		if bits > peeked {
			continue
		}
		b := append(hpack.AppendHuffmanString(nil, eight), 0)
		first := (int(b[0])<<8 | int(b[1])) >> (16 - peeked) &^ (1<<(peeked-bits) - 1)
		for i := range 1 << (peeked - bits) {
			list[first|i] = codePair{chars: uint16(c), count: 1, bits: uint8(bits)}
		}
	}
	single := list
	for i := range list {
		one := single[i]
		two := single[i<<one.bits&(1<<peeked-1)]
		if one.count > 0 && two.count > 0 && one.bits+two.bits <= peeked {
			list[i] = codePair{chars: one.chars | two.chars<<8, count: 2, bits: one.bits + two.bits}
		}
	}
	return list
}()

// A scratch takes what the library decodes.
type scratch struct{ b []byte }

func (s *scratch) Write(p []byte) (int, error) {
	s.b = append(s.b, p...)
	return len(p), nil
}

// huffman decodes a string. It does what the library does in a fraction of the
// time, for strings of short codes; others it leaves to the library.
func (s *scratch) huffman(src []byte) (text []byte, ok bool) {
	// No code is shorter than 5 bits, and two bytes are written at a time.
	dst := slices.Grow(s.b[:0], len(src)*8/5+2)
	s.b, dst = dst, dst[:cap(dst)]
	at := 0
	// n bits, from the highest on. Those below may be set: they are the ones to come.
	next, n := uint64(0), uint(0)
	for len(src) > 0 || n >= peeked {
		lookups := uint(4) // always the same, which is what a processor foresees best
		if len(src) >= 8 {
			next |= binary.BigEndian.Uint64(src) >> n
			src, n = src[(63-n)/8:], n|56
		} else {
			for ; n <= 56 && len(src) > 0; src = src[1:] {
				next |= uint64(src[0]) << (56 - n)
				n += 8
			}
			lookups = min(n/peeked, 4)
			if lookups == 0 {
				break
			}
		}
		for range lookups {
			code := codePairs[next>>(64-peeked)]
			if code.count == 0 {
				return nil, false
			}
			binary.LittleEndian.PutUint16(dst[at:], code.chars)
			at += int(code.count)
			next <<= code.bits & 63
			n -= uint(code.bits)
		}
	}
	for n > 0 { // what is behind the end is as if it were padding: ones, which are no code
		code := codePairs[(next|^uint64(0)>>n)>>(64-peeked)]
		if code.count == 0 || uint(code.bits) > n {
			break
		}
		binary.LittleEndian.PutUint16(dst[at:], code.chars)
		at += int(code.count)
		next <<= code.bits & 63
		n -= uint(code.bits)
	}
	return dst[:at], n < 8 && next|^uint64(0)>>n == ^uint64(0)
}

// decode decodes a string whose codes may be of any length.
func (s *scratch) decode(src []byte) (text []byte, ok bool) {
	if text, ok = s.huffman(src); ok {
		return text, true
	}
	s.b = s.b[:0]
	_, err := hpack.HuffmanDecode(s, src)
	return s.b, err == nil
}
