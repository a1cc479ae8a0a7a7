package http

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

// FuzzDetect looks for panics, and for hints that speak against.
func FuzzDetect(f *testing.F) {
	f.Add([]byte("GET / HTTP/1.1\r\n\r\n"), []byte("HTTP/1.1 200 OK\r\n"))
	f.Fuzz(func(t *testing.T, client, server []byte) {
		if detect(client, server, false) == decoders.Yes && detect(client, server, true) == decoders.No {
			t.Error("a hint speaks against it")
		}
	})
}
