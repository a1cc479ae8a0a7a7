package capture

import "testing"

func TestAppendName(t *testing.T) {
	for name, want := range map[string]string{
		"mysqld":                             `comm=mysqld`,
		"":                                   `comm=""`,
		"a b":                                `comm="a b"`,
		`"`:                                  `comm="\""`,
		"a=b":                                `comm="a=b"`,
		"\n\r\t\\":                           `comm="\n\r\t\\"`,
		"\x00\x7f\xff":                       `comm="\x00\x7f\xff"`,
		"grüße":                              `comm="grüße"`,
		"\u202e":                             `comm="\xe2\x80\xae"`,
		"/run/mysqld/mysqld.sock":            `comm=/run/mysqld/mysqld.sock`,
		"@/tmp/.X11-unix/X0":                 `comm=@/tmp/.X11-unix/X0`,
		"123456789012345678901234567890more": `comm=123456789012345678901234567890`,
	} {
		if got := string(appendName(nil, keyComm, name, 30)); got != want {
			t.Errorf("%q: %s, want %s", name, got, want)
		}
	}
}

func TestFields(t *testing.T) {
	type pair struct{ key, value string }
	for in, want := range map[string][]pair{
		"":                      nil,
		"  \t\n":                nil,
		"a=1 b=2":               {{"a", "1"}, {"b", "2"}},
		" a=1\n\tb ":            {{"a", "1"}, {"b", ""}},
		`a="x y" b="\"\\\x4a"z`: {{"a", "x y"}, {"b", `"\J`}, {"z", ""}},
		`a="open`:               {{"a", "open"}},
		`a="open\`:              {{"a", `open\`}},
		`a="\x4" b="\q\xzz"`:    {{"a", "x4"}, {"b", "qxzz"}},
		"=v ==":                 {{"", "v"}, {"", "="}},
		"user's remark, pid=1":  {{"user's", ""}, {"remark,", ""}, {"pid", "1"}},
	} {
		var got []pair
		rest := []byte(in)
		for {
			f, r, ok := nextField(rest)
			if !ok {
				break
			}
			got, rest = append(got, pair{string(f.key), string(f.text(nil))}), r
		}
		if len(got) != len(want) {
			t.Errorf("%q: %q, want %q", in, got, want)
			continue
		}
		for i := range got {
			if got[i] != want[i] {
				t.Errorf("%q: %q, want %q", in, got, want)
			}
		}
	}
}

func TestFieldUint(t *testing.T) {
	for in, want := range map[string]uint64{
		"":                     0,
		"0":                    0,
		"42":                   42,
		"18446744073709551615": 1<<64 - 1,
		"18446744073709551616": 0,
		"99999999999999999999": 0,
		"0xffff81009df84000":   0xffff81009df84000,
		"0xFFff81009df84000":   0xffff81009df84000,
		"0x1ffff81009df84000":  0,
		"0xg":                  0,
		"12ns":                 12,
		"ns":                   0,
		"-1":                   0,
	} {
		f := field{value: []byte(in)}
		if got := f.uint(); got != want {
			t.Errorf("%q: %d, want %d", in, got, want)
		}
	}
	if f := (field{value: []byte("4294967296")}); f.uint32() != 0 {
		t.Error("a number of 33 bits was taken for one of 32")
	}
}
