// Package sql reads SQL statements as far as decoders of several protocols need
// it: what class a statement is of, and which passwords it holds.
//
// MySQL's dialect is that of the chapter "Language Structure" of the MySQL
// Reference Manual, PostgreSQL's that of "Lexical Structure" in the PostgreSQL
// documentation. Any bytes can be read, also a statement with mistakes in it or
// one that was cut; the time is linear.
package sql

import "iter"

// A Dialect says how a statement is cut into tokens, and where in it passwords
// stand.
type Dialect uint8

const (
	MySQL Dialect = iota
	PostgreSQL
)

// Tokens goes through a statement's tokens: where each stands, and its text.
func (d Dialect) Tokens(text []byte) iter.Seq2[int, []byte] {
	return func(yield func(int, []byte) bool) {
		l := lexer{src: text, dialect: d}
		for t := l.next(); t.kind != tokenEnd; t = l.next() {
			if !yield(t.pos, text[t.pos:l.pos]) {
				return
			}
		}
	}
}

// FirstWord returns a statement's first word as it stands there, without the
// parentheses before it; nil if it begins with something else.
func (d Dialect) FirstWord(text []byte) []byte {
	l := lexer{src: text, dialect: d}
	t := l.next()
	for t.is("(") {
		t = l.next()
	}
	if t.kind != tokenWord {
		return nil
	}
	return t.text
}

// Fingerprint returns the class of a statement: the statement in one form of
// case, space and quoting, without comments and with ? for each value. Lists
// of values become (?+), rows of VALUES that are alike one row, LIMIT with
// and without an offset the same, repeated parts of a UNION one part.
func (d Dialect) Fingerprint(statement []byte) string {
	return string(d.AppendFingerprint(nil, statement))
}

// AppendFingerprint appends a statement's class to dst.
func (d Dialect) AppendFingerprint(dst, statement []byte) []byte {
	c := classCaches[d].Get().(*classCache)
	dst = c.append(dst, d, statement)
	classCaches[d].Put(c)
	return dst
}
