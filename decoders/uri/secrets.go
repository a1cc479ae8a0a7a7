package uri

import (
	"bytes"
	"encoding/hex"
	"net/url"
	"unicode"

	"unixcap/decoders"
)

// maxName is longer than schemes and names of parameters are.
const maxName = 64

// AppendTarget appends at most room bytes of a request target, or of another
// URI, without the user information and secret parameters. secret says that the
// contents which belong to the target are not to be shown either.
func AppendTarget(dst, target []byte, room int) (shown []byte, secret bool) {
	if harmless(target) {
		return append(dst, target[:min(len(target), room)]...), false
	}
	return appendTarget(dst, target, room), IsSecretPath(target)
}

// harmless says of most targets that they have no user information and nothing
// that may be a secret's name. All else that is looked for has the latter, be it in a
// path, a form, JSON or XML in a value, or one of secretSegments, or is escaped, of which
// MayBeSecretName says yes.
func harmless(target []byte) bool {
	return !decoders.MayBeSecretName(target) && (bytes.IndexByte(target, ':') < 0 || !bytes.Contains(target, []byte("://")))
}

func appendTarget(dst, target []byte, room int) []byte {
	cut := len(target) > room
	target = target[:min(len(target), room)]
	// Behind a path that begins with a slash it is another URI: /proxy/https://…
	if i := bytes.Index(target, []byte("://")); i > 0 && i < maxName && !bytes.ContainsAny(target[:i], "?#") {
		dst = appendPath(dst, target[:i+3])
		target = target[i+3:]
		end := bytes.IndexAny(target, "/?#")
		if end < 0 {
			end = len(target)
		}
		if at := bytes.LastIndexByte(target[:end], '@'); at >= 0 {
			dst = append(append(dst, decoders.Secret...), '@')
			target = target[at+1:]
		} else if cut && end == len(target) && bytes.IndexByte(target, ':') >= 0 { // before the @, perhaps
			return append(dst, decoders.Secret...)
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
			dst = append(append(dst, form[:equals+1]...), decoders.Secret...)
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

// hasSecretName is decoders.IsSecretName, of parameters IsSecretParameter, for a
// name in which characters may be escaped.
func hasSecretName(name []byte, parameter bool) bool {
	if bytes.IndexByte(name, '%') >= 0 {
		s, err := url.QueryUnescape(string(name))
		if err != nil {
			return true
		}
		name = []byte(s)
	}
	if parameter {
		return decoders.IsSecretParameter(name)
	}
	return decoders.IsSecretName(name)
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
// as /a;jsessionid=…, and without what is behind a segment that is a secret's name, if it
// is none of a route: /reset-password/….
func appendPath(dst, path []byte) []byte {
	before := false // the last segment was such a name
	for len(path) > 0 {
		end := 1
		for end < len(path) && path[end] != '/' && path[end] != ';' {
			end++
		}
		part := path[:end]
		path = path[end:]
		if part[0] == ';' {
			if name, value, ok := bytes.Cut(part, []byte{'='}); ok && len(value) > 0 && hasSecretName(name[1:], true) {
				dst = append(append(append(dst, name...), '='), decoders.Secret...)
				continue
			}
		}
		if before && part[0] == '/' && isRandom(part[1:]) {
			dst = append(append(dst, '/'), decoders.Secret...)
			continue
		}
		before = part[0] == '/' && decoders.IsSecretName(part[1:])
		dst = append(dst, part...)
	}
	return dst
}

// minRandom is how long tokens in paths are at least.
const minRandom = 16

// isRandom says whether a segment of a path is a token rather than a word: it has
// letters and digits.
func isRandom(segment []byte) bool {
	return len(segment) >= minRandom && bytes.ContainsAny(segment, "0123456789") && bytes.ContainsFunc(segment, unicode.IsLetter)
}

// secretSegments begin segments of paths whose contents are secrets that no name
// tells: Docker's and Podman's /secrets/create, Vault's /v1/secret/data/…. All are
// names of secrets themselves: see harmless.
var secretSegments = []string{"secret", "credential", "password", "passwd", "token", "unseal"}

// pathMarks begin a segment of a path, or end the path.
var pathMarks = [256]bool{'/': true, '?': true, '#': true}

// IsSecretPath says whether the contents that belong to a request target are not
// to be shown.
func IsSecretPath(target []byte) bool {
	for i, c := range target {
		if !pathMarks[c] {
			continue
		}
		if c != '/' {
			return false
		}
		if i+1 == len(target) {
			break
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
