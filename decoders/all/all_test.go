package all

import (
	"math/rand/v2"
	"path/filepath"
	"strings"
	"testing"

	"unixcap/decoders"
	"unixcap/decoders/decodertest"
)

// No protocol claims what another one's recorded conversations say, whichever
// end is taken for the server and whatever the port and path hint at; and each
// claims its own. Behind the upgrade of HTTP/1.1 to h2c it is HTTP/2.
func TestDetectOthers(t *testing.T) {
	for _, speaks := range Protocols {
		recorded, err := filepath.Glob(filepath.Join("..", speaks.Name, "testdata", "*.conv"))
		if err != nil || len(recorded) == 0 {
			t.Fatalf("no conversations of %s, %v", speaks.Name, err)
		}
		for _, path := range recorded {
			c := decodertest.Read(t, path)
			for from := range len(c) {
				client, server := c[from:].Prefixes()
				for _, p := range Protocols {
					if strings.HasPrefix(filepath.Base(path), "h2c") && p.Name == "http2" {
						continue
					}
					for _, v := range []decoders.Verdict{p.Detect(client, server, true), p.Detect(server, client, true)} {
						if v == decoders.Yes && p.Name != speaks.Name {
							t.Errorf("%s claims %s from message %d", p.Name, path, from+1)
						}
					}
				}
			}
			client, server := c.Prefixes()
			if v := speaks.Detect(client, server, false); v != decoders.Yes {
				t.Errorf("%s says %v to %s", speaks.Name, v, path)
			}
		}
	}
}

// No protocol claims random bytes, with zeros behind them or without, or TLS
// records of any content.
func TestDetectNoise(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	noise := func() []byte {
		b := make([]byte, r.IntN(200))
		for i := range b {
			b[i] = byte(r.Uint32())
		}
		return b
	}
	padded := func() []byte {
		return append(noise(), make([]byte, r.IntN(300))...)
	}
	tls := func() []byte {
		b := noise()
		head := []byte{20 + byte(r.IntN(4)), 3, byte(1 + r.IntN(3)), byte(len(b) >> 8), byte(len(b))}
		return append(head, b...)
	}
	for range 100_000 {
		for _, send := range []func() []byte{noise, padded, tls} {
			client, server := send(), send()
			for _, p := range Protocols {
				if p.Detect(client, server, true) == decoders.Yes {
					t.Fatalf("%s claims % x and % x", p.Name, client, server)
				}
			}
		}
	}
}
