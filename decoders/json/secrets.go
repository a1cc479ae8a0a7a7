package json

import (
	"bytes"

	"unixcap/decoders"
)

// qomSecret is in what makes a secret of QEMU's (object-add), whose data has no
// name that says so.
var qomSecret = []byte(`"secret"`)

// hides says whether a method's name says that its parameters are secret.
func hides(method []byte) bool {
	for i, c := range method {
		for j := range hidingWords[c] {
			w := &hidingWords[c][j]
			if i >= w.at && bytes.HasPrefix(method[i-w.at:], w.text) {
				return true
			}
		}
	}
	return false
}

// A hidingWord is in the names of methods whose parameters are secret.
type hidingWord struct {
	text []byte
	at   int // where its rarest letter is
}

// hidingWords are by their rarest letters. Those of wallets are Bitcoin's and
// Ethereum's.
var hidingWords = [256][]hidingWord{
	'w': {{[]byte("assword"), 3}, {[]byte("encryptwallet"), 7}, {[]byte("createwallet"), 6}},
	'h': {{[]byte("assphrase"), 4}, {[]byte("uthenticate"), 2}},
	'g': {{[]byte("ogin"), 1}},
	'c': {{[]byte("ecret"), 1}},
	'k': {{[]byte("nlock"), 4}, {[]byte("privkey"), 4}, {[]byte("withkey"), 4}},
	'z': {{[]byte("mining.authorize"), 14}}, // Stratum's
	'_': {{[]byte("personal_"), 8}},
	'C': {{[]byte("Credentials."), 0}}, // io.systemd.Credentials
	'd': {{[]byte("sethdseed"), 4}, {[]byte("importdescriptors"), 6}},
}

// hidesParameters says whether the parameters of a method are secret for what they
// are: an object of QEMU's that is a secret, a command of its monitor for people
// that has one.
func hidesParameters(m *message, params []byte) bool {
	return bytes.Contains(params, qomSecret) || string(m.method) == "human-monitor-command" && hasSecretCommand(m.params)
}

// hasSecretCommand says whether the command-line of a human-monitor-command has a
// password, or the data of a secret. Where in it that is, is not looked for.
func hasSecretCommand(params []byte) (secret bool) {
	walk(params, func(name, v []byte, _ bool) {
		if string(name) != "command-line" {
			return
		}
		command, rest, _ := bytes.Cut(bytes.TrimLeft(unquoted(v), " \t\n"), []byte{' '})
		switch string(command) {
		case "set_password", "change":
			secret = true
		case "object_add":
			secret = bytes.Contains(rest, []byte("secret"))
		}
	})
	return secret
}

// guestExec returns the parameters of a guest-exec without the secrets in the words
// of its command, which are its path and an array. They are valid until the next call.
func (d *decoder) guestExec(params []byte) []byte {
	var path, words []byte
	walk(params, func(name, v []byte, text bool) {
		switch {
		case string(name) == "path" && text:
			path = v
		case string(name) == "arg" && v[0] == '[':
			words = v
		}
	})
	if len(words) == 0 {
		return params
	}
	d.command.Reset()
	d.command.Secret(path)
	at := cap(params) - cap(words) // both have the memory behind them
	d.plain = append(d.plain[:0], params[:at]...)
	i := 0 // up to where words are taken over
	for k := skipSpace(words, 1); k < len(words) && words[k] == '"'; {
		end := stringEnd(words, k)
		if end < 0 {
			break
		}
		word := words[k+1 : end-1]
		plain := unquoted(word)
		if from := d.command.Secret(plain); from < len(plain) {
			if len(plain) != len(word) { // where from is among escapes, is not looked for
				from = 0
			}
			d.plain = append(append(d.plain, words[i:k+1+from]...), decoders.Secret...)
			i = end - 1
		}
		if k = skipSpace(words, end); k < len(words) && words[k] == ',' {
			k = skipSpace(words, k+1)
		}
	}
	d.plain = append(d.plain, words[i:]...)
	return append(d.plain, params[at+len(words):]...)
}

// appendHidden appends what of parameters is not in what is shown of them, with a
// zero byte behind each.
func appendHidden(dst, params, shown []byte) []byte {
	for {
		before, rest, hidden := bytes.Cut(shown, decoders.SecretBytes)
		if !hidden || len(before) > len(params) {
			return dst
		}
		params = params[len(before):]
		next, _, _ := bytes.Cut(rest, decoders.SecretBytes)
		end := len(params)
		if i := bytes.Index(params, next); i >= 0 && len(next) > 0 {
			end = i
		}
		dst = append(append(dst, unquoted(params[:end])...), 0)
		params, shown = params[end:], rest
	}
}

// maxRepeated is how many values an error is searched for: with more, it may repeat one.
const maxRepeated = 64

// repeats says whether a text has one of the values in it that appendHidden gave.
func repeats(text, hidden []byte) bool {
	for n := 0; len(hidden) > 0; n++ {
		var v []byte
		if v, hidden, _ = bytes.Cut(hidden, []byte{0}); n == maxRepeated || len(v) > 0 && bytes.Contains(text, v) {
			return true
		}
	}
	return false
}
