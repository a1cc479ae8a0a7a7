package report

import (
	"unicode"
	"unicode/utf8"
)

const hexDigits = "0123456789abcdef"

// appendSafe appends s for a terminal. What is not printable, escape
// sequences and characters that turn the direction of writing included, is
// written as \n, \x1b or \u202e.
func appendSafe(dst, s []byte) []byte {
	for i := 0; i < len(s); {
		if c := s[i]; c < utf8.RuneSelf {
			dst = appendSafeByte(dst, c)
			i++
			continue
		}
		r, n := utf8.DecodeRune(s[i:])
		switch {
		case r == utf8.RuneError && n <= 1:
			dst = append(dst, '\\', 'x', hexDigits[s[i]>>4], hexDigits[s[i]&15])
		case unicode.IsPrint(r):
			dst = append(dst, s[i:i+n]...)
		case r <= 0xffff:
			dst = append(dst, '\\', 'u', hexDigits[r>>12], hexDigits[r>>8&15], hexDigits[r>>4&15], hexDigits[r&15])
		default:
			dst = append(dst, '\\', 'U', '0', '0', hexDigits[r>>20&15], hexDigits[r>>16&15],
				hexDigits[r>>12&15], hexDigits[r>>8&15], hexDigits[r>>4&15], hexDigits[r&15])
		}
		i += n
	}
	return dst
}

func appendSafeByte(dst []byte, c byte) []byte {
	switch {
	case c >= 0x20 && c < 0x7f:
		return append(dst, c)
	case c == '\n':
		return append(dst, '\\', 'n')
	case c == '\r':
		return append(dst, '\\', 'r')
	case c == '\t':
		return append(dst, '\\', 't')
	}
	return append(dst, '\\', 'x', hexDigits[c>>4], hexDigits[c&15])
}

// Safe returns s as it may be shown on a terminal.
func Safe(s string) string { return string(appendSafe(nil, []byte(s))) }

// columnsOf is how many columns of a terminal s takes, if every character
// takes one.
func columnsOf(s []byte) int { return utf8.RuneCount(s) }

// cutTo cuts the text that begins at from in dst to n columns, and marks it as
// cut. n of 0 or less cuts nothing.
func cutTo(dst []byte, from, n int) []byte {
	if n <= 0 || len(dst)-from <= n || columnsOf(dst[from:]) <= n {
		return dst
	}
	i := from
	for range n - 1 {
		_, size := utf8.DecodeRune(dst[i:])
		i += size
	}
	return append(dst[:i], "…"...)
}

// cutHead is cutTo for text whose end says more than its beginning, such as a
// path.
func cutHead(dst []byte, from, n int) []byte {
	length := columnsOf(dst[from:])
	if n <= 0 || length <= n {
		return dst
	}
	i := from
	for range length - n + 1 {
		_, size := utf8.DecodeRune(dst[i:])
		i += size
	}
	tail := append([]byte("…"), dst[i:]...)
	return append(dst[:from], tail...)
}
