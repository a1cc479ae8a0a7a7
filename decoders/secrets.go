package decoders

import (
	"bytes"
	"encoding/binary"
	"math/bits"
)

// Secret stands for a password or another secret that is not shown.
const Secret = "<secret>"

// SecretBytes is Secret for values, which nobody may change.
var SecretBytes = []byte(Secret)

// mayMask are the bytes at which AppendWithoutSecrets looks closer.
var mayMask = [256]bool{'=': true, ':': true, '-': true, '\'': true}

// MayHaveSecrets says whether a text has what stands before the secrets that
// AppendWithoutSecrets hides. It is faster than that.
func MayHaveSecrets(text []byte) bool {
	for i := nextMark(text, 0); i < len(text); i = nextMark(text, i+1) {
		switch text[i] {
		case '-':
			if i+1 < len(text) && text[i+1] == '-' || i > 0 && !isNameByte(text[i-1]) {
				return true
			}
		case '\'':
			if i > 0 && text[i-1] == ' ' {
				return true
			}
		default:
			return true
		}
	}
	return false
}

// AppendWithoutSecrets appends a text that people and programs wrote, without
// what it says are secrets: password=…, "token": "…", --passphrase …,
// Authorization: Bearer …, scheme://user:…@host, mysql -p…, PASSWORD '…', private keys.
func AppendWithoutSecrets(dst, text []byte) []byte {
	done := 0
	for i := nextMark(text, 0); i < len(text); i = nextMark(text, i+1) {
		if text[i] == '-' && (i+1 == len(text) || text[i+1] != '-' && !flagLetters[text[i+1]]) {
			continue
		}
		from, to := secretAt(text, i)
		if from >= to || from < done {
			continue
		}
		dst = append(append(dst, text[done:from]...), Secret...)
		done, i = to, to-1
	}
	return append(dst, text[done:]...)
}

// nextMark returns where, from i on, the next byte of mayMask is, or where the text
// ends.
func nextMark(text []byte, i int) int {
	const (
		ones = 0x0101010101010101
		high = 0x80 * ones
	)
	for ; i+8 <= len(text); i += 8 { // eight at a time
		x := binary.LittleEndian.Uint64(text[i:])
		// A dash is an equals sign but for one bit.
		sign, colon, quote := (x|0x10*ones)^('='*ones), x^(':'*ones), x^('\''*ones)
		// Of the bytes that are zero in one of the three, the first has its high
		// bit set.
		if hits := ((sign-ones)&^sign | (colon-ones)&^colon | (quote-ones)&^quote) & high; hits != 0 {
			return i + bits.TrailingZeros64(hits)/8
		}
	}
	for i < len(text) && !mayMask[text[i]] {
		i++
	}
	return i
}

// secretAt returns where the secret is that something at i announces; from is
// not less than to if it is none.
func secretAt(text []byte, i int) (from, to int) {
	switch text[i] {
	case '-':
		return DashSecret(text, i)
	case '\'':
		return QuotedSecret(text, i)
	case ':':
		if bytes.HasPrefix(text[i:], []byte("://")) {
			return userinfo(text, i+3)
		}
	}
	end := i
	if i+1 < len(text) && text[i+1] >= '0' && text[i+1] <= '9' && i > 0 && text[i-1] >= '0' && text[i-1] <= '9' {
		return 0, 0 // a time
	}
	for n := 0; end > 0 && text[end-1] == ' ' && n < maxSpaces; n++ {
		end--
	}
	if end > 0 && text[end-1] == ']' {
		end--
	}
	if end > 0 && (text[end-1] == '"' || text[end-1] == '\'') {
		end--
		if end > 0 && text[end-1] == '\\' {
			end--
		}
	}
	start := end
	for start > 0 && end-start <= maxSecretName && isNameByte(text[start-1]) {
		start--
	}
	name := text[start:end]
	if !IsSecretName(name) && (start == 0 || text[start-1] != '@' || !announcesPassword(text[:start])) {
		return 0, 0
	}
	if text[i] == ':' && end == i && isCookie(name) { // a header's, of which no JSON is
		return i + 1, lineEnd(text, i+1)
	}
	from, to = valueAt(text, i+1)
	if from < to && (isLiteral(text[from:to]) || IsDirectory(name, text[from:to])) {
		return 0, 0
	}
	return from, to
}

// maxSpaces is how many spaces may be between a name and its = or colon.
const maxSpaces = 16

func isNameByte(c byte) bool { return nameBytes[c] }

var nameBytes = func() (t [256]bool) {
	for c := range t {
		t[c] = c|0x20 >= 'a' && c|0x20 <= 'z' || c >= '0' && c <= '9' || c == '_' || c == '-'
	}
	return t
}()

// valueAt returns where a value is, behind spaces, in quotes or not. Of an
// Authorization both words are meant.
func valueAt(text []byte, i int) (from, to int) {
	for i < len(text) && (text[i] == ' ' || text[i] == '\\' || text[i] == '=' || text[i] == '>' && text[i-1] == '=') {
		i++
	}
	if i == len(text) {
		return 0, 0
	}
	if text[i] == '{' || text[i] == '[' {
		return i, bracketEnd(text, i)
	}
	if q := text[i]; q == '"' || q == '\'' {
		end := i + 1
		quoted := i > 0 && text[i-1] == '\\' // within quotes, where \" ends it
		for end < len(text) && text[end] != q && !(quoted && text[end] == '\\') {
			if text[end] == '\\' && end+1 < len(text) {
				end++
			}
			end++
		}
		return i + 1, min(end, len(text))
	}
	if text[i] == '|' || text[i] == '>' {
		if from, to := blockAt(text, i); from < to {
			return from, to
		}
	}
	end := wordEnd(text, i)
	switch string(bytes.ToLower(text[i:min(end, i+16)])) {
	case "digest", "aws4-hmac-sha256": // parameters, some in quotes
		end = lineEnd(text, end)
	case "basic", "bearer", "negotiate", "ntlm", "token", "apikey":
		if end < len(text) && text[end] == ' ' {
			end = wordEnd(text, end+1)
		}
	}
	return i, end
}

// bracketEnd returns where the JSON object or array at i ends.
func bracketEnd(text []byte, i int) int {
	depth, quoted := 0, false
	for ; i < len(text); i++ {
		switch c := text[i]; {
		case c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '{' || c == '[':
			depth++
		case c == '}' || c == ']':
			if depth--; depth == 0 {
				return i + 1
			}
		}
	}
	return len(text)
}

// wordEnd returns where an unquoted value ends. A comma, a semicolon, an
// ampersand or a bracket ends it only if what follows is no more of it: a password may
// have them.
func wordEnd(text []byte, i int) int {
	for i < len(text) {
		switch text[i] {
		case ' ', '"', '\'', '\n', '\r', '\t':
			return i
		case ',', ';', '&', ')', ']', '}':
			next, ends := endsWord(text, i)
			if ends {
				return i
			}
			i = next
			continue
		}
		i++
	}
	return i
}

// endsWord says whether the punctuation at i is at the end of a value: before
// a space, a quote, the end, or the next name. If not, it returns where to go on.
func endsWord(text []byte, i int) (next int, ends bool) {
	for i < len(text) && isPunctuation(text[i]) {
		i++
	}
	if i == len(text) || text[i] <= ' ' || text[i] == '"' || text[i] == '\'' || text[i] == '\\' {
		return i, true
	}
	end := i
	for end < len(text) && end-i <= maxSecretName && isNameByte(text[end]) {
		end++
	}
	return i, end > i && end < len(text) && (text[end] == '=' || text[end] == ':')
}

func isPunctuation(c byte) bool {
	switch c {
	case ',', ';', '&', ')', ']', '}', '.', ':', '!', '?':
		return true
	}
	return false
}

// blockAt returns where the lines are of a block of YAML, whose | or > is at i:
// those with more indentation than its key's.
func blockAt(text []byte, i int) (from, to int) {
	begin := bytes.LastIndexByte(text[max(0, i-maxBlockKey):i], '\n') + 1 + max(0, i-maxBlockKey)
	indent := indentation(text[begin:])
	for i++; i < len(text) && (text[i] == '-' || text[i] == '+' || text[i] >= '0' && text[i] <= '9'); i++ {
	}
	if i == len(text) || text[i] != '\n' {
		return 0, 0
	}
	for i < len(text) {
		line := text[i+1:]
		n := bytes.IndexByte(line, '\n')
		if n < 0 {
			n = len(line)
		}
		deep := indentation(line[:n])
		switch {
		case deep == n: // an empty one
		case deep <= indent:
			return from, to
		default:
			if from == 0 {
				from = i + 1 + deep
			}
			to = i + 1 + n
		}
		i += 1 + n
	}
	return from, to
}

// maxBlockKey is longer than what precedes a block's key in its line.
const maxBlockKey = 256

func indentation(line []byte) (n int) {
	for n < len(line) && (line[n] == ' ' || line[n] == '\t') {
		n++
	}
	return n
}

// userinfo returns where the password of a URL is whose authority begins at i.
func userinfo(text []byte, i int) (from, to int) {
	for at := i; at < len(text); at++ {
		switch c := text[at]; {
		case c == ':' && from == 0:
			from = at + 1
		case c == '@':
			return from, at * min(from, 1)
		case c <= ' ' || c == '/' || c == '?' || c == '"':
			return 0, 0
		}
	}
	return 0, 0
}
