package decodertest

import (
	"fmt"
	"testing"

	"unixcap/decoders"
)

// Packets returns a protocol whose decoder gets what it is fed as the messages
// of a datagram socket: each call of Data is one, and what is missing behind it
// belongs to it. It is for protocols whose decoder is a decoders.PacketDecoder.
func Packets(p decoders.Protocol) decoders.Protocol {
	create := p.New
	p.New = func(emit func(*decoders.Exchange)) decoders.Decoder {
		return packets{create(emit).(decoders.PacketDecoder)}
	}
	return p
}

type packets struct{ decoders.PacketDecoder }

func (d packets) Data(from decoders.End, at decoders.Mark, b []byte) {
	d.Packet(from, at, decoders.Packet{Data: b})
}

// EverythingOfPackets is Everything for conversations of datagrams, p as
// Packets returns it. Those cannot be split, but be cut.
func EverythingOfPackets(t *testing.T, p decoders.Protocol, c Conversation) {
	t.Helper()
	Bounded(t, p, c)
	Starts(t, p, c, 0)
	Gaps(t, p, c, 0)
	known := essences(Whole(p, c))
	c.eachPoint(func(message, at int) bool {
		return truthful(t, func() string { return fmt.Sprintf("message %d cut at byte %d", message+1, at) }, p, known, func(d decoders.Decoder) {
			for i, m := range c {
				whole := decoders.Packet{Data: m.Data, FDs: m.FDs}
				if i == message {
					whole = decoders.Packet{Data: m.Data[:at], Missing: int64(len(m.Data) - at), FDs: m.FDs}
				}
				d.(packets).Packet(m.From, c.mark(i), whole)
			}
			d.Close(c.end())
		})
	})
}
