package http

import (
	"bytes"
	"fmt"
	"testing"

	"unixcap/decoders"
	"unixcap/decoders/decodertest"
	"unixcap/decoders/uri"
)

// exchangesOf is what a browser or program asks and gets, depth at once, with
// content of size bytes.
func exchangesOf(rounds, depth, size int) decodertest.Conversation {
	var c decodertest.Conversation
	text := bytes.Repeat([]byte("all work and no play "), size/20+1)[:size]
	for i := range rounds {
		var asked, answered []byte
		for k := range depth {
			asked = fmt.Appendf(asked, "GET /api/v1/users/%d/items?page=%d HTTP/1.1\r\nHost: localhost\r\nUser-Agent: curl/7.88.1\r\nAccept: */*\r\n\r\n", i, k)
			answered = fmt.Appendf(answered, "HTTP/1.1 200 OK\r\nServer: nginx/1.22.1\r\nDate: Tue, 24 Nov 2026 19:00:00 GMT\r\nContent-Type: text/plain\r\nContent-Length: %d\r\nLast-Modified: Tue, 24 Nov 2026 18:00:00 GMT\r\nConnection: keep-alive\r\nETag: \"67432-8ca\"\r\nAccept-Ranges: bytes\r\n\r\n%s", size, text)
		}
		c = append(c, decodertest.Message{From: decoders.Client, Data: asked}, decodertest.Message{From: decoders.Server, Data: answered})
	}
	return c
}

// chunked is a long answer in chunks.
func chunked(rounds, chunks, size int) decodertest.Conversation {
	answer := []byte("HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\nTransfer-Encoding: chunked\r\n\r\n")
	for range chunks {
		answer = fmt.Appendf(answer, "%x\r\n%s\r\n", size, bytes.Repeat([]byte{0xff}, size))
	}
	answer = append(answer, "0\r\n\r\n"...)
	var c decodertest.Conversation
	for range rounds {
		c = append(c, decodertest.Message{From: decoders.Client, Data: []byte("GET / HTTP/1.1\r\nHost: a\r\n\r\n")}, decodertest.Message{From: decoders.Server, Data: answer})
	}
	return c
}

// posts is JSON both ways.
func posts(rounds int) decodertest.Conversation {
	object := []byte(`{"id":12345,"name":"A name","password":"hunter2","tags":["one","two","three"],"address":{"street":"Main Street 1","city":"Springfield"},"text":"` + string(bytes.Repeat([]byte("word "), 60)) + `"}`)
	var c decodertest.Conversation
	for range rounds {
		c = append(c, decodertest.Message{From: decoders.Client, Data: fmt.Appendf(nil, "POST /api/users HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", len(object), object)},
			decodertest.Message{From: decoders.Server, Data: fmt.Appendf(nil, "HTTP/1.1 201 Created\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", len(object), object)})
	}
	return c
}

func benchmark(b *testing.B, c decodertest.Conversation) { decodertest.Benchmark(b, Protocol, c) }

func BenchmarkGet0(b *testing.B)       { benchmark(b, exchangesOf(4000, 1, 0)) }
func BenchmarkGet1k(b *testing.B)      { benchmark(b, exchangesOf(4000, 1, 1000)) }
func BenchmarkGet10k(b *testing.B)     { benchmark(b, exchangesOf(1000, 1, 10_000)) }
func BenchmarkPipelined(b *testing.B)  { benchmark(b, exchangesOf(250, 16, 1000)) }
func BenchmarkChunked8k(b *testing.B)  { benchmark(b, chunked(100, 16, 8192)) }
func BenchmarkChunked100(b *testing.B) { benchmark(b, chunked(100, 100, 100)) }
func BenchmarkJSON(b *testing.B)       { benchmark(b, posts(4000)) }

func BenchmarkRoute(b *testing.B) {
	target := []byte("/v1.43/containers/9f86d081884c7d659a2feaa0c55ad015/json?all=1&page=3")
	b.SetBytes(int64(len(target)))
	b.ReportAllocs()
	var class []byte
	for b.Loop() {
		class = uri.AppendRoute(class[:0], target)
	}
}

// TestNoAllocations holds the decoder to its promise that the requests of a
// steady connection cost no memory.
func TestNoAllocations(t *testing.T) {
	c := append(exchangesOf(20, 4, 100), chunked(3, 5, 10)...)
	c = append(c, posts(3)...)
	decodertest.NoAllocations(t, Protocol, nil, c)
}
