package uri

import (
	"bytes"
	"net"
	"strings"

	"unixcap/decoders"
)

// A masker copies text of any kind, and leaves out the values behind names that
// are secret: members of JSON, attributes and elements of XML, lines of
// NAME=value, fields of messages. Where it cannot tell, it hides more.
type masker struct {
	src  []byte
	at   int
	done int // up to where src is in dst
	dst  []byte
	// open is where in dst the innermost object or tag begins, or in src if
	// that is not copied yet.
	open, opened int
	tag          int // behind the < of the tag that at is in, 0 if it is in none
	valueless    int // up to where there is no member that hasValue looks for
}

// marks are the bytes before which a name may stand, or that open something.
var marks = func() (t [256]bool) {
	for _, c := range []byte(`:=>{<"'-`) {
		t[c] = true
	}
	return t
}()

// AppendMasked appends a text without its secrets.
func AppendMasked(dst, text []byte) []byte {
	m := masker{src: text, dst: dst, open: len(dst), opened: -1}
	for {
		i := m.at
		for i < len(text) && !marks[text[i]] {
			i++
		}
		if m.at = i; i == len(text) {
			break
		}
		switch c := text[i]; c {
		case '{':
			m.opened = m.at
		case '<':
			m.opened = m.at
			if m.tag = m.at + 1; m.namedByText() {
				m.element(true)
				continue
			}
		case ':':
			if bytes.HasPrefix(m.src[m.at:], []byte("://")) {
				m.authority()
				continue
			}
			if !m.call() {
				m.assignment(c)
			}
			continue
		case '=':
			m.assignment(c)
			continue
		case '-':
			if m.announced(decoders.DashSecret(text, i)) {
				continue
			}
		case '>':
			if m.tagged() {
				continue
			}
		default:
			if i > 0 && text[i-1] == ' ' && c == '\'' && m.announced(decoders.QuotedSecret(text, i)) {
				continue
			}
			if i > 0 && nameEnds[text[i-1]] && m.named() {
				continue
			}
		}
		m.at++
	}
	m.copy()
	return m.dst
}

// copy copies what is before at.
func (m *masker) copy() {
	if m.opened >= m.done {
		m.open = len(m.dst) + m.opened - m.done
		m.opened = -1
	}
	m.dst = append(m.dst, m.src[m.done:m.at]...)
	m.done = m.at
}

// hide says that what is between at and the n bytes behind it is secret.
func (m *masker) hide(n int) {
	m.copy()
	m.dst = append(m.dst, decoders.Secret...)
	m.at += n
	m.done = m.at
}

// announced hides what is from from to to, and returns true; or false if there is nothing.
func (m *masker) announced(from, to int) bool {
	if from >= to {
		return false
	}
	m.at = from
	m.hide(to - from)
	return true
}

// nameBytes are those that names consist of, escapes among them.
var nameBytes = func() (t [256]bool) {
	for c := range t {
		t[c] = c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_' || c == '-' || c == '.' || c == '%' || c >= 0x80
	}
	return t
}()

// nameEnds are nameBytes and the backslash of a quote within quotes.
var nameEnds = func() [256]bool {
	t := nameBytes
	t['\\'] = true
	return t
}()

// before returns the name in front of end, in src from start on.
func (m *masker) before(end int) (name []byte, start int) {
	start = end
	for start > m.done && nameEnds[m.src[start-1]] {
		start--
	}
	return m.src[start:end], start
}

// secretName says whether a name is secret. One with an escape may be any.
func secretName(name []byte) bool {
	return decoders.MayBeSecretName(name) && // which a name with an escape may be
		(bytes.IndexByte(name, '\\') >= 0 && bytes.Contains(name, []byte("\\u")) || hasSecretName(name, false))
}

// listOf says whether a name that counts secrets, as "tokens", has a list of them
// behind it, at at.
func (m *masker) listOf(name []byte) bool {
	one, plural := bytes.CutSuffix(name, []byte{'s'})
	if !plural || !secretName(one) {
		return false
	}
	rest := bytes.TrimLeft(m.src[m.at:], " \t\r\n")
	return len(rest) > 0 && (rest[0] == '[' || rest[0] == '{')
}

// assignment is where a value may follow c, at at.
func (m *masker) assignment(c byte) {
	end := m.at
	for end > m.done && (m.src[end-1] == ' ' || m.src[end-1] == '\t' || m.src[end-1] == '\n' || m.src[end-1] == '\r') {
		end--
	}
	quoted := false
	for end > m.done && (m.src[end-1] == '"' || m.src[end-1] == '\'' || m.src[end-1] == ']' || m.src[end-1] == '\\') {
		quoted = quoted || m.src[end-1] != ']'
		end--
	}
	name, start := m.before(end)
	m.at++
	if !secretName(name) && !m.listOf(name) || decoders.IsDirectory(name, m.src[m.at:]) {
		return
	}
	if start > 0 && c == '=' && !quoted && (m.src[start-1] == '"' || m.src[start-1] == '\'') {
		m.restOfString(start - 1)
		return
	}
	m.value(c, quoted)
}

// secretCalls are functions of PHP that take a password.
var secretCalls = []string{"PDO->__construct(", "mysqli->__construct(", "mysqli->real_connect(", "mysqli_connect(", "mysqli_real_connect(",
	"pg_connect(", "pg_pconnect(", "ldap_bind(", "Redis->auth("}

// call is where a colon, at at, may be before a function in one of PHP's stack traces,
// which have the arguments: "#0 /a.php(3): mysqli->__construct('db', 'root', …)". It
// hides those of secretCalls, and returns true.
func (m *masker) call() bool {
	rest, ok := bytes.CutPrefix(m.src[m.at:], []byte(": "))
	if !ok || m.at == 0 || m.src[m.at-1] != ')' {
		return false
	}
	for _, name := range secretCalls {
		if !bytes.HasPrefix(rest, []byte(name)) {
			continue
		}
		m.at += len(": ") + len(name)
		n := bytes.IndexByte(m.src[m.at:], '\n')
		if n < 0 {
			n = len(m.src) - m.at
		}
		m.hide(n)
		return true
	}
	return false
}

// restOfString hides what follows in the string that the quote at i opened, as in
// "NAME=value".
func (m *masker) restOfString(i int) {
	begin := i
	for begin > 0 && m.src[begin-1] == '\\' {
		begin--
	}
	end := begin + stringEnd(m.src[begin:], m.src[begin:i+1])
	if n := end - m.at; n > 0 {
		m.hide(n)
	}
}

// tagged is where a tag ends. If its name is a secret's, it hides the element's
// text, and returns true.
func (m *masker) tagged() bool {
	if m.tag == 0 {
		return false
	}
	name := m.src[m.tag:m.at]
	m.tag = 0
	if bytes.HasSuffix(name, []byte{'/'}) {
		return false
	}
	if i := bytes.IndexAny(name, " \t\r\n"); i >= 0 {
		name = name[:i]
	}
	if i := bytes.IndexByte(name, ':'); i >= 0 { // its namespace
		name = name[i+1:]
	}
	if len(name) == 0 || name[0] == '/' || !secretName(name) {
		return false
	}
	m.at++
	m.element(false)
	return true
}

// namedByText says whether the tag at at ends an element whose text is a secret's
// name, as in <key>password</key>.
func (m *masker) namedByText() bool {
	if !bytes.HasPrefix(m.src[m.at:], []byte("</")) {
		return false
	}
	name, start := m.before(m.at)
	return len(name) > 0 && start > 0 && m.src[start-1] == '>' && secretName(name)
}

// element hides the next text, which may be in an element of its own; behind
// says that it may be in one that comes behind this one.
func (m *masker) element(behind bool) {
	const cdata, cdataEnd = "<![CDATA[", "]]>"
	for m.at < len(m.src) {
		rest := m.src[m.at:]
		switch c := rest[0]; {
		case c == ' ' || c == '\t' || c == '\r' || c == '\n':
			m.at++
		case bytes.HasPrefix(rest, []byte(cdata)):
			n := bytes.Index(rest, []byte(cdataEnd))
			if n < 0 {
				n = len(rest)
			}
			m.hide(n)
			return
		case c == '<':
			n := bytes.IndexByte(rest, '>')
			switch {
			case n < 0:
				m.at = len(m.src)
			case !behind && bytes.HasPrefix(rest, []byte("</")):
				return
			case bytes.IndexByte(rest[:n], '=') >= 0:
				m.hide(n + 1)
			default:
				m.at += n + 1
			}
		default:
			n := bytes.IndexByte(rest, '<')
			if n < 0 {
				n = len(rest)
			}
			m.hide(n)
			return
		}
	}
}

// value hides the value that follows c, which at is behind.
func (m *masker) value(c byte, quoted bool) {
	for m.at < len(m.src) && (m.src[m.at] == ' ' || m.src[m.at] == '\t' || quoted && (m.src[m.at] == '\n' || m.src[m.at] == '\r')) {
		m.at++
	}
	if m.at == len(m.src) {
		return
	}
	rest := m.src[m.at:]
	slashes := 0 // JSON within a string of JSON
	for slashes < len(rest)-1 && rest[slashes] == '\\' {
		slashes++
	}
	n := 0
	switch first := rest[slashes]; {
	case quoted && isLiteral(rest):
		return
	case first == '"' || first == '\'':
		open := rest[:slashes+1]
		n = stringEnd(rest, open)
		m.at += len(open)
		m.hide(n - len(open))
		m.at = min(m.at+len(open), len(m.src))
		return
	case first == '{' || first == '[':
		n = nestedEnd(rest)
	case c == '=':
		n = bytes.IndexAny(rest, "&\"\r\n<\\")
	case quoted:
		n = bytes.IndexAny(rest, ",}] \t\r\n\"\\")
	default:
		n = bytes.IndexAny(rest, "\r\n\"\\")
	}
	if n < 0 {
		n = len(rest)
	}
	m.hide(n)
}

// stringEnd returns where a string ends that begins with open: a quote, with
// backslashes before it if the string is in another one.
func stringEnd(b, open []byte) int {
	quote := open[len(open)-1]
	for i := len(open); i < len(b); {
		slashes := 0
		for i < len(b) && b[i] == '\\' {
			slashes++
			i++
		}
		if i < len(b) && b[i] == quote && slashes <= len(open)-1 {
			return i - slashes
		}
		i++
	}
	return len(b)
}

// isLiteral says whether b begins with a value of JSON that is no secret: "auth": false.
func isLiteral(b []byte) bool {
	for _, word := range []string{"true", "false", "null"} {
		if rest, ok := bytes.CutPrefix(b, []byte(word)); ok && (len(rest) == 0 || !nameBytes[rest[0]]) {
			return true
		}
	}
	return false
}

// authority passes over "://" and hides the user information behind it.
func (m *masker) authority() {
	m.at += len("://")
	rest := m.src[m.at:]
	end := bytes.IndexAny(rest, "/?# \t\r\n\"'<>")
	if end < 0 {
		end = len(rest)
	}
	if at := bytes.LastIndexByte(rest[:end], '@'); at >= 0 {
		m.hide(at)
	} else if end == len(rest) && bytes.IndexByte(rest, ':') >= 0 && !isAddress(rest) {
		m.hide(end) // it may be cut before the @
	}
}

// isAddress says whether b is an IP address or localhost with a port, and so no user
// with a password.
func isAddress(b []byte) bool {
	host, port, err := net.SplitHostPort(string(b[:min(len(b), 64)]))
	if err != nil || len(port) > len("65535") || strings.Trim(port, "0123456789") != "" {
		return false
	}
	return host == "localhost" || net.ParseIP(host) != nil
}
