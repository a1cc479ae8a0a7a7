package redis

import (
	"bytes"
	"fmt"
	"testing"

	"unixcap/decoders"
	"unixcap/decoders/decodertest"
)

// resp returns a command as clients send it.
func resp(args ...string) []byte {
	b := fmt.Appendf(nil, "*%d\r\n", len(args))
	for _, a := range args {
		b = fmt.Appendf(b, "$%d\r\n%s\r\n", len(a), a)
	}
	return b
}

// pipelined is SET and GET of values of size bytes, depth commands at once.
func pipelined(rounds, depth, size int) decodertest.Conversation {
	value := string(bytes.Repeat([]byte{'x'}, size))
	var c decodertest.Conversation
	key := 0
	for range rounds {
		var commands, answers []byte
		for i := range depth {
			key++
			name := fmt.Sprintf("key:%012d", key)
			if i%2 == 0 {
				commands = append(commands, resp("SET", name, value)...)
				answers = append(answers, "+OK\r\n"...)
			} else {
				commands = append(commands, resp("GET", name)...)
				answers = fmt.Appendf(answers, "$%d\r\n%s\r\n", size, value)
			}
		}
		c = append(c, decodertest.Message{From: decoders.Client, Data: commands},
			decodertest.Message{From: decoders.Server, Data: answers})
	}
	return c
}

func benchmark(b *testing.B, c decodertest.Conversation) { decodertest.Benchmark(b, Protocol, c) }

func BenchmarkPipelined100(b *testing.B) { benchmark(b, pipelined(1000, 16, 100)) }
func BenchmarkSingle100(b *testing.B)    { benchmark(b, pipelined(16000, 1, 100)) }
func BenchmarkValues10k(b *testing.B)    { benchmark(b, pipelined(100, 16, 10_000)) }

func BenchmarkRange(b *testing.B) {
	answer := []byte("*100000\r\n")
	for range 100_000 {
		answer = append(answer, "$16\r\nkey:000000000001\r\n"...)
	}
	benchmark(b, decodertest.Conversation{
		{From: decoders.Client, Data: resp("LRANGE", "list", "0", "-1")},
		{From: decoders.Server, Data: answer},
	})
}

func BenchmarkFingerprint(b *testing.B) {
	request := []byte("SET user:000000000012:name " + string(bytes.Repeat([]byte{'x'}, 100)))
	b.SetBytes(int64(len(request)))
	b.ReportAllocs()
	var class []byte
	for b.Loop() {
		class = appendFingerprint(class[:0], request)
	}
}

// TestNoAllocations holds the decoder to its promise that the commands of a
// steady connection cost no memory.
func TestNoAllocations(t *testing.T) {
	c := pipelined(50, 16, 100)
	c = append(c, decodertest.Message{From: decoders.Client, Data: bytes.Join([][]byte{
		resp("SELECT", "3"), resp("INCR", "a"), resp("HGETALL", "h"), resp("NOSUCH", "x"), resp("CONFIG", "GET", "a"),
		resp("HSET", "user:1", "password", "geheim"), resp("SET", "s", `{"token":"geheim"}`)}, nil)})
	c = append(c, decodertest.Message{From: decoders.Server,
		Data: []byte("+OK\r\n:5\r\n*2\r\n$1\r\na\r\n$1\r\nb\r\n-ERR unknown command\r\n*0\r\n:1\r\n+OK\r\n")})
	decodertest.NoAllocations(t, Protocol, nil, c)
}
