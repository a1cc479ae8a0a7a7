package memcached

import (
	"bytes"
	"fmt"
	"testing"

	"unixcap/decoders"
	"unixcap/decoders/decodertest"
)

// load is SET and GET of values of size bytes, depth commands at once.
func load(rounds, depth, size int) decodertest.Conversation {
	value := bytes.Repeat([]byte{'x'}, size)
	var c decodertest.Conversation
	key := 0
	for range rounds {
		var asked, answered []byte
		for i := range depth {
			key++
			if i%2 == 0 {
				asked = fmt.Appendf(asked, "set memtier-%08d 0 0 %d\r\n%s\r\n", key, size, value)
				answered = append(answered, "STORED\r\n"...)
			} else {
				asked = fmt.Appendf(asked, "get memtier-%08d\r\n", key)
				answered = fmt.Appendf(answered, "VALUE memtier-%08d 0 %d\r\n%s\r\nEND\r\n", key, size, value)
			}
		}
		c = append(c, decodertest.Message{From: decoders.Client, Data: asked}, decodertest.Message{From: decoders.Server, Data: answered})
	}
	return c
}

func BenchmarkPipelined100(b *testing.B) { decodertest.Benchmark(b, Protocol, load(1000, 16, 100)) }
func BenchmarkSingle100(b *testing.B)    { decodertest.Benchmark(b, Protocol, load(16000, 1, 100)) }
func BenchmarkValues10k(b *testing.B)    { decodertest.Benchmark(b, Protocol, load(100, 16, 10_000)) }

// TestNoAllocations holds the decoder to its promise that the commands of a
// steady connection cost no memory.
func TestNoAllocations(t *testing.T) {
	decodertest.NoAllocations(t, Protocol, nil, load(50, 16, 100))
}

func TestFingerprint(t *testing.T) {
	for _, test := range []struct{ request, class string }{
		{"get user:1001:name", "get user:?:name"},
		{"get a:1 b:2 a:3", "get a:? b:?"},
		{"gets a b c d e f", "gets a b c d ..."},
		{"set key-12 0 0 100", "set key-?"},
		{"gat 100 s:9f86d081884c7d65", "gat s:?"},
		{"mg key:1 v t", "mg key:?"},
		{"mn", "mn"},
		{"stats items", "stats"},
		{"getk user:1", "getk user:?"},
		{"", ""},
	} {
		if got := string(appendFingerprint(nil, []byte(test.request))); got != test.class {
			t.Errorf("%s: %q, want %q", test.request, got, test.class)
		}
	}
}

func TestDetect(t *testing.T) {
	for _, test := range []struct {
		client, server string
		hinted         bool
		want           decoders.Verdict
	}{
		{"get a\r\n", "END\r\n", false, decoders.Yes},
		{"get a\r\n", "", true, decoders.Yes},
		{"get a\r\n", "", false, decoders.Maybe},
		{"get a\r\n", "$1\r\na\r\n", true, decoders.No},
		{"get a", "", false, decoders.Maybe},
		{"quit\r\n", "+OK\r\n", true, decoders.No},
		{"version\r\n", "VERSION 1\r\n", false, decoders.Yes},
		{"set a 0 0 x\r\n", "ERROR\r\n", false, decoders.No},
		{"GET / HTTP/1.1\r\n", "", true, decoders.No},
		{packet(0, 1, "", "a", ""), "\x81\x00\x00\x00\x00\x00\x00\x01\x00\x00\x00\x09\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\x00Not found", false, decoders.Yes},
		{packet(0, 1, "", "a", "")[:10], "", false, decoders.Maybe},
	} {
		if got := detect([]byte(test.client), []byte(test.server), test.hinted); got != test.want {
			t.Errorf("%q, %q: %v, want %v", test.client, test.server, got, test.want)
		}
	}
}
