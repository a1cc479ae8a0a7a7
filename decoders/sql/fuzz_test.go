package sql

import (
	"bytes"
	"testing"
)

// FuzzFingerprint looks for statements whose class depends on their case, or
// is too long.
func FuzzFingerprint(f *testing.F) {
	for _, test := range fingerprints {
		f.Add([]byte(test.statement))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		remembered(t, MySQL, data)
		remembered(t, PostgreSQL, data)
		class := MySQL.Fingerprint(data)
		if len(class) > maxFingerprint+len(" ...") {
			t.Errorf("%d bytes", len(class))
		}
		for _, c := range data {
			if c >= 0x80 || c == 'M' || c == 'm' { // /*M! is not /*m!
				return
			}
		}
		if upper := MySQL.Fingerprint(bytes.ToUpper(data)); upper != class {
			t.Errorf("%q, but %q in upper case", class, upper)
		}
	})
}
