package decoders

import (
	"encoding/base64"
	"encoding/binary"
	"slices"
)

// base64Pairs has the two characters of twelve bits, as they stand in memory.
var base64Pairs = func() (list [1 << 12]uint16) {
	for i := range list {
		var two [4]byte
		base64.StdEncoding.Encode(two[:], []byte{byte(i >> 4), byte(i << 4), 0})
		list[i] = binary.LittleEndian.Uint16(two[:])
	}
	return list
}()

// appendBase64 is base64.StdEncoding.AppendEncode in half the time: what
// programs say is binary as a rule, and there is a lot of it.
func appendBase64(dst, src []byte) []byte {
	n := len(dst)
	dst = slices.Grow(dst, base64.StdEncoding.EncodedLen(len(src)))
	out := dst[:cap(dst)]
	for len(src) >= 8 && len(out)-n >= 8 { // of which six are used
		v := binary.BigEndian.Uint64(src)
		binary.LittleEndian.PutUint64(out[n:], uint64(base64Pairs[v>>52])|
			uint64(base64Pairs[v>>40&0xfff])<<16|
			uint64(base64Pairs[v>>28&0xfff])<<32|
			uint64(base64Pairs[v>>16&0xfff])<<48)
		src, n = src[6:], n+8
	}
	return base64.StdEncoding.AppendEncode(out[:n], src)
}
