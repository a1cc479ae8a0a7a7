package stream

import (
	"encoding/binary"
	"strings"
	"testing"
	"time"

	"unixcap/decoders"
	"unixcap/internal/capture"
)

// FuzzEngine makes messages of arbitrary bytes, with sockets that clash,
// offsets that jump and lengths that lie.
func FuzzEngine(f *testing.F) {
	f.Add([]byte("TOY hello\n+hello\nand more that goes on for a while, to make a second message"))
	f.Fuzz(func(t *testing.T, p []byte) {
		var notes strings.Builder
		e := NewEngine(Options{
			Protocols: []*decoders.Protocol{toy(&notes), other("x", decoders.Maybe, "s")},
			MaxFlows:  3,
		})
		for n := uint64(1); len(p) >= 16; n++ {
			m := fuzzMessage(n, p)
			p = p[min(len(p), 16+len(m.Payload)):]
			e.Message(m)
		}
		e.Close()
		if e.open != 0 || len(e.socks)+len(e.pairs) != 0 {
			t.Errorf("%d flows open, %d sockets, %d pairs after Close", e.open, len(e.socks), len(e.pairs))
		}
	})
}

func fuzzMessage(n uint64, p []byte) *capture.Message {
	socket := func(b byte) *capture.Socket {
		if b&0x40 != 0 {
			return nil
		}
		s := &capture.Socket{SK: uint64(b & 7), Inode: uint32(b >> 3 & 1), Kind: capture.Kind(b >> 4 & 3 % 3)}
		if b&0x80 != 0 {
			s.Path = "/s"
		}
		return s
	}
	m := &capture.Message{
		Number: n, Packet: n,
		Time:   time.Unix(int64(p[0]), int64(p[1])),
		From:   socket(p[2]),
		To:     socket(p[3]),
		Op:     capture.Op(p[4] >> 7),
		Offset: uint64(p[5]),
	}
	if p[6] == 0xff {
		m.Offset = binary.BigEndian.Uint64(p[5:])
		m.Length = binary.BigEndian.Uint64(p[7:])
	}
	m.Payload = p[16:min(len(p), 16+int(p[4]&0x7f))]
	m.Length = max(m.Length, uint64(len(m.Payload))+uint64(p[15]&3))
	m.LostBytes = uint64(p[14] & 7)
	return m
}
