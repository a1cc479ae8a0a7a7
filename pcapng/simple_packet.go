package pcapng

import "fmt"

// SimplePacket is the Simple Packet Block, draft section 4.4: a packet of the
// section's first interface, without a time and without options.
//
// The block does not say how long Data is. It is the lesser of OriginalLength
// and the interface's SnapLen, and a Writer refuses any other length, because
// the file would be read back wrong.
type SimplePacket struct {
	OriginalLength uint32 // as in an EnhancedPacket
	Data           []byte

	iface *InterfaceDescription
}

// BlockType returns [TypeSimplePacket].
func (*SimplePacket) BlockType() uint32 { return TypeSimplePacket }

// Interface returns the packet's interface, nil if the packet does not come
// from a Reader.
func (p *SimplePacket) Interface() *InterfaceDescription { return p.iface }

// decode needs the first interface for its snap length.
func (p *SimplePacket) decode(b []byte, o order, iface *InterfaceDescription) error {
	if len(b) < 4 {
		return fmt.Errorf("body of %d bytes, needs 4", len(b))
	}
	original := o.u32(b)
	captured := simpleLength(original, iface.SnapLen)
	if uint64(captured) > uint64(len(b)-4) {
		return fmt.Errorf("captured length %d (the lesser of original length %d and snap length %d) is beyond the end of the block (%d bytes left)",
			captured, original, iface.SnapLen, len(b)-4)
	}
	end := 4 + int(captured)
	*p = SimplePacket{OriginalLength: original, Data: b[4:end:end], iface: iface}
	return nil
}

// simpleLength is the captured length of a simple packet.
func simpleLength(original, snapLen uint32) uint32 {
	if snapLen == 0 {
		return original
	}
	return min(original, snapLen)
}

func (p *SimplePacket) encode(e *encoder) {
	n, ok := e.packetLength(0, len(p.Data))
	if !ok {
		return
	}
	original := max(n, p.OriginalLength)
	if want := simpleLength(original, e.snapLen); want != n {
		e.fail("%d bytes of a packet of %d, but the first interface's snap length %d says %d",
			n, original, e.snapLen, want)
		return
	}
	e.u32(original)
	e.bytes(p.Data)
}
