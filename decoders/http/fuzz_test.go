package http

import (
	"bytes"
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

// FuzzRoute looks for classes that are too long, or that are not stable.
func FuzzRoute(f *testing.F) {
	for _, test := range routes {
		f.Add([]byte(test.target))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if class := appendRoute(nil, data); len(class) > maxRoute+len("...") {
			t.Errorf("%d bytes: %q", len(class), class)
		}
	})
}

// FuzzMasked looks for panics, and for a secret that gets through.
func FuzzMasked(f *testing.F) {
	for _, test := range masked {
		f.Add([]byte(test.text))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		appendMasked(nil, data)
		appendForm(nil, data)
		appendTarget(nil, data, maxTarget)
		clean := bytes.Map(func(r rune) rune {
			if r >= 'a' && r <= 'z' {
				return r
			}
			return -1
		}, data)
		text := append(append([]byte(`{"password": "`), clean...), `XYZ", "a": 1}`...)
		if bytes.Contains(appendMasked(nil, text), []byte("XYZ")) {
			t.Errorf("%s", text)
		}
	})
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
