package redis

import (
	"strings"
	"testing"

	"unixcap/decoders"
	"unixcap/decoders/decodertest"
)

// FuzzFingerprint looks for classes that are too long, or depend on the case
// of the command.
func FuzzFingerprint(f *testing.F) {
	for _, test := range fingerprints {
		f.Add([]byte(test.request))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if class := appendFingerprint(nil, data); len(class) > maxFingerprint+len(" ...") {
			t.Errorf("%d bytes: %q", len(class), class)
		}
	})
}

func FuzzDetect(f *testing.F) {
	decodertest.FuzzDetect(f, Protocol, [2]string{"*1\r\n$4\r\nPING\r\n", "+PONG\r\n"}, [2]string{"get a\r\n", "$-1\r\n"})
}

// FuzzWords looks for words that do not come back as they were, and for texts that
// scan takes for others than they are.
func FuzzWords(f *testing.F) {
	f.Add([]byte("a\x00\"b\\\xff\r\n"))
	f.Add([]byte(""))
	f.Fuzz(func(t *testing.T, word []byte) {
		got, rest, ok, bad := nextWord(nil, appendWord(nil, word))
		if string(got) != string(word) || len(rest) > 0 || !ok || bad {
			t.Errorf("%q became %q", word, got)
		}
		if plain, marked := scan(word); marked != decoders.MayHaveSecrets(word) || !marked && plain != isPlain(word) {
			t.Errorf("%q: %v, %v", word, plain, marked)
		}
	})
}

var fingerprints = []struct{ request, class string }{
	{"GET user:1001:name", "get user:?:name"},
	{"get user:1001:name", "get user:?:name"},
	{`SET key:000000000141 "a value"`, "set key:?"},
	{"GET session:550e8400-e29b-41d4-a716-446655440000", "get session:?"},
	{"GET session:9f86d081884c7d65", "get session:?"},
	{"GET t:aZ09bY18cX27dW36", "get t:?"},
	{"GET cache-v2:product.77", "get cache-v?:product.?"},
	{"GET deadbeef", "get deadbeef"},
	{`GET "a b:12"`, `get "a b:?"`},
	{`GET "\x00\x01\xff"`, `get "?"`},
	{`GET "j\xc3\xb6rg:5"`, `get "j?rg:?"`},
	{"MGET k:1 k:2 other:3 k:4", "mget k:? other:?"},
	{"MGET a b c d e f g", "mget a b c d ..."},
	{"MSET k:1 v k:2 w x y", "mset k:? x"},
	{"BLPOP queue:1 queue:2 30", "blpop queue:?"},
	{"EVAL \"return 1\" 2 k:1 k:2 arg", `eval "return 1" k:?`},
	{"EVALSHA abcdef0123 1 k:1 arg", "evalsha abcdef0123 k:?"},
	{"ZUNIONSTORE out:1 2 z:1 z:2", "zunionstore out:? z:?"},
	{"XREAD COUNT 2 STREAMS s:1 t:1 0 0", "xread s:? t:?"},
	{"XGROUP CREATE s:1 g $", "xgroup create s:?"},
	{"CONFIG SET maxmemory 100mb", "config set maxmemory"},
	{"CLIENT SETNAME app-7", "client setname"},
	{"OBJECT ENCODING k:1", "object encoding k:?"},
	{"PING", "ping"},
	{"AUTH <secret>", "auth"},
	{"PUBLISH news.12 text", "publish news.?"},
	{"SUBSCRIBE news.1 news.2 chat", "subscribe news.? chat"},
	{"JSON.SET doc:5 $ 1", "json.set doc:?"},
	{"RENAME a:1 b:2", "rename a:? b:?"},
	{`message news.5 "text"`, "message news.?"},
	{"monitored GET k:7", "monitored get k:?"},
	{"invalidate user:5", "invalidate user:?"},
	{"", ""},
}

func TestFingerprint(t *testing.T) {
	for _, test := range fingerprints {
		if got := string(appendFingerprint(nil, []byte(test.request))); got != test.class {
			t.Errorf("%s: %q, want %q", test.request, got, test.class)
		}
	}
	many := []byte("DEL" + strings.Repeat(" key:1234", 5000))
	if got := string(appendFingerprint(nil, many)); got != "del key:?" {
		t.Errorf("many keys: %q", got)
	}
}
