package sql

import "bytes"

// A secretScan reads a statement's tokens and knows which of them are secrets.
// It judges by what stands around them, not by the statement as a whole, since
// statements with mistakes in them hold passwords, too.
type secretScan struct {
	dialect Dialect
	inner   bool // this is text within a literal or comment, perhaps no statement

	words      int   // tokens of the statement so far
	first      token // of them
	last, prev token
	depth      int // of parentheses

	kind       secretKind
	password   bool // SET PASSWORD
	assigns    bool // SET
	table      bool // the name of a table to be created comes
	region     region
	regionAt   int  // its depth
	numbers    bool // numbers in the region are secrets, too
	concat     bool // the statement puts texts together
	carry      bool // a text before this one ended where a secret comes
	lastSecret bool
	keyed      bool // a literal of the statement is the name of a secret
	names      bool // one is in the last parentheses

	insert insertScan
}

// A secretKind is a kind of statement with rules of its own.
type secretKind uint8

const (
	kindOther    secretKind = iota
	kindAccounts            // accounts and how they are identified
	kindOptions             // options, some of which are passwords
)

// A region is a stretch in which all literals are secrets.
type region uint8

const (
	regionNone  region = iota
	regionValue        // to the end of an expression
	regionCall         // to the end of a function's arguments
	regionRest         // to the end of the statement
)

func (s *secretScan) enter(r region, depth int, numbers bool) {
	if s.region != regionNone {
		s.numbers = s.numbers || numbers
		return
	}
	s.region, s.regionAt, s.numbers = r, depth, numbers
}

// open says whether the text ends where a secret would follow.
func (s *secretScan) open() bool {
	return s.region != regionNone || s.kind == kindAccounts && (s.beforePassword() || s.behindName()) || s.lastSecret
}

// see takes in a token.
func (s *secretScan) see(t, next token, secret bool) {
	switch {
	case t.is(";"):
		*s = secretScan{dialect: s.dialect, inner: s.inner}
		return
	case t.is(")"):
		s.depth = max(s.depth-1, 0)
		if s.region == regionCall && s.depth < s.regionAt || s.region == regionValue && s.depth < s.regionAt {
			s.region = regionNone
		}
	case t.is("("):
		s.depth++
		s.call()
		s.names = false
	case t.kind == tokenWord:
		s.word(t)
	}
	if s.depth > 0 && !s.names && s.insert.state != insertRows && (t.kind == tokenWord || t.kind == tokenQuotedName) {
		s.names = kindOfName(t.text) >= nameAbout
	}
	s.compare(t, next)
	s.insert.see(s, t, next)
	if s.region == regionValue && s.depth == s.regionAt && endsValue(t) {
		s.region = regionNone
	}
	s.concat = s.concat || t.is("concat") || t.is("concat_ws") || t.is("||")
	if s.words == 0 {
		s.first = t
	}
	s.words++
	if beginsStatement(t) {
		s.words = 0
	}
	s.prev, s.last, s.lastSecret = s.last, t, secret
}

// beginsStatement says whether a statement may follow t in a stored program.
func beginsStatement(t token) bool {
	return t.is("begin") || t.is("then") || t.is("else") || t.is("do") || t.is("loop") || t.is("repeat") ||
		t.is("row") || t.is("atomic")
}

// endsValue says whether t ends an expression.
func endsValue(t token) bool {
	for _, w := range [...]string{",", "}", "]", "and", "or", "xor", "&&", "where", "order", "group", "having", "limit",
		"from", "union", "on", "when", "then", "else", "returning"} {
		if t.is(w) {
			return true
		}
	}
	return false
}

// word finds out what kind of statement this is.
func (s *secretScan) word(t token) {
	ddl := s.first.is("create") || s.first.is("alter")
	defines := ddl && s.words > 0 && (s.last.is("create") || s.last.is("alter") || s.last.is("replace"))
	switch {
	case s.words == 0:
		s.assigns = t.is("set")
		if t.is("grant") {
			s.kind = kindAccounts
		}
	case s.assigns && s.words == 1 && t.is("password"):
		s.password, s.kind = true, kindAccounts
	case s.password && t.is("to"):
		s.enter(regionRest, 0, true)
	case defines && t.is("user"), s.last.is("identified") && (t.is("by") || t.is("via") || t.is("with") || t.is("using")):
		s.kind = kindAccounts
	case defines && t.is("server"),
		s.words == 1 && s.first.is("change") && (t.is("master") || t.is("replication")),
		s.words <= 2 && s.first.is("start") && (t.is("slave") || t.is("replica") || t.is("group_replication")):
		s.kind = kindOptions
	case ddl && t.is("table"):
		s.table = true
	case t.is("as") || t.is("select"):
		s.table = false
	}
}

// call begins a region if a function that takes secrets is called.
func (s *secretScan) call() {
	if !s.table && takesSecrets(s.dialect, s.last) {
		// In a table's definition the number is an index prefix's length.
		ddl := s.first.is("create") || s.first.is("alter")
		s.enter(regionCall, s.depth, !ddl && !s.inner)
	}
	s.table = false
}

// compare begins a region if t compares with, or assigns to, a secret.
func (s *secretScan) compare(t, next token) {
	assigned := t.is("=") || t.is(":=") || s.dialect == PostgreSQL && t.is("to") && s.behindName()
	if s.password && assigned {
		s.enter(regionRest, 0, true)
	}
	name := s.last
	if name.is("not") {
		name = s.prev
	}
	switch {
	case assigned:
	case t.is("<=>"), t.is("<>"), t.is("!="):
	case t.is("like"), t.is("in"), t.is("regexp"), t.is("rlike"):
		if s.inner && next.kind == tokenWord { // plain language
			return
		}
	case t.is(":") && name.kind == tokenString: // JSON
	default:
		return
	}
	kind := nameOther
	if s.names && name.is(")") { // (name, password) = ('x', 'y'), lower(password) = 'x'
		kind = nameAbout
	}
	switch name.kind {
	case tokenWord, tokenQuotedName, tokenVariable:
		kind = kindOfName(name.text)
	case tokenString:
		if assigned || t.is(":") {
			kind = kindOfName(bytes.Trim(name.text, `'"`))
		}
	}
	setting := kind == nameSetting && (s.assigns && name.kind != tokenString || name.kind == tokenVariable)
	if setting || kind >= nameAbout {
		s.enter(regionValue, s.depth, kind == nameSecret)
	}
}

// isSecret says whether t, behind which next stands, is a password, its hash
// or a key.
func (s *secretScan) isSecret(t, next token) bool {
	decimal := false
	switch t.kind {
	case tokenString, tokenPlaceholder:
	case tokenNumber:
		decimal = len(t.text) < 2 || lower[t.text[1]] != 'x' && lower[t.text[1]] != 'b'
	default:
		return false
	}
	switch {
	case s.region != regionNone:
		return !decimal || s.numbers
	case s.insert.isSecret(s):
		return true
	case s.keyed && !decimal && !s.defines() && !(t.kind == tokenString && isSecretKey(contentOf(t))):
		return true
	case s.kind == kindAccounts:
		return s.accountSecret(t, next, decimal) || s.postgresSecret(t)
	case decimal:
		return false
	case s.postgresSecret(t):
		return true
	case s.kind == kindOptions:
		return !s.apostrophe(t) && s.optionSecret()
	}
	switch {
	case !s.table && s.behindName() && !s.apostrophe(t):
		return true
	case s.last.is("connection") || s.last.is("=") && s.prev.is("connection"):
		return bytes.ContainsAny(t.text, "@=")
	case s.last.is(",") && s.prev.kind == tokenString && len(s.prev.text) <= maxSecretName &&
		containsFold(s.prev.text, "authentication_string"):
		return true
	}
	return s.carry && s.concat
}

// beforePassword says whether an account's password may stand behind the last
// token.
func (s *secretScan) beforePassword() bool {
	l := s.last
	switch {
	case l.is("by"), l.is("as"), l.is("using"), l.is("replace"), l.is("="), l.is(":="), l.is("("):
		return true
	case l.kind == tokenString: // 'a' 'b' is one string
		return s.lastSecret
	case l.kind == tokenWord:
		return l.text[0] == '_'
	}
	return false
}

// behindName says whether the last token is a password's name, as in
// PASSWORD 'x'.
func (s *secretScan) behindName() bool {
	l := s.last
	return (l.kind == tokenWord || l.kind == tokenQuotedName) && kindOfName(l.text) == nameSecret
}

// apostrophe says whether t seems to begin with one, as in "the secret's",
// because there is no space before it.
func (s *secretScan) apostrophe(t token) bool {
	return s.inner && s.last.kind == tokenWord && s.last.pos+len(s.last.text) == t.pos
}

// hasSecretKey says whether a literal of the statement that l is at the beginning
// of is the name of a secret, of which another one then is the value:
// INSERT INTO settings VALUES ('smtp_password', 'x').
func hasSecretKey(l lexer) bool {
	for t := l.next(); t.kind != tokenEnd && !t.is(";"); t = l.next() {
		if t.kind == tokenString && isSecretKey(contentOf(t)) {
			return true
		}
	}
	return false
}

// contentOf returns what is between a string's quotes.
func contentOf(t token) []byte {
	_, _, content := cutQuotes(t.text)
	return content
}

// defines says whether the statement defines things, so that its literals are
// defaults, comments and what values there may be.
func (s *secretScan) defines() bool {
	f := s.first
	return f.is("create") || f.is("alter") || f.is("comment") || f.is("grant")
}

// maxBehindLiteral bounds how many tokens are looked at behind a literal for
// what it is compared with.
const maxBehindLiteral = 8

// comparesWithSecret says whether a literal before next, behind which l is, is
// compared with a secret: 'x' = password, SHA2('x', 256) = u.password.
func comparesWithSecret(next token, l lexer) bool {
	for n := 0; n < maxBehindLiteral && (next.is(")") || next.is(",")); n++ {
		if next.is(",") && l.next().kind != tokenNumber {
			return false
		}
		next = l.next()
	}
	if !next.is("=") && !next.is("<=>") && !next.is("<>") && !next.is("!=") {
		return false
	}
	name := l.next()
	for n := 0; n < maxBehindLiteral && l.at(0) == '.'; n++ {
		l.next()
		name = l.next()
	}
	switch name.kind {
	case tokenWord, tokenQuotedName, tokenVariable:
		return kindOfName(name.text) >= nameAbout
	}
	return false
}

// program says whether the literal that comes is a statement, or a function's
// body.
func (s *secretScan) program() bool {
	switch l := s.last; {
	case l.is("as"), l.is("execute"), l.is("immediate"), l.is("from") && s.first.is("prepare"), s.prev.is("language"):
		return true
	}
	return s.first.is("do")
}

// accountSecret says whether a literal in a statement about accounts is none
// of their names.
func (s *secretScan) accountSecret(t, next token, decimal bool) bool {
	if s.beforePassword() || s.behindName() {
		return true
	}
	if decimal || s.apostrophe(t) {
		return false
	}
	if next.is("@") || next.kind == tokenVariable || s.last.is("@") {
		return false
	}
	for _, w := range [...]string{"user", "exists", "to", "role", "on", "grant", "for", "subject", "issuer", "cipher", "until"} {
		if s.last.is(w) {
			return false
		}
	}
	return !s.last.is(",") || s.depth > 0
}

// optionSecret says whether a literal is the value of an option that may be a
// password.
func (s *secretScan) optionSecret() bool {
	name := s.last
	if name.is("=") || name.is(":=") {
		name = s.prev
	}
	switch name.kind {
	case tokenWord, tokenQuotedName:
		return !harmlessOption(name.text)
	}
	return name.kind == tokenString && s.lastSecret
}

// An insertScan finds the secrets in rows by the names of their columns.
type insertScan struct {
	state   insertState
	column  int
	secrets uint64 // the columns with secrets, the last bit for all from there on
}

type insertState uint8

const (
	insertNone insertState = iota
	insertInto
	insertColumns
	insertRows
)

func (i *insertScan) bit() uint64 { return 1 << min(i.column, 63) }

func (i *insertScan) isSecret(s *secretScan) bool {
	return i.state == insertRows && s.depth > 0 && i.secrets&i.bit() != 0
}

func (i *insertScan) see(s *secretScan, t, next token) {
	switch {
	case (t.is("insert") || t.is("replace")) && !next.is("(") && !s.last.is("or"):
		*i = insertScan{state: insertInto}
	case i.state == insertNone:
	case (t.is("values") || t.is("value")) && s.depth == 0:
		i.state = insertRows
	case t.is("(") && s.depth == 1:
		i.column = 0
		if i.state == insertInto {
			i.state = insertColumns
		}
	case t.is(",") && s.depth == 1:
		i.column++
	case i.state == insertColumns && (t.is("select") || t.is("with")) && i.secrets != 0:
		s.enter(regionRest, 0, true)
	case i.state == insertColumns && s.depth == 1 && (t.kind == tokenWord || t.kind == tokenQuotedName):
		if kindOfName(t.text) >= nameAbout {
			i.secrets |= i.bit()
		}
	case i.state == insertRows && t.is("on"): // DUPLICATE KEY UPDATE
		*i = insertScan{}
	}
}
