package pcapng

import (
	"fmt"
	"time"
)

// EnhancedPacket is the Enhanced Packet Block, draft section 4.3: one packet.
type EnhancedPacket struct {
	InterfaceID uint32
	// Timestamp counts the units of the interface's if_tsresol. UnixNano and
	// Time make a time of it, InterfaceDescription.Timestamp makes it of a time.
	Timestamp uint64
	// OriginalLength is the packet's length before it was cut. It is never less
	// than the captured length: a Reader raises it, and so does a Writer, so
	// that 0 means "not cut".
	OriginalLength uint32
	// Headers is written before Data as part of the packet. A caller that makes
	// up protocol headers need not copy the payload behind them. A Reader
	// leaves it empty.
	Headers []byte
	Data    []byte // the captured bytes

	Flags         Optional[PacketFlags]   // epb_flags
	Hashes        []Hash                  // epb_hash
	DropCount     Optional[uint64]        // epb_dropcount, packets lost just before this one
	PacketID      Optional[uint64]        // epb_packetid
	Queue         Optional[uint32]        // epb_queue
	Verdicts      []Verdict               // epb_verdict
	ProcessThread Optional[ProcessThread] // epb_processid_threadid
	// ProcessIndex and PeerProcessIndex say which of the section's
	// [ProcessInformation] blocks, counted from 0, are the sender and its peer.
	ProcessIndex     Optional[uint32] // option 32769
	PeerProcessIndex Optional[uint32] // option 32771
	Options

	iface *InterfaceDescription
}

// BlockType returns [TypeEnhancedPacket].
func (*EnhancedPacket) BlockType() uint32 { return TypeEnhancedPacket }

// SetInterface makes d the packet's interface, for a packet that comes from
// elsewhere than a Reader, such as a file of another format.
func (p *EnhancedPacket) SetInterface(d *InterfaceDescription) { p.iface = d }

// Interface returns the packet's interface, nil if the packet has none that a
// Reader or SetInterface gave it.
func (p *EnhancedPacket) Interface() *InterfaceDescription { return p.iface }

// UnixNano returns the packet's time in nanoseconds since 1970 UTC, as
// [InterfaceDescription.UnixNano] does. Without an Interface it takes
// Timestamp for microseconds, which is the draft's default.
func (p *EnhancedPacket) UnixNano() int64 { return p.iface.UnixNano(p.Timestamp) }

// Time returns the packet's time, as [InterfaceDescription.Time] does.
func (p *EnhancedPacket) Time() time.Time { return p.iface.Time(p.Timestamp) }

// Direction returns the direction of Flags.
func (p *EnhancedPacket) Direction() Direction { return p.Flags.Value.Direction() }

// enhancedPacketSize is the fixed part of the body.
const enhancedPacketSize = 20

// decode fills p and reuses its slices. It does not look up the interface.
func (p *EnhancedPacket) decode(b []byte, o order) error {
	if len(b) < enhancedPacketSize {
		return fmt.Errorf("body of %d bytes, needs %d", len(b), enhancedPacketSize)
	}
	captured := o.u32(b[12:])
	if uint64(captured) > uint64(len(b)-enhancedPacketSize) {
		return fmt.Errorf("captured length %d is beyond the end of the block (%d bytes left)",
			captured, len(b)-enhancedPacketSize)
	}
	end := enhancedPacketSize + int(captured)
	p.InterfaceID = o.u32(b)
	p.Timestamp = o.timestamp(b[4:])
	p.OriginalLength = max(o.u32(b[16:]), captured)
	p.Data = b[enhancedPacketSize:end:end]
	p.Hashes, p.Verdicts = p.Hashes[:0], p.Verdicts[:0]
	p.Flags, p.DropCount, p.PacketID = Optional[PacketFlags]{}, Optional[uint64]{}, Optional[uint64]{}
	p.Queue, p.ProcessThread = Optional[uint32]{}, Optional[ProcessThread]{}
	p.ProcessIndex, p.PeerProcessIndex = Optional[uint32]{}, Optional[uint32]{}
	p.Options.reset()
	return p.decodeOptions(b[min(pad4(end), len(b)):], o)
}

// decodeOptions is Options.decode with a short way for what most packets have.
// Most of the time that reading takes would be spent there.
func (p *EnhancedPacket) decodeOptions(b []byte, o order) error {
	for len(b) >= optionHeaderSize {
		code, n := o.u16(b), int(o.u16(b[2:]))
		switch {
		case code == optEndOfOpt:
			return nil
		case code == epbFlags && n == 4 && len(b) >= 8 && !p.Flags.Valid:
			p.Flags = Some(PacketFlags(o.u32(b[4:])))
			b = b[8:]
			continue
		case code == epbPacketID && n == 8 && len(b) >= 12 && !p.PacketID.Valid:
			p.PacketID = Some(o.u64(b[4:]))
			b = b[12:]
			continue
		case code == epbProcessIndex && n == 4 && len(b) >= 8 && !p.ProcessIndex.Valid:
			p.ProcessIndex = Some(o.u32(b[4:]))
			b = b[8:]
			continue
		case code == epbPeerProcessIndex && n == 4 && len(b) >= 8 && !p.PeerProcessIndex.Valid:
			p.PeerProcessIndex = Some(o.u32(b[4:]))
			b = b[8:]
			continue
		}
		v, rest, err := cutOption(b, code, n)
		if err != nil {
			return err
		}
		b = rest
		if code == optComment {
			p.Comments = append(p.Comments, cutString(v))
			continue
		}
		p.Options.take(code, v, o, p)
	}
	return nil
}

func (p *EnhancedPacket) setOption(code uint16, v []byte, o order) bool {
	switch code {
	case epbFlags:
		return len(v) == 4 && p.Flags.set(PacketFlags(o.u32(v)))
	case epbHash:
		if len(v) < 1 {
			return false
		}
		p.Hashes = appendHash(p.Hashes, v)
		return true
	case epbDropCount:
		return setU64(&p.DropCount, v, o)
	case epbPacketID:
		return setU64(&p.PacketID, v, o)
	case epbQueue:
		return setU32(&p.Queue, v, o)
	case epbVerdict:
		if len(v) < 1 {
			return false
		}
		x, ok := decodeVerdict(v, o)
		if ok {
			p.Verdicts = append(p.Verdicts, x)
		}
		return ok
	case epbProcessIDThread:
		return len(v) == 8 && p.ProcessThread.set(ProcessThread{o.u32(v), o.u32(v[4:])})
	case epbProcessIndex:
		return setU32(&p.ProcessIndex, v, o)
	case epbPeerProcessIndex:
		return setU32(&p.PeerProcessIndex, v, o)
	}
	return false
}

func (p *EnhancedPacket) encode(e *encoder) {
	n, ok := e.packetLength(len(p.Headers), len(p.Data))
	if !ok {
		return
	}
	e.u32(p.InterfaceID)
	e.timestamp(p.Timestamp)
	e.u32(n)
	e.u32(max(n, p.OriginalLength))
	e.bytes(p.Headers)
	e.bytes(p.Data)
	e.pad()
	p.encodeComments(e)
	if p.Flags.Valid {
		e.u32Option(epbFlags, Some(uint32(p.Flags.Value)))
	}
	encodeHashes(e, p.Hashes)
	e.u64Option(epbDropCount, p.DropCount)
	e.u64Option(epbPacketID, p.PacketID)
	e.u32Option(epbQueue, p.Queue)
	encodeVerdicts(e, p.Verdicts)
	if t := &p.ProcessThread; t.Valid {
		e.optionHeader(epbProcessIDThread, 8)
		e.u32(t.Value.ProcessID)
		e.u32(t.Value.ThreadID)
	}
	e.u32Option(epbProcessIndex, p.ProcessIndex)
	e.u32Option(epbPeerProcessIndex, p.PeerProcessIndex)
	p.encodeTail(e)
}
