package sql

import (
	"bytes"
	"math/bits"
)

// A trigger is a word without which a statement holds no secret that could be
// told from other text.
type trigger struct {
	word string
	at   int  // where in word its rarest three letters begin
	weak bool // it counts only where a variable may be assigned to
}

var triggers = [...]trigger{
	{"identif", 4, false},
	{"pass", 0, false},
	{"pwd", 0, false},
	{"secret", 1, false},
	{"crypt", 1, false},
	{"encode", 2, false},
	{"decode", 2, false},
	{"connection", 2, false},
	{"auth_string", 1, false},
	{"authentication_string", 1, false},
	{"keyring_key", 1, false},
	{"auth", 1, true},
	{"key", 0, true},
	{"://", 0, false},
	{"token", 1, false},
}

// triggerPairs has, as bits, the triggers in whose rarest three letters a pair
// of letters is. One of the two pairs of any three letters begins at an even
// place, so only those need to be looked at.
var triggerPairs = func() (pairs [1 << 10]uint16) {
	for i, t := range triggers {
		for _, at := range []int{t.at, t.at + 1} {
			pairs[pairOf(t.word[at], t.word[at+1])] |= 1 << i
		}
	}
	return
}()

// pairOf numbers a pair of bytes such that upper and lower case are the same;
// other bytes share the letters' numbers.
func pairOf(a, b byte) int { return int(a&31)<<5 | int(b&31) }

// mayHoldSecrets says whether a statement is worth a closer look. It is asked
// about every statement, so it does not cut it into tokens.
func (d Dialect) mayHoldSecrets(text []byte) bool {
	first := lexer{src: text, dialect: d}
	return ofSecretKind(first.next()) || hasTrigger(text) || laterOfSecretKind(text)
}

// ofSecretKind says whether t begins a statement whose very form says where
// its passwords are, even if the word before them is misspelt, or one that
// holds another statement, a command or a message.
func ofSecretKind(t token) bool {
	if len(t.text) == 0 {
		return false
	}
	switch lower[t.text[0]] { // few statements need more than that
	case 'a':
		return t.is("alter")
	case 'c':
		return t.is("create") || t.is("change") || t.is("copy")
	case 'e':
		return t.is("execute")
	case 'g':
		return t.is("grant")
	case 'n':
		return t.is("notify")
	case 'p':
		return t.is("prepare")
	case 's':
		return t.is("set") || t.is("start")
	}
	return false
}

// laterOfSecretKind looks for such words behind semicolons.
func laterOfSecretKind(text []byte) bool {
	for {
		i := bytes.IndexByte(text, ';')
		if i < 0 {
			return false
		}
		text = text[i+1:]
		j := 0
		for j < len(text) && isSpace(text[j]) {
			j++
		}
		text = text[j:]
		n := 0
		for n < len(text) && n < len("change")+1 && nameByte[text[n]] {
			n++
		}
		if ofSecretKind(token{kind: tokenWord, text: text[:n]}) {
			return true
		}
	}
}

func hasTrigger(text []byte) bool {
	weak := false
	for i := 1; i < len(text); i += 2 {
		hits := triggerPairs[pairOf(text[i-1], text[i])]
		for ; hits != 0; hits &= hits - 1 {
			t := &triggers[bits.TrailingZeros16(hits)]
			if !t.near(text, i-1) {
				continue
			}
			if !t.weak {
				return true
			}
			weak = true
		}
	}
	return weak && (bytes.IndexByte(text, '@') >= 0 || containsFold(text, "set"))
}

// near says whether the trigger stands where its rare letters, or their second
// pair, are at i.
func (t *trigger) near(text []byte, i int) bool {
	return hasFoldAt(text, i-t.at, t.word) || hasFoldAt(text, i-t.at-1, t.word)
}

// hasFoldAt says whether the lower-case word stands at i in any case.
func hasFoldAt(text []byte, i int, word string) bool {
	if i < 0 || i+len(word) > len(text) {
		return false
	}
	for k := range len(word) {
		if lower[text[i+k]] != word[k] {
			return false
		}
	}
	return true
}

func containsFold(text []byte, word string) bool {
	for i := 0; i+len(word) <= len(text); i++ {
		if hasFoldAt(text, i, word) {
			return true
		}
	}
	return false
}

func hasSuffixFold(text []byte, word string) bool { return hasFoldAt(text, len(text)-len(word), word) }

// A nameKind is what a name says of the values it is given.
type nameKind uint8

const (
	nameOther   nameKind = iota
	nameSetting          // a password if it is a variable, and no number
	nameAbout            // a password, or a thing about passwords if it is a number
	nameSecret           // a password
)

// maxSecretName bounds the names that are looked at; the servers' have at most
// 64 characters, those in JSON any number.
const maxSecretName = 256

var (
	secretWords  = [...]string{"password", "passwd", "passphrase", "pwd", "secret", "authentication_string", "auth_string"}
	settingWords = [...]string{"auth", "key"}
)

// kindOfName judges a name: a column's, an option's, a variable's, a
// function's.
func kindOfName(name []byte) nameKind {
	name = bytes.Trim(name, "`@")
	if len(name) > maxSecretName {
		return nameOther
	}
	for _, w := range secretWords {
		if hasSuffixFold(name, w) {
			return nameSecret
		}
		if containsFold(name, w) {
			return nameAbout
		}
	}
	if hasSuffixFold(name, "pass") && (len(name) == len("pass") || !isLetter(name[len(name)-len("pass")-1])) {
		return nameSecret
	}
	for _, w := range settingWords {
		if containsFold(name, w) {
			return nameSetting
		}
	}
	return nameOther
}

func isLetter(c byte) bool { return 'a' <= lower[c] && lower[c] <= 'z' }

// takesSecrets says whether a function's arguments are passwords or what they
// protect.
func takesSecrets(d Dialect, name token) bool {
	if name.kind != tokenWord && name.kind != tokenQuotedName || len(name.text) > maxSecretName {
		return false
	}
	return kindOfName(name.text) >= nameAbout || containsFold(name.text, "crypt") ||
		containsFold(name.text, "keyring_key") || d == MySQL && (name.is("encode") || name.is("decode"))
}

// harmlessOption says whether an option of CHANGE MASTER, START REPLICA or
// CREATE SERVER is known to be no password.
func harmlessOption(name []byte) bool {
	if kindOfName(name) >= nameAbout {
		return false
	}
	for _, w := range [...]string{"master", "slave", "replica", "source", "server", "exists", "wrapper", "to"} {
		if len(name) == len(w) && hasFoldAt(name, 0, w) {
			return true
		}
	}
	for _, w := range [...]string{"host", "user", "file", "path", "ssl", "tls", "bind", "gtid", "port", "channel",
		"database", "socket", "owner", "connection", "plugin", "algorithm", "default_auth"} {
		if containsFold(name, w) {
			return true
		}
	}
	return false
}
