package decoders

import (
	"bytes"
	"strings"
	"testing"
)

func TestAppendWithoutSecrets(t *testing.T) {
	for text, want := range map[string]string{
		"login user=joe password=geheim from 1.2.3.4":                         "login user=joe password=<secret> from 1.2.3.4",
		`{"token": "abc\"def", "a": 1}`:                                       `{"token": "<secret>", "a": 1}`,
		`{\"password\":\"x\"}`:                                                `{\"password\":\"<secret>\"}`,
		"run --passphrase geheim --user joe":                                  "run --passphrase <secret> --user joe",
		"Authorization: Bearer abc.def":                                       "Authorization: <secret>",
		"Authorization: Basic abc=, x":                                        "Authorization: <secret>, x",
		"connect postgres://joe:geheim@host/db":                               "connect postgres://joe:<secret>@host/db",
		"see http://host:80/path@x":                                           "see http://host:80/path@x",
		"at 10:20:30: nothing - here":                                         "at 10:20:30: nothing - here",
		`{"token": {"a": "geheim]"}, "b": 1}`:                                 `{"token": <secret>, "b": 1}`,
		`{"password" : "geheim"}`:                                             `{"password" : "<secret>"}`,
		"password=":                                                           "password=",
		"passwd: 'two words' end":                                             "passwd: '<secret>' end",
		"pw=a,pin=1234;b":                                                     "pw=<secret>,pin=<secret>",
		"password = geheim":                                                   "password = <secret>",
		"'password' => 'geheim', 'a' => 'b'":                                  "'password' => '<secret>', 'a' => 'b'",
		"[password] => geheim":                                                "[password] => <secret>",
		"a['password'] = 'geheim'":                                            "a['password'] = '<secret>'",
		`{"Cookie":"geheim","a":1}`:                                           `{"Cookie":"<secret>","a":1}`,
		"MYSQL_PWD=geheim mysql":                                              "MYSQL_PWD=<secret> mysql",
		"PWD=/root OLDPWD=/ PWD=geheim":                                       "PWD=/root OLDPWD=/ PWD=<secret>",
		"Authorization: Token geheim, x":                                      "Authorization: <secret>, x",
		"Authorization: Digest username=\"joe\", response=\"geheim\"\nA: b":   "Authorization: <secret>\nA: b",
		"Cookie: a=geheim; b=geheim\nA: b":                                    "Cookie:<secret>\nA: b",
		"unauthorized: incorrect user":                                        "unauthorized: incorrect user",
		`{"auth":false,"session":null}`:                                       `{"auth":false,"session":null}`,
		"STATEMENT:  ALTER USER joe WITH PASSWORD 'ge''heim' VALID":           "STATEMENT:  ALTER USER joe WITH PASSWORD '<secret>' VALID",
		"CREATE USER 'joe'@'%' IDENTIFIED WITH x AS 'geheim'":                 "CREATE USER 'joe'@'%' IDENTIFIED WITH x AS '<secret>'",
		"ordered by 'name' as 'n'":                                            "ordered by 'name' as 'n'",
		"wrong password 'geheim' for user 'joe'":                              "wrong password '<secret>' for user 'joe'",
		"[Note] A temporary password is generated for root@localhost: geheim": "[Note] A temporary password is generated for root@localhost: <secret>",
		"key: -----BEGIN OPENSSH PRIVATE KEY-----\ngeheim\n-----END OPENSSH PRIVATE KEY-----": "key: -----BEGIN OPENSSH PRIVATE KEY-----<secret>-----END OPENSSH PRIVATE KEY-----",
		"-----BEGIN CERTIFICATE-----\nabc": "-----BEGIN CERTIFICATE-----\nabc",
		"":                                 "",
	} {
		if got := string(AppendWithoutSecrets(nil, []byte(text))); got != want {
			t.Errorf("%s\n got %s\nwant %s", text, got, want)
		}
	}
}

// Unquoted passwords have any character in them; what follows one is not theirs.
func TestAppendWithoutSecretsUnquoted(t *testing.T) {
	for text, want := range map[string]string{
		"password=ge,he;i&m)x next":              "password=<secret> next",
		"login (password=geheim) failed":         "login (password=<secret>) failed",
		"login (password=geheim): failed":        "login (password=<secret>): failed",
		"password=geheim, user=joe":              "password=<secret>, user=joe",
		"password=ge,heim,user=joe":              "password=<secret>,user=joe",
		"a=1&password=ge;heim&user=joe":          "a=1&password=<secret>&user=joe",
		"{password:geheim,user:joe}":             "{password:<secret>,user:joe}",
		`{"pin":1234,"user":"joe"}`:              `{"pin":<secret>,"user":"joe"}`,
		`"{\"pin\":1234,\"user\":\"joe\"}"`:      `"{\"pin\":<secret>,\"user\":\"joe\"}"`,
		"tokens=3 password=a;;, b":               "tokens=3 password=<secret>;;, b",
		"[token=geheim].":                        "[token=<secret>].",
		"PASSWORD=geheim; export PASSWORD":       "PASSWORD=<secret>; export PASSWORD",
		"password=x)y]z}":                        "password=<secret>}",
		"connect(password=geheim,timeout:5): no": "connect(password=<secret>,timeout:5): no",
	} {
		if got := string(AppendWithoutSecrets(nil, []byte(text))); got != want {
			t.Errorf("%s\n got %s\nwant %s", text, got, want)
		}
	}
}

// Command lines as sudo, cron, auditd and scripts with logger write them down.
func TestAppendWithoutSecretsCommands(t *testing.T) {
	for text, want := range map[string]string{
		"root : TTY=pts/0 ; PWD=/root ; USER=root ; COMMAND=/usr/bin/mysql -u root -pgeheim shop": "root : TTY=pts/0 ; PWD=/root ; USER=root ; COMMAND=/usr/bin/mysql -u root -p<secret> shop",
		"(root) CMD (mysqldump -pgeheim --all-databases)":                                         "(root) CMD (mysqldump -p<secret> --all-databases)",
		"mariadb-dump -uroot '-pge heim' shop":                                                    "mariadb-dump -uroot '-p<secret>' shop",
		"mariadb-dump -u root -p'ge heim' shop":                                                   "mariadb-dump -u root -p'<secret>' shop",
		"mariadb-dump --user=root --password=ge,heim shop":                                        "mariadb-dump --user=root --password=<secret> shop",
		"mysqladmin --password geheim ping":                                                       "mysqladmin --password <secret> ping",
		"mysql -p shop":                                                                           "mysql -p shop",
		"mysql -h db -P3306 --protocol tcp":                                                       "mysql -h db -P3306 --protocol tcp",
		"mkdir -path /x; ssh -p22 host":                                                           "mkdir -path /x; ssh -p22 host",
		"sshpass -p geheim ssh -p 22 host":                                                        "sshpass -p <secret> ssh -p 22 host",
		"sshpass -pgeheim ssh host":                                                               "sshpass -p<secret> ssh host",
		"redis-cli -s /run/redis.sock -a geheim ping":                                             "redis-cli -s /run/redis.sock -a <secret> ping",
		"docker login -u joe -p geheim registry":                                                  "docker login -u joe -p <secret> registry",
		"docker run -p 80:80 -e MYSQL_ROOT_PASSWORD=ge;heim -e A=b mysql:8":                       "docker run -p 80:80 -e MYSQL_ROOT_PASSWORD=<secret> -e A=b mysql:8",
		"ldapsearch -x -D cn=admin -w geheim -b dc=x":                                             "ldapsearch -x -D cn=admin -w <secret> -b dc=x",
		"curl -u joe:geheim http://host/":                                                         "curl -u joe:<secret> http://host/",
		"curl -s -u joe http://host/":                                                             "curl -s -u joe http://host/",
		`["sshpass", "-p", "geheim", "ssh", "-p", "22"]`:                                          `["sshpass", "-p", "<secret>", "ssh", "-p", "22"]`,
		`["docker","login","-u","joe","-p","geheim"]`:                                             `["docker","login","-u","joe","-p","<secret>"]`,
		`{"argv":["mysqladmin","--password","geheim","ping"]}`:                                    `{"argv":["mysqladmin","--password","<secret>","ping"]}`,
		`{"argv":["docker","run","-p","80:80","mysql"]}`:                                          `{"argv":["docker","run","-p","80:80","mysql"]}`,
		`argc=3 a0="mysql" a1="-uroot" a2="-pgeheim"`:                                             `argc=3 a0="mysql" a1="-uroot" a2="-p<secret>"`,
		`argc=3 a0="redis-cli" a1="-a" a2="geheim"`:                                               `argc=3 a0="redis-cli" a1="-a" a2="<secret>"`,
		"curl --user joe:geheim --proxy-user=a:geheim http://host/":                               "curl --user joe:<secret> --proxy-user=a:<secret> http://host/",
		"ps --user joe:x":                                                                         "ps --user joe:x",
		"useradd -m -p geheim joe":                                                                "useradd -m -p <secret> joe",
		`['mysql', '-pgeheim']`:                                                                   `['mysql', '-p<secret>']`,
	} {
		if got := string(AppendWithoutSecrets(nil, []byte(text))); got != want {
			t.Errorf("%s\n got %s\nwant %s", text, got, want)
		}
		if got := MayHaveSecrets([]byte(text)); !got && text != want {
			t.Errorf("%s: no secrets", text)
		}
	}
}

// Words of a command come one by one.
func TestArguments(t *testing.T) {
	var a Arguments
	for command, want := range map[string]string{
		"mysql|-uroot|-pgeheim|shop":           "mysql|-uroot|-p<secret>|shop",
		"mysql|-p|shop":                        "mysql|-p|shop",
		"env|A=b|/usr/bin/redis-cli|-a|geheim": "env|A=b|/usr/bin/redis-cli|-a|<secret>",
		"gpg|--passphrase|ge heim|-d":          "gpg|--passphrase|<secret>|-d",
		"curl|-u|me:geheim|http://x/":          "curl|-u|me:<secret>|http://x/",
		"curl|-ume:geheim":                     "curl|-ume:<secret>",
		"ssh|-p|22":                            "ssh|-p|22",
		"-pgeheim":                             "-pgeheim",
		"mysql|" + strings.Repeat("x", 300):    "mysql|" + strings.Repeat("x", 300),
	} {
		a.Reset()
		var got []string
		for word := range strings.SplitSeq(command, "|") {
			n := a.Secret([]byte(word))
			if n < len(word) {
				word = word[:n] + Secret
			}
			got = append(got, word)
		}
		if got := strings.Join(got, "|"); got != want {
			t.Errorf("got %s\nwant %s", got, want)
		}
	}
}

// A block of YAML goes as far as its lines are indented.
func TestAppendWithoutSecretsBlock(t *testing.T) {
	for text, want := range map[string]string{
		"a: 1\npassword: |\n  ge\n  heim\nuser: joe":           "a: 1\npassword: |\n  <secret>\nuser: joe",
		"db:\n  password: >-\n    ge\n\n    heim\n  user: joe": "db:\n  password: >-\n    <secret>\n  user: joe",
		"private_key: |2-\n    geheim":                         "private_key: |2-\n    <secret>",
		"password: |\nuser: joe":                               "password: <secret>\nuser: joe",
		"password: |x y":                                       "password: <secret> y",
	} {
		if got := string(AppendWithoutSecrets(nil, []byte(text))); got != want {
			t.Errorf("%q\n got %q\nwant %q", text, got, want)
		}
	}
}

// A line of dashes does not take time by the square of its length: this one would
// take longer than any test may.
func TestAppendWithoutSecretsLong(t *testing.T) {
	for _, unit := range []string{"-", "--a", "pw=", "a://", "pw:{", " -p", "mysql -p", "pw=,", "pw=x,;", "pw:|\n ", ",,", `"-a","`, `"mysql","-p`, " pw '", "a '", "-----BEGIN PRIVATE KEY-----", "Cookie: ", "password is generated for x: "} {
		text := bytes.Repeat([]byte(unit), 4<<20/len(unit))
		if got := AppendWithoutSecrets(nil, text); len(got) == 0 {
			t.Errorf("nothing of %s", unit)
		}
	}
}

func FuzzAppendWithoutSecrets(f *testing.F) {
	f.Add([]byte("a://b:c@d password='x --token y"))
	f.Add([]byte(`["curl","-u","a:b"] 'sshpass', "-p"`))
	f.Fuzz(func(t *testing.T, text []byte) {
		AppendWithoutSecrets(nil, text)
		var a Arguments
		for word := range bytes.SplitSeq(text, []byte(" ")) {
			if n := a.Secret(word); n < 0 || n > len(word) {
				t.Errorf("a secret at %d of %q", n, word)
			}
		}
	})
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
