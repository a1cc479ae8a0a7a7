package mysql

import (
	"path/filepath"
	"testing"

	"unixcap/decoders"
	"unixcap/decoders/decodertest"
)

// FuzzDecoder feeds the decoder whatever the fuzzer thinks of, beginning with
// the recorded conversations.
func FuzzDecoder(f *testing.F) {
	for _, g := range golden {
		f.Add(decodertest.Read(f, filepath.Join("testdata", g.name+".conv")).Seed())
	}
	f.Fuzz(func(t *testing.T, data []byte) { decodertest.Chaos(t, Protocol, data) })
}

// FuzzDetect looks for panics.
func FuzzDetect(f *testing.F) {
	f.Add([]byte("\x01\x00\x00\x00\x0e"), []byte("\x07\x00\x00\x01\x00\x00\x00\x02\x00\x00\x00"))
	f.Fuzz(func(t *testing.T, client, server []byte) {
		if detect(client, server, false) == decoders.Yes && detect(client, server, true) == decoders.No {
			t.Error("a hint speaks against it")
		}
	})
}
