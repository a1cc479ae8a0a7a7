package shell

import (
	"os/exec"
	"strings"
	"testing"
)

// A shell has the last word on what it takes for a word.
func TestLine(t *testing.T) {
	words := []string{"a.pcapng", "", "it's", "$(x) `x` $HOME", "a\nb\tc", "*?[]", `back\slash "quoted"`, "a=b;c&d|e<f>g", "~", "#", "!!", "é"}
	out, err := exec.Command("sh", "-c", `for w in `+Line(words)+`; do printf '%s\0' "$w"; done`).Output()
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.Split(strings.TrimSuffix(string(out), "\x00"), "\x00"); strings.Join(got, "\x00") != strings.Join(words, "\x00") {
		t.Errorf("%q, want %q", got, words)
	}
	for _, plain := range []string{"a.pcapng", "/a/b-c_d", "PID=1"} {
		if Word(plain) != plain {
			t.Errorf("%s needs no quotes: %s", plain, Word(plain))
		}
	}
}
