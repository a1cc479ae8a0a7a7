package uri

import "testing"

var masked = []struct{ text, want string }{
	{`{"password":"hunter2","a":1}`, `{"password":"<secret>","a":1}`},
	{`{"Password" : "hun\"ter2" , "a":1}`, `{"Password" : "<secret>" , "a":1}`},
	{`{"pin":1234}`, `{"pin":<secret>}`},
	{`{"pin":1234,"a":2}`, `{"pin":<secret>,"a":2}`},
	{`{"auth":{"user":"me","x":"hunter2"},"a":1}`, `{"auth":<secret>,"a":1}`},
	{`{"tokens":["a","b"],"a":1}`, `{"tokens":<secret>,"a":1}`},
	{`{"total_tokens":12,"a":1}`, `{"total_tokens":12,"a":1}`},
	{`{"pass\u0077ord":"hunter2"}`, `{"pass\u0077ord":"<secret>"}`},
	{`{"password":"hunter2`, `{"password":"<secret>`},
	{`{"text":"{\"password\":\"hunter2\",\"a\":1}"}`, `{"text":"{\"password\":\"<secret>\",\"a\":1}"}`},
	{`{"Env":["DB_PASSWORD=hunter2","A=b"]}`, `{"Env":["DB_PASSWORD=<secret>","A=b"]}`},
	{`[{"name":"password","value":"hunter2"},{"a":1}]`, `[<secret>,{"a":1}]`},
	{`{"author":"me","passenger":"you"}`, `{"author":"me","passenger":"you"}`},
	{`<password>hunter2</password><a>b</a>`, `<password><secret></password><a>b</a>`},
	{`<input name="password" value="hunter2"><p>`, `<secret><p>`},
	{`<user password="hunter2" a="b"/>`, `<user password="<secret>" a="b"/>`},
	{"PASSWORD=hunter2 or so\nA=b\n", "PASSWORD=<secret>\nA=b\n"},
	{"Authorization: Basic aHVudGVyMg==\nA: b", "Authorization: <secret>\nA: b"},
	{"connect to postgres://me:hunter2@db/x now", "connect to postgres://<secret>@db/x now"},
	{"connect to postgres://me:hunt", "connect to postgres://<secret>"},
	{"user[password]=hunter2&a=b", "user[password]=<secret>&a=b"},
	{"all work and no play", "all work and no play"},
	{`{"a":"b"}`, `{"a":"b"}`},
	{"", ""},
	{"password", "password"},
	{`{"password":`, `{"password":`},
	{`<key>password</key`, `<key>password</key`},
	{`<key>password</key><string>hunter2</string><a>b</a>`, `<key>password</key><string><secret></string><a>b</a>`},
	{`<entry key="password">hunter2</entry><a>b</a>`, `<secret><secret></entry><a>b</a>`},
	{`<password/><a>b</a>`, `<password/><a>b</a>`},
	{`{"name":"password","value":"a}hunter2","a":1}`, `<secret>`},
	{`[{"name":"DB_PASSWORD","from":{"x":"y"},"value":"hunter2"},1]`, `[<secret>,1]`},
	{`{"value":"hunter2","name":"password"}`, `<secret>`},
	{`{"kind":"Secret","metadata":{"name":"x"},"stringData":{"config":"hunter2"}}`, `<secret>`},
	{`{"text":"{\"key\":\"password\",\"value\":\"hun}ter2\"}"}`, `{"text":"<secret>"}`},
	{`{"name":"auth","status":"up"}`, `{"name":"auth","status":"up"}`},
	{`{"Image":"oauth2-proxy","Id":"x"}`, `{"Image":"oauth2-proxy","Id":"x"}`},
	{`{"Cmd":["getent","passwd"],"Tty":true}`, `{"Cmd":["getent","passwd"],"Tty":true}`},
	{`{"headers":[["authorization","Bearer hunter2"],["a","b"]]}`, `{"headers":[["authorization",<secret>],["a","b"]]}`},
	{`{"Cmd":["htpasswd","-nb","me","hunter2"]}`, `{"Cmd":["htpasswd",<secret>]}`},
	{`{"errors":[{"code":"UNAUTHORIZED"}],"message":"Unauthorized"}`, `{"errors":[{"code":"UNAUTHORIZED"}],"message":"Unauthorized"}`},
	{`{"auth":false,"password":null,"pin":1}`, `{"auth":false,"password":null,"pin":<secret>}`},
	{"listening on http://0.0.0.0:80", "listening on http://0.0.0.0:80"},
	{"listening on http://localhost:80", "listening on http://localhost:80"},
	{"connect to http://me:8080", "connect to http://<secret>"},
	{`{"Env":["PWD=/app","OLDPWD=/","A=b"]}`, `{"Env":["PWD=/app","OLDPWD=/","A=b"]}`},
	{"-----BEGIN EC PRIVATE KEY-----\nhunter2\n-----END EC PRIVATE KEY-----\n", "-----BEGIN EC PRIVATE KEY-----<secret>-----END EC PRIVATE KEY-----\n"},
	{`{"pem":"-----BEGIN PRIVATE KEY-----\nhunter2"}`, `{"pem":"-----BEGIN PRIVATE KEY-----<secret>`},
	{"CREATE USER me IDENTIFIED BY 'hunter2' x", "CREATE USER me IDENTIFIED BY '<secret>' x"},
	{`{"Cmd":["psql","-c","ALTER ROLE me PASSWORD 'hunter2'"]}`, `{"Cmd":["psql","-c","ALTER ROLE me PASSWORD '<secret>'"]}`},
	{`{"Cmd":["curl","--user","me:hunter2"]}`, `{"Cmd":["curl","--user","me:<secret>"]}`},
	{"#0 /a.php(3): mysqli->__construct('db', 'root', 'hunter2')\n#1 {main}", "#0 /a.php(3): mysqli->__construct(<secret>\n#1 {main}"},
	{"#0 /a.php(3): strlen('x')\n#1 {main}", "#0 /a.php(3): strlen('x')\n#1 {main}"},
	{`{"UnlockKey":"hunter2"}`, `{"UnlockKey":"<secret>"}`},
	{`{"Cmd":["mysql","-uroot","-phunter2","-e","select 1-1"]}`, `{"Cmd":["mysql","-uroot","-p<secret>","-e","select 1-1"]}`},
	{`{"Cmd":["mysql","-phun\"ter2"]}`, `{"Cmd":["mysql","-p<secret>"]}`},
	{`{"Cmd":["redis-cli","-a","hunter2","get","x"]}`, `{"Cmd":["redis-cli","-a","<secret>","get","x"]}`},
	{"[\"redis-cli\",\n  \"-a\",\n  \"hunter2\"]", "[\"redis-cli\",\n  \"-a\",\n  \"<secret>\"]"},
	{`{"Cmd":["curl","-s","-u","me:hunter2","http://x/"]}`, `{"Cmd":["curl","-s","-u","me:<secret>","http://x/"]}`},
	{`{"Cmd":["sh","-c","mysqldump -uroot -phunter2 shop"]}`, `{"Cmd":["sh","-c","mysqldump -uroot -p<secret> shop"]}`},
	{`{"Cmd":["sh","-c","gpg --passphrase hunter2 -d x"]}`, `{"Cmd":["sh","-c","gpg --passphrase <secret> -d x"]}`},
	{`{"text":"[\"mysql\",\"-phunter2\",\"shop\"]"}`, `{"text":"[\"mysql\",\"-p<secret>\",\"shop\"]"}`},
	{`{"id":"4f2a-a1","Cmd":["ssh","-p","22"]}`, `{"id":"4f2a-a1","Cmd":["ssh","-p","22"]}`},
}

func TestMasked(t *testing.T) {
	for _, test := range masked {
		if got := string(AppendMasked(nil, []byte(test.text))); got != test.want {
			t.Errorf("%s\n got %s\nwant %s", test.text, got, test.want)
		}
	}
}

func TestTarget(t *testing.T) {
	for _, test := range []struct{ target, want string }{
		{"/a?b=c", "/a?b=c"},
		{"/a?password=x&b=c", "/a?password=<secret>&b=c"},
		{"/a?pass%77ord=x", "/a?pass%77ord=<secret>"},
		{"/a?X-Amz-Signature=abc&X-Amz-Date=1", "/a?X-Amz-Signature=<secret>&X-Amz-Date=1"},
		{"/a?key=x&sig=y&sid=z&code=c&monkey=1", "/a?key=<secret>&sig=<secret>&sid=<secret>&code=<secret>&monkey=1"},
		{"/a?url=http%3A%2F%2Fme%3Apw%40host%2F", "/a?url=<secret>"},
		{"/a?url=http://host/", "/a?url=http://host/"},
		{"http://me:pw@host/a", "http://<secret>@host/a"},
		{"http://me:p@w@host", "http://<secret>@host"},
		{"http://host/a@b", "http://host/a@b"},
		{"/proxy;sid=x/https://me:pw@host/a", "/proxy;sid=<secret>/https://<secret>@host/a"},
		{"/reset-password/0a1b2c3d4e5f6a7b/new?a=b", "/reset-password/<secret>/new?a=b"},
		{"/auth/realms/shop;token=x/tokens/17", "/auth/realms/shop;token=<secret>/tokens/17"},
		{"/login#access_token=x", "/login#access_token=<secret>"},
		{"/a?b", "/a?b"},
		{"*", "*"},
	} {
		if got, _ := AppendTarget(nil, []byte(test.target), 1<<20); string(got) != test.want {
			t.Errorf("%s: %s, want %s", test.target, got, test.want)
		}
	}
}

func TestSecretPath(t *testing.T) {
	for _, s := range secretSegments {
		if _, secret := AppendTarget(nil, []byte("/a/"+s+"/b"), 1<<20); !secret {
			t.Error(s)
		}
	}
	for target, want := range map[string]bool{
		"/secrets/create":  true,
		"/v1/Secret/data":  true,
		"/v1/sys/unseal":   true,
		"/v1/sys/unseal?a": true,
		"/a?b=/secret":     false,
		"/a/insecret":      false,
		"/users/17":        false,
	} {
		if _, secret := AppendTarget(nil, []byte(target), 1<<20); secret != want {
			t.Errorf("%s: %v", target, secret)
		}
	}
}

var routes = []struct{ target, class string }{
	{"/", "/"},
	{"/v1.43/containers/9f86d081884c7d659a2feaa0c55ad015/json?all=1&filters=%7B", "/v1.43/containers/?/json?all&filters"},
	{"/api/v2/users/1234/items/7", "/api/v2/users/?/items/?"},
	{"/o/550e8400-e29b-41d4-a716-446655440000", "/o/?"},
	{"/o/550e8400-e29b-41d4-a716-446655440000.json", "/o/?.json"},
	{"/images/sha256:9f86d081884c7d659a2feaa0c55ad015", "/images/sha256:?"},
	{"/s/dGhpc0lzQVRva2VuMTIz", "/s/?"},
	{"/report-2024-01-02.csv", "/report-?.csv"},
	{"/user-123/edit", "/user-?/edit"},
	{"/Some-Long-Title-2024-Edition", "/Some-Long-Title-?-Edition"},
	{"/deadbeef", "/deadbeef"},
	{"/static/app.9f86d081.js", "/static/app.?.js"},
	{"/a;jsessionid=abc;b=c/d", "/a;jsessionid=?;b=?/d"},
	{"/a?x=1&x=2&y=3", "/a?x&y"},
	{"/a?", "/a"},
	{"http://host:80/a/12?b=c", "http://host:80/a/??b"},
	{"db:443", "db:?"},
	{"*", "*"},
	{"", ""},
}

func TestRoute(t *testing.T) {
	for _, test := range routes {
		if got := string(AppendRoute(nil, []byte(test.target))); got != test.class {
			t.Errorf("%s: %s, want %s", test.target, got, test.class)
		}
	}
}
