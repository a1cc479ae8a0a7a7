package sql

import (
	"bytes"

	"unixcap/decoders"
)

// HideContents replaces what of bound values is a secret because they say so
// themselves: {"password": "…"}, scheme://user:…@host, password=…. If one is as a
// whole the name of a secret, the other texts of its row, which has params
// values, are secrets too: ("smtp_password", "…"). What is shown instead is
// appended to memory, which is returned.
func HideContents(args []decoders.Value, params int, memory []byte, into *Hidden) []byte {
	params = max(params, 1)
	for len(args) > 0 {
		row := args[:min(params, len(args))]
		args = args[len(row):]
		named := false
		for i := range row {
			v := &row[i]
			if len(v.Bytes) < minTelling || isPlain(v.Bytes) {
				continue
			}
			named = named || isSecretKey(v.Bytes)
			if !decoders.MayHaveSecrets(v.Bytes) {
				continue
			}
			start := len(memory)
			memory = decoders.AppendWithoutSecrets(memory, v.Bytes)
			shown := memory[start:len(memory):len(memory)]
			if bytes.Equal(shown, v.Bytes) {
				memory = memory[:start]
				continue
			}
			into.changed(v.Bytes, shown)
			v.Bytes = shown
		}
		if named {
			hideOthers(row, into)
		}
	}
	return memory
}

// hideOthers replaces all texts of a row but the names of secrets.
func hideOthers(row []decoders.Value, into *Hidden) {
	for i := range row {
		if v := &row[i]; v.Bytes != nil && !isSecretKey(v.Bytes) {
			into.Value(v.Bytes)
			*v = decoders.TextValue(decoders.SecretBytes)
		}
	}
}

// minTelling is as long as the shortest text that says what in it is a secret:
// pw=x.
const minTelling = len("pw=x")

// isPlain says whether a value is a number, a date or a time, as most are.
func isPlain(v []byte) bool {
	if len(v) > maxPlain {
		return false
	}
	for _, c := range v {
		if !plainByte[c] {
			return false
		}
	}
	return true
}

// maxPlain is longer than times are.
const maxPlain = 40

var plainByte = func() (t [256]bool) {
	for _, c := range []byte("0123456789:-+. TZ") {
		t[c] = true
	}
	return t
}()

const (
	// minSecretKey leaves out names that are ordinary values as well, such as
	// "pass" and "Pat".
	minSecretKey = 5

	// maxSecretKey is longer than keys of settings are.
	maxSecretKey = 64
)

// secretKeyEnds end the keys of secrets in tables of settings. Other names of secrets are
// also what happens or what is so: "session_start", "authorized".
var secretKeyEnds = []string{"password", "passwd", "passphrase", "pass", "pwd", "secret", "token", "key", "credential", "credentials"}

// isSecretKey says whether a value as a whole is the name of a secret, as
// tables of settings have them.
func isSecretKey(v []byte) bool {
	if len(v) < minSecretKey || len(v) > maxSecretKey || !isLetter(v[0]) && v[0] != '_' {
		return false
	}
	for _, c := range v {
		if !isLetter(c) && !isDigit(c) && c != '_' && c != '-' && c != '.' {
			return false
		}
	}
	for _, end := range secretKeyEnds {
		if len(v) >= len(end) && decoders.EqualFold(v[len(v)-len(end):], end) {
			return decoders.IsSecretName(v)
		}
	}
	return false
}
