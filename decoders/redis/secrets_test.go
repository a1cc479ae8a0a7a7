package redis

import (
	"strings"
	"testing"

	"unixcap/decoders"
	"unixcap/decoders/decodertest"
)

// The passwords in testdata/secrets.conv, and a hash.
var passwords = []string{
	"wrong-p", "builder-p", "only-p", "b c", "carol-p", "9f86d081", "not-there-p", "x-pw", "global-p", "m pw", "pw-1", "pw-2", "dave-p", "none-p",
}

// scan finds all that decoders.MayHaveSecrets finds.
func TestScan(t *testing.T) {
	for c := range 256 {
		for _, before := range []string{"", "password", "password ", "mysql ", "aaaaaaaa", "aaa\"password\"", "a=1 aaaaaaaaaa"} {
			for _, behind := range []string{"", "geheim", "/joe:geheim@h", "-password geheim", "pgeheim aaaaaaaaaaa"} {
				text := []byte(before + string([]byte{byte(c)}) + behind)
				plain, marked := scan(text)
				if marked != decoders.MayHaveSecrets(text) || !marked && plain != isPlain(text) {
					t.Errorf("%q: %v, %v", text, plain, marked)
				}
			}
		}
	}
}

// TestNoSecrets wants no password shown, whatever is missing: the conversation
// starts at any byte of a message, or a message ends at any byte of it.
func TestNoSecrets(t *testing.T) {
	c := decodertest.Read(t, "testdata/secrets.conv")
	exchanges := 0
	check := func(x *decoders.Exchange) {
		exchanges++
		line := decodertest.JSON(x)
		for _, p := range passwords {
			if strings.Contains(line, p) {
				t.Fatalf("%q is in %s", p, line)
			}
		}
	}
	for i := range c {
		for cut := range c[i].Data {
			d := Protocol.New(check)
			for k := i; k < min(len(c), i+4); k++ {
				data := c[k].Data
				if k == i {
					data = data[cut:]
				}
				d.Data(c[k].From, decoders.Mark{}, data)
			}
			d.Close(decoders.Mark{})

			d = Protocol.New(check)
			for k := max(0, i-2); k < min(len(c), i+3); k++ {
				data := c[k].Data
				if k == i {
					data = data[:cut]
				}
				d.Data(c[k].From, decoders.Mark{}, data)
				if k == i {
					d.Gap(c[k].From, int64(len(c[k].Data)-cut))
				}
			}
			d.Close(decoders.Mark{})
		}
	}
	if exchanges == 0 {
		t.Error("no exchanges")
	}
}
