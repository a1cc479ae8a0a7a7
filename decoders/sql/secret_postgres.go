package sql

import (
	"bytes"
	"slices"
)

// maxPlaceholders is how many parameters a statement of PostgreSQL's can have:
// their number is a 16-bit one in Bind.
const maxPlaceholders = 1<<16 - 1

// numbered notes a placeholder that says which parameter it stands for.
func (h *Hidden) numbered(t token, secret bool) {
	n := 0
	for _, c := range t.text[1:] {
		if n = n*10 + int(c-'0'); n > maxPlaceholders {
			return
		}
	}
	h.placeholders = max(h.placeholders, n)
	if !secret || n == 0 {
		return
	}
	h.any = true
	if i, found := slices.BinarySearch(h.params, n-1); !found {
		h.params = slices.Insert(h.params, i, n-1)
	}
}

// connects says whether a string of PostgreSQL's tells a client how to connect,
// and with which password: "host=h password=x", "postgresql://u:x@h/d", as
// dblink and subscriptions are given it.
func connects(text []byte) bool {
	_, _, content := cutQuotes(text)
	for rest := content; ; {
		i := bytes.IndexByte(rest, '=')
		if i < 0 {
			break
		}
		name := bytes.TrimRight(rest[:i], " \t\n\r")
		if hasSuffixFold(name, "password") || hasSuffixFold(name, "passwd") {
			return true
		}
		rest = rest[i+1:]
	}
	i := bytes.Index(content, []byte("://"))
	if i < 0 {
		return false
	}
	authority := content[i+len("://"):]
	if end := bytes.IndexAny(authority, "/?# "); end >= 0 {
		authority = authority[:end]
	}
	user, _, found := bytes.Cut(authority, []byte("@"))
	return found && bytes.IndexByte(user, ':') >= 0
}

// postgresSecret says whether a literal is a secret in PostgreSQL's ways of
// saying so.
func (s *secretScan) postgresSecret(t token) bool {
	if s.dialect != PostgreSQL || t.kind != tokenString && t.kind != tokenPlaceholder {
		return false
	}
	if t.kind == tokenString && connects(t.text) {
		return true
	}
	// set_config('app.password', 'x', false)
	return s.last.is(",") && s.prev.kind == tokenString && len(s.prev.text) <= maxSecretName &&
		kindOfName(bytes.Trim(s.prev.text, "'")) == nameSecret
}
