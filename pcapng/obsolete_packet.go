package pcapng

import (
	"fmt"
	"time"
)

// ObsoletePacket is the Packet Block, draft appendix A. It gave way to the
// EnhancedPacket; old files have it, new ones must not.
type ObsoletePacket struct {
	InterfaceID    uint16
	DropsCount     uint16 // packets lost just before this one, 0xFFFF if unknown
	Timestamp      uint64 // as in an EnhancedPacket
	OriginalLength uint32 // as in an EnhancedPacket
	Data           []byte

	Flags  Optional[PacketFlags] // pack_flags
	Hashes []Hash                // pack_hash
	Options

	iface *InterfaceDescription
}

// BlockType returns [TypeObsoletePacket].
func (*ObsoletePacket) BlockType() uint32 { return TypeObsoletePacket }

// Interface returns the packet's interface, nil if the packet does not come
// from a Reader.
func (p *ObsoletePacket) Interface() *InterfaceDescription { return p.iface }

// UnixNano returns the packet's time, as [EnhancedPacket.UnixNano] does.
func (p *ObsoletePacket) UnixNano() int64 { return p.iface.UnixNano(p.Timestamp) }

// Time returns the packet's time, as [InterfaceDescription.Time] does.
func (p *ObsoletePacket) Time() time.Time { return p.iface.Time(p.Timestamp) }

// obsoletePacketSize is the fixed part of the body.
const obsoletePacketSize = 20

func (p *ObsoletePacket) decode(b []byte, o order) error {
	if len(b) < obsoletePacketSize {
		return fmt.Errorf("body of %d bytes, needs %d", len(b), obsoletePacketSize)
	}
	captured := o.u32(b[12:])
	if uint64(captured) > uint64(len(b)-obsoletePacketSize) {
		return fmt.Errorf("captured length %d is beyond the end of the block (%d bytes left)",
			captured, len(b)-obsoletePacketSize)
	}
	end := obsoletePacketSize + int(captured)
	*p = ObsoletePacket{
		InterfaceID:    o.u16(b),
		DropsCount:     o.u16(b[2:]),
		Timestamp:      o.timestamp(b[4:]),
		OriginalLength: max(o.u32(b[16:]), captured),
		Data:           b[obsoletePacketSize:end:end],
		Hashes:         p.Hashes[:0],
		Options:        p.Options,
	}
	return p.Options.decode(b[min(pad4(end), len(b)):], o, p)
}

func (p *ObsoletePacket) setOption(code uint16, v []byte, o order) bool {
	switch code {
	case epbFlags:
		return len(v) == 4 && p.Flags.set(PacketFlags(o.u32(v)))
	case epbHash:
		if len(v) < 1 {
			return false
		}
		p.Hashes = appendHash(p.Hashes, v)
		return true
	}
	return false
}

func (p *ObsoletePacket) encode(e *encoder) {
	n, ok := e.packetLength(0, len(p.Data))
	if !ok {
		return
	}
	e.u16(p.InterfaceID)
	e.u16(p.DropsCount)
	e.timestamp(p.Timestamp)
	e.u32(n)
	e.u32(max(n, p.OriginalLength))
	e.bytes(p.Data)
	e.pad()
	p.encodeComments(e)
	if p.Flags.Valid {
		e.u32Option(epbFlags, Some(uint32(p.Flags.Value)))
	}
	encodeHashes(e, p.Hashes)
	p.encodeTail(e)
}
