package redis

import (
	"slices"
	"strings"
	"testing"

	"unixcap/decoders"
	"unixcap/decoders/decodertest"
)

// The passwords in testdata/secrets.conv, and a hash.
var passwords = []string{
	"wrong-p", "builder-p", "only-p", "b c", "carol-p", "9f86d081", "not-there-p", "x-pw", "global-p", "m pw", "pw-1", "pw-2", "dave-p", "none-p", "geheim",
}

// valuesWithSecrets are commands and messages whose values are secret for their keys,
// fields or texts.
var valuesWithSecrets = decodertest.Conversation{
	{From: decoders.Client, Data: slices.Concat(resp("HSET", "user:1", "name", "joe", "password", "geheim"), resp("SET", "user:1:token", "geheim"))},
	{From: decoders.Server, Data: []byte(":2\r\n+OK\r\n")},
	{From: decoders.Client, Data: slices.Concat(resp("MSET", "a:token", "geheim", "b", `{"token":"geheim"}`), resp("AUHT", "geheim"), resp("MONITOR"))},
	{From: decoders.Server, Data: []byte("+OK\r\n-ERR unknown command 'AUHT', with args beginning with: 'geheim' \r\n+OK\r\n")},
	{From: decoders.Server, Data: []byte("+1339518083.107412 [0 1.2.3.4:5] \"set\" \"a:token\" \"geheim\"\r\n")},
	{From: decoders.Server, Data: []byte(">4\r\n$8\r\npmessage\r\n$1\r\n*\r\n$9\r\nnew:token\r\n$6\r\ngeheim\r\n" +
		">3\r\n$7\r\nmessage\r\n$1\r\nc\r\n$15\r\npassword=geheim\r\n")},
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
	c := append(decodertest.Read(t, "testdata/secrets.conv"), valuesWithSecrets...)
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

// Where a text is cut, no part of a secret is shown, though what makes it one may be
// behind that.
func TestSecretAtTheCut(t *testing.T) {
	for pad := maxRequest - 40; pad < maxRequest; pad++ {
		command := resp("SET", "s", strings.Repeat("x", pad)+" https://joe:geheim@host/")
		for _, size := range []int{len(command), 1000} {
			d := Protocol.New(func(x *decoders.Exchange) {
				if strings.Contains(string(x.Request), "ge") || !strings.Contains(string(x.Request), "xxx") {
					t.Errorf("%d: %s", pad, x.Request[maxRequest-60:])
				}
			})
			for rest := command; len(rest) > 0; rest = rest[min(size, len(rest)):] {
				d.Data(decoders.Client, decoders.Mark{}, rest[:min(size, len(rest))])
			}
			d.Close(decoders.Mark{})
		}
	}
}
