package decoders

import "bytes"

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

// lineEnd returns where the line ends that i is in, or the text in double quotes.
func lineEnd(text []byte, i int) int {
	if n := bytes.IndexAny(text[i:], "\r\n"); n >= 0 {
		return i + n
	}
	return len(text)
}

// IsHarmless says whether the value of a secret's name is none: true, false or null, as
// in "auth": false; or that of PWD, if it is a directory.
func IsHarmless(name, value []byte) bool {
	switch string(value) {
	case "true", "false", "null":
		return true
	}
	return value[0] == '/' && (string(name) == "PWD" || string(name) == "OLDPWD")
}
