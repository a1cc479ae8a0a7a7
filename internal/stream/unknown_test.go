package stream

import (
	"crypto/tls"
	"encoding/binary"
	"math/rand/v2"
	"net"
	"strings"
	"testing"

	"unixcap/decoders"
	"unixcap/internal/capture"
)

// unknown returns what a conversation of these messages of the client looks like.
func unknown(kind capture.Kind, messages ...string) string {
	f := &Flow{Kind: kind}
	f.line.set = &Options{Protocols: []*decoders.Protocol{toy(nil)}}
	for _, m := range messages {
		f.taste(decoders.Client, []byte(m))
	}
	return f.characterise()
}

func TestCharacterise(t *testing.T) {
	framed := func(width int, order binary.AppendByteOrder, self int) (list []string) {
		for _, body := range []string{"\x01\x02", "\x00\x03abc", "\xff", "longer than the others"} {
			n := len(body) + self
			var b []byte
			switch width {
			case 1:
				b = []byte{byte(n)}
			case 2:
				b = order.AppendUint16(nil, uint16(n))
			case 4:
				b = order.AppendUint32(nil, uint32(n))
			default:
				b = order.AppendUint64(nil, uint64(n))
			}
			list = append(list, string(b)+body)
		}
		return list
	}
	r := rand.New(rand.NewPCG(1, 2))
	noise := make([]byte, 1024)
	for i := range noise {
		noise[i] = byte(r.Uint32())
	}
	for _, c := range []struct {
		name, want string
		kind       capture.Kind
		messages   []string
	}{
		{"lines", "text, lines, 100% printable", capture.Stream, []string{"hello\n", "world wide\n"}},
		{"zero bytes", "ended by zero bytes", capture.Stream, []string{"hello\x00", "you\x00"}},
		{"u8", "lengths of 1 bytes before", capture.Stream, framed(1, binary.BigEndian, 0)},
		{"u16", "lengths of 2 big-endian bytes before", capture.Stream, framed(2, binary.BigEndian, 0)},
		{"u32", "lengths of 4 little-endian bytes before", capture.Stream, framed(4, binary.LittleEndian, 4)},
		{"u64", "lengths of 8 little-endian bytes before", capture.Stream, framed(8, binary.LittleEndian, 0)},
		{"datagrams", "binary, dgram", capture.Datagram, []string{"\x00\x01", "\x02"}},
		{"noise", "compressed or encrypted, framing unknown", capture.Stream, []string{string(noise)}},
		{"nothing", "nothing said", capture.Stream, nil},
		{"sizes", "messages of 2 to 9 bytes", capture.Stream, []string{"\x00\x01", "\x02\x03abcdefg"}},
		{"TLS data", "TLS, from the middle", capture.Stream, []string{"\x17\x03\x03\x00\x20abcdef"}},
	} {
		if got := unknown(c.kind, c.messages...); !strings.Contains(got, c.want) {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}

// A tap keeps what is written.
type tap struct {
	net.Conn
	all *[]byte
}

func (t tap) Write(b []byte) (int, error) {
	*t.all = append(*t.all, b...)
	return t.Conn.Write(b)
}

// What the library's TLS says in the clear is found; a server that is not there leaves
// what the client offers.
func TestTLSName(t *testing.T) {
	a, b := net.Pipe()
	var client, server []byte
	go tls.Server(tap{b, &server}, &tls.Config{GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return nil, net.ErrClosed }}).Handshake()
	tls.Client(tap{a, &client}, &tls.Config{ServerName: "db.example.org"}).Handshake()
	if got := tlsName(client, nil); got != `TLS, up to 1.3 for "db.example.org"` {
		t.Errorf("%q", got)
	}
	hello := []byte("\x16\x03\x03\x00\x36\x02\x00\x00\x32\x03\x03" + strings.Repeat("r", 32) + "\x00\x13\x01\x00\x00\x06\x00\x2b\x00\x02\x03\x04")
	if got := tlsName(client, hello); got != `TLS 1.3 for "db.example.org"` {
		t.Errorf("%q", got)
	}
	for n := range client {
		tlsName(client[:n], hello[:min(n, len(hello))])
	}
}

// A conversation whose protocol is known keeps nothing to describe it by.
func TestNoSampleOnceKnown(t *testing.T) {
	f := &Flow{Kind: capture.Stream}
	f.line.set = &Options{Protocols: []*decoders.Protocol{toy(new(strings.Builder))}}
	f.data(decoders.Client, decoders.Mark{}, decoders.Packet{Data: []byte("TOY ")})
	if f.line.samples == nil {
		t.Error("no sample as long as nothing is known")
	}
	f.start(f.line.set.Protocols[0])
	if f.line.samples != nil {
		t.Error("a sample of a known protocol")
	}
}
