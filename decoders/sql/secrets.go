package sql

import (
	"bytes"
	"encoding/hex"
	"slices"

	"unixcap/decoders"
)

// Hidden is what was left out of a statement.
type Hidden struct {
	any          bool
	placeholders int   // of the statement
	params       []int // those of them whose values are secrets

	// values are the secrets, each in the forms in which the server's messages
	// may repeat it, with a NUL before and behind.
	values []byte
	over   bool // there were too many to keep
}

const (
	// maxHiddenValue bounds what is kept of a secret. The servers' messages
	// repeat at most 200 characters.
	maxHiddenValue = 1024

	// maxHiddenValues bounds what is kept of all of them. Beyond it the
	// messages about the statement are left out.
	maxHiddenValues = 16 << 10

	// maxSecretNesting bounds how deep statements within literals within
	// statements are read; no program quotes quotes as often. What is deeper
	// is left out.
	maxSecretNesting = 4
)

// keepParams is the number of placeholders up to which memory is kept for the
// next statement.
const keepParams = 1024

// Size is how much memory h holds.
func (h *Hidden) Size() int { return len(h.values) + 8*len(h.params) }

// Params says whether a placeholder's value is a secret.
func (h *Hidden) Params() bool { return len(h.params) > 0 }

// Any says whether anything was left out.
func (h *Hidden) Any() bool { return h.any }

// Reset empties h and keeps its memory, unless that has grown large.
func (h *Hidden) Reset() {
	if cap(h.params) > keepParams {
		h.params = nil
	}
	params, values := h.params[:0], h.values[:0]
	*h = Hidden{}
	h.params, h.values = params, values
}

// Add takes over what is hidden in a prepared statement.
func (h *Hidden) Add(st *Hidden) {
	h.any = h.any || st.any
	h.over = h.over || st.over
	if len(st.values) > 0 {
		h.values = append(h.values, st.values...)
	}
}

// Clone returns a copy that shares no memory with h.
func (h *Hidden) Clone() Hidden {
	c := *h
	c.params = slices.Clone(h.params)
	c.values = bytes.Clone(h.values)
	return c
}

// Value notes a secret.
func (h *Hidden) Value(v []byte) {
	h.any = true
	if len(v) == 0 {
		return
	}
	v = v[:min(len(v), maxHiddenValue)]
	if h.over = h.over || len(h.values)+len(v)+2 > maxHiddenValues; h.over {
		return
	}
	h.values = append(h.values, 0)
	h.values = append(h.values, v...)
	h.values = append(h.values, 0)
}

// literal notes a literal that is a secret.
func (h *Hidden) literal(t token) {
	if t.kind == tokenNumber {
		h.Value(t.text)
		h.hexadecimal(bytes.TrimPrefix(bytes.TrimPrefix(t.text, []byte("0x")), []byte("0X")))
		return
	}
	prefix, quote, content := cutQuotes(t.text)
	h.Value(content)
	if bytes.IndexByte(content, '\\') >= 0 || bytes.IndexByte(content, quote) >= 0 {
		h.Value(appendUnquoted(nil, content[:min(len(content), 2*maxHiddenValue)], quote, true))
	}
	if len(prefix) == 1 && lower[prefix[0]] == 'x' {
		h.hexadecimal(content)
	}
}

// changed notes what is in text and not in masked, which is text with secrets
// replaced: all between the first and the last of them.
func (h *Hidden) changed(text, masked []byte) {
	n := 0
	for n < len(text) && n < len(masked) && text[n] == masked[n] {
		n++
	}
	text, masked = text[n:], masked[n:]
	for len(text) > 0 && len(masked) > 0 && text[len(text)-1] == masked[len(masked)-1] {
		text, masked = text[:len(text)-1], masked[:len(masked)-1]
	}
	h.over = h.over || len(text) > maxHiddenValue
	h.Value(text)
}

func (h *Hidden) hexadecimal(digits []byte) {
	b := make([]byte, min(len(digits), 2*maxHiddenValue)/2)
	if n, err := hex.Decode(b, digits[:2*len(b)]); err == nil {
		h.Value(b[:n])
	}
}

// Hide replaces the values of placeholders that are secrets, of which a row
// has params. If the server sees other placeholders than the lexer, all are.
func (h *Hidden) Hide(args []decoders.Value, params int, into *Hidden) {
	params = max(params, 1)
	k := 0
	for i := range args {
		if i%params == 0 {
			k = 0
		}
		secret := params != h.placeholders
		if k < len(h.params) && h.params[k] == i%params {
			secret = true
			k++
		}
		if secret && args[i].Kind != decoders.Null {
			if args[i].Bytes != nil {
				into.Value(args[i].Bytes)
			} else {
				into.Value(args[i].AppendText(nil))
			}
			args[i] = decoders.TextValue(decoders.SecretBytes)
		}
	}
}

// AppendWithoutSecrets appends text to dst with the passwords in it replaced,
// wherever in it they stand: in statements, in statements within literals, in
// comments. It adds what it replaced to h.
func (d Dialect) AppendWithoutSecrets(dst, text []byte, h *Hidden) []byte {
	if !d.mayHoldSecrets(text) {
		return append(dst, text...)
	}
	m := masker{out: dst, hidden: h, dialect: d}
	m.mask(text)
	return m.out
}

// A masker writes statements without their secrets.
type masker struct {
	out     []byte
	hidden  *Hidden
	dialect Dialect
	depth   int    // of literals and comments
	json    bool   // the text is an object or array, whose strings are names and values
	text    []byte // memory for what is in a literal
}

// mask writes text, and says whether it ends where a secret would follow.
func (m *masker) mask(text []byte) (open bool) {
	l, s := lexer{src: text, dialect: m.dialect}, secretScan{dialect: m.dialect, inner: m.depth > 0}
	s.keyed = !m.json && hasSecretKey(l)
	done, end := 0, 0
	t := l.next()
	for {
		if t.pos > end {
			done = m.comments(text, done, end, t.pos)
		}
		if t.kind == tokenEnd {
			break
		}
		end = l.pos
		next := l.next()
		secret := s.isSecret(t, next) || (t.kind == tokenString || t.kind == tokenPlaceholder) && comparesWithSecret(next, l)
		switch {
		case t.kind == tokenPlaceholder:
			m.placeholder(t, secret)
		case secret:
			m.out = append(m.out, text[done:t.pos]...)
			m.secret(t)
			done = end
		case t.kind == tokenString:
			if inner, ok := m.within(t, &s); ok {
				m.out = append(m.out, text[done:t.pos]...)
				m.out = append(m.out, inner...)
				done = end
			}
		}
		s.see(t, next, secret)
		if t.is(";") {
			s.keyed = !m.json && hasSecretKey(lexer{src: text, dialect: m.dialect, pos: end})
		}
		t = next
	}
	m.out = append(m.out, text[done:]...)
	return s.open()
}

func (m *masker) placeholder(t token, secret bool) {
	if m.depth > 0 {
		return
	}
	if m.dialect == PostgreSQL {
		m.hidden.numbered(t, secret)
		return
	}
	if secret {
		m.hidden.any = true
		m.hidden.params = append(m.hidden.params, m.hidden.placeholders)
	}
	m.hidden.placeholders++
}

// secret writes what stands for a literal.
func (m *masker) secret(t token) {
	m.hidden.literal(t)
	quote := byte('\'')
	if m.depth > 0 && t.kind == tokenString { // JSON has only the other one
		if _, q, _ := cutQuotes(t.text); q != '$' {
			quote = q
		}
	}
	m.out = append(m.out, quote)
	m.out = append(m.out, decoders.Secret...)
	m.out = append(m.out, quote)
}

// within returns a string without the secrets in it: of a statement, and of any
// text that says itself what they are. ok is false if there are none.
func (m *masker) within(t token, s *secretScan) (out []byte, ok bool) {
	prefix, quote, content := cutQuotes(t.text)
	escapes := m.dialect.escapes(prefix)
	if len(prefix) == 1 && lower[prefix[0]] != 'n' && lower[prefix[0]] != 'e' {
		return nil, false
	}
	// In a program, = compares.
	statement, text := m.dialect.mayHoldSecrets(content), decoders.MayHaveSecrets(content) && !s.program()
	if !statement && !text {
		return nil, false
	}
	masked, hid := content, false
	if quote != '$' && (bytes.IndexByte(content, quote) >= 0 || escapes && bytes.IndexByte(content, '\\') >= 0) {
		masked = appendUnquoted(nil, content, quote, escapes)
	}
	if statement {
		inner, h, open := m.inner(masked)
		s.carry = s.carry || open || h && !isJSON(masked) // of which the end is known
		if h {
			masked, hid = inner, true
		}
	}
	if text {
		m.text = decoders.AppendWithoutSecrets(m.text[:0], masked)
		if !bytes.Equal(m.text, masked) {
			m.hidden.changed(masked, m.text)
			masked, hid = m.text, true
		}
	}
	if !hid {
		return nil, false
	}
	if quote == '$' {
		return append(append(append(out, prefix...), masked...), prefix...), true
	}
	out = append(append(out, prefix...), quote)
	for _, c := range masked {
		switch {
		case c == quote:
			out = append(out, quote, quote)
		case !escapes:
			out = append(out, c)
		case c == '\\':
			out = append(out, '\\', '\\')
		case c == '\n':
			out = append(out, '\\', 'n')
		case c == 0:
			out = append(out, '\\', '0')
		default:
			out = append(out, c)
		}
	}
	return append(out, quote), true
}

// inner returns text, which is within a literal or comment, without its
// secrets. hid says whether there are any, open is as of mask.
func (m *masker) inner(text []byte) (out []byte, hid, open bool) {
	if m.depth == maxSecretNesting {
		m.hidden.any, m.hidden.over = true, true
		return decoders.SecretBytes, true, true
	}
	h := Hidden{values: m.hidden.values, over: m.hidden.over}
	inner := masker{hidden: &h, dialect: m.dialect, depth: m.depth + 1}
	if isJSON(text) {
		inner.json, inner.dialect = true, MySQL // in PostgreSQL's, "x" is a name
	}
	open = inner.mask(text)
	if h.any {
		m.hidden.any, m.hidden.values, m.hidden.over = true, h.values, h.over
	}
	return inner.out, h.any, open
}

// isJSON says whether text seems to be an object or an array.
func isJSON(text []byte) bool {
	text = bytes.TrimLeft(text, " \t\r\n")
	return len(text) > 0 && (text[0] == '{' || text[0] == '[')
}

// comments writes text from done on if there are comments with secrets between
// start and end, and returns up to where.
func (m *masker) comments(text []byte, done, start, end int) int {
	l := lexer{src: text[:end], pos: start, dialect: m.dialect}
	for l.pos < end {
		c, from := text[l.pos], l.pos
		switch {
		case m.dialect == MySQL && c == '/' && (l.at(2) == '!' || l.at(2) == 'M' && l.at(3) == '!'): // what is in it is no comment
			l.pos += 3
			continue
		case c == '*': // the end of that
			l.pos += 2
			continue
		case c == '/':
			l.block()
		case c == '#' || c == '-':
			l.until("\n")
		default:
			l.pos++
			continue
		}
		// The body, with some of what ends the comment, is as good as text.
		body := text[min(from+2, l.pos):l.pos]
		if c == '/' {
			body = bytes.TrimSuffix(body, []byte("*/"))
		}
		if !m.dialect.mayHoldSecrets(body) {
			continue
		}
		if masked, hid, _ := m.inner(body); hid {
			m.out = append(m.out, text[done:min(from+2, l.pos)]...)
			m.out = append(m.out, masked...)
			done = min(from+2, l.pos) + len(body)
		}
	}
	return done
}

// cutQuotes cuts a string into what introduces it, its quote and what is
// between the quotes. Of a $tag$string$tag$ it is the tag that introduces it.
func cutQuotes(text []byte) (prefix []byte, quote byte, content []byte) {
	if len(text) > 0 && text[0] == '$' {
		prefix = dollarTag(text)
		return prefix, '$', bytes.TrimSuffix(text[len(prefix):], prefix)
	}
	i := bytes.IndexAny(text, `'"`)
	if i < 0 {
		return nil, '\'', text
	}
	prefix, quote, content = text[:i], text[i], text[i+1:]
	if n := len(content); n > 0 && content[n-1] == quote {
		content = content[:n-1]
	}
	return prefix, quote, content
}

// appendUnquoted appends what a string's content stands for.
func appendUnquoted(dst, content []byte, quote byte, escapes bool) []byte {
	if quote == '$' {
		return append(dst, content...)
	}
	for i := 0; i < len(content); i++ {
		c := content[i]
		switch {
		case c == quote && i+1 < len(content) && content[i+1] == quote:
			i++
		case escapes && c == '\\' && i+1 < len(content):
			i++
			c = content[i]
			switch c {
			case '0':
				c = 0
			case 'b':
				c = '\b'
			case 'n':
				c = '\n'
			case 'r':
				c = '\r'
			case 't':
				c = '\t'
			case 'Z':
				c = 0x1a
			}
		}
		dst = append(dst, c)
	}
	return dst
}

// escapes says whether a backslash in a string with this prefix is one.
func (d Dialect) escapes(prefix []byte) bool {
	return d == MySQL || len(prefix) == 1 && lower[prefix[0]] == 'e'
}
