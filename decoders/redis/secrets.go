package redis

import (
	"bytes"

	"unixcap/decoders"
)

// A mask tells, argument by argument, which are secret: passwords and their
// hashes. Where the form of a command is not what it should be, it hides more
// rather than less.
type mask struct {
	at    int  // index of the argument that is secret, 0 if none is known of
	some  bool // something was hidden
	named bool // a key is called like a secret
	first int  // of the arguments that are no options or keys, as soon as that is known
}

// sees says how argument i of total is shown, and if it is secret, how many bytes
// in front are not: the sign of a rule of ACL SETUSER.
func (m *mask) sees(k *command, sub []byte, i, total int, arg []byte) (show int, how sight) {
	if i == 0 {
		return 0, asIs
	}
	switch k.values.form {
	case noValues:
		var secret bool
		if show, secret = m.hides(k.role, sub, i, total, arg); secret {
			how = notAtAll
		}
	case behindKeys, setValue:
		how = m.behindKeys(k, i, total, arg)
	case pairsAtEnd:
		how = m.pair(k, i, total, arg)
	case behindNames:
		how = m.behindNames(k, i, total, arg)
	}
	m.some = m.some || how == notAtAll
	return show, how
}

// hides is sees of a command without values.
func (m *mask) hides(r role, sub []byte, i, total int, arg []byte) (show int, secret bool) {
	switch r {
	case roleMistyped:
		secret = true
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
	return show, secret
}

// argumentsBegin is before the arguments of a command that the server does not
// know: of one that was mistyped, they may be a password.
var argumentsBegin = []byte("with args beginning with: ")

// appendErrorWithoutArguments appends the message of an error without what follows
// argumentsBegin, and without what it says are secrets.
func appendErrorWithoutArguments(dst, message []byte) []byte {
	before, behind, _ := bytes.Cut(message, argumentsBegin)
	if len(behind) == 0 {
		return decoders.AppendWithoutSecrets(dst, message)
	}
	dst = append(append(dst, before...), argumentsBegin...)
	return append(dst, decoders.Secret...)
}

// appendErrorWithoutSecrets appends the message of an error that answers a
// command with a secret. What the server repeats of a command, it has in
// quotes.
func appendErrorWithoutSecrets(dst, message []byte) []byte {
	if bytes.Contains(message, argumentsBegin) {
		return appendErrorWithoutArguments(dst, message)
	}
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
