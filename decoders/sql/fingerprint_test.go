package sql

import (
	"strings"
	"testing"
	"time"
)

// The classes in this list are promised: people compare reports of different
// releases by them. A statement's class must not change; new ones may join.
var fingerprints = []struct{ name, statement, want string }{
	{"numbers", "SELECT * FROM t WHERE a=1 AND b = 2.5e-3 AND c>=.5", "select * from t where a = ? and b = ? and c >= ?"},
	{"prepared", "select * from t where a = ? and b = ? and c >= ?", "select * from t where a = ? and b = ? and c >= ?"},
	{"strings", `select 'it''s', "a\"b", 'x' 'y', N'n', _utf8mb4'z'`, "select ?, ?, ?, ?, ?"},
	{"hex", "select 0xFF, x'0a', b'01', 0b11", "select ?, ?, ?, ?"},
	{"signs", "select -1, a-1, a - -1, (-2), f(+3)", "select ?, a - ?, a - ?, (?), f(?)"},
	{"signs after keywords", "select case when a then -1 else +2 end", "select case when a then ? else ? end"},
	{"null", "insert into t set a = null, b=true where c is null and d is not null", "insert into t set a = ?, b = ? where c is null and d is not null"},
	{"space", "  select\n\t1 ,2\r\n ", "select ?, ?"},
	{"comments", "/* c */ select -- x\n 1 # y\n + /*+ hint */ 2", "select ? + ?"},
	{"executable comments", "select /*!40001 SQL_NO_CACHE */ * from t /*M!100000 x */", "select sql_no_cache * from t x"},
	{"case", "SELECT A FROM T", "select a from t"},
	{"quoted names", "select `a`, `b c` from `t`.`u`", "select a, `b c` from t.u"},
	{"in", "select * from t where a in (1,2,3) or b IN(4) or c not in ('x', -5)", "select * from t where a in (?+) or b in (?+) or c not in (?+)"},
	{"in rows", "select 1 from t where (a,b) in ((1,2),(3,4),(?,?))", "select ? from t where (a, b) in (?+)"},
	{"in select", "select 1 from t where a in (select b from u where c = 3)", "select ? from t where a in (select b from u where c = ?)"},
	{"values", "insert into t(a,b) values (1,'x'),(2,'y')", "insert into t(a, b) values (?+)"},
	{"one row", "insert into t (a, b) VALUES(?,?)", "insert into t(a, b) values (?+)"},
	{"rows with expressions", "insert into t values (1,now()),(2,now()),(3,now())", "insert into t values (?, now())"},
	{"on duplicate key", "insert into t values (1) on duplicate key update a=values(a)+1", "insert into t values (?+) on duplicate key update a = values (a) + ?"},
	{"limit", "select a from t limit 10", "select a from t limit ?"},
	{"limit offset", "select a from t limit 10, 20", "select a from t limit ?"},
	{"limit and offset", "select a from t limit 10 offset 20", "select a from t limit ?"},
	{"order", "select a from t order by a ASC, b desc", "select a from t order by a, b desc"},
	{"union", "select a from t where b=1 union all select a from t where b=2 union all select a from t where b=3", "select a from t where b = ?"},
	{"other union", "select 1 union select a", "select ? union select a"},
	{"use", "use sales;", "use ?"},
	{"variables", "set @a := 1, @@global.x = 'y'", "set @a := ?, @@global.x = ?"},
	{"accounts", "grant select on *.* to 'u'@'h'", "grant select on *.* to ?@?"},
	{"names with digits", "select t1.2a from 1t, t1 where a1=1", "select t1.2a from 1t, t1 where a1 = ?"},
	{"names with digits before strings", "select 1b'x', 2x\"y\", 0_utf8'z'", "select 1b ?, 2x ?, 0_utf8 ?"},
	{"sum", "UPDATE sbtest1 SET k=k+1 WHERE id=9", "update sbtest1 set k = k + ? where id = ?"},
	{"json", `select a->'$.x', a->>"$.y"`, "select a -> ?, a ->> ?"},
	{"not closed", "select 'abc", "select ?"},
	{"empty", "", ""},
	{"UTF-8", "select größe from tëst", "select größe from tëst"},
}

func TestFingerprint(t *testing.T) {
	for _, test := range fingerprints {
		t.Run(test.name, func(t *testing.T) {
			got := MySQL.Fingerprint([]byte(test.statement))
			if got != test.want {
				t.Errorf("%q\n got %q\nwant %q", test.statement, got, test.want)
			}
			if again := MySQL.Fingerprint([]byte(got)); again != got && !strings.Contains(got, "(?+)") {
				t.Errorf("the class of %q is %q", got, again)
			}
		})
	}
}

// TestFingerprintIsLinear makes statements of 20 MB that would take minutes if
// anything were looked at more than a few times.
func TestFingerprintIsLinear(t *testing.T) {
	for _, part := range []string{"(1,'x'),", "'", `\'`, "(", "/*", "union select 1 ", "a in (1,", "`", "((1),", "-", "a,"} {
		statement := []byte("insert into t values " + strings.Repeat(part, 20_000_000/len(part)))
		start := time.Now()
		class := MySQL.Fingerprint(statement)
		if d := time.Since(start); d > 10*time.Second {
			t.Errorf("%q: %v", part, d)
		}
		if len(class) > maxFingerprint+len(" ...") {
			t.Errorf("%q: %d bytes", part, len(class))
		}
	}
}
