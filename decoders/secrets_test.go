package decoders

import "testing"

func TestIsSecretName(t *testing.T) {
	for name, want := range map[string]bool{
		"password": true, "Password": true, "db_passwd": true, "wifi-sec.psk": false, "psk": true, "Access-Token": true, "access_token": true,
		"encrypt.passphrase": true, "clientSecret": true, "Set-Cookie": true, "token": true, "PIN": true, "api_key": true,
		"": false, "a": false, "path": false, "passed": false, "pinned": false, "tokens": false, "user": false, "compass": false,
	} {
		if got := IsSecretName([]byte(name)); got != want {
			t.Errorf("%s: %v", name, got)
		}
	}
}
