package http

import (
	"bytes"

	"unixcap/decoders/httpsemantics"
)

// A requestLine is "method SP request-target SP HTTP-version": RFC 9112, 3.
type requestLine struct {
	method, target []byte
	minor          byte // of the version, which is 1.minor
	two            bool // the preface of HTTP/2: RFC 9113, 3.4
}

// parse reads a line. HTTP/0.9 has none. Of a line that was cut, there is no
// version.
func (r *requestLine) parse(line []byte, cut bool) bool {
	i := bytes.IndexByte(line, ' ')
	if i < 1 || i > httpsemantics.MaxMethod || !httpsemantics.IsMethod(line[:i]) {
		return false
	}
	r.method = line[:i]
	rest := line[i+1:]
	if cut {
		r.target, _, _ = bytes.Cut(rest, []byte{' '})
		r.minor = 1
		return len(r.target) > 0
	}
	j := len(rest) - len(" HTTP/1.1")
	if j < 1 {
		return false
	}
	r.target = rest[:j]
	version := rest[j:]
	r.two = string(line) == "PRI * HTTP/2.0"
	if r.two {
		return true
	}
	if string(version[:8]) != " HTTP/1." || version[8] != '0' && version[8] != '1' {
		return false
	}
	r.minor = version[8] - '0'
	for _, c := range r.target {
		if c <= ' ' || c == 0x7f {
			return false
		}
	}
	return true
}

// parseStatus reads "HTTP-version SP status-code SP [ reason-phrase ]": RFC
// 9112, 4. Some servers leave out the second space.
func parseStatus(line []byte) (code int, reason []byte, ok bool) {
	if !startsStatus(line) || len(line) < len("HTTP/1.1 200") {
		return 0, nil, false
	}
	for _, c := range line[9:12] {
		if c < '0' || c > '9' {
			return 0, nil, false
		}
		code = code*10 + int(c-'0')
	}
	rest := line[12:]
	if len(rest) > 0 && rest[0] != ' ' || code < 100 {
		return 0, nil, false
	}
	return code, bytes.TrimLeft(rest, " "), true
}

// startsStatus says whether b can be the beginning of a status line.
func startsStatus(b []byte) bool {
	const head = "HTTP/1."
	n := min(len(b), len(head))
	switch {
	case string(b[:n]) != head[:n]:
		return false
	case len(b) > 7 && b[7] != '0' && b[7] != '1', len(b) > 8 && b[8] != ' ':
		return false
	}
	return true
}

// startsRequest says whether b, which has no line end, can be the beginning of
// a request line.
func startsRequest(b []byte) bool {
	i := bytes.IndexByte(b, ' ')
	if i < 0 {
		return len(b) <= httpsemantics.MaxMethod && httpsemantics.IsMethod(b)
	}
	if i > httpsemantics.MaxMethod || !httpsemantics.IsMethod(b[:i]) {
		return false
	}
	for _, c := range b[i+1:] {
		if c < ' ' && c != '\r' || c == 0x7f {
			return false
		}
	}
	return true
}
