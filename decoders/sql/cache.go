package sql

import "sync"

// Most statements differ from one before in their values only, and finding out
// that they do takes a fraction of the time that the class takes. So classes
// are remembered by the statement's shape: its text with a mark for each
// value. Statements of one shape have the same tokens but for the values, and
// therefore the same class. What could be read in two ways has no shape, and
// its class is computed each time.

const (
	// maxShape bounds the statements that have a shape. Longer ones are
	// seldom the same twice.
	maxShape = 4096

	// maxClasses and maxClassBytes bound what is remembered, of the order of
	// 1 MiB for each processor. Programs have hundreds of statements, seldom
	// thousands; when there are more it begins anew.
	maxClasses    = 4096
	maxClassBytes = 1 << 20

	markNumber = 1
	markString = 2
)

// A classCache is used by one goroutine at a time.
type classCache struct {
	classes map[string]string
	bytes   int
	shape   []byte
}

// classCaches has one for each processor and dialect.
var classCaches = [...]sync.Pool{
	MySQL:      {New: func() any { return &classCache{classes: make(map[string]string)} }},
	PostgreSQL: {New: func() any { return &classCache{classes: make(map[string]string)} }},
}

// append appends a statement's class to dst.
func (c *classCache) append(dst []byte, d Dialect, statement []byte) []byte {
	shape, ok := d.AppendShape(c.shape[:0], statement)
	c.shape = shape
	if !ok {
		return appendFingerprint(dst, d, statement)
	}
	if class, ok := c.classes[string(shape)]; ok {
		return append(dst, class...)
	}
	start := len(dst)
	dst = appendFingerprint(dst, d, statement)
	if len(c.classes) >= maxClasses || c.bytes > maxClassBytes {
		clear(c.classes)
		c.bytes = 0
	}
	c.classes[string(shape)] = string(dst[start:])
	c.bytes += len(shape) + len(dst) - start
	return dst
}

// What a byte of a statement may begin.
const (
	shapePlain  = iota
	shapeDigit  // a number, or part of a name
	shapeQuote  // a string
	shapeName   // a quoted name
	shapeDoubt  // a comment, perhaps
	shapeDollar // a string of PostgreSQL's, perhaps
	shapeMark   // nothing that a statement has outside of strings
)

var shapeKinds = func() (mysql [2][256]uint8) {
	for d := range mysql {
		k := &mysql[d]
		for c := byte('0'); c <= '9'; c++ {
			k[c] = shapeDigit
		}
		k['\''], k['"'], k['`'] = shapeQuote, shapeQuote, shapeName
		k['#'], k['-'], k['/'], k['*'] = shapeDoubt, shapeDoubt, shapeDoubt, shapeDoubt
		k[markNumber], k[markString] = shapeMark, shapeMark
	}
	mysql[PostgreSQL]['"'], mysql[PostgreSQL]['`'], mysql[PostgreSQL]['#'] = shapeName, shapePlain, shapePlain
	mysql[PostgreSQL]['$'] = shapeDollar
	return
}()

// AppendShape appends a statement's shape to dst; ok is false if it has none.
func (d Dialect) AppendShape(dst, statement []byte) (shape []byte, ok bool) {
	if len(statement) > maxShape {
		return dst, false
	}
	kinds := &shapeKinds[d]
	for i := 0; ; {
		from := i
		for i < len(statement) && kinds[statement[i]] == shapePlain {
			i++
		}
		dst = append(dst, statement[from:i]...)
		if i == len(statement) {
			return dst, true
		}
		end, mark := d.shapeAt(statement, i, kinds[statement[i]])
		switch {
		case end < 0:
			return dst, false
		case mark != 0:
			dst = append(dst, mark)
		default:
			dst = append(dst, statement[i:end]...)
		}
		i = end
	}
}

// shapeAt returns where what begins at i ends, and the mark that stands for it
// in the shape, 0 if it does itself; end is negative if there is no shape.
func (d Dialect) shapeAt(src []byte, i int, kind uint8) (end int, mark byte) {
	switch kind {
	case shapeDigit:
		return shapeNumber(src, i)
	case shapeQuote:
		if d == PostgreSQL {
			if i > 0 && (nameByte[src[i-1]] || src[i-1] == '&') { // E'\'' and the like
				return -1, 0
			}
		}
		l := lexer{src: src, pos: i, dialect: d}
		l.quoted(src[i], d == MySQL)
		return l.pos, markString
	case shapeName:
		l := lexer{src: src, pos: i, dialect: d}
		l.quoted(src[i], false)
		return l.pos, 0
	case shapeDoubt:
		next := byte(0)
		if i+1 < len(src) {
			next = src[i+1]
		}
		switch src[i] {
		case '#':
			return -1, 0
		case '-':
			if next == '-' {
				return -1, 0
			}
		case '/':
			if next == '*' {
				return -1, 0
			}
		case '*':
			if next == '/' {
				return -1, 0
			}
		}
		return i + 1, 0
	case shapeDollar:
		if i > 0 && nameByte[src[i-1]] || i+1 < len(src) && isDigit(src[i+1]) {
			return i + 1, 0
		}
	}
	return -1, 0
}

// exponent says whether the digits at i may be those of 1e-5.
func exponent(src []byte, i int) bool {
	return i >= 3 && (src[i-1] == '-' || src[i-1] == '+') && lower[src[i-2]] == 'e' && (isDigit(src[i-3]) || src[i-3] == '.')
}

// shapeNumber is shapeAt for a digit. Only what is a number for certain gets a
// mark: digits, with or without a fraction, that no name goes on behind and no
// dot stands before.
func shapeNumber(src []byte, i int) (end int, mark byte) {
	end = i + 1
	for end < len(src) && isDigit(src[end]) {
		end++
	}
	if i > 0 && (nameByte[src[i-1]] || src[i-1] == '`' || src[i-1] == '@') {
		return end, 0
	}
	before := i - 1
	for before >= 0 && isSpace(src[before]) {
		before--
	}
	if before >= 0 && src[before] == '.' || exponent(src, i) {
		return end, 0
	}
	if end+1 < len(src) && src[end] == '.' && isDigit(src[end+1]) {
		for end++; end < len(src) && isDigit(src[end]); {
			end++
		}
	}
	if end < len(src) && (nameByte[src[end]] || src[end] == '.') {
		return end, 0
	}
	return end, markNumber
}
