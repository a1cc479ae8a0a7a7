package json

import (
	"bytes"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
)

// escaped has what stands for itself or a control character behind a backslash
// (RFC 8259, section 7).
var escaped = [256]byte{'"': '"', '\\': '\\', '/': '/', 'b': '\b', 'f': '\f', 'n': '\n', 'r': '\r', 't': '\t'}

// appendUnescaped appends what is between a string's quotes without its escapes. What
// is no escape stays as it is; half of a pair of surrogates becomes U+FFFD.
func appendUnescaped(dst, b []byte) []byte {
	for {
		i := bytes.IndexByte(b, '\\')
		if i < 0 || i+1 == len(b) {
			return append(dst, b...)
		}
		dst = append(dst, b[:i]...)
		c := b[i+1]
		if r, n := escapedRune(b[i:]); n > 0 {
			dst = utf8.AppendRune(dst, r)
			b = b[i+n:]
			continue
		}
		if escaped[c] != 0 {
			dst = append(dst, escaped[c])
		} else {
			dst = append(dst, '\\', c)
		}
		b = b[i+2:]
	}
}

// escapedRune returns the character that b begins with as the escape of a code unit
// or of two, and how long that is, 0 if b does not begin so.
func escapedRune(b []byte) (r rune, n int) {
	r, ok := codeUnit(b)
	if !ok {
		return 0, 0
	}
	if !utf16.IsSurrogate(r) {
		return r, 6
	}
	if low, ok := codeUnit(b[6:]); ok {
		if pair := utf16.DecodeRune(r, low); pair != utf8.RuneError {
			return pair, 12
		}
	}
	return utf8.RuneError, 6
}

// codeUnit returns the code unit that b begins with: a backslash, u and four digits.
func codeUnit(b []byte) (r rune, ok bool) {
	if len(b) < 6 || b[0] != '\\' || b[1] != 'u' {
		return 0, false
	}
	n, err := strconv.ParseUint(string(b[2:6]), 16, 16)
	return rune(n), err == nil
}

// unquoted returns what is between a string's quotes without its escapes.
func unquoted(b []byte) []byte {
	if bytes.IndexByte(b, '\\') < 0 {
		return b
	}
	return appendUnescaped(nil, b)
}
