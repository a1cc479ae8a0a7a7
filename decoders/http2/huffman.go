package http2

import (
	"bytes"

	"golang.org/x/net/http2/hpack"
)

// peeked is how many bits are looked up at once. Characters of usual texts have
// codes of 5 to 8 bits, few others of more than 11: RFC 7541, B.
const peeked = 11

// A shortCode is the character that the next bits stand for, and how many they
// are; none if it is a longer code.
type shortCode struct{ char, bits uint8 }

// shortCodes are by the next bits. They are made of what the library makes of each
// character; the length in bits is that of eight of them in bytes.
var shortCodes = func() (list [1 << peeked]shortCode) {
	for c := range 256 {
		eight := string(bytes.Repeat([]byte{byte(c)}, 8))
		bits := int(hpack.HuffmanEncodeLength(eight))
		if bits > peeked {
			continue
		}
		b := append(hpack.AppendHuffmanString(nil, eight), 0)
		first := (int(b[0])<<8 | int(b[1])) >> (16 - peeked) &^ (1<<(peeked-bits) - 1)
		for i := range 1 << (peeked - bits) {
			list[first|i] = shortCode{byte(c), uint8(bits)}
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

// huffman decodes a string. It does what the library does in a third of the time,
// for strings of short codes; others it leaves to the library.
func (s *scratch) huffman(src []byte) (text []byte, ok bool) {
	dst := s.b[:0]
	next, n := uint64(0), uint(0) // bits, of which the last n are to come
	for {
		for n <= 56 && len(src) > 0 {
			next, n, src = next<<8|uint64(src[0]), n+8, src[1:]
		}
		if n < peeked {
			break
		}
		for n >= peeked {
			code := shortCodes[next>>(n-peeked)&(1<<peeked-1)]
			if code.bits == 0 {
				return nil, false
			}
			dst = append(dst, code.char)
			n -= uint(code.bits)
		}
	}
	for n > 0 { // what is behind the end is as if it were padding: ones
		code := shortCodes[(next<<(peeked-n)|(1<<(peeked-n)-1))&(1<<peeked-1)]
		if code.bits == 0 || uint(code.bits) > n {
			break
		}
		dst = append(dst, code.char)
		n -= uint(code.bits)
	}
	s.b = dst
	return dst, n < 8 && next&(1<<n-1) == 1<<n-1
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
