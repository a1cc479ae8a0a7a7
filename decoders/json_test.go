package decoders

import (
	"encoding/json"
	"strings"
	"testing"
)

// Whatever a string has where, encoding/json reads it as it was, and nothing
// in it would steer a terminal.
func TestAppendJSONString(t *testing.T) {
	for c := range 256 {
		for at := range 20 {
			s := []byte(strings.Repeat("x", 20))
			s[at] = byte(c)
			checkJSONString(t, s)
		}
	}
}

func checkJSONString(t *testing.T, s []byte) {
	t.Helper()
	out := AppendJSONString(nil, s)
	var got string
	if err := json.Unmarshal(out, &got); err != nil {
		t.Fatalf("%q: %v", s, err)
	}
	var want string
	std, err := json.Marshal(string(s))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(std, &want); err != nil {
		t.Fatal(err)
	}
	if got != want {
		t.Errorf("%q became %q, want %q", s, got, want)
	}
	for _, c := range out {
		if c < 0x20 || c == 0x7f {
			t.Errorf("%q has a control character: %q", s, out)
		}
	}
}

func FuzzAppendJSONString(f *testing.F) {
	f.Add([]byte("plain text, \"quoted\" \\ and größer\x1b\x7f\xff"))
	f.Fuzz(func(t *testing.T, s []byte) { checkJSONString(t, s) })
}

func BenchmarkAppendJSONString(b *testing.B) {
	s := []byte(strings.Repeat("0123456789-abcdefghij-KLMNOPQRST-", 60))
	b.SetBytes(int64(len(s)))
	var out []byte
	for b.Loop() {
		out = AppendJSONString(out[:0], s)
	}
}
