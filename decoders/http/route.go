package http

import "bytes"

const (
	// maxRoute bounds a class. Behind it comes "...".
	maxRoute = 240

	// maxParameters bounds the parameters' names in a class.
	maxParameters = 12

	// minHex is the length from which hexadecimal digits are an id, minToken
	// that from which letters and digits mixed are one.
	minHex   = 8
	minToken = 16
)

// appendRoute appends the class of a request target: the path, in which
// numbers and ids are "?", and the names of the parameters in their order.
// Versions, as in /v1.43, stay.
func appendRoute(dst, target []byte) []byte {
	start := len(dst)
	if i := bytes.Index(target, []byte("://")); i > 0 && target[0] != '/' {
		n := bytes.IndexByte(target[i+3:], '/')
		if n < 0 {
			n = len(target) - i - 3
		}
		dst = append(dst, target[:i+3+n]...)
		target = target[i+3+n:]
	}
	path, query := target, []byte(nil)
	if i := bytes.IndexAny(target, "?#"); i >= 0 {
		path, query = target[:i], target[i+1:]
	}
	for len(path) > 0 && len(dst)-start <= maxRoute {
		if path[0] == '/' {
			dst = append(dst, '/')
			path = path[1:]
			continue
		}
		n := bytes.IndexByte(path, '/')
		if n < 0 {
			n = len(path)
		}
		dst = appendSegment(dst, path[:n])
		path = path[n:]
	}
	if len(query) > 0 {
		dst = appendNames(dst, query)
	}
	if len(dst)-start > maxRoute {
		dst = append(dst[:start+maxRoute], "..."...)
	}
	return dst
}

// appendNames appends the names of parameters, each once.
func appendNames(dst, query []byte) []byte {
	begin := len(dst)
	for n := 0; len(query) > 0; n++ {
		one := query
		if i := bytes.IndexAny(query, "&;"); i >= 0 {
			one, query = query[:i], query[i+1:]
		} else {
			query = nil
		}
		name, _, _ := bytes.Cut(one, []byte{'='})
		if n == maxParameters {
			return append(dst, "&..."...)
		}
		at := len(dst)
		dst = append(dst, '&')
		dst = appendSegment(dst, name[:min(len(name), maxName)])
		if isRepeated(dst[begin:at], dst[at+1:]) {
			dst = dst[:at]
		}
	}
	if len(dst) > begin {
		dst[begin] = '?'
	}
	return dst
}

// isRepeated says whether a list, in which each name has a character before it,
// has a name.
func isRepeated(list, name []byte) bool {
	for len(list) > 0 {
		one, _, _ := bytes.Cut(list[1:], []byte{'&'})
		if bytes.Equal(one, name) {
			return true
		}
		list = list[1+len(one):]
	}
	return false
}

// appendSegment appends a segment of a path with what is an id in it as "?".
func appendSegment(dst, s []byte) []byte {
	switch {
	case isVersion(s):
		return append(dst, s...)
	case isToken(s):
		return append(dst, '?')
	}
	for len(s) > 0 {
		if s[0] == '=' { // a matrix parameter, whose value goes
			dst = append(dst, '=', '?')
			n := bytes.IndexAny(s, ";,")
			if n < 0 {
				return dst
			}
			s = s[n:]
			continue
		}
		if !isAlnum(s[0]) {
			dst = append(dst, s[0])
			s = s[1:]
			continue
		}
		n := 1
		for n < len(s) && isAlnum(s[n]) {
			n++
		}
		if isID(s[:n]) {
			dst = append(dst, '?')
			s = skipIDs(s[n:])
			continue
		}
		dst = append(dst, s[:n]...)
		s = s[n:]
	}
	return dst
}

// skipIDs passes over what belongs to an id: the other groups of a UUID, or of
// a date.
func skipIDs(s []byte) []byte {
	for len(s) > 1 && (s[0] == '-' || s[0] == ':') && isAlnum(s[1]) {
		n := 1
		for n < len(s) && isAlnum(s[n]) {
			n++
		}
		if !isID(s[1:n]) && !isHex(s[1:n], 4) {
			break
		}
		s = s[n:]
	}
	return s
}

func isAlnum(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}

// isVersion says whether s is one of an interface: v1, v1.43, v1beta2.
func isVersion(s []byte) bool {
	if len(s) < 2 || len(s) > 12 || s[0] != 'v' || s[1] < '0' || s[1] > '9' {
		return false
	}
	for _, c := range s[1:] {
		if c != '.' && !isAlnum(c) {
			return false
		}
	}
	return true
}

// isID says whether a word is a number or hexadecimal digits.
func isID(s []byte) bool {
	digits := 0
	for _, c := range s {
		if c >= '0' && c <= '9' {
			digits++
		}
	}
	return digits == len(s) || digits > 0 && isHex(s, minHex) || isToken(s)
}

func isHex(s []byte, atLeast int) bool {
	for _, c := range s {
		if unhex(c) < 0 {
			return false
		}
	}
	return len(s) >= atLeast
}

// isToken says whether s looks like base64 of random bytes: letters of both
// cases and digits that change places often.
func isToken(s []byte) bool {
	if len(s) < minToken {
		return false
	}
	const lower, upper, digit = 1, 2, 4
	seen, changes, before := 0, 0, 0
	for _, c := range s {
		kind := 0
		switch {
		case c >= 'a' && c <= 'z':
			kind = lower
		case c >= 'A' && c <= 'Z':
			kind = upper
		case c >= '0' && c <= '9':
			kind = digit
		case c != '-' && c != '_' && c != '=' && c != '+' && c != '~':
			return false
		}
		if kind != before && kind != 0 && before != 0 {
			changes++
		}
		seen |= kind
		before = kind
	}
	return seen&digit != 0 && seen != digit && changes >= len(s)/4
}
