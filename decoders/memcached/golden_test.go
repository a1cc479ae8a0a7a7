package memcached

import (
	"encoding/binary"
	"path/filepath"
	"strings"
	"testing"

	"unixcap/decoders/decodertest"
	"unixcap/internal/need"
)

// The conversations in testdata.
var golden = decodertest.Golden{Protocol: Protocol, Server: startServer, Recordings: []decodertest.Recording{
	{Name: "text", Shows: "the text protocol: all commands, hits and misses, errors", Slack: 1, Make: said([][2]string{
		{"version\r\n", "\r\n"},
		{"set user:1001:name 5 0 5\r\nhello\r\n", "\r\n"},
		{"get user:1001:name\r\n", "END\r\n"},
		{"get user:1002:name user:1001:name user:1003:name\r\n", "END\r\n"},
		{"gets user:1001:name\r\n", "END\r\n"},
		{"add user:1001:name 0 0 1\r\nx\r\n", "\r\n"},
		{"replace none 0 0 1\r\nx\r\n", "\r\n"},
		{"append user:1001:name 0 0 2\r\n\r\n\r\n", "\r\n"},
		{"cas user:1001:name 0 0 1 1\r\ny\r\n", "\r\n"},
		{"set n 0 0 1\r\n7\r\n", "\r\n"},
		{"incr n 5\r\n", "\r\n"},
		{"decr none 5\r\n", "\r\n"},
		{"incr user:1001:name 1\r\n", "\r\n"},
		{"touch n 100\r\n", "\r\n"},
		{"gat 100 n none\r\n", "END\r\n"},
		{"delete n\r\n", "\r\n"},
		{"delete n\r\n", "\r\n"},
		{"nonsense\r\n", "\r\n"},
		{"set big 0 0 2000\r\n" + strings.Repeat("y", 2000) + "\r\n", "\r\n"},
		{"stats\r\n", "END\r\n"},
		{"set empty 0 0 0\r\n\r\n", "\r\n"},
		{"get empty\r\n", "END\r\n"},
		{"set quiet 0 0 1 noreply\r\na\r\nget quiet\r\n", "END\r\n"},
		{"flush_all\r\n", "OK\r\n"},
	})},
	{Name: "pipeline", Shows: "several commands at once", Slack: 4, Make: said([][2]string{
		{"set a 0 0 1\r\na\r\nset b 0 0 1\r\nb\r\nget a b\r\n", "END\r\n"},
		{"get a\r\nget c\r\ndelete a\r\nget a b\r\n", "b\r\nEND\r\n"},
		{"get b\r\nincr c 1\r\nversion\r\n", "VERSION 1.6.18\r\n"},
	})},
	{Name: "meta", Shows: "meta commands: quiet ones, opaques, a miss and a hit", Slack: 5, Make: said([][2]string{
		{"ms key:1 5 T0\r\nhello\r\n", "\r\n"},
		{"mg key:1 v t\r\n", "hello\r\n"},
		{"mg key:2 v\r\n", "\r\n"},
		{"mg key:1\r\n", "\r\n"},
		{"mg key:2 q v\r\nmg key:1 q v k\r\nmg key:3 q v\r\nmn\r\n", "MN\r\n"},
		{"mg key:2 v q O1\r\nmg key:1 v q O2\r\nms key:4 1 q O3\r\nx\r\nmn\r\n", "MN\r\n"},
		{"md key:1 q\r\nmd key:1 q\r\nmd key:1\r\n", "NF\r\n"},
		{"ma n\r\n", "NF\r\n"},
		{"ma n N0 J5 v\r\n", "5\r\n"},
		{"me key:4\r\n", "\r\n"},
		{"ms key:1 zz\r\n", "\r\n"},
		{"mn\r\n", "MN\r\n"},
	})},
	{Name: "binary", Shows: "the binary protocol: hits, misses, quiet commands, statistics, errors", Slack: 4, Make: said([][2]string{
		{packet(0x0b, 0, "", "", ""), "1.6.18"},
		{packet(0x01, 1, "\x00\x00\x00\x05\x00\x00\x00\x00", "user:1", "hello"), header24(1, 0)},
		{packet(0x00, 2, "", "user:1", ""), "hello"},
		{packet(0x00, 3, "", "user:2", ""), "Not found"},
		{packet(0x0c, 4, "", "user:1", ""), "hello"},
		{packet(0x09, 5, "", "user:2", "") + packet(0x0d, 6, "", "user:1", "") + packet(0x09, 7, "", "user:3", "") + packet(0x0a, 8, "", "", ""), header24(8, 0x0a)},
		{packet(0x05, 9, "\x00\x00\x00\x00\x00\x00\x00\x02\x00\x00\x00\x00\x00\x00\x00\x28\x00\x00\x00\x00", "n", ""), "\x00\x00\x00\x28"},
		{packet(0x02, 10, "\x00\x00\x00\x00\x00\x00\x00\x00", "user:1", "again"), "exists"},
		{packet(0x05, 11, "\x00\x00\x00\x00\x00\x00\x00\x02\x00\x00\x00\x00\x00\x00\x00\x28\x00\x00\x00\x00", "user:1", ""), "value"},
		{packet(0x11, 12, "\x00\x00\x00\x00\x00\x00\x00\x00", "q", "quiet") + packet(0x0a, 13, "", "", ""), header24(13, 0x0a)},
		{packet(0x10, 14, "", "", ""), header24(14, 0x10)},
		{packet(0x21, 15, "", "PLAIN", "\x00me\x00hunter2"), "command"},
		{packet(0x04, 16, "", "user:1", ""), header24(16, 4)},
		{packet(0x08, 17, "", "", ""), header24(17, 8)},
	})},
}}

// packet is a request of the binary protocol.
func packet(opcode byte, opaque uint32, extras, key, value string) string {
	b := []byte{magicRequest, opcode, 0, byte(len(key)), byte(len(extras)), 0, 0, 0}
	b = binary.BigEndian.AppendUint32(b, uint32(len(extras)+len(key)+len(value)))
	b = binary.BigEndian.AppendUint32(b, opaque)
	b = append(b, make([]byte, 8)...)
	return string(b) + extras + key + value
}

// header24 is the end of a header without a body that answers a request.
func header24(opaque uint32, _ byte) string {
	b := binary.BigEndian.AppendUint32([]byte{0, 0, 0, 0}, opaque)
	return string(b)
}

func TestGolden(t *testing.T)  { golden.Test(t) }
func TestRecord(t *testing.T)  { golden.Record(t) }
func FuzzDecoder(f *testing.F) { golden.Fuzz(f) }
func FuzzDetect(f *testing.F) {
	decodertest.FuzzDetect(f, Protocol, [2]string{"get a\r\n", "END\r\n"}, [2]string{packet(0, 1, "", "a", ""), "\x81\x00"})
}

// said has a client send texts, and wait behind each for what ends the answer.
func said(steps [][2]string) func(*testing.T) []decodertest.Conversation {
	return func(t *testing.T) []decodertest.Conversation {
		p := startServer(t)
		decodertest.Speak(t, p.Path, steps...)
		return p.Conversations()
	}
}

// startServer starts a server of our own behind a proxy that records.
func startServer(t *testing.T) *decodertest.Proxy {
	t.Helper()
	need.Programs(t, "memcached")
	socket := filepath.Join(t.TempDir(), "memcached.sock")
	decodertest.Start(t, socket, "memcached", "-s", socket, "-u", "root", "-t", "1")
	return decodertest.Proxied(t, socket)
}
