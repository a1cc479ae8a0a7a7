package sql

import (
	"bytes"
	"slices"
)

const (
	// maxFingerprint bounds a fingerprint. Lists of values, which make
	// statements long, take no room in it.
	maxFingerprint = 4096

	// maxNesting bounds the parentheses in which lists are folded.
	maxNesting = 32

	// maxListed is how many values of a list that may be folded are written
	// before the rest is left out.
	maxListed = 32
)

// appendFingerprint is Dialect.AppendFingerprint.
func appendFingerprint(dst []byte, d Dialect, request []byte) []byte {
	dst = slices.Grow(dst, min(len(request)+16, maxFingerprint+256))
	f := folder{lexer: lexer{src: request, dialect: d}, out: dst[len(dst):]}
	for len(f.out) < maxFingerprint {
		t := f.lexer.next()
		if t.kind == tokenEnd {
			f.endUnionPart()
			return append(dst, bytes.TrimRight(f.out, "; ")...) // where it is already, as a rule
		}
		f.fold(t)
	}
	return append(append(dst, f.out[:maxFingerprint]...), " ..."...)
}

// piece is what the last piece of output was.
type piece uint8

const (
	pieceNone piece = iota
	pieceName       // a name, not a keyword; or a variable
	pieceWord       // a word, which may be a keyword
	pieceValue
	pieceOpen   // (
	pieceClose  // )
	pieceTight  // . and @, which take no space on either side
	pieceSymbol // anything else
)

// A folder writes a fingerprint.
type folder struct {
	lexer lexer
	out   []byte

	last, prev piece
	lastAt     int     // where the last piece begins, with the space before it
	word       keyword // the last piece if it is a word
	wasString  bool

	lists [maxNesting]list
	depth int
	row   span // the row of VALUES before this one
	limit limitState

	part, firstPart span // of a UNION
	unionWord       bool // no part has begun since UNION
}

type span struct{ start, end int }

// A list is what stands between parentheses.
type list struct {
	kind   listKind
	pure   bool // nothing but values so far
	values int
	start  int
}

type listKind uint8

const (
	listOther  listKind = iota
	listIn              // IN (…)
	listTuple           // a row among others in IN ((…), …)
	listValues          // a row of VALUES
)

// limitState is how far a LIMIT clause has come.
type limitState uint8

const (
	limitNone limitState = iota
	limitSeen
	limitFirst
	limitSecond
)

func (f *folder) fold(t token) {
	wasString := f.wasString
	f.wasString = t.kind == tokenString
	word := keywordOf(t)
	if f.foldLimit(t, word) {
		return
	}
	switch t.kind {
	case tokenString:
		if !wasString { // 'a' 'b' is one string
			f.value()
		}
	case tokenNumber:
		f.dropSign()
		f.value()
	case tokenPlaceholder:
		f.value()
	case tokenWord:
		f.foldWord(t, word)
	case tokenQuotedName:
		f.name(t.text)
	case tokenVariable:
		f.impure()
		f.write(pieceName, t.text)
	case tokenSymbol:
		f.symbol(t)
	}
}

// foldLimit makes LIMIT 1, 2 and LIMIT 2 OFFSET 1 the same as LIMIT 2. It says
// whether t needs no more attention.
func (f *folder) foldLimit(t token, word keyword) bool {
	if f.limit == limitNone && word != keywordLimit {
		return false
	}
	value := t.kind == tokenNumber || t.kind == tokenPlaceholder
	switch {
	case f.limit == limitSeen && value:
		f.limit = limitFirst
	case f.limit == limitFirst && (word == keywordOffset || t.is(",")):
		f.limit = limitSecond
		return true
	case f.limit == limitSecond && value:
		f.limit = limitNone
		return true
	case word == keywordLimit:
		f.limit = limitSeen
	default:
		f.limit = limitNone
	}
	return false
}

func (f *folder) foldWord(t token, word keyword) {
	if f.last == pieceTight { // behind a dot it is a name
		word = keywordNone
	}
	switch {
	case word == keywordNull && !f.lastWord(keywordIs) && !f.lastWord(keywordNot):
		f.value()
		return
	case word == keywordAsc:
		return
	case f.lexer.dialect == MySQL && f.lastWord(keywordUse) && len(f.out) == len("use"):
		f.value()
		return
	case word == keywordUnion && f.depth == 0:
		f.endUnionPart()
		f.unionWord = true
	case f.unionWord && word != keywordAll:
		f.unionWord = false
		f.part.start = len(f.out)
	}
	f.impure()
	f.write(pieceWord, t.text)
	f.word = word
}

// endUnionPart leaves out the part of a UNION that ends here if it is the same
// as the one before.
func (f *folder) endUnionPart() {
	if f.unionWord { // none has begun
		return
	}
	part, first := f.part, f.firstPart
	part.end = len(f.out)
	part.start = min(part.start, part.end)
	if first.end > 0 && bytes.Equal(bytes.TrimLeft(f.out[first.start:first.end], " "), bytes.TrimLeft(f.out[part.start:part.end], " ")) {
		f.out = f.out[:first.end]
		return
	}
	f.firstPart = part
}

// lastWord says whether the last piece is the word w.
func (f *folder) lastWord(w keyword) bool { return f.last == pieceWord && f.word == w }

// name writes a quoted name, without its quotes if it needs none.
func (f *folder) name(name []byte) {
	f.impure()
	plain := len(name) > 0
	for _, c := range name {
		plain = plain && nameByte[c]
	}
	quote := "`"
	if f.lexer.dialect == PostgreSQL {
		quote = `"`
		plain = plain && !hasUpper(name) // where the quotes keep the case
	}
	if plain {
		f.write(pieceName, name)
		return
	}
	f.write(pieceName, []byte(quote))
	f.last = pieceTight
	if f.lexer.dialect == PostgreSQL {
		f.writeAsIs(pieceName, name)
	} else {
		f.write(pieceName, name)
	}
	f.last = pieceTight
	f.write(pieceName, []byte(quote))
}

func hasUpper(name []byte) bool {
	for _, c := range name {
		if lower[c] != c {
			return true
		}
	}
	return false
}

// value writes a value.
func (f *folder) value() {
	if l := f.list(); l != nil {
		l.values++
		if l.kind != listOther && l.pure && l.values > maxListed {
			f.prev, f.last = f.last, pieceValue
			return
		}
	}
	f.write(pieceValue, []byte("?"))
}

// dropSign takes back a sign that belongs to a number.
func (f *folder) dropSign() {
	if f.last != pieceSymbol || f.prev == pieceName || f.prev == pieceValue || f.prev == pieceClose {
		return
	}
	if f.prev == pieceWord && f.word < keywordSpaced { // a column
		return
	}
	if c := f.out[len(f.out)-1]; c == '-' || c == '+' {
		f.out = f.out[:f.lastAt]
		f.last = f.prev
		if f.prev == pieceNone && len(f.out) > 0 {
			f.last = pieceSymbol
		}
	}
}

func (f *folder) symbol(t token) {
	switch t.text[0] {
	case '(':
		f.open()
	case ')':
		f.close()
	case ',':
		if l := f.list(); l != nil && l.kind != listOther && l.pure && l.values >= maxListed {
			f.prev, f.last = f.last, pieceSymbol
			return
		}
		f.out = append(f.out, ',')
		f.lastAt = len(f.out) - 1
		f.prev, f.last = f.last, pieceSymbol
	case '.', '@':
		f.impure()
		if t.text[0] == '@' && f.lexer.dialect == PostgreSQL { // part of an operator
			f.write(pieceSymbol, t.text)
			return
		}
		f.write(pieceTight, t.text)
	case ';':
		f.out = append(f.out, ';')
		f.prev, f.last = pieceNone, pieceSymbol
	default:
		if c := t.text[0]; c != '-' && c != '+' {
			f.impure()
		}
		f.write(pieceSymbol, t.text)
	}
}

func (f *folder) list() *list {
	if f.depth == 0 || f.depth > maxNesting {
		return nil
	}
	return &f.lists[f.depth-1]
}

// impure says that the list that is open is not one of values only.
func (f *folder) impure() {
	if l := f.list(); l != nil {
		l.pure = false
	}
}

func (f *folder) open() {
	kind := listOther
	outer := f.list()
	switch {
	case f.lastWord(keywordIn):
		kind = listIn
	case f.lastWord(keywordValues):
		kind = listValues
		f.row = span{}
	case f.row.end > 0 && f.row.end == len(f.out)-1 && f.out[len(f.out)-1] == ',':
		kind = listValues
	case outer != nil && (outer.kind == listIn || outer.kind == listTuple) && outer.pure:
		kind = listTuple
	}
	if kind != listTuple {
		f.impure()
	}
	start := len(f.out)
	f.write(pieceOpen, []byte("("))
	if f.depth++; f.depth <= maxNesting {
		f.lists[f.depth-1] = list{kind: kind, pure: true, start: start}
	}
}

func (f *folder) close() {
	l := f.list()
	if f.depth > 0 {
		f.depth--
	}
	if l == nil || l.kind == listOther || !l.pure || l.values == 0 {
		f.write(pieceClose, []byte(")"))
		f.endRow(l)
		return
	}
	f.out = f.out[:l.start]
	if l.kind == listTuple {
		f.last = pieceOpen
		if n := len(f.out); n > 0 && f.out[n-1] == ',' {
			f.last = pieceSymbol
		}
		f.value()
		return
	}
	f.last = pieceWord // IN and VALUES, or a comma: a space follows
	f.write(pieceSymbol, []byte("(?+)"))
	f.last = pieceClose
	f.endRow(l)
}

// endRow leaves out a row of VALUES that is like the one before.
func (f *folder) endRow(l *list) {
	if l == nil || l.kind != listValues {
		return
	}
	row := span{l.start, len(f.out)}
	if f.row.end > 0 && bytes.Equal(f.out[f.row.start:f.row.end], f.out[row.start:row.end]) {
		f.out = f.out[:f.row.end]
		return
	}
	f.row = row
}

// write writes a piece in lower case, with a space before it if there is to be
// one.
func (f *folder) write(p piece, text []byte) {
	f.space(p)
	text = text[:min(len(text), max(maxFingerprint+64-len(f.out), 0))]
	for _, c := range text {
		f.out = append(f.out, lower[c])
	}
}

// writeAsIs is write without the change of case.
func (f *folder) writeAsIs(p piece, text []byte) {
	f.space(p)
	f.out = append(f.out, text[:min(len(text), max(maxFingerprint+64-len(f.out), 0))]...)
}

// space writes the space between two pieces and notes the new one.
func (f *folder) space(p piece) {
	f.lastAt = len(f.out)
	tight := f.last == pieceNone || f.last == pieceOpen || f.last == pieceTight ||
		p == pieceClose || p == pieceTight ||
		p == pieceOpen && (f.last == pieceName || f.last == pieceWord && f.word < keywordSpaced)
	if !tight {
		f.out = append(f.out, ' ')
	}
	f.prev, f.last = f.last, p
}

// keyword is a word that the folding of a statement heeds.
type keyword uint8

const (
	keywordNone keyword = iota // a name, or a word of no consequence
	keywordNull                // NULL, TRUE, FALSE
	keywordAsc
	keywordUse
	keywordOffset
	keywordSpaced // from here on a parenthesis behind the word opens no arguments
	keywordIn
	keywordValues
	keywordIs
	keywordNot
	keywordUnion
	keywordAll
	keywordLimit
)

// keywordOf looks t up.
func keywordOf(t token) keyword {
	var b [9]byte
	if t.kind != tokenWord || len(t.text) < 2 || len(t.text) > len(b) {
		return keywordNone
	}
	for i, c := range t.text {
		b[i] = lower[c]
	}
	switch string(b[:len(t.text)]) {
	case "null", "true", "false":
		return keywordNull
	case "asc":
		return keywordAsc
	case "use":
		return keywordUse
	case "offset":
		return keywordOffset
	case "in":
		return keywordIn
	case "values", "value":
		return keywordValues
	case "is":
		return keywordIs
	case "not":
		return keywordNot
	case "union":
		return keywordUnion
	case "all", "distinct":
		return keywordAll
	case "limit":
		return keywordLimit
	case "and", "or", "xor", "where", "on", "as", "from", "join", "select", "exists", "any", "some", "using",
		"over", "with", "by", "having", "when", "then", "else", "case", "between", "like", "div", "mod", "except",
		"intersect", "set", "return", "interval", "into", "key", "check", "partition":
		return keywordSpaced
	}
	return keywordNone
}
