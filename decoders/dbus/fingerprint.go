package dbus

import (
	"bytes"
	"encoding/hex"
)

// maxFingerprint is how much of a class is kept: interface and member have 255
// bytes at most each.
const maxFingerprint = 1024

// appendFingerprint appends the class of a call or signal: interface and member,
// and the path with what numbers one of many objects as "?". For a mechanism of
// the handshake it is its name.
func appendFingerprint(dst, request []byte) []byte {
	request = request[:min(len(request), maxFingerprint)]
	name, path, ok := bytes.Cut(request, []byte{' '})
	dst = append(dst, name...)
	if !ok {
		return dst
	}
	dst = append(dst, ' ')
	for element := range bytes.SplitSeq(path, []byte{'/'}) {
		if len(element) > 0 {
			dst = append(dst, '/')
			dst = appendElement(dst, element)
		}
	}
	if len(path) == 1 {
		dst = append(dst, '/')
	}
	return dst
}

// appendElement appends an element of a path. One that is a number, or has
// escaped bytes (sd_bus_path_encode: ssh_2eservice, _31), or is long and has
// digits, names one object of many; of others a number at the end is left out
// (job_17, hci0), but for the one digit that is the version of an API (systemd1).
func appendElement(dst, b []byte) []byte {
	digits, end := 0, len(b)
	for i, c := range b {
		if c >= '0' && c <= '9' {
			digits++
		}
		if c == '_' && isEscape(b, i) {
			return append(dst, '?')
		}
	}
	for end > 0 && b[end-1] >= '0' && b[end-1] <= '9' {
		end--
	}
	switch {
	case digits == 0:
		return append(dst, b...)
	case end == 0, digits >= 4 && len(b) >= 16:
		return append(dst, '?')
	case end == len(b), end == len(b)-1 && b[end-1] != '_' && end > 3:
		return append(dst, b...)
	}
	return append(append(dst, b[:end]...), '?')
}

// isEscape says whether at i, where an underscore is, a byte is escaped: one that
// is no letter and no digit, a digit at the beginning, or one of several that
// are a character beyond ASCII.
func isEscape(b []byte, i int) bool {
	v, ok := escaped(b, i)
	switch {
	case !ok:
		return false
	case v >= 0x80:
		_, more := escaped(b, i+3)
		_, less := escaped(b, i-3)
		return more || less
	}
	letter := v|0x20 >= 'a' && v|0x20 <= 'z'
	digit := v >= '0' && v <= '9'
	return !letter && (!digit || i == 0)
}

// escaped reads an underscore and two hexadecimal digits.
func escaped(b []byte, i int) (byte, bool) {
	if i < 0 || i+2 >= len(b) || b[i] != '_' {
		return 0, false
	}
	var v [1]byte
	_, err := hex.Decode(v[:], b[i+1:i+3])
	return v[0], err == nil
}
