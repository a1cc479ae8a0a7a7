package decoders

import "bytes"

// Secret stands for a password or another secret that is not shown.
const Secret = "<secret>"

// secretWords are what names of settings have in them whose values are secret.
// Compared without case, and without what stands between words.
var secretWords = []string{
	"password", "passwd", "passphrase", "passwort", "secret", "credential", "apikey", "privatekey",
	"accesskey", "authorization", "sessionkey", "accesstoken", "authtoken", "refreshtoken", "bearertoken",
}

// secretNames are names that say it only as a whole.
var secretNames = map[string]bool{
	"pw": true, "pwd": true, "pass": true, "psk": true, "pin": true, "token": true, "cookie": true,
	"setcookie": true, "wepkey0": true, "wepkey1": true, "wepkey2": true, "wepkey3": true, "passkey": true, "pincode": true,
}

// maxSecretName is more than any name of a secret has.
const maxSecretName = 64

// IsSecretName says whether a name, as of a field or a setting, is that of a
// value that is not to be shown: "password", "db_passwd", "Access-Token", "psk".
func IsSecretName(name []byte) bool {
	if len(name) < 2 || len(name) > maxSecretName {
		return false
	}
	var b [maxSecretName]byte
	n := 0
	for _, c := range name {
		switch {
		case c >= 'A' && c <= 'Z':
			c += 'a' - 'A'
		case c >= 'a' && c <= 'z' || c >= '0' && c <= '9':
		default:
			continue
		}
		b[n] = c
		n++
	}
	if secretNames[string(b[:n])] {
		return true
	}
	if n < len("passwd") {
		return false
	}
	for _, w := range secretWords {
		if bytes.Contains(b[:n], []byte(w)) {
			return true
		}
	}
	return false
}
