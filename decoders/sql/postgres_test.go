package sql

import (
	"bytes"
	"math/rand/v2"
	"strings"
	"testing"
	"time"
)

func TestFingerprintPostgreSQL(t *testing.T) {
	for _, test := range []struct{ name, statement, want string }{
		{"numbers", "SELECT * FROM t WHERE a=1 AND b = 2.5e-3", "select * from t where a = ? and b = ?"},
		{"parameters", "SELECT * FROM t WHERE a=$1 AND b = $12", "select * from t where a = ? and b = ?"},
		{"strings", `select 'it''s\', E'a\'b', U&'\0061', B'1', x'0a', n'n'`, "select ?, ?, ?, ?, ?, ?"},
		{"dollar quotes", "select $$it's$$, $a$ $$ $b$ $a$, a$b$ from t", "select ?, ?, a$b$ from t"},
		{"names", `SELECT "a", "B c", "D", t."e" FROM "T"`, `select a, "B c", "D", t.e from "T"`},
		{"comments", "select 1 --x\n /* a /* b */ c */ + 2", "select ? + ?"},
		{"casts", "select '1'::int, a::text, 2::numeric(3,1)", "select ? :: int, a :: text, ? :: numeric(?, ?)"},
		{"operators", "select a#>'{x}', a @> '{}', a ? 'b', a->>'c' from t", "select a # > ?, a @ > ?, a ? ?, a ->> ? from t"},
		{"in", "select 1 from t where a in ($1,$2,3) and b not in (1)", "select ? from t where a in (?+) and b not in (?+)"},
		{"values", "insert into t(a,b) values ($1,$2),($3,$4) returning id", "insert into t(a, b) values (?+) returning id"},
		{"limit", "select a from t limit 10 offset 20", "select a from t limit ?"},
		{"not closed", "select $x$ abc", "select ?"},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := PostgreSQL.Fingerprint([]byte(test.statement)); got != test.want {
				t.Errorf("%q\n got %q\nwant %q", test.statement, got, test.want)
			}
		})
	}
}

var postgresSecrets = []struct{ statement, want string }{
	{"create role u login password 'pw'", "create role u login password '<secret>'"},
	{"CREATE USER u WITH ENCRYPTED PASSWORD E'p\\'w' VALID UNTIL '2030-01-01'", "CREATE USER u WITH ENCRYPTED PASSWORD '<secret>' VALID UNTIL '2030-01-01'"},
	{"alter role u password $$pw$$", "alter role u password '<secret>'"},
	{"alter user u password $x$pw$x$ valid until 'infinity'", "alter user u password '<secret>' valid until 'infinity'"},
	{"alter user u password U&'\\0070w'", "alter user u password '<secret>'"},
	{"create user mapping for u server s options (user 'a', password 'pw')", "create user mapping for u server s options (user 'a', password '<secret>')"},
	{"create server s foreign data wrapper w options (host 'h', password 'pw')", "create server s foreign data wrapper w options (host 'h', password '<secret>')"},
	{"create subscription s connection 'host=h password=pw' publication p", "create subscription s connection '<secret>' publication p"},
	{"select dblink_connect('host=h password = pw')", "select dblink_connect('<secret>')"},
	{"select * from dblink('postgresql://u:pw@h/d', 'select 1')", "select * from dblink('<secret>', 'select 1')"},
	{"select * from dblink('postgresql://h/d', 'select 1')", "select * from dblink('postgresql://h/d', 'select 1')"},
	{"select crypt('pw', gen_salt('bf'))", "select crypt('<secret>', gen_salt('<secret>'))"},
	{"select pgp_sym_encrypt('data', 'pw')", "select pgp_sym_encrypt('<secret>', '<secret>')"},
	{"select encode('abc', 'hex')", "select encode('abc', 'hex')"},
	{"set app.password to 'pw'", "set app.password to '<secret>'"},
	{"alter role u set app.password = 'pw'", "alter role u set app.password = '<secret>'"},
	{"select set_config('app.password', 'pw', false)", "select set_config('app.password', '<secret>', false)"},
	{"do $$begin execute 'alter role u password ''pw'''; end$$", "do $$begin execute 'alter role u password ''<secret>'''; end$$"},
	{"do $x$begin alter role u password 'pw'; end$x$", "do $x$begin alter role u password '<secret>'; end$x$"},
	{"select 1 /* a /* b */ alter role u password 'pw' */", "select 1 /* a /* b */ alter role u password '<secret>' */"},
	{`select "password" from t where "password" = 'pw'`, `select "password" from t where "password" = '<secret>'`},
	{"insert into t(id, password) values (1, 'pw'), (2, $$pw$$)", "insert into t(id, password) values (1, '<secret>'), (2, '<secret>')"},
	// Texts that say what in them is a secret
	{`insert into t values ('{"password":"pw"}')`, `insert into t values ('{"password":"<secret>"}')`},
	{`insert into t values (E'{\"password\": \"pw\", \"a\": 1}')`, `insert into t values (E'{"password": "<secret>", "a": 1}')`},
	{`insert into t values ($x$[{"a": "it's", "password": "p\"pw"}]$x$)`, `insert into t values ($x$[{"a": "it's", "password": "<secret>"}]$x$)`},
	{`update u set c = c || '{"user":{"password":"pw"}}' where a = 'b'`, `update u set c = c || '{"user":{"password":"<secret>"}}' where a = 'b'`},
	{`select '{"password":"' || 'pw' || '"}'`, `select '{"password":"<secret>"' || '<secret>' || '<secret>'`},
	{`insert into t values ('{"token":"pw","a":"it''s"}')`, `insert into t values ('{"token":"<secret>","a":"it''s"}')`},
	{`NOTIFY c, '{"password":"pw"}'`, `NOTIFY c, '{"password":"<secret>"}'`},
	{`notify c, 'session=pw a=b'`, `notify c, 'session=<secret> a=b'`},
	{`do $$begin insert into t values ('{"password":"pw"}'); end$$`, `do $$begin insert into t values ('{"password":"<secret>"}'); end$$`},
	{"execute p('token=pw')", "execute p('token=<secret>')"},
	// Tables of settings
	{"INSERT INTO settings(name,value) VALUES ('smtp_password','pw')", "INSERT INTO settings(name,value) VALUES ('smtp_password','<secret>')"},
	{"INSERT INTO events(kind,who) VALUES ('session_start','joe')", "INSERT INTO events(kind,who) VALUES ('session_start','joe')"},
	{"UPDATE settings SET value=$$pw$$ WHERE name='smtp_password'; select 'b'", "UPDATE settings SET value='<secret>' WHERE name='smtp_password'; select 'b'"},
	{"do $$begin update s set v='pw' where k = 'a.token'; end$$", "do $$begin update s set v='<secret>' where k = 'a.token'; end$$"},
	{`insert into t values ('{"type":"password","name":"a"}', 1, 'pass'), ('b', 2, 'the password')`, `insert into t values ('{"type":"password","name":"a"}', 1, 'pass'), ('b', 2, 'the password')`},
	{"alter table t add k text check (k in ('a b', 'password')) default 'c'", "alter table t add k text check (k in ('a b', 'password')) default 'c'"},
	// Comparisons
	{"select 1 from u where 'pw' = password and a = 'b'", "select 1 from u where '<secret>' = password and a = 'b'"},
	{"select 1 from u where MD5('pw')=u.password or a = 'b'", "select 1 from u where MD5('<secret>')=u.password or a = 'b'"},
	{"select 1 from u where (name, password) = ('joe','pw') and a = 'b'", "select 1 from u where (name, password) = ('<secret>','<secret>') and a = 'b'"},
	{"select 1 from u where (name, password) in (('joe','pw')) and a = 'b'", "select 1 from u where (name, password) in (('<secret>','<secret>')) and a = 'b'"},
	{"select 1 from u where lower(u.password) = 'pw' and (a) = ('b')", "select 1 from u where lower(u.password) = '<secret>' and (a) = ('b')"},
	// Commands
	{"COPY t FROM PROGRAM 'curl -u joe:pw https://x'", "COPY t FROM PROGRAM 'curl -u joe:<secret> https://x'"},
	{"copy (select 1) to program 'mysql -ppw'", "copy (select 1) to program 'mysql -p<secret>'"},
	{"ALTER SYSTEM SET archive_command = 'curl -u joe:pw x'", "ALTER SYSTEM SET archive_command = 'curl -u joe:<secret> x'"},
	{"alter role u password 'pw", "alter role u password '<secret>'"},
	{"alter role u password $$pw", "alter role u password '<secret>'"},
}

func TestSecretsPostgreSQL(t *testing.T) {
	for _, test := range postgresSecrets {
		var h Hidden
		if got := string(PostgreSQL.AppendWithoutSecrets(nil, []byte(test.statement), &h)); got != test.want {
			t.Errorf("%s\n got %s\nwant %s", test.statement, got, test.want)
		}
	}
}

// A parameter that stands for a password is known by its number.
func TestSecretParametersPostgreSQL(t *testing.T) {
	var h Hidden
	PostgreSQL.AppendWithoutSecrets(nil, []byte("update t set a = $3, password = $2, secret = $2 where b = $1"), &h)
	if h.placeholders != 3 || len(h.params) != 1 || h.params[0] != 1 {
		t.Errorf("%d placeholders, secret are %d", h.placeholders, h.params)
	}
}

// An error that repeats a secret does not show it.
func TestErrorPostgreSQL(t *testing.T) {
	var h Hidden
	text := PostgreSQL.AppendWithoutSecrets(nil, []byte("alter role u passwort password 'topsecret'"), &h)
	got := AppendError(nil, []byte(`syntax error at or near "'topsecret'"`), text, false, &h)
	if want := `syntax error at or near "'<secret>'"`; string(got) != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestPostgreSQLIsLinear(t *testing.T) {
	for _, part := range []string{"$$", "$a$", "$", "/*", "'", `"`, "e'\\'", "$1,", "://", "password=", "'password=", "--\n", "password $1,"} {
		statement := []byte("insert into t(password) values ( password " + strings.Repeat(part, 2_000_000/len(part)))
		start := time.Now()
		var h Hidden
		PostgreSQL.AppendWithoutSecrets(nil, statement, &h)
		PostgreSQL.Fingerprint(statement)
		if d := time.Since(start); d > 5*time.Second {
			t.Errorf("%q: %v", part, d)
		}
	}
}

// FuzzPostgreSQL wants tokens that cover any bytes in order, a class that is
// not too long, and no secret of a statement that has one in it.
func FuzzPostgreSQL(f *testing.F) {
	for _, test := range postgresSecrets {
		f.Add([]byte(test.statement))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		end := 0
		for pos, text := range PostgreSQL.Tokens(data) {
			if pos < end || len(text) == 0 {
				t.Fatalf("token %q at %d, the one before ends at %d", text, pos, end)
			}
			end = pos + len(text)
		}
		if class := PostgreSQL.Fingerprint(data); len(class) > maxFingerprint+len(" ...") {
			t.Errorf("%d bytes", len(class))
		}
		var h Hidden
		PostgreSQL.AppendWithoutSecrets(nil, data, &h)
	})
}

// Whatever stands around a password, it does not come out.
func TestNoSecretsPostgreSQL(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 2000 {
		test := postgresSecrets[r.IntN(len(postgresSecrets))]
		statement := strings.ReplaceAll(test.statement, "pw", "SecX1")
		command := strings.Contains(statement, "curl") || strings.Contains(statement, "mysql") // CURL is none
		if !command && r.IntN(2) == 0 {
			statement = strings.ToUpper(statement)
		}
		before := []string{"", "select 1; ", "/* x */ ", "explain "}
		if command || strings.HasPrefix(strings.ToLower(statement), "notify") { // nobody can explain these
			before = before[:3]
		}
		statement = before[r.IntN(len(before))] + statement
		var h Hidden
		out := PostgreSQL.AppendWithoutSecrets(nil, []byte(statement), &h)
		if bytes.Contains(bytes.ToUpper(out), []byte("SECX1")) && !strings.Contains(test.want, "hex") {
			t.Fatalf("%s\n gives %s", statement, out)
		}
	}
}
