package decodertest

import (
	"strings"
	"testing"
	"time"

	"unixcap/decoders"
)

// Fuzz feeds the decoder whatever the fuzzer thinks of, beginning with the
// recorded conversations, on each kind of socket that there are some of.
func (g *Golden) Fuzz(f *testing.F) {
	var stream, packets bool
	for _, r := range g.Recordings {
		f.Add(r.Read(f).Seed())
		stream, packets = stream || !r.Packets, packets || r.Packets
	}
	datagrams := Packets(g.Protocol)
	f.Fuzz(func(t *testing.T, data []byte) {
		if stream {
			Chaos(t, g.Protocol, data)
		}
		if packets {
			Chaos(t, datagrams, data)
		}
		if g.Protocol.AppendFingerprint != nil {
			g.Protocol.AppendFingerprint(nil, data)
		}
	})
}

// Chaos runs a decoder over data that says itself what is done with it: each
// piece has a byte that says who sends it, or that there is a gap, and one that
// says how long it is. It is what a fuzz target calls. It fails if an exchange
// is not well-formed.
func Chaos(t *testing.T, p decoders.Protocol, data []byte) {
	d := p.New(func(x *decoders.Exchange) { check(t, x) })
	n := uint64(0)
	for len(data) >= 2 {
		what, length := data[0], int(data[1])
		if what&0x10 != 0 {
			length *= 16
		}
		data = data[2:]
		length = min(length, len(data))
		n++
		from := decoders.End(what & 1)
		if what&0xe == 0xe {
			d.Gap(from, int64(length))
		} else {
			d.Data(from, decoders.Mark{Time: decoders.TimeOf(time.Unix(0, int64(n))), Packet: n}, data[:length])
		}
		data = data[length:]
	}
	d.Close(decoders.Mark{Time: decoders.TimeOf(time.Unix(0, int64(n))), Packet: n})
	p.Detect(data, data, true)
}

func check(t *testing.T, x *decoders.Exchange) {
	switch {
	case x.Op == "" || x.Op != strings.ToLower(x.Op):
		t.Errorf("operation %q", x.Op)
	case x.Rows < -1 || x.Sent.Bytes < 0 || x.Answered.Bytes < 0:
		t.Errorf("negative number in %s", JSON(x))
	case x.Sent.Last.Packet < x.Sent.First.Packet || x.Answered.Last.Packet < x.Answered.First.Packet:
		t.Errorf("span ends before it begins in %s", JSON(x))
	case x.LastRow.Packet < x.FirstRow.Packet || x.FirstRow.Packet != 0 && x.FirstRow.Packet < x.Answered.First.Packet || x.LastRow.Packet > x.Answered.Last.Packet:
		t.Errorf("rows outside of the answer in %s", JSON(x))
	}
}
