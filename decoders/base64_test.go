package decoders

import (
	"encoding/base64"
	"math/rand/v2"
	"testing"
)

// Bytes of any length are encoded as encoding/base64 does it.
func TestAppendBase64(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for n := range 300 {
		src := make([]byte, n)
		for i := range src {
			src[i] = byte(r.Uint32())
		}
		want := "before" + base64.StdEncoding.EncodeToString(src)
		if got := string(appendBase64([]byte("before"), src)); got != want {
			t.Errorf("%d bytes: got %s, want %s", n, got, want)
		}
	}
}

func BenchmarkAppendBase64(b *testing.B) {
	src := make([]byte, 2000)
	b.SetBytes(int64(len(src)))
	var out []byte
	for b.Loop() {
		out = appendBase64(out[:0], src)
	}
}
