package stream

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

func pack(t *testing.T, kind string, p []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	var z io.WriteCloser = gzip.NewWriter(&b)
	if kind == "zstd" {
		var err error
		if z, err = zstd.NewWriter(&b); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := z.Write(p); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// Members of gzip and frames of zstd that follow each other are one file, and
// one that was cut off gives what is there and then the error.
func TestUnpack(t *testing.T) {
	w := conversation(t, rand.New(rand.NewPCG(1, 6)), 4000)
	file := w.save(w.list)
	third := len(file) / 3
	for _, kind := range []string{"gzip", "zstd"} {
		var parts []byte
		for _, p := range [][]byte{file[:third], file[third : 2*third], file[2*third:]} {
			parts = append(parts, pack(t, kind, p)...)
		}
		whole := pack(t, kind, file)
		for name, b := range map[string][]byte{"whole": whole, "parts": parts} {
			caught, _ := catch(t, b)
			if len(caught) != 1 || !bytes.Equal(caught[0].bytes[1], w.bytes[1]) {
				t.Errorf("%s, %s: not what was written", kind, name)
			}
			got, err := drain(t, b[:len(b)/2])
			if got < len(w.list)/10 || !errors.Is(err, io.ErrUnexpectedEOF) {
				t.Errorf("%s, half of %s: %d messages, error %v", kind, name, got, err)
			}
			for _, n := range []int{1, 5, 9, 15} {
				if got, err := drain(t, b[:n]); got != 0 || err == nil {
					t.Errorf("%s, %d bytes: %d messages, error %v", kind, n, got, err)
				}
			}
		}
	}
	// A frame to be skipped may come first.
	skip := append([]byte("\x53\x2a\x4d\x18\x03\x00\x00\x00abc"), pack(t, "zstd", file)...)
	if caught, _ := catch(t, skip); len(caught) != 1 {
		t.Error("no conversation behind a frame that is to be skipped")
	}
}

// drain counts the messages of a file and returns what is wrong with it.
func drain(t *testing.T, b []byte) (n int, err error) {
	t.Helper()
	name := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(name, b, 0o600); err != nil {
		t.Fatal(err)
	}
	in := OpenInput([]string{name})
	for {
		if _, err := in.Next(); err != nil {
			return n, errors.Join(in.Errors()...)
		}
		n++
	}
}
