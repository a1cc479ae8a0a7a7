package sql

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
)

// remembered checks that a remembered class is the one that would be computed,
// also after a statement of the same shape with other values.
func remembered(t *testing.T, d Dialect, statement []byte) {
	t.Helper()
	want := string(appendFingerprint(nil, d, statement))
	shape, ok := d.AppendShape(nil, statement)
	if !ok {
		return
	}
	for _, values := range []struct{ number, text string }{{"7", "'z'"}, {"12345.678", "''"}} {
		other := withValues(d, statement, values.number, values.text)
		if s, ok := d.AppendShape(nil, other); !ok || !bytes.Equal(s, shape) {
			continue
		}
		if got := string(appendFingerprint(nil, d, other)); got != want {
			t.Errorf("%q and %q have one shape\n%q\n%q", statement, other, want, got)
		}
	}
	if got := d.Fingerprint(statement); got != want {
		t.Errorf("%q: remembered %q, computed %q", statement, got, want)
	}
}

// withValues returns a statement with other values in the places of its own.
func withValues(d Dialect, src []byte, number, text string) (out []byte) {
	for i := 0; i < len(src); {
		kind := shapeKinds[d][src[i]]
		if kind == shapePlain {
			out = append(out, src[i])
			i++
			continue
		}
		end, mark := d.shapeAt(src, i, kind)
		switch mark {
		case markNumber:
			out = append(out, number...)
		case markString:
			out = append(out, text...)
		default:
			out = append(out, src[i:end]...)
		}
		i = end
	}
	return out
}

func TestRememberedClasses(t *testing.T) {
	for _, test := range fingerprints {
		remembered(t, MySQL, []byte(test.statement))
		remembered(t, PostgreSQL, []byte(test.statement))
	}
	// Digits that are no number of their own.
	for _, s := range []string{"select 1e+5", "select 1e+5.5", "select 1.e-7.5", "select t . 5", "select t./**/5", "select 1.2.3",
		"select .5", "select a.5", "select 0x1F, 1a, a1, 1'a'", "select x'0a', e'\\'', $1, $a$ 'x $a$", "select @1, @ 1, :1"} {
		remembered(t, MySQL, []byte(s))
		remembered(t, PostgreSQL, []byte(s))
	}
}

func TestRememberedClassesAreBounded(t *testing.T) {
	c := classCache{classes: make(map[string]string)}
	for i := range 3 * maxClasses {
		c.append(nil, MySQL, fmt.Appendf(nil, "select %s from t%d", strings.Repeat("a", i%500), i))
		if len(c.classes) > maxClasses || c.bytes > maxClassBytes+2*maxShape {
			t.Fatalf("%d classes of %d bytes", len(c.classes), c.bytes)
		}
	}
}

func TestRememberedClassCostsNoMemory(t *testing.T) {
	statements := [][]byte{[]byte("select c from t where id = 1 and s = 'x'"), []byte("select c from t where id = 22 and s = 'yy'")}
	class := MySQL.AppendFingerprint(nil, statements[0])
	if n := testing.AllocsPerRun(100, func() {
		for _, s := range statements {
			class = MySQL.AppendFingerprint(class[:0], s)
		}
	}); n >= 1 {
		t.Errorf("%v allocations", n)
	}
}
