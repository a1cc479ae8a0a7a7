package postgresql

import (
	"encoding/binary"
	"path/filepath"
	"strings"
	"testing"

	"unixcap/decoders"
	"unixcap/decoders/decodertest"
)

// wire returns a message.
func wire(kind byte, body string) []byte {
	b := binary.BigEndian.AppendUint32([]byte{kind}, uint32(len(body)+lengthField))
	return append(b, body...)
}

// opening is a connection that the server lets in.
func opening() decodertest.Conversation {
	packet := "\x00\x03\x00\x00user\x00app\x00database\x00shop\x00\x00"
	startup := append(binary.BigEndian.AppendUint32(nil, uint32(len(packet)+lengthField)), packet...)
	return decodertest.Conversation{
		{From: decoders.Client, Data: startup},
		{From: decoders.Server, Data: append(wire(kindAuthentication, "\x00\x00\x00\x00"), wire(kindReadyForQuery, "I")...)},
	}
}

// rowsConversation is a query with n rows of size bytes, sent in pieces of
// 8 KiB as the server does.
func rowsConversation(n, size int) decodertest.Conversation {
	c := opening()
	c = append(c, decodertest.Message{From: decoders.Client, Data: wire(kindQuery, "select * from t\x00")})
	answer := wire(kindRowDescription, "\x00\x01a\x00"+strings.Repeat("\x00", 18))
	row := "\x00\x01" + string(binary.BigEndian.AppendUint32(nil, uint32(size))) + strings.Repeat("x", size)
	for range n {
		answer = append(answer, wire(kindDataRow, row)...)
	}
	answer = append(answer, wire(kindCommandComplete, "SELECT 1\x00")...)
	answer = append(answer, wire(kindReadyForQuery, "I")...)
	for len(answer) > 0 {
		k := min(len(answer), 8<<10)
		c = append(c, decodertest.Message{From: decoders.Server, Data: answer[:k]})
		answer = answer[k:]
	}
	return c
}

func benchmark(b *testing.B, c decodertest.Conversation) { decodertest.Benchmark(b, Protocol, c) }

func BenchmarkRows100(b *testing.B)  { benchmark(b, rowsConversation(100_000, 100)) }
func BenchmarkRows10k(b *testing.B)  { benchmark(b, rowsConversation(1_000, 10_000)) }
func BenchmarkRows1MiB(b *testing.B) { benchmark(b, rowsConversation(20, 1<<20)) }

// BenchmarkPgbench has the transactions of a recorded pgbench a hundred times.
func BenchmarkPgbench(b *testing.B) {
	for _, name := range []string{"prepared", "extended"} {
		b.Run(name, func(b *testing.B) {
			c := decodertest.Read(b, filepath.Join("testdata", name+".conv"))
			last := len(c) - 1 // Terminate
			transaction := c[last-14 : last]
			long := append(decodertest.Conversation{}, c[:last]...)
			for range 100 {
				long = append(long, transaction...)
			}
			benchmark(b, append(long, c[last]))
		})
	}
}

// TestNoAllocations holds the decoder to its promise that rows and the
// statements of a steady connection cost no memory.
func TestNoAllocations(t *testing.T) {
	c := rowsConversation(1000, 100)
	decodertest.NoAllocations(t, Protocol, c[:2], c[2:])
	for _, name := range []string{"prepared", "extended"} {
		c := decodertest.Read(t, filepath.Join("testdata", name+".conv"))
		last := len(c) - 1 // Terminate
		decodertest.NoAllocations(t, Protocol, c[:last], c[last-14:last])
	}
}
