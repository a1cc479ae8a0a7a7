package mysql

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"unixcap/decoders"
	"unixcap/decoders/decodertest"
	"unixcap/decoders/sql"
)

// asked returns the exchange of a query that the server refuses with message,
// or that it answers if that is empty.
func asked(statement, message string) decoders.Exchange {
	answer := okPayload
	if message != "" {
		answer = "\xff\xcf\x04#42000" + message
		if strings.Contains(message, " near '") {
			answer = "\xff\x28\x04#42000" + message
		}
	}
	xs := decodertest.Whole(Protocol, talk(opening(mysql8), ">\x00\x03"+statement, "<\x01"+answer))
	return xs[len(xs)-1]
}

// syntaxError is how the servers repeat what they do not understand.
func syntaxError(part string) string {
	return "You have an error in your SQL syntax; check the manual that corresponds to your MariaDB server version" +
		" for the right syntax to use near '" + part + "' at line 1"
}

var secretStatements = []struct{ statement, want string }{
	// Accounts
	{"create user u identified by 'pw'", "create user u identified by '<secret>'"},
	{"CREATE USER 'u'@'h' IDENTIFIED WITH mysql_native_password AS '*hash', v IDENTIFIED BY \"x\"", "CREATE USER 'u'@'h' IDENTIFIED WITH mysql_native_password AS '<secret>', v IDENTIFIED BY '<secret>'"},
	{"create user 'u' identified by 'x', 'v'@h identified by 'y'", "create user 'u' identified by '<secret>', 'v'@h identified by '<secret>'"},
	{"alter user u identified via unix_socket or ed25519 using password('pw')", "alter user u identified via unix_socket or ed25519 using password('<secret>')"},
	{"alter user user() identified by 'new' replace 'old'", "alter user user() identified by '<secret>' replace '<secret>'"},
	{"grant all on *.* to u identified by password '*hash'", "grant all on *.* to u identified by password '<secret>'"},
	{"grant all on *.* to 'u'@'h' identified by 'a' 'b' with grant option", "grant all on *.* to 'u'@'h' identified by '<secret>' '<secret>' with grant option"},
	{"create user u identified with caching_sha2_password as 0x24412430", "create user u identified with caching_sha2_password as '<secret>'"},
	{"create user u identified by/**/n'pw'", "create user u identified by/**/'<secret>'"},
	{"create user u identified\n\tby _utf8 'pw'", "create user u identified\n\tby _utf8 '<secret>'"},
	{"create user u identify by 'pw'", "create user u identify by '<secret>'"},
	{"create user if not exists 'u' 'pw'", "create user if not exists 'u' '<secret>'"},
	{"create or replace user 'u'@'h' identified by 'pw'", "create or replace user 'u'@'h' identified by '<secret>'"},
	{"/*!50000 create user u identified /* x */ by 'pw' */", "/*!50000 create user u identified /* x */ by '<secret>' */"},
	{"/*M!100500 alter user u identified by 'pw' */", "/*M!100500 alter user u identified by '<secret>' */"},
	{"explain grant select on a to b identified by 'pw'", "explain grant select on a to b identified by '<secret>'"},
	{"begin not atomic set password for u = 'pw'; end", "begin not atomic set password for u = '<secret>'; end"},
	{"/* x */ set password for 'u'@'h' = 'pw'", "/* x */ set password for 'u'@'h' = '<secret>'"},
	{"set password for 'u'@'h' 'pw'", "set password for 'u'@'h' '<secret>'"},
	{"set password = password('pw')", "set password = password('<secret>')"},
	{"set password = concat('p', 'w')", "set password = concat('<secret>', '<secret>')"},
	{"select 1; create user u identified by 'pw'; select 'x'", "select 1; create user u identified by '<secret>'; select 'x'"},
	// Replication, servers, connections
	{"change master to master_host='h', master_user='r', master_password='pw'", "change master to master_host='h', master_user='r', master_password='<secret>'"},
	{"change master 'c' to master_pasword='pw', master_log_file='f'", "change master 'c' to master_pasword='<secret>', master_log_file='f'"},
	{"CHANGE REPLICATION SOURCE TO SOURCE_PASSWORD = 'pw', SOURCE_SSL_CA='/ca'", "CHANGE REPLICATION SOURCE TO SOURCE_PASSWORD = '<secret>', SOURCE_SSL_CA='/ca'"},
	{"start replica user='r' password='pw'", "start replica user='r' password='<secret>'"},
	{"start group_replication user='r', password='pw'", "start group_replication user='r', password='<secret>'"},
	{"create server s foreign data wrapper mysql options (user 'u', password 'pw')", "create server s foreign data wrapper mysql options (user 'u', password '<secret>')"},
	{"alter server s options (host 'h', `password` 'pw')", "alter server s options (host 'h', `password` '<secret>')"},
	{"create table t (a int) engine=federated connection='mysql://u:pw@h/d/t' comment='c'", "create table t (a int) engine=federated connection='<secret>' comment='c'"},
	{"create table t (a int) engine=federated connection='s/t'", "create table t (a int) engine=federated connection='s/t'"},
	{`create table t (a int) engine=spider comment='host "h", password "pw"'`, `create table t (a int) engine=spider comment='host "h", password "<secret>"'`},
	// Functions and variables
	{"select password('pw')", "select password('<secret>')"},
	{"select OLD_PASSWORD ( 'pw' ), 'x'", "select OLD_PASSWORD ( '<secret>' ), 'x'"},
	{"select password(1234), 5", "select password('<secret>'), 5"},
	{"insert into t(a, b) values ('x', password('pw')), ('y', 1)", "insert into t(a, b) values ('x', password('<secret>')), ('y', 1)"},
	{"select aes_decrypt('x','pw'), aes_encrypt(a, sha2('pw', 256)) from t where b = 'y'", "select aes_decrypt('<secret>','<secret>'), aes_encrypt(a, sha2('<secret>', '<secret>')) from t where b = 'y'"},
	{"select des_encrypt('x','pw'), encode('x','pw'), decode(a, x'7077')", "select des_encrypt('<secret>','<secret>'), encode('<secret>','<secret>'), decode(a, '<secret>')"},
	{"set global wsrep_sst_auth='u:pw', sql_mode='ansi'", "set global wsrep_sst_auth='<secret>', sql_mode='ansi'"},
	{"set @@global.wsrep_sst_auth := concat('u:', 'pw')", "set @@global.wsrep_sst_auth := concat('<secret>', '<secret>')"},
	{"set s3_secret_key='pw', s3_access_key=0x7077", "set s3_secret_key='<secret>', s3_access_key='<secret>'"},
	{"select @key := 'pw', 'x'", "select @key := '<secret>', 'x'"},
	{"set @password = 'pw'", "set @password = '<secret>'"},
	// Columns
	{"update mysql.user set authentication_string = 'pw' where user = 'u'", "update mysql.user set authentication_string = '<secret>' where user = 'u'"},
	{"update g set priv = json_set(priv, '$.authentication_string', 'pw')", "update g set priv = json_set(priv, '$.authentication_string', '<secret>')"},
	{`insert into g values ('u', '{"plugin":"p","authentication_string":"pw"}')`, `insert into g values ('u', '{"plugin":"p","authentication_string":"<secret>"}')`},
	{"insert into users (name, `password`, c) values ('a','pw','x'), ('b', concat('p', 'w'), 'y')", "insert into users (name, `password`, c) values ('a','<secret>','x'), ('b', concat('<secret>', '<secret>'), 'y')"},
	{"select * from users where name = 'a' and password in ('pw', 'wp') and c = 'x'", "select * from users where name = 'a' and password in ('<secret>', '<secret>') and c = 'x'"},
	{`insert into g values ('https://u:pw@h/', 'a', '{"token":"pw"}')`, `insert into g values ('https://u:<secret>@h/', 'a', '{"token":"<secret>"}')`},
	{"INSERT INTO settings(name,value) VALUES (\"smtp_password\",'pw'), ('a', 'b')", "INSERT INTO settings(name,value) VALUES (\"smtp_password\",'<secret>'), ('<secret>', '<secret>')"},
	{"UPDATE settings SET value='pw', n = 1 WHERE name='smtp_password'; select 'b'", "UPDATE settings SET value='<secret>', n = 1 WHERE name='smtp_password'; select 'b'"},
	{"call p('password', 'pw')", "call p('password', '<secret>')"},
	{"execute immediate 'replace into s values (\"api_token\", \"pw\")'", "execute immediate 'replace into s values (\"api_token\", \"<secret>\")'"},
	{"select 1 from u where 'pw' = password and a = 'b'", "select 1 from u where '<secret>' = password and a = 'b'"},
	{"select 1 from u where SHA2('pw', 256)=u.`password` or a = 'b'", "select 1 from u where SHA2('<secret>', 256)=u.`password` or a = 'b'"},
	{"select 1 from u where (name, password) = ('joe','pw') and a = 'b'", "select 1 from u where (name, password) = ('<secret>','<secret>') and a = 'b'"},
	// Statements within literals and comments
	{`prepare p from "alter user s1 identified by 'pw'"`, `prepare p from "alter user s1 identified by '<secret>'"`},
	{`set @sql = "alter user s1 identified by 'pw'"`, `set @sql = "alter user s1 identified by '<secret>'"`},
	{`execute immediate "alter user s1 identified by 'pw'"`, `execute immediate "alter user s1 identified by '<secret>'"`},
	{`execute immediate 'alter user s1 identified\nby \'pw\''`, `execute immediate 'alter user s1 identified\nby ''<secret>'''`},
	{`execute immediate 'set password for u=password\'pw\'; alter user u identified by\'pw\''`, `execute immediate 'set password for u=password''<secret>''; alter user u identified by''<secret>'''`},
	{`execute immediate 'execute immediate "set password = ''pw''"'`, `execute immediate 'execute immediate "set password = ''<secret>''"'`},
	{`set @a = concat("alter user u identified by '", 'pw', "'"), @b = 1`, `set @a = concat("alter user u identified by '<secret>'", '<secret>', '<secret>'), @b = 1`},
	{"select 1 /* set password = 'pw' */ -- identified by 'pw'", "select 1 /* set password = '<secret>' */ -- identified by '<secret>'"},
	{"/*!50000 set */ /* alter user u identified by 'pw' */ @a = 'x'", "/*!50000 set */ /* alter user u identified by '<secret>' */ @a = 'x'"},
}

func TestSecrets(t *testing.T) {
	for _, test := range secretStatements {
		x := asked(test.statement, "")
		if string(x.Request) != test.want {
			t.Errorf("got  %s\nwant %s", x.Request, test.want)
		}
	}
}

// TestPlainStatements has statements that mention what a password could be
// behind, and hold none.
func TestPlainStatements(t *testing.T) {
	for _, statement := range []string{
		"set names 'utf8'", "SET character_set_connection = 'latin1', collation_connection='x'",
		"select * from t where a = 'identified by'", "select * from t where a = 'identified by' and b = 'x'",
		"create table password (a varchar(9) default 'x')", "create table if not exists d.secrets (a int comment 'x')",
		"create table t (password varchar(20) default 'x', key (password(10)))",
		"/*!40014 SET @OLD_FOREIGN_KEY_CHECKS=@@FOREIGN_KEY_CHECKS, FOREIGN_KEY_CHECKS=0 */",
		"set default_password_lifetime = 90, key_buffer_size=1000",
		"select password, name from users where id = '5' order by 'x' limit 5",
		"insert into t (k, v) values ('x', 'y') on duplicate key update v = 'z'",
		"update t set key_name = 'a', author = 'b' where 'c' = 'd'",
		`insert into posts values ("I forgot the password, don't tell Bob's sister", 'x')`,
		`insert into posts values ("The secret's out; set it to Joe's", "identified by Ann's team", 'x')`,
		`insert into posts values ("it was identified by Ann's team", 'pass')`, `insert into posts values ("passed in Joe's way", 'pass')`,
		`insert into posts values ("Create user accounts for Bob's team. Grant it to Ann's. Start replica in Joe's room.", 'x')`,
		"revoke all on *.* from 'u'@'h'", "grant select on d.* to 'u'@'h', 'v'", "drop user 'u'@'h'",
		"create procedure p() begin select 'x'; end", "/* auth='x' */ select 'y' -- password, don't", "select 'pass' 'word', \"key\"",
		"start transaction with consistent snapshot", "call p('pass', 'x')", "select json_extract(a, '$.b', 'x')",
		"load data infile 'x' into table t fields terminated by ',' enclosed by '\"'", "select 'http://u@h/', connection_id()",
		`prepare p from 'select 1 from t where token = a and password = b'`,
	} {
		message := syntaxError(statement[len(statement)/2:])
		if x := asked(statement, message); string(x.Request) != statement || string(x.Error) != message {
			t.Errorf("got  %s: %s\nwant %s", x.Request, x.Error, statement)
		}
	}
}

func TestSecretsInErrors(t *testing.T) {
	for _, test := range []struct{ statement, message, want string }{
		{"alter user s1 identifie by 'SecB2'", syntaxError("identifie by 'SecB2'"), syntaxError("identifie by '<secret>'")},
		{"create user s1 identified by by 'SecB2'", syntaxError("by 'SecB2'"), syntaxError("by '<secret>'")},
		{"create user s1 identified by _utf8'SecS21'", syntaxError("_utf8'SecS21'"), syntaxError("'<secret>'")},
		{"create user s1 identified by ('long enough')", syntaxError("('long eno..."), syntaxError("('<secret>'")},
		{"create user 'u'@'h' identified with by 'ab'", syntaxError("'u'@'h' identified with by 'ab'"), syntaxError("'u'@'h' identified with by '<secret>'")},
		{"prepare p from @sql", syntaxError("by 'SecD4'"), syntaxError("<secret>")},
		{"prepare p from \"alter user u identified bi 'SecD4'\"; select", syntaxError("bi 'SecD4'"), syntaxError("bi '<secret>'")},
		{"set global wsrep_sst_auth='u:SecH9'", "Variable 'wsrep_sst_auth' can't be set to the value of 'u:SecH9'", "Variable 'wsrep_sst_auth' can't be set to the value of '<secret>'"},
		{`set global wsrep_sst_auth='u\'SecH9'`, "Variable can't be set to the value of 'u'SecH9'", "Variable can't be set to the value of '<secret>'"},
		{"set password = 0x53656342", "Incorrect value: 'SecB'", "Incorrect value: '<secret>'"},
		{"set password = 'ab'", "Incorrect value: 'ab' about ab", "Incorrect value: '<secret>' about ab"},
		{"select 1 from nowhere", syntaxError("from 'x'"), syntaxError("from 'x'")},
	} {
		if x := asked(test.statement, test.message); string(x.Error) != test.want {
			t.Errorf("%s\n got %s\nwant %s", test.statement, x.Error, test.want)
		}
	}
	if x := asked("insert into t(password) values "+strings.Repeat("('a secret of some length'),", 1000), syntaxError("some length")); string(x.Error) != "<secret>" {
		t.Errorf("more secrets than are kept: %s", x.Error)
	}
}

// TestSecretArguments binds values to a statement with placeholders.
func TestSecretArguments(t *testing.T) {
	for _, test := range []struct{ statement, want string }{
		{"alter user ? identified by ?", `["one","<secret>","two"]`},
		{"select ?, password(?), ?", `["one","<secret>","two"]`},
		{"insert into users(a, password, b) values (?, ?, ?)", `["one","<secret>","two"]`},
		{"select * from users where a = ? and password = ? and b = ?", `["one","<secret>","two"]`},
		{"set @a = ?, wsrep_sst_auth = ?, @b = ?", `["one","<secret>","two"]`},
		{"insert into settings values ('smtp_password', ?), (?, ?)", `["<secret>","<secret>","<secret>"]`},
		{"select 1 from u where a = ? and md5(?) = password and ? = b", `["one","<secret>","two"]`},
		{"select ?, '?', ?, ?", `["one","SecX","two"]`},
	} {
		execute := "\x17\x01\x00\x00\x00\x00\x01\x00\x00\x00\x00\x01\xfd\x00\xfd\x00\xfd\x00\x03one\x04SecX\x03two"
		n := byte(strings.Count(strings.ReplaceAll(test.statement, "'?'", ""), "?"))
		if n == 2 {
			execute = "\x17\x01\x00\x00\x00\x00\x01\x00\x00\x00\x00\x01\xfd\x00\xfd\x00\x03one\x04SecX"
			test.want = strings.Replace(test.want, `,"two"`, "", 1)
		}
		xs := decodertest.Whole(Protocol, talk(opening(mysql8), ">\x00\x16"+test.statement,
			"<\x01\x00\x01\x00\x00\x00\x00\x00"+string([]byte{n, 0})+"\x00\x00\x00"+strings.Repeat("|\x02"+column, 0),
			"<\x02"+column, "<\x03"+column, "<\x04"+column, ">\x00"+execute, "<\x01\xff\x28\x04#42000value 'SecX' is wrong"))
		x := xs[len(xs)-1]
		got := decodertest.JSON(&x)
		if !strings.Contains(got, `"args":`+test.want) {
			t.Errorf("%s: %s", test.statement, got)
		}
		if secret := strings.Contains(test.want, "<secret>"); strings.Contains(got, "SecX") == secret {
			t.Errorf("%s: %s", test.statement, got)
		}
	}
}

// TestSecretValues binds values that say themselves what in them is a secret, or
// that another one is.
func TestSecretValues(t *testing.T) {
	for _, test := range []struct {
		values []string
		want   string
	}{
		{[]string{`{"password":"SecX"}`, "b"}, `["{\"password\":\"<secret>\"}","b"]`},
		{[]string{"postgres://u:SecX@h/d", "2024-01-02 03:04:05"}, `["postgres://u:<secret>@h/d","2024-01-02 03:04:05"]`},
		{[]string{"password=SecX", "https://joe:SecX@h/x"}, `["password=<secret>","https://joe:<secret>@h/x"]`},
		{[]string{"SecX", "smtp_password"}, `["<secret>","smtp_password"]`},
		{[]string{"pass", "a=b"}, `["pass","a=b"]`},
	} {
		execute := "\x17\x01\x00\x00\x00\x00\x01\x00\x00\x00\x00\x01\xfd\x00\xfd\x00"
		for _, v := range test.values {
			execute += string([]byte{byte(len(v))}) + v
		}
		xs := decodertest.Whole(Protocol, talk(opening(mysql8), ">\x00\x16insert into t values (?, ?)",
			"<\x01\x00\x01\x00\x00\x00\x00\x00\x02\x00\x00\x00\x00", "<\x02"+column, "<\x03"+column,
			">\x00"+execute, "<\x01\xff\x28\x04#42000value 'SecX' is wrong"))
		x := xs[len(xs)-1]
		if got := decodertest.JSON(&x); !strings.Contains(got, `"args":`+test.want) || strings.Contains(got, "SecX") && test.values[0] != "pass" {
			t.Errorf("%q: %s", test.values, got)
		}
	}
}

func TestSecretAttributes(t *testing.T) {
	const with = mysql8 | clientConnectAttrs | clientQueryAttributes
	c := opening(with)
	attributes := "\x0e_client_secret\x04SecX\x03_os\x05Linux"
	c[1].Data = append(c[1].Data[4:], "\x00"+string([]byte{byte(len(attributes))})+attributes...)
	c[1].Data = wire(1, string(c[1].Data))
	c = talk(c, ">\x00\x03\x02\x01\x00\x01\xfd\x00\x08password\xfd\x00\x05trace\x04SecX\x0atoken=SecXselect 1", "<\x01"+okPayload)
	got := lines(c)
	if strings.Contains(got, "SecX") || !strings.Contains(got, `"_client_secret":"<secret>"`) || !strings.Contains(got, `"_os":"Linux"`) ||
		!strings.Contains(got, `"query_attribute_password":"<secret>"`) || !strings.Contains(got, `"query_attribute_trace":"token=<secret>"`) {
		t.Error(got)
	}
}

// secretTemplates are statements with a secret in place of %s. In those for
// plain quotes it is a string, quoted as the statement around it wants.
var secretTemplates = []string{
	"create user a@b identified by %s", "ALTER USER a IDENTIFIED WITH p BY %s REPLACE %s", "create user a identified via p using %s or q",
	"create user a identified by password %s require x509", "grant all on *.* to a identified by %s, b identified by %s",
	"set password = %s", "set password for a@b = password(%s)", "set password for a to %s", "alter user a identify by %s", "select password(%s)",
	"select 1, OLD_PASSWORD(concat(%s, 'x')), 2", "insert into t values (1, 'a', aes_encrypt(a, %s))", "select * from t where a = decode(b, %s)",
	"set global wsrep_sst_auth = %s, @a = 1", "set @@persist.some_secret := %s", "set @my_password = %s", "do @key := %s",
	"change master to master_host='h', master_password=%s", "change replication source to source_password = %s for channel 'c'",
	"start slave user='a' password=%s", "start group_replication user='a', password=%s", "create server s foreign data wrapper w options (password %s, host 'h')",
	"update users set name = 'n', password = %s where id = 1", "insert into users(id, pwd) values (1, %s), (2, %s) on duplicate key update pwd = %s",
	"replace into users(id, passwd) select 1, %s", "select 1 from users where user_pass = md5(%s) and a = 'b'", "create event e do set password = %s",
	"create trigger t before insert on u for each row set new.password = %s", "create table t (a int) connection = %s comment 'x'",
}

// disguise makes a statement look different to people, not to a server.
func disguise(r *rand.Rand, statement string) string {
	switch r.IntN(7) {
	case 0:
		return strings.ReplaceAll(statement, " ", " /* it's */\t")
	case 1:
		return "select 1; " + statement + ";\nselect 'x'"
	case 2:
		return "/*!50000 " + statement + " */"
	case 3:
		return strings.ReplaceAll(statement, " ", "\n")
	case 4:
		return "-- it's\n" + statement
	}
	return statement
}

// enclose puts a statement into others.
func enclose(r *rand.Rand, statement string) string {
	quoted := strings.NewReplacer(`\`, `\\`, `'`, `\'`, "\n", `\n`).Replace(statement)
	switch r.IntN(6) {
	case 0:
		return "prepare p from '" + quoted + "'"
	case 1:
		return `set @sql = "` + strings.NewReplacer(`\`, `\\`, `"`, `""`).Replace(statement) + `"`
	case 2:
		return "execute immediate concat('" + quoted + "', ' ')"
	case 3:
		return enclose(r, "execute immediate '"+quoted+"'")
	}
	return statement
}

// literal writes a secret as statements may.
func literal(r *rand.Rand, secret string) string {
	return []string{"'" + secret + "'", `"` + secret + `"`, "_utf8'" + secret + "'", "n'" + secret + "'", "_utf8 '" + secret + "'",
		fmt.Sprintf("0x%x", secret), fmt.Sprintf("X'%X'", secret), "'" + secret + "' 'x'", `'a\'` + secret + `'`, "'a''" + secret + "'"}[r.IntN(10)]
}

// noSecret fails if a secret is anywhere in what comes out.
func noSecret(t *testing.T, statement, message, secret string) {
	t.Helper()
	x := asked(statement, message)
	all := []byte(decodertest.JSON(&x) + sql.MySQL.Fingerprint(x.Request))
	for _, form := range []string{secret, fmt.Sprintf("%x", secret), fmt.Sprintf("%X", secret)} {
		if bytes.Contains(all, []byte(form)) {
			t.Fatalf("%s: %s\n gives %s", statement, message, all)
		}
	}
}

func secretStatement(r *rand.Rand, secret string) string {
	template := secretTemplates[r.IntN(len(secretTemplates))]
	s := literal(r, secret)
	if strings.Contains(template, "connection") {
		s = "'mysql://u:" + secret + "@h/d'"
	}
	return enclose(r, disguise(r, strings.ReplaceAll(template, "%s", s)))
}

// FuzzSecrets puts secrets into statements and makes the server repeat a part
// of them. Nothing of that may come out.
func FuzzSecrets(f *testing.F) {
	for i := range uint64(50) {
		f.Add(i, uint16(i*7))
	}
	f.Fuzz(func(t *testing.T, seed uint64, from uint16) {
		r := rand.New(rand.NewPCG(seed, 0))
		secret := "Sec"
		for range 4 + r.IntN(20) {
			secret += string("ABCXYZabcxyz0189"[r.IntN(16)])
		}
		statement := secretStatement(r, secret)
		// Messages begin at a token.
		part := ""
		for pos := range sql.MySQL.Tokens([]byte(statement)) {
			if pos >= int(from)%len(statement) {
				part = statement[pos:]
				break
			}
		}
		noSecret(t, statement, syntaxError(part), secret)
		if len(part) > 77 {
			part = part[:77] + "..."
		}
		noSecret(t, statement, syntaxError(part), secret)
		noSecret(t, statement, "Variable 'a' can't be set to the value of '"+secret+"'", secret)
	})
}

// TestNoSecretsAtRandom is the fuzz target on many more seeds than it has.
func TestNoSecretsAtRandom(t *testing.T) {
	for i := range uint64(3000) {
		r := rand.New(rand.NewPCG(i, 1))
		secret := fmt.Sprintf("Sec%dX", r.Uint32())
		noSecret(t, secretStatement(r, secret), "value '"+secret+"' is wrong", secret)
	}
}
