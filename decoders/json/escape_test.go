package json

import (
	"encoding/json"
	"testing"

	"unixcap/decoders"
	"unixcap/decoders/decodertest"
)

// The library unescapes in the same way.
func TestUnescaped(t *testing.T) {
	for _, text := range []string{
		``, `a`, `textDocument\/hover`, `\"\\\/\b\f\n\r\t`, `\u00e9\u0000z`, `\ud83d\ude00!`, `\ud83d`, `\ud83d\u0041`, `\ude00\ud83d\ude00`, `\\u0041`, `é\u20AC`,
	} {
		var want string
		if err := json.Unmarshal([]byte(`"`+text+`"`), &want); err != nil {
			t.Fatal(err)
		}
		if got := string(unquoted([]byte(text))); got != want {
			t.Errorf("%s: %q, the library has %q", text, got, want)
		}
	}
	for _, text := range []string{`\`, `a\`, `\x41`, `\u12`, `\u12g4`, `\u-123`} { // not JSON
		if got := string(unquoted([]byte(text))); got != text {
			t.Errorf("%s: %q", text, got)
		}
	}
}

// An id is the same however it is written, and a string is no number.
func TestIDs(t *testing.T) {
	var got []string
	d := newDecoder(func(x *decoders.Exchange) { got = append(got, string(x.Request)+" "+x.ErrorCode) })
	say := func(from decoders.End, text string) { d.Data(from, decoders.Mark{}, []byte(text+"\n")) }
	for _, call := range []string{`"id":1,"method":"a"`, `"id":"1","method":"b\/c"`, `"id":"x/é","method":"d"`, `"id":"null","method":"e"`} {
		say(decoders.Client, `{"jsonrpc":"2.0",`+call+`}`)
	}
	for _, reply := range []string{`"id":"1","error":{"code":2}`, `"id":1,"error":{"code":1}`, `"id":"x\/\u00e9","error":{"code":3}`, `"id":"null","error":{"code":4}`} {
		say(decoders.Server, `{"jsonrpc":"2.0",`+reply+`}`)
	}
	d.Close(decoders.Mark{})
	if len(got) != 4 || got[0] != "b/c 2" || got[1] != "a 1" || got[2] != "d 3" || got[3] != "e 4" {
		t.Errorf("%q", got)
	}
}

// Escapes cost no memory.
func TestEscapesAllocateNothing(t *testing.T) {
	steady := decodertest.Conversation{
		{Data: []byte(`{"jsonrpc":"2.0","id":"a\/b","method":"textDocument\/hover"}`)},
		{From: decoders.Server, Data: []byte(`{"jsonrpc":"2.0","id":"a\/b","result":null}{"jsonrpc":"2.0","method":"textDocument\/publishDiagnostics"}`)},
	}
	decodertest.NoAllocations(t, Protocol, steady, steady)
}
