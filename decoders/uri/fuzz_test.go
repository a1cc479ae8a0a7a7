package uri

import (
	"bytes"
	"testing"
)

// FuzzRoute looks for classes that are too long, or that are not stable.
func FuzzRoute(f *testing.F) {
	for _, test := range routes {
		f.Add([]byte(test.target))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if class := AppendRoute(nil, data); len(class) > MaxRoute+len("...") {
			t.Errorf("%d bytes: %q", len(class), class)
		}
	})
}

// FuzzMasked looks for panics, and for a secret that gets through.
func FuzzMasked(f *testing.F) {
	for _, test := range masked {
		f.Add([]byte(test.text))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		AppendMasked(nil, data)
		AppendForm(nil, data)
		if harmless(data) && (!bytes.Equal(appendTarget(nil, data, 1<<20), data) || IsSecretPath(data)) {
			t.Errorf("%q has a secret", data)
		}
		AppendTarget(nil, data, 1<<20)
		clean := bytes.Map(func(r rune) rune {
			if r >= 'a' && r <= 'z' {
				return r
			}
			return -1
		}, data)
		text := append(append([]byte(`{"password": "`), clean...), `XYZ", "a": 1}`...)
		if bytes.Contains(AppendMasked(nil, text), []byte("XYZ")) {
			t.Errorf("%s", text)
		}
	})
}
