package sql

import (
	"bytes"

	"unixcap/decoders"
)

// The servers' messages repeat parts of statements: a syntax error's those
// from the mistake on, others values.

const (
	// maxSecretError bounds the messages in which secrets are looked for; the
	// servers' have at most MYSQL_ERRMSG_SIZE bytes, 512.
	maxSecretError = 1024

	// minSecretRun is how many bytes of a secret are one without quotes around
	// them; messages cut long values.
	minSecretRun = 4
)

// AppendError appends a server's message m about request, from which h was left
// out. syntax says that it is MySQL's that repeats the statement from a mistake
// on.
func AppendError(dst, m, request []byte, syntax bool, h *Hidden) []byte {
	if h.over || h.any && len(m) > maxSecretError {
		return append(dst, decoders.Secret...)
	}
	first, last := bytes.IndexByte(m, '\''), bytes.LastIndexByte(m, '\'')
	if syntax && first < last {
		dst = appendWithoutRuns(dst, m[:first+1], request, h.values)
		dst = appendNear(dst, m[first+1:last], request, h)
		return appendWithoutRuns(dst, m[last:], request, h.values)
	}
	return appendWithoutRuns(dst, m, request, h.values)
}

// appendNear appends the part of a statement that a syntax error repeats. What
// request shows need not be hidden; the rest is the secret, or of a statement
// that request runs from elsewhere.
func appendNear(dst, part, request []byte, h *Hidden) []byte {
	if bytes.Contains(request, bytes.TrimSuffix(part, []byte("..."))) {
		return append(dst, part...)
	}
	if !h.any {
		if runsOther(request) {
			return append(dst, decoders.Secret...)
		}
		return append(dst, part...)
	}
	l, done := lexer{src: part}, 0
	for t := l.next(); t.kind != tokenEnd; t = l.next() {
		if t.kind == tokenString && !bytes.Contains(request, t.text) {
			dst = appendWithoutRuns(dst, part[done:t.pos], request, h.values)
			dst = append(dst, '\'')
			dst = append(dst, decoders.Secret...)
			dst = append(dst, '\'')
			done = l.pos
		}
	}
	return appendWithoutRuns(dst, part[done:], request, h.values)
}

// runsOther says whether a request runs statements that are not in its text.
func runsOther(request []byte) bool {
	l := lexer{src: request}
	for t := l.next(); t.kind != tokenEnd; t = l.next() {
		if t.is("execute") || t.is("prepare") || t.is("call") {
			return true
		}
	}
	return false
}

// appendWithoutRuns appends text without the parts of it that are in values
// and not in request.
func appendWithoutRuns(dst, text, request, values []byte) []byte {
	if len(values) == 0 {
		return append(dst, text...)
	}
	for i := 0; i < len(text); {
		n := secretRun(text, i, values)
		if n > 0 && !bytes.Contains(request, text[i:i+n]) {
			dst = append(dst, decoders.Secret...)
			i += n
			continue
		}
		dst = append(dst, text[i])
		i++
	}
	return dst
}

// secretRun returns how many bytes of text from i on are in values: a whole
// short one in quotes, or part of a long one.
func secretRun(text []byte, i int, values []byte) int {
	rest := text[i:]
	if i > 0 && (text[i-1] == '\'' || text[i-1] == '"') {
		for n := 1; n < minSecretRun && n < len(rest) && rest[n-1] != 0; n++ {
			if rest[n] == text[i-1] && isWholeValue(values, rest[:n]) {
				return n
			}
		}
	}
	if len(rest) < minSecretRun {
		return 0
	}
	longest := 0
	for at := 0; ; at++ {
		k := bytes.Index(values[at:], rest[:max(minSecretRun, min(longest+1, len(rest)))])
		if k < 0 {
			return longest
		}
		at += k
		n := 0
		for n < len(rest) && at+n < len(values) && rest[n] == values[at+n] {
			n++
		}
		longest = max(longest, n)
		if longest == len(rest) {
			return longest
		}
	}
}

func isWholeValue(values, v []byte) bool {
	for at := 0; ; at++ {
		k := bytes.Index(values[at:], v)
		if k < 0 {
			return false
		}
		at += k
		if at > 0 && values[at-1] == 0 && at+len(v) < len(values) && values[at+len(v)] == 0 {
			return true
		}
	}
}
