package capture

import (
	"strconv"
	"unicode"
	"unicode/utf8"
)

// Packet comments are logfmt (https://brandur.org/logfmt): key=value pairs
// between single spaces, a key alone being a flag. A value with anything but printable
// characters, or with a space, a quote, a backslash or an equals sign, stands
// in double quotes, and in them \" \\ \n \r \t and \xHH stand for bytes.
// Names on UNIX sockets are bytes, not text: every byte that is not part of
// a printable UTF-8 character is written \xHH, so that a comment is always one line
// of valid UTF-8 and the name comes back exactly.

const hexDigits = "0123456789abcdef"

func appendKey(b []byte, key string) []byte {
	if len(b) > 0 {
		b = append(b, ' ')
	}
	return append(b, key...)
}

func appendUint(b []byte, key string, v uint64) []byte {
	b = append(appendKey(b, key), '=')
	return strconv.AppendUint(b, v, 10)
}

func appendHex(b []byte, key string, v uint64) []byte {
	b = append(appendKey(b, key), '=', '0', 'x')
	return strconv.AppendUint(b, v, 16)
}

// appendName appends a name, at most limit bytes of it.
func appendName(b []byte, key, name string, limit int) []byte {
	if len(name) > limit {
		name = name[:limit]
	}
	b = append(appendKey(b, key), '=')
	if isPlain(name) {
		return append(b, name...)
	}
	b = append(b, '"')
	for i := 0; i < len(name); {
		r, n := utf8.DecodeRuneInString(name[i:])
		switch {
		case r == '"' || r == '\\':
			b = append(b, '\\', byte(r))
		case r == '\n':
			b = append(b, '\\', 'n')
		case r == '\r':
			b = append(b, '\\', 'r')
		case r == '\t':
			b = append(b, '\\', 't')
		case r == utf8.RuneError && n == 1 || !unicode.IsPrint(r):
			for _, c := range []byte(name[i : i+n]) {
				b = append(b, '\\', 'x', hexDigits[c>>4], hexDigits[c&15])
			}
		default:
			b = append(b, name[i:i+n]...)
		}
		i += n
	}
	return append(b, '"')
}

// isPlain reports whether a value needs no quotes.
func isPlain(s string) bool {
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c <= ' ' || c >= 0x7f || c == '"' || c == '\\' || c == '=' {
			return false
		}
	}
	return s != ""
}

// A field is one pair of a comment.
type field struct {
	key, value []byte
	quoted     bool // value still has its escapes
}

// nextField cuts the first field off a comment. It takes what other hands may
// have made of one: any white space between the pairs, a quote left open.
func nextField(b []byte) (f field, rest []byte, ok bool) {
	for len(b) > 0 && b[0] <= ' ' {
		b = b[1:]
	}
	if len(b) == 0 {
		return f, nil, false
	}
	i := 0
	for i < len(b) && b[i] > ' ' && b[i] != '=' {
		i++
	}
	f.key, b = b[:i], b[i:]
	if len(b) == 0 || b[0] != '=' {
		return f, b, true
	}
	b = b[1:]
	if len(b) == 0 || b[0] != '"' {
		i = 0
		for i < len(b) && b[i] > ' ' {
			i++
		}
		f.value = b[:i]
		return f, b[i:], true
	}
	b, f.quoted = b[1:], true
	for i = 0; i < len(b) && b[i] != '"'; i++ {
		if b[i] == '\\' {
			i++
		}
	}
	if i >= len(b) {
		f.value = b
		return f, nil, true
	}
	f.value = b[:i]
	return f, b[i+1:], true
}

// text returns the field's value without its escapes, using buf for room.
func (f *field) text(buf []byte) []byte {
	if !f.quoted {
		return f.value
	}
	buf = buf[:0]
	for v := f.value; len(v) > 0; {
		if v[0] != '\\' || len(v) == 1 {
			buf, v = append(buf, v[0]), v[1:]
			continue
		}
		c := v[1]
		switch c {
		case 'n':
			c = '\n'
		case 'r':
			c = '\r'
		case 't':
			c = '\t'
		case 'x':
			if len(v) < 4 || unhex(v[2]) > 15 || unhex(v[3]) > 15 {
				break
			}
			buf, v = append(buf, unhex(v[2])<<4|unhex(v[3])), v[4:]
			continue
		}
		buf, v = append(buf, c), v[2:]
	}
	return buf
}

func unhex(c byte) byte {
	switch {
	case c >= '0' && c <= '9':
		return c - '0'
	case c >= 'a' && c <= 'f':
		return c - 'a' + 10
	case c >= 'A' && c <= 'F':
		return c - 'A' + 10
	}
	return 0xff
}

// uint returns the field's value as a number, decimal or 0x hexadecimal, and
// 0 for what is none: a comment may have been edited. A unit after the digits
// is left out of account.
func (f *field) uint() uint64 {
	v := f.value
	var n uint64
	if len(v) > 2 && v[0] == '0' && v[1] == 'x' {
		for _, c := range v[2:] {
			d := unhex(c)
			if d > 15 || n>>60 != 0 {
				return 0
			}
			n = n<<4 | uint64(d)
		}
		return n
	}
	for i, c := range v {
		if c < '0' || c > '9' {
			if i == 0 {
				return 0
			}
			break
		}
		d := uint64(c - '0')
		if n > (1<<64-1-d)/10 {
			return 0
		}
		n = n*10 + d
	}
	return n
}

func (f *field) uint32() uint32 {
	n := f.uint()
	if n > 1<<32-1 {
		return 0
	}
	return uint32(n)
}
