package redis

import (
	"bytes"
	"sync"

	"unixcap/decoders"
)

const (
	// maxFingerprint bounds a class. Behind it comes " ...".
	maxFingerprint = 240

	// maxPattern bounds the pattern of one key.
	maxPattern = 120

	// maxPatterns bounds the different patterns of a command with many keys.
	maxPatterns = 4

	// maxClassWords bounds the words of a command that are looked at.
	maxClassWords = 64

	// maxScript is how much of a script is in its class.
	maxScript = 60

	// minHex is the length from which hexadecimal digits are an id, minToken
	// that from which letters and digits mixed are one.
	minHex   = 8
	minToken = 16
)

// appendFingerprint appends the class of a command: its name in lower case and
// the patterns of its keys or channels, in which numbers and ids are "?".
// Values and options are left out.
func appendFingerprint(dst, request []byte) []byte {
	f := fingerprinters.Get().(*fingerprinter)
	defer fingerprinters.Put(f)
	*f = fingerprinter{text: request, words: f.words[:0], class: f.class[:0]}
	f.cut()
	f.write()
	f.text = nil
	if len(f.class) > maxFingerprint {
		f.class = append(f.class[:maxFingerprint], " ..."...)
	}
	return append(dst, f.class...)
}

// fingerprinters are those that are not in use.
var fingerprinters = sync.Pool{New: func() any {
	return &fingerprinter{words: make([]span, 0, maxClassWords), class: make([]byte, 0, maxFingerprint+2*maxPattern)}
}}

// cut finds the words that the class depends on.
func (f *fingerprinter) cut() {
	rest := f.text
	for limit := maxClassWords; len(f.words) < limit; {
		var w span
		if w, rest = cutWord(f.text, rest); w.end == 0 {
			return
		}
		f.words = append(f.words, w)
		if len(f.words) == 1 {
			limit = needed(f.word(0), limit)
		}
	}
	f.more = len(rest) > 0
}

// needed returns how many words of a command must be looked at, at most limit.
// A value may be long, and behind the last key it does not matter.
func needed(name []byte, limit int) int {
	var b [maxName]byte
	k := commands[string(appendLower(b[:0], name))]
	if k == nil || k.container || k.role == roleEval || k.keys.last < 0 || k.keys.count > 0 || k.keys.after != "" {
		return limit
	}
	return k.keys.last + 1
}

// A span is a word of the request, with its quotes.
type span struct{ start, end int }

// A fingerprinter writes a class.
type fingerprinter struct {
	text  []byte
	words []span
	more  bool // there are more words
	class []byte
	seen  [maxPatterns]span // of the patterns in class
	n     int
}

// cutWord finds the next word of a request's rest.
func cutWord(text, rest []byte) (span, []byte) {
	for len(rest) > 0 && rest[0] == ' ' {
		rest = rest[1:]
	}
	start := len(text) - len(rest)
	if len(rest) == 0 {
		return span{}, nil
	}
	n := len(rest)
	if rest[0] == '"' {
		for n = 1; n < len(rest) && rest[n] != '"'; n++ {
			if rest[n] == '\\' {
				n++
			}
		}
		n = min(n+1, len(rest))
	} else if i := bytes.IndexByte(rest, ' '); i >= 0 {
		n = i
	}
	return span{start, start + n}, rest[n:]
}

func (f *fingerprinter) word(i int) []byte { return f.text[f.words[i].start:f.words[i].end] }

func (f *fingerprinter) write() {
	if len(f.words) == 0 {
		return
	}
	if string(f.word(0)) == "monitored" && len(f.words) > 1 {
		f.class = append(f.class, "monitored "...)
		f.words = f.words[1:]
	}
	var b [2*maxName + 1]byte
	name := appendLower(b[:0], f.word(0))
	f.class = append(f.class, name...)
	k := commands[string(name)]
	switch {
	case k == nil && isMessage(name, 3), string(name) == "pmessage":
		k = &command{keys: oneKey}
	case k == nil && string(name) == "invalidate":
		k = &command{keys: allKeys}
	case k == nil:
		k = &unknownCommand
	}
	if k.container && len(f.words) > 1 {
		name = appendLower(append(name, '|'), f.word(1))
		f.class = appendLower(append(f.class, ' '), f.word(1))
		if k = commands[string(name)]; k == nil {
			return
		}
		if k.role == roleConfig && len(f.words) > 2 { // the parameter
			f.class = appendLower(append(f.class, ' '), f.word(2))
		}
	}
	if k.role == roleEval && len(f.words) > 1 {
		script := f.word(1)
		f.class = append(append(f.class, ' '), script[:min(len(script), maxScript)]...)
	}
	f.keys(&k.keys)
}

// keys writes the patterns of the command's keys.
func (f *fingerprinter) keys(k *keySpec) {
	total := len(f.words)
	last := k.last
	if last < 0 {
		last += total
		if f.more {
			last = total - 1
		}
	}
	if k.first > 0 {
		for i := k.first; i <= last && i < total; i += k.step {
			f.pattern(f.word(i))
		}
	}
	if k.count > 0 && k.count < total {
		n, _ := decoders.Decimal(f.word(k.count))
		for i := k.count + 1; i < total && int64(i-k.count) <= n; i++ {
			f.pattern(f.word(i))
		}
	}
	if k.after != "" {
		for i := 1; i < total; i++ {
			if decoders.EqualFold(f.word(i), k.after) {
				for j := i + 1; j <= i+(total-i-1)/2; j++ {
					f.pattern(f.word(j))
				}
				break
			}
		}
	}
}

// pattern writes the pattern of a key unless the class has it already.
func (f *fingerprinter) pattern(word []byte) {
	if f.n > maxPatterns || len(f.class) > maxFingerprint {
		return
	}
	var space [maxPattern]byte
	key := appendPattern(space[:0], word)
	for _, s := range f.seen[:min(f.n, maxPatterns)] {
		if bytes.Equal(f.class[s.start:s.end], key) {
			return
		}
	}
	f.class = append(f.class, ' ')
	if f.n == maxPatterns {
		f.class = append(f.class, "..."...)
		f.n++
		return
	}
	start := len(f.class)
	f.class = append(f.class, key...)
	f.seen[f.n] = span{start, len(f.class)}
	f.n++
}

// appendPattern appends a key with "?" for each number and id in it.
func appendPattern(dst, key []byte) []byte {
	for i := 0; i < len(key); {
		if len(dst)+1 >= maxPattern {
			return dst
		}
		if n := uuid(key[i:]); n > 0 && (i == 0 || !isAlnum(key[i-1])) {
			dst = append(dst, '?')
			i += n
			continue
		}
		if key[i] == '\\' && i+1 < len(key) { // not text: what it is does not matter
			n := 2
			if key[i+1] == 'x' {
				n = min(4, len(key)-i)
			}
			dst = mark(dst)
			i += n
			continue
		}
		n := 0
		for i+n < len(key) && isAlnum(key[i+n]) {
			n++
		}
		if n == 0 {
			dst = append(dst, key[i])
			i++
			continue
		}
		dst = appendSegment(dst, key[i:i+n])
		i += n
	}
	return dst
}

// mark appends "?" unless there is one.
func mark(dst []byte) []byte {
	if len(dst) > 0 && dst[len(dst)-1] == '?' {
		return dst
	}
	return append(dst, '?')
}

// appendSegment appends letters and digits: as they are but for numbers, or as
// "?" if they are an id.
func appendSegment(dst, s []byte) []byte {
	digits, hex := 0, true
	for _, c := range s {
		if c >= '0' && c <= '9' {
			digits++
		} else if c|0x20 < 'a' || c|0x20 > 'f' {
			hex = false
		}
	}
	if digits > 0 && hex && len(s) >= minHex || digits > 1 && len(s) >= minToken {
		return mark(dst)
	}
	for _, c := range s {
		switch {
		case len(dst) >= maxPattern:
			return dst
		case c >= '0' && c <= '9':
			dst = mark(dst)
		default:
			dst = append(dst, c)
		}
	}
	return dst
}

func isAlnum(c byte) bool {
	return c >= '0' && c <= '9' || c|0x20 >= 'a' && c|0x20 <= 'z'
}

// uuid returns the length of the UUID that b begins with, 0 if it does not.
func uuid(b []byte) int {
	const n = 36
	if len(b) < n || len(b) > n && isAlnum(b[n]) {
		return 0
	}
	for i, c := range b[:n] {
		if i == 8 || i == 13 || i == 18 || i == 23 {
			if c != '-' {
				return 0
			}
		} else if decoders.Unhex(c) < 0 {
			return 0
		}
	}
	return n
}
