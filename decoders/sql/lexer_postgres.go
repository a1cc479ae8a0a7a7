package sql

import "bytes"

// nameQuote is what stands around names.
func (d Dialect) nameQuote() string {
	if d == PostgreSQL {
		return `"`
	}
	return "`"
}

// skipPostgres passes over a comment if there is one here.
func (l *lexer) skipPostgres() bool {
	switch {
	case l.at(0) == '-' && l.at(1) == '-':
		l.until("\n")
	case l.at(0) == '/' && l.at(1) == '*':
		l.block()
	default:
		return false
	}
	return true
}

// block moves behind a comment that begins here. PostgreSQL's may hold others.
func (l *lexer) block() {
	l.pos += len("/*")
	if l.dialect != PostgreSQL {
		l.until("*/")
		return
	}
	for depth := 1; depth > 0; {
		i := bytes.IndexAny(l.src[l.pos:], "*/")
		if i < 0 {
			l.pos = len(l.src)
			return
		}
		l.pos += i
		switch {
		case l.at(0) == '*' && l.at(1) == '/':
			depth--
			l.pos += 2
		case l.at(0) == '/' && l.at(1) == '*':
			depth++
			l.pos += 2
		default:
			l.pos++
		}
	}
}

// scanPostgres moves behind the token that begins here.
func (l *lexer) scanPostgres() tokenKind {
	c := l.src[l.pos]
	switch {
	case c == '\'':
		l.quoted(c, false)
		return tokenString
	case c == '"':
		l.quoted(c, false)
		return tokenQuotedName
	case c == '$' && isDigit(l.at(1)):
		l.pos++
		l.digits()
		return tokenPlaceholder
	case c == '$' && l.dollarQuoted():
		return tokenString
	case isDigit(c) && !l.dot, c == '.' && isDigit(l.at(1)) && !l.afterName():
		return l.number()
	case nameByte[c] && c != '$':
		return l.wordPostgres()
	case c == ':' && l.at(1) == ':':
		l.pos += 2
		return tokenSymbol
	}
	l.symbol()
	return tokenSymbol
}

// wordPostgres moves behind a name, or behind a string or quoted name that a
// letter introduces: E'\n', B'01', X'0a', N'a', U&'\0061', U&"\0061".
func (l *lexer) wordPostgres() tokenKind {
	start := l.pos
	for l.pos < len(l.src) && nameByte[l.at(0)] {
		l.pos++
	}
	if l.pos != start+1 {
		return tokenWord
	}
	first := lower[l.src[start]]
	switch c := l.at(0); {
	case c == '\'' && (first == 'e' || first == 'b' || first == 'x' || first == 'n'):
		l.quoted(c, first == 'e')
		return tokenString
	case first == 'u' && c == '&' && l.at(1) == '\'':
		l.pos++
		l.quoted('\'', false)
		return tokenString
	case first == 'u' && c == '&' && l.at(1) == '"':
		l.pos++
		l.quoted('"', false)
		return tokenQuotedName
	}
	return tokenWord
}

// maxDollarTag bounds the name between the dollars before a string, which is an
// identifier of at most NAMEDATALEN - 1 bytes.
const maxDollarTag = 63

// dollarTag returns what stands before a $tag$string$tag$ at the beginning of
// b, nil if there is none.
func dollarTag(b []byte) []byte {
	for i := 1; i < len(b) && i <= maxDollarTag+1; i++ {
		switch c := b[i]; {
		case c == '$':
			return b[:i+1]
		case !nameByte[c]:
			return nil
		}
	}
	return nil
}

// dollarQuoted moves behind a $tag$string$tag$ if there is one here.
func (l *lexer) dollarQuoted() bool {
	tag := dollarTag(l.src[l.pos:])
	if tag == nil {
		return false
	}
	l.pos += len(tag)
	l.until(string(tag))
	return true
}
