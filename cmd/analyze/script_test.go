package main

import (
	"bytes"
	"compress/gzip"
	"flag"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"
	"github.com/rogpeppe/go-internal/testscript"
)

var update = flag.Bool("update", false, "rewrite what the scripts expect")

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"analyze": main})
}

func gzipped(t *testing.T, p []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	if _, err := z.Write(p); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func zstandard(t *testing.T, p []byte) []byte {
	t.Helper()
	z, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	return z.EncodeAll(p, nil)
}

// TestScripts runs testdata/*.txtar. Each begins with a sentence that says
// what it is about.
func TestScripts(t *testing.T) {
	dir := t.TempDir()
	begin := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	writeCapture(t, filepath.Join(dir, "a.pcapng"), begin)
	writeCapture(t, filepath.Join(dir, "b.pcapng"), begin.Add(time.Hour))
	writeTransactions(t, filepath.Join(dir, "transactions.pcapng"), begin.Add(2*time.Hour))
	whole, err := os.ReadFile(filepath.Join(dir, "a.pcapng"))
	if err != nil {
		t.Fatal(err)
	}
	files := map[string][]byte{
		"a.pcapng":       whole,
		"cut.pcapng":     whole[:len(whole)/2],
		"empty.pcapng":   nil,
		"garbage.pcapng": bytes.Repeat([]byte("no capture at all\n"), 100),
		// IEEE 802.11, one packet of four bytes.
		"wireless.pcap": []byte("\xd4\xc3\xb2\xa1\x02\x00\x04\x00\x00\x00\x00\x00\x00\x00\x00\x00\xff\xff\x00\x00\x69\x00\x00\x00" +
			"\x00\x00\x00\x00\x00\x00\x00\x00\x04\x00\x00\x00\x04\x00\x00\x00abcd"),
		// Ethernet, one packet of an ARP request.
		"ethernet.pcapng": []byte("\x0a\x0d\x0d\x0a\x1c\x00\x00\x00\x4d\x3c\x2b\x1a\x01\x00\x00\x00\xff\xff\xff\xff\xff\xff\xff\xff\x1c\x00\x00\x00" +
			"\x01\x00\x00\x00\x14\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\x14\x00\x00\x00" +
			"\x06\x00\x00\x00\x30\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x0e\x00\x00\x00\x0e\x00\x00\x00" +
			"\xff\xff\xff\xff\xff\xff\x02\x00\x00\x00\x00\x01\x08\x06\x00\x00\x30\x00\x00\x00"),
		"a.gz":     gzipped(t, whole),
		"a.zst":    zstandard(t, whole),
		"tiny.gz":  gzipped(t, whole)[:12],
		"words.gz": gzipped(t, []byte("no capture at all\n")),
	}
	files["cut.gz"] = files["a.gz"][:len(files["a.gz"])*3/4]
	for _, name := range []string{"b.pcapng", "transactions.pcapng"} {
		if files[name], err = os.ReadFile(filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata",
		UpdateScripts:       *update,
		RequireExplicitExec: true,
		Setup: func(env *testscript.Env) error {
			for name, data := range files {
				if err := os.WriteFile(filepath.Join(env.WorkDir, name), data, 0o600); err != nil {
					return err
				}
			}
			return nil
		},
	})
}
