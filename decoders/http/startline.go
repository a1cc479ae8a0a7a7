package http

import "bytes"

// maxMethod is longer than any method in use (BASELINE-CONTROL has 16).
const maxMethod = 24

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
	if i < 1 || i > maxMethod || !isMethod(line[:i]) {
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

// isMethod says whether b is a token such as methods are. Those of all
// registered methods are upper case, and so is what programs make up.
func isMethod(b []byte) bool {
	for _, c := range b {
		if (c < 'A' || c > 'Z') && c != '-' && c != '_' && (c < '0' || c > '9') {
			return false
		}
	}
	return len(b) > 0 && b[0] >= 'A'
}

// methods are those of the registry that RFC 9110, 16.1 sets up, and NOTIFY,
// SUBSCRIBE and others of UPnP, with their operations' names.
var methods = func() map[string]string {
	m := make(map[string]string)
	for _, name := range []string{"GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH",
		"ACL", "BASELINE-CONTROL", "BIND", "CHECKIN", "CHECKOUT", "COPY", "LABEL", "LINK", "LOCK", "MERGE",
		"MKACTIVITY", "MKCALENDAR", "MKCOL", "MKREDIRECTREF", "MKWORKSPACE", "MOVE", "ORDERPATCH", "PROPFIND",
		"PROPPATCH", "QUERY", "REBIND", "REPORT", "SEARCH", "UNBIND", "UNCHECKOUT", "UNLINK", "UNLOCK", "UPDATE",
		"UPDATEREDIRECTREF", "VERSION-CONTROL", "PURGE", "NOTIFY", "SUBSCRIBE", "UNSUBSCRIBE", "M-SEARCH"} {
		m[name] = string(bytes.ToLower([]byte(name)))
	}
	return m
}()

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
		return len(b) <= maxMethod && isMethod(b)
	}
	if i > maxMethod || !isMethod(b[:i]) {
		return false
	}
	for _, c := range b[i+1:] {
		if c < ' ' && c != '\r' || c == 0x7f {
			return false
		}
	}
	return true
}
