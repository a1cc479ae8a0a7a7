package sql

import "bytes"

// A tokenKind is what a token of SQL is.
type tokenKind uint8

const (
	tokenEnd         tokenKind = iota
	tokenWord                  // a keyword or a name
	tokenQuotedName            // `name`, or PostgreSQL's "name", without the quotes
	tokenVariable              // @name, @@name
	tokenString                // with its quotes and what stands before them, as in x'0a'
	tokenNumber                // hexadecimal and binary ones, too
	tokenPlaceholder           // ?, or PostgreSQL's $1
	tokenSymbol                // operators and punctuation
)

// A token is a piece of a statement; text points into it.
type token struct {
	kind tokenKind
	text []byte
	pos  int // where its first byte stands
}

// is says whether t is the symbol or the lower-case word s.
func (t token) is(s string) bool {
	if t.kind != tokenWord && t.kind != tokenSymbol || len(t.text) != len(s) {
		return false
	}
	for i := range len(s) {
		if lower[t.text[i]] != s[i] {
			return false
		}
	}
	return true
}

// A lexer cuts a statement into tokens. Spaces and comments are left out, but
// the inside of MySQL's /*! … */ counts, since the server runs it. It takes
// linear time and no memory, and has a token for any bytes.
type lexer struct {
	src     []byte
	dialect Dialect
	pos     int
	dot     bool // the last token was ".", after which a name stands
}

var lower, nameByte = func() (l [256]byte, n [256]bool) {
	for i := range l {
		c := byte(i)
		l[i] = c
		if 'A' <= c && c <= 'Z' {
			l[i] = c + 'a' - 'A'
		}
		n[i] = 'a' <= l[i] && l[i] <= 'z' || '0' <= c && c <= '9' || c == '_' || c == '$' || c >= 0x80
	}
	return
}()

func isSpace(c byte) bool { return c <= ' ' }

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

// at returns the byte n behind the current one, 0 if there is none.
func (l *lexer) at(n int) byte {
	if l.pos+n < len(l.src) {
		return l.src[l.pos+n]
	}
	return 0
}

// next returns the next token.
func (l *lexer) next() token {
	l.skip()
	t := token{kind: tokenEnd, pos: l.pos}
	if l.pos < len(l.src) {
		t.kind = l.scan()
		t.text = l.src[t.pos:l.pos]
		if t.kind == tokenQuotedName {
			t.text = bytes.Trim(t.text, l.dialect.nameQuote())
		}
	}
	l.dot = t.kind == tokenSymbol && t.text[0] == '.'
	return t
}

// skip passes over spaces and comments.
func (l *lexer) skip() {
	for l.pos < len(l.src) {
		switch c := l.src[l.pos]; {
		case isSpace(c):
			l.pos++
		case l.dialect == PostgreSQL:
			if !l.skipPostgres() {
				return
			}
		case c == '#', c == '-' && l.at(1) == '-' && isSpace(l.at(2)):
			l.until("\n")
		case c == '/' && l.at(1) == '*' && l.at(2) == '!':
			l.pos += 3
			l.digits()
		case c == '/' && l.at(1) == '*' && l.at(2) == 'M' && l.at(3) == '!':
			l.pos += 4
			l.digits()
		case c == '/' && l.at(1) == '*':
			l.pos += 2
			l.until("*/")
		case c == '*' && l.at(1) == '/': // the end of a /*! … */
			l.pos += 2
		default:
			return
		}
	}
}

// until moves behind the next end, or to the end of the statement.
func (l *lexer) until(end string) {
	i := bytes.Index(l.src[l.pos:], []byte(end))
	if i < 0 {
		l.pos = len(l.src)
		return
	}
	l.pos += i + len(end)
}

func (l *lexer) digits() {
	for isDigit(l.at(0)) {
		l.pos++
	}
}

// scan moves behind the token that begins here.
func (l *lexer) scan() tokenKind {
	if l.dialect == PostgreSQL {
		return l.scanPostgres()
	}
	c := l.src[l.pos]
	switch {
	case c == '\'' || c == '"':
		l.quoted(c, true)
		return tokenString
	case c == '`':
		l.quoted(c, false)
		return tokenQuotedName
	case isDigit(c) && !l.dot, c == '.' && isDigit(l.at(1)) && !l.afterName():
		return l.number()
	case nameByte[c]:
		return l.word()
	case c == '@' && (l.at(1) == '@' || nameByte[l.at(1)] || l.at(1) == '`'):
		return l.variable()
	case c == '?':
		l.pos++
		return tokenPlaceholder
	}
	l.symbol()
	return tokenSymbol
}

// afterName says whether the byte before this one belongs to a name, so that
// a dot here is no decimal point.
func (l *lexer) afterName() bool {
	return l.pos > 0 && (nameByte[l.src[l.pos-1]] || l.src[l.pos-1] == '`')
}

// quoted moves behind a string or quoted name. A doubled quote does not end
// it, nor does one behind a backslash if escapes is set.
func (l *lexer) quoted(quote byte, escapes bool) {
	l.pos++
	end := -1
	for l.pos < len(l.src) {
		if end < l.pos {
			i := bytes.IndexByte(l.src[l.pos:], quote)
			if i < 0 {
				break
			}
			end = l.pos + i
		}
		if escapes {
			if i := bytes.IndexByte(l.src[l.pos:end], '\\'); i >= 0 {
				l.pos += i + 2
				continue
			}
		}
		l.pos = end + 1
		if l.at(0) != quote || l.pos >= len(l.src) {
			return
		}
		l.pos++
	}
	l.pos = len(l.src)
}

// name moves behind the bytes of a name.
func (l *lexer) name() {
	for l.pos < len(l.src) && nameByte[l.src[l.pos]] {
		l.pos++
	}
}

// word moves behind a name, or behind a string that a word introduces:
// x'0a', b'01', n'a', _utf8mb4'a'.
func (l *lexer) word() tokenKind {
	start := l.pos
	l.name()
	if c := l.at(0); c == '\'' || c == '"' {
		switch first := lower[l.src[start]]; {
		case first == '_',
			l.pos == start+1 && (first == 'x' || first == 'b' || first == 'n'):
			l.quoted(c, true)
			return tokenString
		}
	}
	return tokenWord
}

// number moves behind a number, or behind a name that begins with digits.
func (l *lexer) number() tokenKind {
	start := l.pos
	if c := lower[l.at(1)]; l.src[start] == '0' && (c == 'x' || c == 'b') {
		l.name()
		return tokenNumber
	}
	l.digits()
	if l.at(0) == '.' {
		l.pos++
		l.digits()
	}
	if lower[l.at(0)] == 'e' {
		n := 1
		if c := l.at(1); c == '+' || c == '-' {
			n = 2
		}
		if isDigit(l.at(n)) {
			l.pos += n
			l.digits()
		}
	}
	if nameByte[l.at(0)] && bytes.IndexByte(l.src[start:l.pos], '.') < 0 && isDigit(l.src[start]) {
		l.name()
		return tokenWord
	}
	return tokenNumber
}

func (l *lexer) variable() tokenKind {
	for l.at(0) == '@' {
		l.pos++
	}
	if l.at(0) == '`' {
		l.quoted('`', false)
		return tokenVariable
	}
	for l.pos < len(l.src) && (nameByte[l.at(0)] || l.at(0) == '.') {
		l.pos++
	}
	return tokenVariable
}

// symbol moves behind an operator of up to three bytes.
func (l *lexer) symbol() {
	c, next := l.src[l.pos], l.at(1)
	n := 1
	switch c {
	case '<':
		if next == '=' && l.at(2) == '>' {
			n = 3
		} else if next == '=' || next == '>' || next == '<' {
			n = 2
		}
	case '>':
		if next == '=' || next == '>' {
			n = 2
		}
	case '-':
		if next == '>' && l.at(2) == '>' {
			n = 3
		} else if next == '>' {
			n = 2
		}
	case '!', ':':
		if next == '=' {
			n = 2
		}
	case '|', '&':
		if next == c {
			n = 2
		}
	}
	l.pos += n
}

// CountPlaceholders returns how many parameters a statement of MySQL's has.
func CountPlaceholders(text []byte) int {
	l, n := lexer{src: text}, 0
	for t := l.next(); t.kind != tokenEnd; t = l.next() {
		if t.kind == tokenPlaceholder {
			n++
		}
	}
	return n
}

// UsedDatabase returns the name in a USE statement of MySQL's.
func UsedDatabase(text []byte) (name []byte, ok bool) {
	if len(text) > 0 && lower[text[0]] >= 'a' && lower[text[0]] <= 'z' && lower[text[0]] != 'u' {
		return nil, false // most statements begin with another word
	}
	l := lexer{src: text}
	if !l.next().is("use") {
		return nil, false
	}
	t := l.next()
	if t.kind != tokenWord && t.kind != tokenQuotedName {
		return nil, false
	}
	if end := l.next(); end.kind != tokenEnd && !end.is(";") {
		return nil, false
	}
	return t.text, true
}
