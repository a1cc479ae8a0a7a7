package redis

import (
	"bytes"

	"unixcap/decoders"
)

// A mask tells, argument by argument, which are secret: passwords and their
// hashes. Where the form of a command is not what it should be, it hides more
// rather than less.
type mask struct {
	at   int  // index of the argument that is secret, 0 if none is known of
	some bool // something was hidden
}

// hides says whether argument i of total is secret, and how many bytes in
// front are not: the sign of a rule of ACL SETUSER.
func (m *mask) hides(r role, sub []byte, i, total int, arg []byte) (show int, secret bool) {
	if i == 0 {
		return 0, false
	}
	switch r {
	case roleAuth:
		secret = total != 3 || i == 2
	case roleHello, roleMigrate:
		secret = m.at == i
		switch {
		case m.at >= i: // what follows AUTH may be a name of that name
		case decoders.EqualFold(arg, "auth2"), r == roleHello && decoders.EqualFold(arg, "auth"):
			m.at = min(i+2, total-1)
		case decoders.EqualFold(arg, "auth"):
			m.at = i + 1
		}
	case roleACL:
		if i >= 3 && decoders.EqualFold(sub, "setuser") && len(arg) > 0 && bytes.IndexByte([]byte("><#!"), arg[0]) >= 0 {
			show, secret = 1, true
		}
	case roleConfig: // requirepass, masterauth, auth-pass, tls-key-file-pass
		secret = m.at == i
		if i >= 2 && !secret && decoders.IsSecretName(arg) && !decoders.EqualFold(sub, "get") {
			m.at = i + 1
		}
	}
	m.some = m.some || secret
	return show, secret
}

// appendErrorWithoutSecrets appends the message of an error that answers a
// command with a secret. What the server repeats of a command, it has in
// quotes.
func appendErrorWithoutSecrets(dst, message []byte) []byte {
	first, last := bytes.IndexAny(message, `'"`+"`"), bytes.LastIndexAny(message, `'"`+"`")
	if first < 0 {
		return append(dst, message...)
	}
	if last == first {
		last = len(message)
	}
	dst = append(dst, message[:first+1]...)
	dst = append(dst, decoders.Secret...)
	return append(dst, message[last:]...)
}
