package redis

import (
	"encoding/binary"

	"unixcap/decoders"
)

// Requests are shown as redis-cli takes them: words with spaces between them,
// in quotes where they need it, with the escapes that MONITOR uses.

// plain has the bytes that a word without quotes consists of.
var plain = func() (t [256]bool) {
	for c := '!'; c <= '~'; c++ {
		t[c] = true
	}
	t['"'], t['\''], t['\\'] = false, false, false
	return t
}()

func isPlain(b []byte) bool {
	const (
		ones = 0x0101010101010101
		high = 0x80 * ones
	)
	rest := b
	for ; len(rest) >= 8; rest = rest[8:] { // eight at a time
		x := binary.LittleEndian.Uint64(rest)
		quote, single, slash, del := x^('"'*ones), x^('\''*ones), x^('\\'*ones), x^(0x7f*ones)
		// The high bit of a byte is set if it is not ASCII, not above a space, or
		// zero in one of the four.
		if (x|(x-'!'*ones)|(quote-ones)|(single-ones)|(slash-ones)|(del-ones))&high != 0 {
			return false
		}
	}
	for _, c := range rest {
		if !plain[c] {
			return false
		}
	}
	return len(b) > 0
}

// scan says of a text whether it is plain, and whether it may have secrets in it, which
// have one of the marks of decoders.MayHaveSecrets before them: = : - and ', which is not
// plain either. It is as fast as isPlain.
func scan(b []byte) (plain, marked bool) {
	const (
		ones = 0x0101010101010101
		high = 0x80 * ones
	)
	if len(b) < 8 {
		return isPlain(b), decoders.MayHaveSecrets(b)
	}
	for i := 0; i < len(b); i += 8 { // eight at a time
		i = min(i, len(b)-8)
		x := binary.LittleEndian.Uint64(b[i:])
		slash, del := x^('\\'*ones), x^(0x7f*ones)
		if x&(0xc0*ones) == 0x40*ones { // no more than letters
			if ((slash-ones)|(del-ones))&high != 0 {
				return false, decoders.MayHaveSecrets(b)
			}
			continue
		}
		equals, colon, dash := x^('='*ones), x^(':'*ones), x^('-'*ones)
		if ((equals-ones)&^equals|(colon-ones)&^colon|(dash-ones)&^dash)&high != 0 {
			return isPlain(b[i:]), decoders.MayHaveSecrets(b)
		}
		quote, single := x^('"'*ones), x^('\''*ones)
		if (x|(x-'!'*ones)|(quote-ones)|(single-ones)|(slash-ones)|(del-ones))&high != 0 {
			return false, decoders.MayHaveSecrets(b)
		}
	}
	return true, false
}

// appendWord appends b as a word.
func appendWord(dst, b []byte) []byte {
	if isPlain(b) {
		return append(dst, b...)
	}
	const hex = "0123456789abcdef"
	dst = append(dst, '"')
	for _, c := range b {
		switch {
		case c == '"' || c == '\\':
			dst = append(dst, '\\', c)
		case c >= ' ' && c <= '~':
			dst = append(dst, c)
		case c == '\n':
			dst = append(dst, '\\', 'n')
		case c == '\r':
			dst = append(dst, '\\', 'r')
		case c == '\t':
			dst = append(dst, '\\', 't')
		case c == '\a':
			dst = append(dst, '\\', 'a')
		case c == '\b':
			dst = append(dst, '\\', 'b')
		default:
			dst = append(dst, '\\', 'x', hex[c>>4], hex[c&15])
		}
	}
	return append(dst, '"')
}

// nextWord reads a word from b as Redis reads inline commands, appends it to
// dst and returns what is left. ok is false at the end, and where quotes are
// not closed, which bad says.
func nextWord(dst, b []byte) (word, rest []byte, ok, bad bool) {
	for len(b) > 0 && isSpace(b[0]) {
		b = b[1:]
	}
	if len(b) == 0 {
		return dst, nil, false, false
	}
	for len(b) > 0 && !isSpace(b[0]) {
		switch b[0] {
		case '"', '\'':
			if dst, b, ok = quoted(dst, b); !ok || len(b) > 0 && !isSpace(b[0]) {
				return dst, nil, false, true
			}
			return dst, b, true, false
		}
		dst = append(dst, b[0])
		b = b[1:]
	}
	return dst, b, true, false
}

func isSpace(c byte) bool { return c == ' ' || c >= '\t' && c <= '\r' || c == 0 }

// quoted reads a string in quotes, with which b begins.
func quoted(dst, b []byte) (word, rest []byte, ok bool) {
	quote := b[0]
	for b = b[1:]; len(b) > 0; b = b[1:] {
		switch c := b[0]; {
		case c == quote:
			return dst, b[1:], true
		case c != '\\' || len(b) < 2:
			dst = append(dst, c)
		case quote == '\'':
			if b[1] == '\'' {
				b = b[1:]
			}
			dst = append(dst, b[0])
		default:
			var n int
			dst, n = escape(dst, b)
			b = b[n-1:]
		}
	}
	return dst, nil, false
}

// escape reads the escape that b begins with, n bytes.
func escape(dst, b []byte) (out []byte, n int) {
	if len(b) >= 4 && b[1] == 'x' {
		hi, lo := decoders.Unhex(b[2]), decoders.Unhex(b[3])
		if hi >= 0 && lo >= 0 {
			return append(dst, byte(hi<<4|lo)), 4
		}
	}
	c := b[1]
	switch c {
	case 'n':
		c = '\n'
	case 'r':
		c = '\r'
	case 't':
		c = '\t'
	case 'a':
		c = '\a'
	case 'b':
		c = '\b'
	}
	return append(dst, c), 2
}
