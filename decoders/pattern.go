package decoders

const (
	// minHex is the length from which hexadecimal digits are an id, minToken
	// that from which letters and digits mixed are one.
	minHex   = 8
	minToken = 16
)

// AppendPattern appends a name, as a key or a segment of a path, with "?" for
// what tells it from others of its kind: numbers, UUIDs, hexadecimal digits and
// base64 of random bytes.
func AppendPattern(dst, s []byte) []byte {
	if isToken(s) {
		return append(dst, '?')
	}
	for len(s) > 0 {
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
		if Unhex(c) < 0 {
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
