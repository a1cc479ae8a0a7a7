package decoders

import "testing"

func TestDecimal(t *testing.T) {
	for s, want := range map[string]int64{"0": 0, "007": 7, "999999999999999999": 999999999999999999, "": -1, "-1": -1, "1 ": -1, "1000000000000000000": -1} {
		if n, ok := Decimal([]byte(s)); ok != (want >= 0) || ok && n != want {
			t.Errorf("%q: %d, %v", s, n, ok)
		}
	}
}

func TestUnhex(t *testing.T) {
	for c, want := range map[byte]int{'0': 0, '9': 9, 'a': 10, 'F': 15, 'g': -1, '/': -1, ':': -1, '@': -1, 0: -1} {
		if got := Unhex(c); got != want {
			t.Errorf("%q: %d", c, got)
		}
	}
}

func TestEqualFold(t *testing.T) {
	for s, want := range map[string]bool{"a-z": true, "A-Z": true, "a-zz": false, "": false, "a\rz": false} {
		if EqualFold([]byte(s), "a-z") != want {
			t.Errorf("%q", s)
		}
	}
}
