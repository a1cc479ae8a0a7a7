package uri

import (
	"bytes"
	"encoding/hex"
	"net/url"

	"unixcap/decoders"
)

// secretWord stands for what is not shown.
const secretWord = decoders.Secret

// secretNames are parts of the names of parameters and members whose values are
// not shown. They are compared without case, and without what stands between
// words: api_key, apiKey and X-Api-Key are the same.
var secretNames = []string{"pass", "pwd", "secret", "token", "apikey", "accesskey", "privatekey", "signingkey", "auth",
	"credential", "signature", "session", "cookie", "jwt", "bearer", "assertion", "identitykey"}

// secretWords are names that are secret as a whole: as parts they are of
// others. Those of parameters are ordinary names in other places.
var (
	secretWords      = []string{"sig", "sid", "pin", "pw", "pat", "otp"}
	secretParameters = []string{"key", "code", "state"}
)

// harmless are words that have one of secretNames in them.
var harmless = []string{"author", "passenger", "passage", "passive"}

// byFirst has secretNames by their first letters.
var byFirst = func() (t [256][]string) {
	for _, s := range secretNames {
		t[s[0]] = append(t[s[0]], s)
	}
	return t
}()

// folded has letters in lower case, and digits; 0 for the rest.
var folded = func() (t [256]byte) {
	for c := range t {
		switch {
		case c >= 'a' && c <= 'z', c >= '0' && c <= '9':
			t[c] = byte(c)
		case c >= 'A' && c <= 'Z':
			t[c] = byte(c) | 0x20
		}
	}
	return t
}()

// triples has for each two letters (1 to 26 in five bits each, 0: the beginning)
// those that follow them where one of the lists' words begins, as bits.
// escaped follows all.
var triples = func() (t [1024]uint32) {
	for i := range t {
		t[i] = 1 << escaped
	}
	for _, list := range [][]string{secretNames, secretWords, secretParameters} {
		for _, s := range list {
			first, second := int(s[0]&31), s[1]&31
			if len(s) > 2 {
				t[first<<5|int(second)] |= 1 << (s[2] & 31)
				continue
			}
			for before := range 32 {
				t[before<<5|first] |= 1 << second
			}
		}
	}
	return t
}()

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

// mayBeSecret says whether isSecret and its like have to look at a name. Of
// most names three letters that follow each other are enough to tell.
func mayBeSecret(name []byte) bool {
	before := uint(0)
	for _, c := range name {
		if c = letters[c]; c != 0 {
			if triples[before&1023]>>(c&31)&1 != 0 {
				return true
			}
			before = before<<5 | uint(c)
		}
	}
	return false
}

// maxName is longer than names of parameters are; longer ones are looked at as
// far as that.
const maxName = 64

// isSecret says whether a parameter, or another member, of that name has a
// secret.
func isSecret(name []byte, parameter bool) bool {
	var b [maxName]byte
	n, candidate := 0, false
	for _, c := range name[:min(len(name), maxName)] {
		if c = folded[c]; c != 0 {
			b[n] = c
			n++
			candidate = candidate || byFirst[c] != nil
		}
	}
	lower := b[:n]
	for i := 0; candidate && i < n; i++ {
		for _, s := range byFirst[lower[i]] {
			if hasPrefix(lower[i:], s) && !isHarmless(lower[i:]) {
				return true
			}
		}
	}
	return n <= 3 && among(secretWords, lower) || parameter && n <= 5 && among(secretParameters, lower)
}

func hasPrefix(b []byte, s string) bool { return len(b) >= len(s) && string(b[:len(s)]) == s }

func isHarmless(b []byte) bool {
	for _, s := range harmless {
		if hasPrefix(b, s) && !hasPrefix(b, "authoriz") {
			return true
		}
	}
	return false
}

func among(list []string, b []byte) bool {
	for _, s := range list {
		if string(b) == s {
			return true
		}
	}
	return false
}

// AppendTarget appends at most room bytes of a request target, or of another
// URI, without the user information and secret parameters.
func AppendTarget(dst, target []byte, room int) []byte {
	cut := len(target) > room
	target = target[:min(len(target), room)]
	if i := bytes.Index(target, []byte("://")); i > 0 && i < maxName && target[0] != '/' {
		dst = append(dst, target[:i+3]...)
		target = target[i+3:]
		end := bytes.IndexAny(target, "/?#")
		if end < 0 {
			end = len(target)
		}
		if at := bytes.LastIndexByte(target[:end], '@'); at >= 0 {
			dst = append(append(dst, secretWord...), '@')
			target = target[at+1:]
		} else if cut && end == len(target) && bytes.IndexByte(target, ':') >= 0 { // before the @, perhaps
			return append(dst, secretWord...)
		}
	}
	i := 0
	for i < len(target) && target[i] != '?' && target[i] != '#' {
		i++
	}
	if i == len(target) {
		return appendPath(dst, target)
	}
	dst = append(appendPath(dst, target[:i]), target[i])
	return AppendForm(dst, target[i+1:])
}

// separators are the bytes between parameters.
var separators = [256]bool{'&': true, ';': true, '#': true}

// AppendForm appends parameters of the form name=value&name=value, without
// secret values.
func AppendForm(dst, form []byte) []byte {
	for len(form) > 0 {
		end, equals := 0, -1
		for end < len(form) && !separators[form[end]] {
			if form[end] == '=' && equals < 0 {
				equals = end
			}
			end++
		}
		if equals >= 0 && (hasSecretName(form[:equals], true) || hidesSecret(form[equals+1:end])) {
			dst = append(append(dst, form[:equals+1]...), secretWord...)
		} else {
			dst = append(dst, form[:end]...)
		}
		if end == len(form) {
			return dst
		}
		dst = append(dst, form[end])
		form = form[end+1:]
	}
	return dst
}

// hasSecretName is isSecret for a name in which characters may be escaped.
func hasSecretName(name []byte, parameter bool) bool {
	if !mayBeSecret(name) {
		return false
	}
	if bytes.IndexByte(name, '%') < 0 {
		return isSecret(name, parameter)
	}
	s, err := url.QueryUnescape(string(name))
	return err != nil || isSecret([]byte(s), parameter)
}

// maxEscapes is how often a value may be escaped, one within the other.
const maxEscapes = 3

// hidesSecret says whether a value has a secret in it, escaped or not: a URI with
// user information or with secret parameters, JSON such as Docker's buildargs.
// One that is escaped too often may be any.
func hidesSecret(value []byte) bool {
	for n := 0; bytes.ContainsAny(value, ":%="); n++ {
		if _, rest, ok := bytes.Cut(value, []byte("://")); ok && bytes.IndexByte(rest, '@') >= 0 {
			return true
		}
		if !bytes.Equal(AppendMasked(nil, value), value) || hasSecretParameter(value) {
			return true
		}
		plain := unescape(value)
		if len(plain) == len(value) {
			return false
		}
		if n == maxEscapes {
			return true
		}
		value = plain
	}
	return false
}

// hasSecretParameter says whether a URI has a parameter that is secret.
func hasSecretParameter(uri []byte) bool {
	_, query, _ := bytes.Cut(uri, []byte{'?'})
	for len(query) > 0 {
		one := query
		if i := bytes.IndexAny(query, "&;#?"); i >= 0 {
			one, query = query[:i], query[i+1:]
		} else {
			query = nil
		}
		if name, value, ok := bytes.Cut(one, []byte{'='}); ok && len(value) > 0 && hasSecretName(name, true) {
			return true
		}
	}
	return false
}

// unescape undoes percent-encoding (RFC 3986, 2.1), and leaves what is none.
func unescape(b []byte) []byte {
	plain := make([]byte, 0, len(b))
	for i := 0; i < len(b); i++ {
		var c [1]byte
		if b[i] == '%' && i+2 < len(b) {
			if _, err := hex.Decode(c[:], b[i+1:i+3]); err == nil {
				plain = append(plain, c[0])
				i += 2
				continue
			}
		}
		plain = append(plain, b[i])
	}
	return plain
}

// appendPath appends a path without the values of secret matrix parameters, such
// as /a;jsessionid=….
func appendPath(dst, path []byte) []byte {
	for {
		i := bytes.IndexByte(path, ';')
		if i < 0 {
			return append(dst, path...)
		}
		dst = append(dst, path[:i+1]...)
		path = path[i+1:]
		end := bytes.IndexAny(path, ";/")
		if end < 0 {
			end = len(path)
		}
		if name, value, ok := bytes.Cut(path[:end], []byte{'='}); ok && len(value) > 0 && hasSecretName(name, true) {
			dst = append(append(append(dst, name...), '='), secretWord...)
			path = path[end:]
		}
	}
}

// secretSegments begin segments of paths whose contents are secrets that no name
// tells: Docker's and Podman's /secrets/create, Vault's /v1/secret/data/….
var secretSegments = []string{"secret", "credential", "password", "passwd", "token", "unseal"}

// IsSecretPath says whether the contents that belong to a request target are not
// to be shown.
func IsSecretPath(target []byte) bool {
	for i, c := range target {
		switch {
		case c == '?' || c == '#':
			return false
		case c != '/' || i+1 == len(target):
			continue
		}
		switch target[i+1] | 0x20 {
		case 's', 'c', 'p', 't', 'u':
			for _, w := range secretSegments {
				if rest := target[i+1:]; len(rest) >= len(w) && bytes.EqualFold(rest[:len(w)], []byte(w)) {
					return true
				}
			}
		}
	}
	return false
}
