package report

import "testing"

func TestInput(t *testing.T) {
	for s, want := range map[string]string{
		"a/b-1.pcapng": "a/b-1.pcapng", "it's": `'it'\''s'`, "$(x) `y`": "'$(x) `y`'", "": "''", "a\nb": "'a\nb'", "~": "'~'",
		"-x": "./-x", "-": "-", // standard input
	} {
		if got := input(s); got != want {
			t.Errorf("%q: %s, want %s", s, got, want)
		}
	}
}
