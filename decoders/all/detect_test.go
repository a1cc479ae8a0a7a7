package all

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"unixcap/decoders"
)

// TestNoFalseClaim wants each protocol's recorded conversations claimed by its
// own decoder only, whichever end is taken for the client, and whether or not
// path or port speak for the other.
func TestNoFalseClaim(t *testing.T) {
	paths, err := filepath.Glob("../*/testdata/*.conv")
	if err != nil || len(paths) == 0 {
		t.Fatalf("%d conversations, %v", len(paths), err)
	}
	for _, path := range paths {
		owner := filepath.Base(filepath.Dir(filepath.Dir(path)))
		ends := readEnds(t, path)
		for _, p := range Protocols {
			for _, hinted := range []bool{false, true} {
				for i := range ends {
					if p.Name != owner && p.Detect(ends[i], ends[1-i], hinted) == decoders.Yes {
						t.Errorf("%s claims %s (client %s, hinted %v)", p.Name, path, decoders.End(i), hinted)
					}
				}
			}
		}
	}
}

// readEnds returns what Detect sees of a recorded conversation: a line has who
// sent it, the time, and the bytes as a Go string.
func readEnds(t *testing.T, path string) (ends [2][]byte) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(b)) {
		f := strings.SplitN(strings.TrimSuffix(line, "\n"), " ", 3)
		data, err := strconv.Unquote(f[len(f)-1])
		if err != nil || len(f) != 3 {
			t.Fatalf("%s: %q: %v", path, line, err)
		}
		end := decoders.Client
		if f[0] == decoders.Server.String() {
			end = decoders.Server
		}
		if len(ends[end]) < decoders.DetectBytes {
			ends[end] = append(ends[end], data...)
		}
	}
	for i := range ends {
		ends[i] = ends[i][:min(len(ends[i]), decoders.DetectBytes)]
	}
	return ends
}
