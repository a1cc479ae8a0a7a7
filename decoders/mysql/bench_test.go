package mysql

import (
	"bytes"
	"testing"

	"unixcap/decoders"
	"unixcap/decoders/decodertest"
	"unixcap/decoders/sql"
)

// wire returns a packet.
func wire(seq byte, payload string) []byte {
	n := len(payload)
	return append([]byte{byte(n), byte(n >> 8), byte(n >> 16), seq}, payload...)
}

const okPayload = "\x00\x00\x00\x02\x00\x00\x00"

// opening is a handshake after which both ends agree on caps.
func opening(caps capabilities) decodertest.Conversation {
	low, high := string([]byte{byte(caps), byte(caps >> 8)}), string([]byte{byte(caps >> 16), byte(caps >> 24)})
	greeting := "\x0a8.4.3\x00\x07\x00\x00\x0012345678\x00" + low + "\xff\x02\x00" + high + "\x15" +
		"\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00" + "123456789012\x00caching_sha2_password\x00"
	response := low + high + "\x00\x00\x00\x01\xff" + string(make([]byte, 23)) + "app\x00\x00"
	return decodertest.Conversation{
		{From: decoders.Server, Data: wire(0, greeting)},
		{From: decoders.Client, Data: wire(1, response)},
		{From: decoders.Server, Data: wire(2, okPayload)},
	}
}

const mysql8 = clientMySQL | clientProtocol41 | clientSecureConnection | clientPluginAuth | clientSessionTrack | clientDeprecateEOF

// rowsConversation is a query with n rows of size bytes, sent in pieces of
// 64 KiB.
func rowsConversation(n, size int) decodertest.Conversation {
	c := opening(mysql8)
	c = append(c, decodertest.Message{From: decoders.Client, Data: wire(0, "\x03select * from t")})
	answer := append(wire(1, "\x01"), wire(2, "\x03def\x00\x00\x00\x01a\x00\x0c\x3f\x00\x0b\x00\x00\x00\x08\x81\x00\x00\x00\x00")...)
	row := string(bytes.Repeat([]byte{'x'}, size))
	for i := range n {
		answer = append(answer, wire(byte(3+i), row)...)
	}
	answer = append(answer, wire(byte(3+n), "\xfe\x00\x00\x02\x00\x00\x00")...)
	for len(answer) > 0 {
		k := min(len(answer), 64<<10)
		c = append(c, decodertest.Message{From: decoders.Server, Data: answer[:k]})
		answer = answer[k:]
	}
	return c
}

func benchmark(b *testing.B, c decodertest.Conversation) { decodertest.Benchmark(b, Protocol, c) }

func BenchmarkRows100(b *testing.B)  { benchmark(b, rowsConversation(100_000, 100)) }
func BenchmarkRows10k(b *testing.B)  { benchmark(b, rowsConversation(1_000, 10_000)) }
func BenchmarkRows1MiB(b *testing.B) { benchmark(b, rowsConversation(20, 1<<20)) }

func BenchmarkOLTP(b *testing.B) {
	c := decodertest.Read(b, "testdata/sysbench.conv")
	// The connection's life is short in the recording: make the transaction's
	// statements come a hundred times.
	var long decodertest.Conversation
	for i, m := range c {
		if i < 26 {
			long = append(long, m)
		}
	}
	for range 100 {
		long = append(long, c[25:65]...)
	}
	benchmark(b, long)
}

func BenchmarkFingerprint(b *testing.B) {
	statement := []byte("SELECT DISTINCT c FROM sbtest1 WHERE id BETWEEN 123 AND 222 AND k IN (1, 2, 3, 4) ORDER BY c")
	b.SetBytes(int64(len(statement)))
	b.ReportAllocs()
	var class []byte
	for b.Loop() {
		class = sql.MySQL.AppendFingerprint(class[:0], statement)
	}
}

func BenchmarkFingerprintInsert(b *testing.B) {
	statement := append([]byte("INSERT INTO t(a, b) VALUES "), bytes.Repeat([]byte("(12345,'some text of a row'),"), 10000)...)
	b.SetBytes(int64(len(statement)))
	for b.Loop() {
		sql.MySQL.Fingerprint(statement)
	}
}

// TestNoAllocations holds the decoder to its promise that rows and the
// statements of a steady connection cost no memory.
func TestNoAllocations(t *testing.T) {
	c := rowsConversation(1000, 100)
	if x := decodertest.Whole(Protocol, c); x[len(x)-1].Rows != 1000 {
		t.Errorf("not 1000 rows: %s", decodertest.JSON(&x[len(x)-1]))
	}
	decodertest.NoAllocations(t, Protocol, c[:3], c[3:])
}
