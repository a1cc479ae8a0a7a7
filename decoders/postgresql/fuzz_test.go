package postgresql

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
	f.Add([]byte("Q\x00\x00\x00\x0dselect 1\x00"), []byte("Z\x00\x00\x00\x05I"))
	f.Add([]byte("\x00\x00\x00\x08\x04\xd2\x16\x2f"), []byte("N"))
	f.Fuzz(func(t *testing.T, client, server []byte) {
		if detect(client, server, false) == decoders.Yes && detect(client, server, true) == decoders.No {
			t.Error("a hint speaks against it")
		}
	})
}
