package decoders

import (
	"bytes"
	"testing"
)

func TestAppendWithoutSecrets(t *testing.T) {
	for text, want := range map[string]string{
		"login user=joe password=geheim from 1.2.3.4": "login user=joe password=<secret> from 1.2.3.4",
		`{"token": "abc\"def", "a": 1}`:               `{"token": "<secret>", "a": 1}`,
		`{\"password\":\"x\"}`:                        `{\"password\":\"<secret>\"}`,
		"run --passphrase geheim --user joe":          "run --passphrase <secret> --user joe",
		"Authorization: Bearer abc.def":               "Authorization: <secret>",
		"Authorization: Basic abc=, x":                "Authorization: <secret>, x",
		"connect postgres://joe:geheim@host/db":       "connect postgres://joe:<secret>@host/db",
		"see http://host:80/path@x":                   "see http://host:80/path@x",
		"at 10:20:30: nothing - here":                 "at 10:20:30: nothing - here",
		`{"token": {"a": "geheim]"}, "b": 1}`:         `{"token": <secret>, "b": 1}`,
		`{"password" : "geheim"}`:                     `{"password" : "<secret>"}`,
		"password=":                                   "password=",
		"passwd: 'two words' end":                     "passwd: '<secret>' end",
		"pw=a,pin=1234;b":                             "pw=<secret>,pin=<secret>;b",
		"password = geheim":                           "password = <secret>",
		"'password' => 'geheim', 'a' => 'b'":          "'password' => '<secret>', 'a' => 'b'",
		"[password] => geheim":                        "[password] => <secret>",
		"a['password'] = 'geheim'":                    "a['password'] = '<secret>'",
		"MYSQL_PWD=geheim mysql":                      "MYSQL_PWD=<secret> mysql",
		"":                                            "",
	} {
		if got := string(AppendWithoutSecrets(nil, []byte(text))); got != want {
			t.Errorf("%s\n got %s\nwant %s", text, got, want)
		}
	}
}

// A line of dashes does not take time by the square of its length: this one would
// take longer than any test may.
func TestAppendWithoutSecretsLong(t *testing.T) {
	for _, unit := range []string{"-", "--a", "pw=", "a://", "pw:{"} {
		text := bytes.Repeat([]byte(unit), 4<<20/len(unit))
		if got := AppendWithoutSecrets(nil, text); len(got) == 0 {
			t.Errorf("nothing of %s", unit)
		}
	}
}

func FuzzAppendWithoutSecrets(f *testing.F) {
	f.Add([]byte("a://b:c@d password='x --token y"))
	f.Fuzz(func(t *testing.T, text []byte) { AppendWithoutSecrets(nil, text) })
}

func TestAppendMessageClass(t *testing.T) {
	for text, want := range map[string]string{
		"sshd: Accepted publickey for root from 10.0.0.1 port 4242 ssh2": "sshd: Accepted publickey for root from ? port ? ssh2",
		"cron: (root) CMD (run-parts /etc/cron.hourly)":                  "cron: (root) CMD (run-parts /etc/cron.hourly)",
		"app: took=25ms user=joe id=\"a b\"":                             "app: took=? user=joe id=\"?\"",
		"kernel: [ 12.5] eth0: link up":                                  "kernel: [ ?] eth0: link up",
		"a:  b\tc\nd":                                                    "a: b c",
	} {
		if got := string(AppendMessageClass(nil, []byte(text))); got != want {
			t.Errorf("%s\n got %s\nwant %s", text, got, want)
		}
	}
}
