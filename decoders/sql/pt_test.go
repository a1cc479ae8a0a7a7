package sql

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"unixcap/internal/need"
)

// Statements whose classes are compared with pt-fingerprint's. Space and the
// backquotes around plain names apart, they are the same unless why says what
// it makes differently.
var ptStatements = []struct{ statement, theirs, why string }{
	{"SELECT * FROM t WHERE a=1 AND b = 2.5e-3", "", ""},
	{"SELECT   A  FROM	T", "", ""},
	{"select * from t where id in (1,2,3)", "", ""},
	{"insert into t(a,b) values (1,'x'),(2,'y')", "", ""},
	{"insert into t values (1)", "", ""},
	{"replace into t values (1,2)", "", ""},
	{"insert into t values (1,now()),(2,now())", "", ""},
	{"INSERT INTO t SET a = null", "", ""},
	{"select a from t limit 10", "", ""},
	{"select a from t limit 10, 20", "", ""},
	{"select a from t limit 10 offset 20", "", ""},
	{"select a from t order by a ASC, b desc", "", ""},
	{"select /* c */ 1", "", ""},
	{"select `a`, `b c` from `t`.`u`", "", ""},
	{"use sales", "", ""},
	{"select @a, @@global.x", "", ""},
	{"select c from t where a like 'x%' and b between 1 and 2", "", ""},
	{"delete from t where a = ?", "", ""},
	{"select 1.5, .5, 1e5, -1", "", ""},
	{"select * from t where a='x' or b=\"y\"", "", ""},
	{"select a from t group by a having count(*) > 5", "", ""},
	{"set autocommit=1", "", ""},

	{"select 'it''s', \"a\\\"b\"", "select ??, ?", "takes a doubled quote for the end of one string and the beginning of another"},
	{"select 0xFF", "select ?ff", "takes the digits of a hexadecimal number for a name, so each number is a class of its own"},
	{"select * from t where (a,b) in ((1,2),(3,4))", "select * from t where (a,b) in ((?,?),(?,?))", "has a class for each number of rows in a list"},
	{"select a from t where b=1 union all select a from t where b=2", "select a from t where b=? /*repeat union all*/", "says in a comment that a part was repeated; then a class is no statement"},
	{"select /*!40001 SQL_NO_CACHE */ * from t", "select /*!? sql_no_cache */ * from t", "takes what the server runs for a comment, and keeps it as such"},
	{"call p(1, 'x')", "call p", "leaves out the arguments"},
	{"select t1.c2 from t1, db_2.t3 where a1=1", "select t? from t?, db_?t? where a?=?", "takes digits in names for numbers, so that t1 and t2 are one table"},
	{"UPDATE sbtest1 SET k=k+1 WHERE id=9", "update sbtest? set k=k? where id=?", "takes digits in names for numbers, and a sum's sign for that of a number"},
	{"select a-1", "select a?", "takes a difference's sign for that of a number"},
	{"select true, false", "select true, false", "knows only NULL among the words that are values"},
	{"select * from t where a is null and b is not null", "select * from t where a is ? and b is not ?", "takes IS NULL, which is a test, for a comparison with a value"},
	{"select md5('x'), now()", "select md?(?), now()", "takes digits in names for numbers"},
	{"select _utf8'x', N'y'", "select _utf??, n?", "does not know what introduces a string"},
	{"select 'abc", "select 'abc", "shows a string that is not closed, as in a statement that was cut"},
}

func TestAgainstPtFingerprint(t *testing.T) {
	need.Programs(t, "pt-fingerprint")
	var input strings.Builder
	for _, s := range ptStatements {
		input.WriteString(s.statement + ";\n")
	}
	file := filepath.Join(t.TempDir(), "statements.sql")
	if err := os.WriteFile(file, []byte(input.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command("pt-fingerprint", file).Output()
	if err != nil {
		t.Fatal(err)
	}
	theirs := strings.Split(strings.TrimSpace(string(out)), "\n")
	if len(theirs) != len(ptStatements) {
		t.Fatalf("%d classes of %d statements:\n%s", len(theirs), len(ptStatements), out)
	}
	bare := strings.NewReplacer(" ", "", "`", "")
	for i, s := range ptStatements {
		ours := MySQL.Fingerprint([]byte(s.statement))
		switch same := bare.Replace(ours) == bare.Replace(theirs[i]); {
		case s.why == "" && !same:
			t.Errorf("%s\nours   %s\ntheirs %s", s.statement, ours, theirs[i])
		case s.why != "" && same:
			t.Errorf("%s: no difference any more: %s", s.statement, ours)
		case s.why != "" && bare.Replace(theirs[i]) != bare.Replace(s.theirs):
			t.Errorf("%s: pt-fingerprint has %s, not %s: %s", s.statement, theirs[i], s.theirs, s.why)
		}
	}
}

// What is a statement's text to a prepared statement's: one class.
func TestPreparedAndTextAreOneClass(t *testing.T) {
	for _, s := range []struct{ text, prepared string }{
		{"SELECT c FROM sbtest1 WHERE id=5", "select c from sbtest1 where id=?"},
		{"SELECT c FROM sbtest1 WHERE id BETWEEN -5 AND 0x0F", "SELECT c FROM sbtest1 WHERE id BETWEEN ? AND ?"},
		{"INSERT INTO t (a, b) VALUES (1, 'x'), (2, NULL)", "INSERT INTO t (a, b) VALUES (?, ?)"},
		{"delete from t where id in (1, 2, 3) limit 5", "delete from t where id in (?) limit ?"},
		{"update t set a = 'it''s', b = true where c = 1.5e3 /* why */", "update t set a = ?, b = ? where c = ?"},
		{"select a from t limit 5, 10", "select a from t limit ?, ?"},
	} {
		if text, prepared := MySQL.Fingerprint([]byte(s.text)), MySQL.Fingerprint([]byte(s.prepared)); text != prepared {
			t.Errorf("%q and %q are two classes\n%s\n%s", s.text, s.prepared, text, prepared)
		}
	}
}
