package sql

import (
	"bytes"
	"strings"
	"testing"
	"time"
)

// Plain statements must not pay for the secrets in others.
func TestPlainStatementsCostNothing(t *testing.T) {
	statement := append([]byte("insert into t(a, b) values "), bytes.Repeat([]byte("(12345,'some text; of a row'),"), 1000)...)
	statement = append(statement, " on duplicate key update a = 1"...)
	if MySQL.mayHoldSecrets(statement) {
		t.Error("a plain statement is looked at twice")
	}
	var h Hidden
	out := make([]byte, 0, len(statement))
	if n := testing.AllocsPerRun(10, func() { out = MySQL.AppendWithoutSecrets(out[:0], statement, &h) }); n > 0 {
		t.Errorf("%v allocations", n)
	}
}

// TestSecretsAreLinear has statements of 2 MB that would take minutes if
// anything were looked at more than a few times.
func TestSecretsAreLinear(t *testing.T) {
	for _, part := range []string{"(1,'x'),", "'", `\'`, "(", "/*", "password(", "identified by '", "; create user ", "`", "-- password = 'x'\n",
		"/* password='x' */", "password,", `"password' `, "password = "} {
		statement := []byte("insert into t(password) values identified " + strings.Repeat(part, 2_000_000/len(part)))
		start := time.Now()
		var h Hidden
		out := MySQL.AppendWithoutSecrets(nil, statement, &h)
		message := "right syntax to use near '" + strings.Repeat(part, 400/len(part)) + "' at line 1"
		AppendError(nil, []byte(message), out, true, &h)
		if d := time.Since(start); d > 5*time.Second {
			t.Errorf("%q: %v", part, d)
		}
	}
}

func BenchmarkSecretsPlain(b *testing.B) {
	for name, statement := range map[string]string{
		"select": "SELECT DISTINCT c FROM sbtest1 WHERE id BETWEEN 123 AND 222 AND k IN (1, 2, 3, 4) ORDER BY c",
		"insert": "INSERT INTO t(a, b) VALUES " + strings.Repeat("(12345,'some text of a row'),", 10000),
	} {
		b.Run(name, func(b *testing.B) {
			var h Hidden
			text := []byte(statement)
			out := make([]byte, 0, len(text))
			b.SetBytes(int64(len(text)))
			b.ReportAllocs()
			for b.Loop() {
				out = MySQL.AppendWithoutSecrets(out[:0], text, &h)
			}
		})
	}
}
