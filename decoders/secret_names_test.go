package decoders

import (
	"strings"
	"testing"
)

func TestIsSecretName(t *testing.T) {
	for name, want := range map[string]bool{
		"password": true, "Password": true, "db_passwd": true, "wifi-sec.psk": true, "psk": true, "Access-Token": true, "access_token": true,
		"encrypt.passphrase": true, "clientSecret": true, "Set-Cookie": true, "token": true, "PIN": true, "api_key": true,
		"MYSQL_PWD": true, "GITHUB_TOKEN": true, "DB_PASS": true, "preshared-key": true, "keyfile_contents": true, "wep-key0": true,
		"X-Amz-Signature": true, "PHPSESSID": true, "jsessionid": true, "user_session": true, "id_token_hint": true, "X-Registry-Auth": true,
		"identitytoken": true, "proxy-authorization": true, "Authorisation": true, "client_assertion": true, "otp": true, "sid": true,
		"requirepass": true, "masterauth": true, "unseal_key": true, "tls-key-file-pass": true, "accessTokens": true, "pincode": true,

		"": false, "a": false, "path": false, "user": false, "ping": false, "pinned": false, "monkey": false, "keyboard": false, "key": false,
		"state": false, "code": false, "side": false, "upskill": false, "passed": false, "tests_passed": false, "Passing": false,
		"compass": false, "bypass": false, "bypassed": false, "author": false, "co_author": false, "authors": false, "unsealed": false, "authority": false,
		"passenger": false, "passport": false, "tokens": false, "max_tokens": false, "totalTokens": false, "tokenizer": false,
		"token_type": false, "auth-alg": false, "secretary": false, "_SYSTEMD_SESSION": false, "active_sessions": false,
		"tls-session-caching": false, "session_track_schema": false, "XDG_SESSION_TYPE": false,

		// What a word for another thing only seems to be in, or has a secret besides.
		"com_password": true, "by_pass": true, "ruby_pass": true, "token_string": true, "tokenString": true, "auth_origin": true, "sessionsalt": true,
		"session_sid": true, "bypass_password": true, "author_token": true, "tokens_secret": true, "pass_edit": true,

		strings.Repeat("a", 58) + "secret": true, strings.Repeat("a", 64) + "secret": false, strings.Repeat("_", 64) + "a": false,
	} {
		if got := IsSecretName([]byte(name)); got != want {
			t.Errorf("%s: %v", name, got)
		}
		if !IsSecretParameter([]byte(name)) && want {
			t.Errorf("%s as a parameter", name)
		}
	}
	for name, want := range map[string]bool{"key": true, "code": true, "State": true, "monkey": false, "states": false, "encode": false} {
		if got := IsSecretParameter([]byte(name)); got != want {
			t.Errorf("%s as a parameter: %v", name, got)
		}
	}
}

// Every name that is secret has to get to where that is seen.
func TestMayBeSecretName(t *testing.T) {
	for _, list := range [][]string{secretParts, secretEnds, secretWholes, secretParameters} {
		for _, s := range list {
			for _, name := range []string{s, strings.ToUpper(s), s[:1] + "-" + s[1:], "my_" + s, "1" + s + "2"} {
				if !MayBeSecretName([]byte(name)) {
					t.Error(name)
				}
			}
		}
	}
	for _, name := range []string{"", "a", "n", "name", "limit", "street", "id"} {
		if MayBeSecretName([]byte(name)) {
			t.Errorf("%s is looked at without need", name)
		}
	}
}

// A word for another thing is listed for a reason.
func TestEverydayWords(t *testing.T) {
	for _, w := range append(everydayWords, everydayNames...) {
		part := false
		for _, s := range secretParts {
			part = part || strings.Contains(w, s)
		}
		if !part || IsSecretName([]byte(w)) {
			t.Errorf("%s: has a part %v, secret %v", w, part, IsSecretName([]byte(w)))
		}
	}
}

func FuzzIsSecretName(f *testing.F) {
	f.Add([]byte("by-pass_Tokens"))
	f.Fuzz(func(t *testing.T, name []byte) {
		if isSecretName(name, true) && !MayBeSecretName(name) {
			t.Errorf("%q cannot be secret, but is", name)
		}
	})
}
