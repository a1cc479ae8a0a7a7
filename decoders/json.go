package decoders

import (
	"encoding/binary"
	"unicode/utf8"
)

// plainLength returns how many bytes from the beginning of s JSON has as they are,
// eight at a time; what is behind them need not be different.
func plainLength(s []byte) int {
	const (
		ones = 0x0101010101010101
		high = 0x80 * ones
	)
	i := 0
	for ; i+8 <= len(s); i += 8 {
		x := binary.LittleEndian.Uint64(s[i:])
		quote, slash, del := x^('"'*ones), x^('\\'*ones), x^(0x7f*ones)
		// The high bit of a byte is set if it is not ASCII, below a space, or
		// zero in one of the three.
		if (x|(x-0x20*ones)|(quote-ones)|(slash-ones)|(del-ones))&high != 0 {
			break
		}
	}
	return i
}

// AppendJSONString appends s as a JSON string. Bytes that are not UTF-8 become
// U+FFFD, as encoding/json does it.
func AppendJSONString(dst, s []byte) []byte {
	const hex = "0123456789abcdef"
	dst = append(dst, '"')
	start := 0
	for i := 0; i < len(s); {
		if n := plainLength(s[i:]); n > 0 {
			i += n
			continue
		}
		c := s[i]
		if c >= 0x20 && c != '"' && c != '\\' && c < utf8.RuneSelf && c != 0x7f {
			i++
			continue
		}
		if c >= utf8.RuneSelf {
			r, n := utf8.DecodeRune(s[i:])
			if r != utf8.RuneError || n > 1 {
				i += n
				continue
			}
		}
		dst = append(dst, s[start:i]...)
		switch c {
		case '"', '\\':
			dst = append(dst, '\\', c)
		case '\n':
			dst = append(dst, '\\', 'n')
		case '\r':
			dst = append(dst, '\\', 'r')
		case '\t':
			dst = append(dst, '\\', 't')
		default:
			if c >= utf8.RuneSelf {
				dst = append(dst, `\ufffd`...)
			} else {
				dst = append(dst, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
			}
		}
		i++
		start = i
	}
	dst = append(dst, s[start:]...)
	return append(dst, '"')
}
