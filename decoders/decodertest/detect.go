package decodertest

import (
	"testing"

	"unixcap/decoders"
)

// Detects tests what a protocol makes of what client and server send first,
// without a hint and with one. What is certainly not the protocol's may be
// doubtful where something hints at it.
func Detects(t *testing.T, p decoders.Protocol, client, server string, plain, hinted decoders.Verdict) {
	t.Helper()
	if got := p.Detect([]byte(client), []byte(server), false); got != plain {
		t.Errorf("without a hint: %v, want %v", got, plain)
	}
	if got := p.Detect([]byte(client), []byte(server), true); got != hinted && !(hinted == decoders.No && got == decoders.Maybe) {
		t.Errorf("with a hint: %v, want %v", got, hinted)
	}
}

// FuzzDetect looks for panics, and for hints that speak against the protocol,
// beginning with what client and server send first.
func FuzzDetect(f *testing.F, p decoders.Protocol, first ...[2]string) {
	for _, s := range first {
		f.Add([]byte(s[0]), []byte(s[1]))
	}
	f.Fuzz(func(t *testing.T, client, server []byte) {
		if p.Detect(client, server, false) == decoders.Yes && p.Detect(client, server, true) == decoders.No {
			t.Error("a hint speaks against it")
		}
	})
}
