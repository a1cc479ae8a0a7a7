package decoders

import "bytes"

// DashSecret returns where the secret is that the dash at i announces: behind the flag of
// a command, or the first line of a private key in PEM. from is not less than to if there
// is none.
func DashSecret(text []byte, i int) (from, to int) {
	if bytes.HasPrefix(text[i:], pemBegin) {
		return privateKeyAt(text, i)
	}
	return flagSecret(text, i)
}

// RFC 7468, 3.
var (
	pemBegin = []byte("-----BEGIN ")
	pemEnd   = []byte("-----END")
	dashes   = []byte("-----")
)

// privateKeyAt returns where the key is behind the line that begins at i.
func privateKeyAt(text []byte, i int) (from, to int) {
	const longest = 32 // "OPENSSH PRIVATE KEY", "PGP PRIVATE KEY BLOCK"
	from = i + len(pemBegin)
	label, _, ok := bytes.Cut(text[from:min(len(text), from+longest)], dashes)
	if !ok || !bytes.Contains(label, []byte("PRIVATE KEY")) {
		return 0, 0
	}
	from += len(label) + len(dashes)
	if n := bytes.Index(text[from:], pemEnd); n >= 0 {
		return from, from + n
	}
	return from, len(text)
}

// QuotedSecret returns where the secret is in the quotes that open at i: PASSWORD '…',
// IDENTIFIED BY '…', as databases write statements into their logs, "wrong password
// '…'". from is not less than to if it is none.
func QuotedSecret(text []byte, i int) (from, to int) {
	end := i
	for n := 0; end > 0 && text[end-1] == ' ' && n < maxSpaces; n++ {
		end--
	}
	start := end
	for start > 0 && end-start <= maxSecretName && isNameByte(text[start-1]) {
		start--
	}
	word := text[start:end]
	if end == i || len(word) == 0 || !IsSecretName(word) && !provesIdentity(text[max(0, start-maxIdentified):start], word) {
		return 0, 0
	}
	from = i + 1
	for to = from; to < len(text); to++ {
		switch {
		case text[to] == '\\':
			to++
		case text[to] == '\'' && to+1 < len(text) && text[to+1] == '\'': // one within
			to++
		case text[to] == '\'':
			return from, to
		}
	}
	return from, len(text)
}

// maxIdentified is how far before BY or AS MySQL's IDENTIFIED is, with the plugin.
const maxIdentified = 64

// provesIdentity says whether a word and what is before it are MySQL's IDENTIFIED
// WITH plugin BY or AS.
func provesIdentity(before, word []byte) bool {
	return (EqualFold(word, "by") || EqualFold(word, "as")) && bytes.Contains(bytes.ToLower(before), []byte("identified "))
}

// announcesPassword says whether a text is what mysqld says before the host of root, for
// which it has made the password that follows.
func announcesPassword(text []byte) bool {
	return bytes.HasSuffix(text, []byte("password is generated for root@"))
}

func isCookie(name []byte) bool { return EqualFold(name, "cookie") || EqualFold(name, "set-cookie") }

// lineEnd returns where the line ends that i is in.
func lineEnd(text []byte, i int) int {
	if n := bytes.IndexAny(text[i:], "\r\n"); n >= 0 {
		return i + n
	}
	return len(text)
}

// isLiteral says whether a value is one that is no secret, as in "auth": false.
func isLiteral(value []byte) bool {
	switch string(value) {
	case "true", "false", "null":
		return true
	}
	return false
}

// IsDirectory says whether a variable of a shell is the directory that it is in, and
// value begins with one: PWD, which else is a password's name.
func IsDirectory(name, value []byte) bool {
	return len(value) > 0 && value[0] == '/' && (string(name) == "PWD" || string(name) == "OLDPWD")
}
