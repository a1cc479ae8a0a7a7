package decoders

import (
	"math/bits"
	"strings"
)

// What the names of secrets are. They are compared without case, and without
// what stands between words: api_key, apiKey and X-Api-Key are the same.
var (
	// secretParts are in names of secrets. Those that begin with another one are
	// also where the short one is in an everyday word: "compassword".
	secretParts = []string{
		"password", "passwd", "passphrase", "pass", "pwd", "secret", "credential",
		"accesstoken", "refreshtoken", "token", "bearer", "jwt", "assertion", "signature", "cookie", "session", "sessid",
		"authoriz", "authoris", "auth", "apikey", "accesskey", "privatekey", "signingkey", "identitykey", "presharedkey",
		"wepkey", "encryptionkey", "unlockkey", "keyfilecontents", "macaroon", "pincode", "unseal",
	}

	// secretEnds end names of secrets: as parts they are in others.
	secretEnds = []string{"psk"}

	// secretWholes are names of secrets by themselves.
	secretWholes = []string{"pw", "pin", "pat", "sig", "sid", "otp"}

	// secretParameters are such names in the query of a URI or in a form:
	// everywhere else they are ordinary ones.
	secretParameters = []string{"key", "code", "state"}

	// everydayWords have one of secretParts in them and are no secrets. Those
	// that end with an s must be whole words, others may go on.
	everydayWords = []string{
		"author", "passed", "passes", "passing", "passenger", "passage", "passive", "passport", "passthrough",
		"compass", "bypass", "bypassed", "surpass", "tokens", "tokeniz", "tokenis", "sessions", "secretary", "authenticated", "unsealed",
		"unauthorized", "unauthorised",
	}

	// everydayNames are such words of several, which say what is known of a
	// secret, or name no secret of that kind.
	everydayNames = []string{
		"tokentype", "tokencount", "tokensused", "authalg", "authmech", "authmethod", "authtype", "authtimeout", "signaturealg",
		"auditsession", "systemdsession", "sessionauthorization", "sessioncach", "sessionclass", "sessioncount", "sessionname",
		"sessiontimeout", "sessiontrack", "sessiontype",
	}
)

// maxSecretName is longer than names of secrets are; longer ones are looked at
// as far as that.
const maxSecretName = 64

// IsSecretName says whether a name is that of a value that is not to be shown,
// whatever it names: a field, a setting, a variable, a member of JSON, a header.
//
// It is if a word for a secret is part of it (secretParts: "db_passwd",
// "Access-Token", "X-Amz-Signature", "user_session"), ends it (secretEnds) or is
// all of it (secretWholes: "pin", but not "ping" or "pinned"). It is not if all
// such parts are in words that mean other things: "passed", "author", "bypass",
// "max_tokens", which counts. Where a name may be either, it is a secret's.
func IsSecretName(name []byte) bool { return MayBeSecretName(name) && isSecretName(name, false) }

// IsSecretParameter is IsSecretName for parameters in the query of a URI or in
// a form, where "code" and "key" are secrets, too.
func IsSecretParameter(name []byte) bool { return MayBeSecretName(name) && isSecretName(name, true) }

func isSecretName(name []byte, parameter bool) bool {
	var f foldedName
	f.fold(name)
	b := f.b[:f.n]
	for i := range b {
		for _, part := range partsByFirst[b[i]] {
			if hasPrefix(b[i:], part.text) && !f.everyday(part, i) {
				return true
			}
		}
	}
	for _, end := range secretEnds {
		if len(b) >= len(end) && string(b[len(b)-len(end):]) == end {
			return true
		}
	}
	return len(b) <= 3 && among(secretWholes, b) || parameter && len(b) <= 5 && among(secretParameters, b)
}

func hasPrefix(b []byte, s string) bool { return len(b) >= len(s) && string(b[:len(s)]) == s }

func among(list []string, b []byte) bool {
	for _, s := range list {
		if string(b) == s {
			return true
		}
	}
	return false
}

// A foldedName is a name's letters in lower case, and its digits.
type foldedName struct {
	b      [maxSecretName]byte
	n      int
	starts uint64 // where in b words begin, as bits
}

func (f *foldedName) fold(name []byte) {
	before := byte(0)
	for _, c := range name[:min(len(name), maxSecretName)] {
		lower := folded[c]
		if lower != 0 {
			if before == 0 || c != lower && before >= 'a' { // word, or Word behind lower case
				f.starts |= 1 << f.n
			}
			f.b[f.n] = lower
			f.n++
		}
		if before = c; lower == 0 {
			before = 0
		}
	}
}

// everyday says whether a part, which is at i, is in a word that means something
// else.
func (f *foldedName) everyday(part *secretPart, i int) bool {
	b := f.b[:f.n]
	for _, e := range part.everyday {
		at, end := i-e.at, i-e.at+len(e.text)
		switch {
		case at < 0 || !hasPrefix(b[at:], e.text):
		case e.several:
			return true
		case f.startsIn(at+1, end):
		case e.text[len(e.text)-1] != 's' || end == f.n || f.startsIn(end, end+1):
			return true
		}
	}
	return false
}

// startsIn says whether a word starts between two places.
func (f *foldedName) startsIn(from, to int) bool {
	return bits.TrailingZeros64(f.starts>>from) < to-from
}

// folded has letters in lower case, digits, and 0 for what else is in names.
var folded = func() (t [256]byte) {
	for c := range t {
		switch {
		case c >= 'A' && c <= 'Z':
			t[c] = byte(c) + 'a' - 'A'
		case c >= 'a' && c <= 'z', c >= '0' && c <= '9':
			t[c] = byte(c)
		}
	}
	return t
}()

// A secretPart is one of secretParts.
type secretPart struct {
	text     string
	everyday []everydayPlace
}

// An everydayPlace is where a part is in one of everydayWords or everydayNames.
type everydayPlace struct {
	text    string
	at      int
	several bool // it is one of everydayNames
}

// partsByFirst has secretParts by their first letters.
var partsByFirst = func() (t [256][]*secretPart) {
	for _, s := range secretParts {
		part := &secretPart{text: s}
		for i, list := range [][]string{everydayWords, everydayNames} {
			for _, w := range list {
				for at := range w {
					if strings.HasPrefix(w[at:], s) {
						part.everyday = append(part.everyday, everydayPlace{text: w, at: at, several: i == 1})
					}
				}
			}
		}
		t[s[0]] = append(t[s[0]], part)
	}
	return t
}()

// triples has for each two letters (1 to 26 in five bits each) those that follow them
// where one of the lists' words begins, as bits; a word of two letters may have any
// before it, or none, which is 0. escaped follows all.
//
// Many everyday names have three letters of them: "api" of "apikey". rows has for two
// letters the index of their row in fourths, and fourths[row][third] the letters that
// may come fourth, as bits; anyLetter: none need come.
var triples, rows, fourths = tripleTables()

func tripleTables() (triples [1024]uint32, rows [1024]uint8, fourths [][32]uint32) {
	add := func(two, third, next uint32) {
		triples[two] |= 1 << third
		if rows[two] == 0 {
			rows[two] = uint8(len(fourths))
			fourths = append(fourths, [32]uint32{escaped: anyLetter})
		}
		fourths[rows[two]][third] |= next
	}
	fourths = make([][32]uint32, 1) // row 0 is that of all others
	fourths[0][escaped] = anyLetter
	for i := range triples {
		triples[i] = 1 << escaped
	}
	for _, list := range [][]string{secretParts, secretEnds, secretWholes, secretParameters} {
		for _, s := range list {
			first, second := uint32(s[0]&31), uint32(s[1]&31)
			switch len(s) {
			case 2:
				for before := range uint32(32) {
					add(before<<5|first, second, anyLetter)
				}
			case 3:
				add(first<<5|second, uint32(s[2]&31), anyLetter)
			default:
				add(first<<5|second, uint32(s[2]&31), 1<<escaped|1<<(s[3]&31))
			}
		}
	}
	return triples, rows, fourths
}

const anyLetter = 1<<32 - 1

const (
	digit   = 27
	escaped = 31
)

// letters numbers letters and digits for triples. What else there is in names is
// passed over, but of escapes one cannot tell.
var letters = func() (t [256]byte) {
	for c, lower := range folded {
		switch {
		case c == '%' || c == '\\':
			t[c] = escaped
		case lower >= 'a':
			t[c] = lower & 31
		case lower != 0:
			t[c] = digit
		}
	}
	return t
}()

// MayBeSecretName says whether a name needs a closer look: of most, three letters
// that follow each other are enough to tell, or four. A name with a percent sign or
// a backslash may be any, for these may stand for letters. If it says no of a
// text, it says no of every name that is in it.
func MayBeSecretName(name []byte) bool {
	before := uint32(0)
	for i, c := range name {
		if c = letters[c] & 31; c != 0 {
			if two := before & 1023; triples[two]>>c&1 != 0 && mayGoOn(name[i+1:], fourths[rows[two]][c]) {
				return true
			}
			before = before<<5 | uint32(c)
		}
	}
	return false
}

// mayGoOn says whether the next letter of a name's rest is one of those whose bits
// are set.
func mayGoOn(rest []byte, wanted uint32) bool {
	for _, c := range rest {
		if c = letters[c]; c != 0 {
			return wanted>>c&1 != 0
		}
	}
	return wanted == anyLetter
}
