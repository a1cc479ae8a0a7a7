package httpsemantics

import (
	"bytes"

	"unixcap/decoders"
)

const (
	// MaxTarget bounds what is kept of a request target. Most servers refuse
	// lines beyond 8 KiB.
	MaxTarget = 8 << 10

	// maxValue bounds what is kept of a field's value.
	maxValue = 256
)

// Keep returns as much of a field's value as is kept, in dst's memory.
func Keep(dst, value []byte) []byte { return append(dst[:0], value[:min(len(value), maxValue)]...) }

// KeepAuthority is Keep for an authority, without the user information that must not
// be in it: RFC 9113, 8.3.1 and RFC 9110, 4.2.4.
func KeepAuthority(dst, value []byte) []byte {
	dst = dst[:0]
	if i := bytes.LastIndexByte(value, '@'); i > 0 {
		dst, value = append(dst, decoders.Secret...), value[i:]
	}
	return append(dst, value[:min(len(value), maxValue)]...)
}

// Trim returns b without spaces and tabs around it.
func Trim(b []byte) []byte {
	for len(b) > 0 && (b[0] == ' ' || b[0] == '\t') {
		b = b[1:]
	}
	for n := len(b); n > 0 && (b[n-1] == ' ' || b[n-1] == '\t'); n-- {
		b = b[:n-1]
	}
	return b
}

// schemes are the authentication schemes of the registry that RFC 9110, 16.4.1
// sets up, and usual others.
var schemes = func() (list [][]byte) {
	for _, s := range []string{"basic", "bearer", "digest", "negotiate", "ntlm", "hoba", "mutual", "oauth", "scram-sha-1",
		"scram-sha-256", "vapid", "dpop", "gnap", "privatetoken", "concealed", "token", "apikey", "aws4-hmac-sha256"} {
		list = append(list, []byte(s))
	}
	return list
}()

var otherScheme = []byte("other")

// SchemeOf returns the scheme of credentials, "other" if it is none of schemes:
// then even the first word may be secret.
func SchemeOf(value []byte) []byte {
	first, _, _ := bytes.Cut(value, []byte{' '})
	for _, s := range schemes {
		if decoders.EqualFold(first, string(s)) {
			return s
		}
	}
	return otherScheme
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

// Method returns the operation's name of a method that is known.
func Method(b []byte) (op string, known bool) {
	if string(b) == "GET" {
		return "get", true
	}
	op, known = methods[string(b)]
	return op, known
}

// MaxMethod is longer than any method in use (BASELINE-CONTROL has 16).
const MaxMethod = 24

// IsMethod says whether b is a token such as methods are. Those of all
// registered methods are upper case, and so is what programs make up.
func IsMethod(b []byte) bool {
	for _, c := range b {
		if (c < 'A' || c > 'Z') && c != '-' && c != '_' && (c < '0' || c > '9') {
			return false
		}
	}
	return len(b) > 0 && b[0] >= 'A'
}

// maxMethods bounds the methods that are remembered.
const maxMethods = 64

// OwnMethods remembers the names of methods that programs made up, so that they
// cost nothing again.
type OwnMethods map[string]string

// Name returns the operation's name of a method.
func (m *OwnMethods) Name(b []byte) string {
	if s, ok := (*m)[string(b)]; ok {
		return s
	}
	if *m == nil || len(*m) >= maxMethods {
		*m = make(OwnMethods)
	}
	s := string(bytes.ToLower(b))
	(*m)[string(b)] = s
	return s
}
