package http2

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"testing"

	"unixcap/decoders"
	"unixcap/decoders/decodertest"
)

// gets are what a browser or program asks and gets, depth at once, with content of
// size bytes.
func gets(rounds, depth, size int) decodertest.Conversation {
	s := newConnection()
	text := bytes.Repeat([]byte("all work and no play "), size/20+1)[:size]
	id := uint32(1)
	for i := range rounds {
		for k := range uint32(depth) {
			s.head(decoders.Client, id+2*k, true, ":method", "GET", ":scheme", "http", ":authority", "localhost", ":path", fmt.Sprintf("/api/v1/users/%d/items?page=%d", i, k), "user-agent", "curl/7.88.1", "accept", "*/*")
		}
		s.flush(decoders.Client)
		for k := range uint32(depth) {
			s.head(decoders.Server, id+2*k, size == 0, ":status", "200", "server", "nginx/1.22.1", "date", fmt.Sprintf("Tue, 24 Nov 2026 19:%02d:%02d GMT", i/60%60, i%60), "content-type", "text/plain", "content-length", fmt.Sprint(size), "etag", "\"67432-8ca\"")
			for b := text; len(b) > 0; {
				n := min(len(b), 16<<10)
				s.data(decoders.Server, id+2*k, n == len(b), b[:n])
				b = b[n:]
			}
		}
		s.flush(decoders.Server)
		id += 2 * uint32(depth)
	}
	return s.c
}

// message is a gRPC message with a string of size bytes.
func message(size int) []byte {
	field := append(binary.AppendUvarint([]byte{0x0a}, uint64(size)), bytes.Repeat([]byte("a"), size)...)
	return append(binary.BigEndian.AppendUint32([]byte{0}, uint32(len(field))), field...)
}

// calls are unary calls of gRPC, of answers messages each.
func calls(rounds, answers, size int) decodertest.Conversation {
	s := newConnection()
	one := message(size)
	for i := range rounds {
		id := uint32(2*i + 1)
		s.head(decoders.Client, id, false, ":method", "POST", ":scheme", "http", ":path", "/shop.Orders/List", ":authority", "localhost", "content-type", "application/grpc", "user-agent", "grpc-go/1.84.0", "te", "trailers", "grpc-timeout", fmt.Sprintf("%du", 59_000_000+i))
		s.data(decoders.Client, id, true, one)
		s.flush(decoders.Client)
		s.head(decoders.Server, id, false, ":status", "200", "content-type", "application/grpc")
		for range answers {
			s.data(decoders.Server, id, false, one)
		}
		s.head(decoders.Server, id, true, "grpc-status", "0", "grpc-message", "")
		s.flush(decoders.Server)
	}
	return s.c
}

func benchmark(b *testing.B, c decodertest.Conversation) { decodertest.Benchmark(b, Protocol, c) }

func BenchmarkGet0(b *testing.B)     { benchmark(b, gets(4000, 1, 0)) }
func BenchmarkGet1k(b *testing.B)    { benchmark(b, gets(4000, 1, 1000)) }
func BenchmarkGet100k(b *testing.B)  { benchmark(b, gets(100, 1, 100_000)) }
func BenchmarkStreams(b *testing.B)  { benchmark(b, gets(100, 100, 1000)) }
func BenchmarkCall100(b *testing.B)  { benchmark(b, calls(4000, 1, 100)) }
func BenchmarkCall1k(b *testing.B)   { benchmark(b, calls(4000, 1, 1000)) }
func BenchmarkStream1k(b *testing.B) { benchmark(b, calls(40, 100, 1000)) }

// TestNoAllocations holds the decoder to its promise that the requests of a steady
// connection cost no memory.
func TestNoAllocations(t *testing.T) {
	for _, c := range []decodertest.Conversation{gets(300, 4, 1000), calls(300, 3, 100)} {
		// The numbers of streams go up, so that the same is not said again, but it goes on.
		d, n := Protocol.New(func(*decoders.Exchange) {}), len(c)/2
		feed := func(c decodertest.Conversation) {
			for i := range c {
				d.Data(c[i].From, decoders.Mark{}, c[i].Data)
			}
		}
		feed(c[:n])
		rest := c[n:]
		if allocations := testing.AllocsPerRun(100, func() {
			feed(rest[:2])
			rest = rest[2:]
		}); allocations > 0 {
			t.Errorf("%v allocations", allocations)
		}
	}
}
