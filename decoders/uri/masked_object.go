package uri

import (
	"bytes"

	"unixcap/decoders"
)

// named is where a quote, at at, ends a string. If that is a secret's name, and not a
// member's, it hides what the name is of, and returns true: the rest of a list, or
// all of an object or tag, {"name": "password", "value": "…"}.
func (m *masker) named() bool {
	if m.at+1 < len(m.src) && m.src[m.at+1] == ':' { // most names
		return false
	}
	name, start := m.before(m.at)
	if len(name) == 0 || start == 0 || m.src[start-1] != m.src[m.at] || !secretName(name) {
		return false
	}
	rest := bytes.TrimLeft(m.src[m.at+1:], "]\\ \t\r\n")
	if len(rest) == 0 || rest[0] == ':' || rest[0] == '=' {
		return false
	}
	before := bytes.TrimRight(m.src[:start-1], "\\ \t\r\n")
	if len(before) == 0 {
		return false
	}
	switch before[len(before)-1] {
	case '[', ',':
		return m.restOfList()
	case '=':
		m.object('>')
		return true
	case ':':
		if m.hasValue() {
			m.object('}')
			return true
		}
	}
	return false
}

// valueNames begin the names of members that have what another one names.
var valueNames = []string{"val", "data", "stringdata", "content", "text", "default", "plain", "secret"}

// maxObject is how far around a secret's name its value is looked for.
const maxObject = 4096

// hasValue says whether the object that a secret's name is a value in, at at, has a
// member that may be the secret.
func (m *masker) hasValue() bool {
	if m.at < m.valueless {
		return false
	}
	behind := m.src[m.at+1 : min(len(m.src), m.at+maxObject)]
	behind = behind[:closing(behind)]
	m.valueless = m.at + 1 + len(behind)
	copied := m.dst[max(m.open, len(m.dst)-maxObject):]
	before := m.src[max(m.done, m.opened, m.at-maxObject):m.at]
	return hasValueName(behind) || hasValueName(before) || m.opened < m.done && hasValueName(copied)
}

func hasValueName(b []byte) bool {
	for {
		i := bytes.IndexByte(b, '"')
		if i < 0 {
			return false
		}
		b = b[i+1:]
		for _, n := range valueNames {
			if len(b) <= len(n) || !decoders.EqualFold(b[:len(n)], n) {
				continue
			}
			end := len(n)
			for end < len(b) && nameEnds[b[end]] {
				end++
			}
			if end == len(b) || b[end] != '"' {
				continue
			}
			if rest := bytes.TrimLeft(b[end+1:], " \t\r\n"); len(rest) > 0 && rest[0] == ':' {
				return true
			}
		}
	}
}

// restOfList hides what a list has behind the string that ends at at. It returns false if
// that is nothing.
func (m *masker) restOfList() bool {
	rest := bytes.TrimLeft(m.src[m.at+1:], " \t\r\n")
	if len(rest) == 0 || rest[0] != ',' {
		return false
	}
	m.at = len(m.src) - len(rest) + 1
	m.hide(closing(m.src[m.at:]))
	return true
}

// nestedEnd returns where an object or array ends that b begins with.
func nestedEnd(b []byte) int { return min(closing(b[1:])+2, len(b)) }

// closing returns where in b, which is in an object or array, that is closed; where b ends
// if it is not.
func closing(b []byte) int {
	depth := 0
	for i := 0; i < len(b); i++ {
		switch b[i] {
		case '\\', '"':
			open := i
			for i < len(b) && b[i] == '\\' {
				i++
			}
			if i < len(b) && b[i] == '"' {
				i += stringEnd(b[open:], b[open:i+1])
			}
		case '{', '[':
			depth++
		case '}', ']':
			if depth--; depth < 0 {
				return i
			}
		}
	}
	return len(b)
}

// object hides all of the object, or of the tag, in which a secret's name is a value.
func (m *masker) object(shut byte) {
	m.copy()
	m.dst = m.dst[:m.open]
	rest := m.src[m.at+1:]
	n := closing(rest)
	if shut == '>' {
		if n = bytes.IndexByte(rest, '>'); n < 0 {
			n = len(rest)
		}
	}
	closed := n < len(rest)
	m.hide(min(1+n+1, len(m.src)-m.at))
	m.tag = 0
	if shut == '>' && closed && m.src[m.at-2] != '/' {
		m.element(false)
	}
}
