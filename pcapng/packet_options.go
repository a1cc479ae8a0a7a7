package pcapng

// PacketFlags is the Flags Word of a packet, draft section 4.3.1. Bits without
// a method here are reached with & on the word.
type PacketFlags uint32

// A Direction is which way a packet went across its interface.
type Direction uint8

const (
	DirectionUnknown Direction = 0
	Inbound          Direction = 1
	Outbound         Direction = 2
)

func (d Direction) String() string {
	switch d {
	case DirectionUnknown:
		return "unknown"
	case Inbound:
		return "inbound"
	case Outbound:
		return "outbound"
	}
	return "reserved"
}

// A Reception is how a packet was addressed.
type Reception uint8

const (
	ReceptionUnspecified Reception = 0
	Unicast              Reception = 1
	Multicast            Reception = 2
	Broadcast            Reception = 3
	Promiscuous          Reception = 4
)

// Single bits of the word.
const (
	FlagChecksumNotReady    PacketFlags = 1 << 9
	FlagChecksumValid       PacketFlags = 1 << 10
	FlagSegmentationOffload PacketFlags = 1 << 11
	FlagCRCError            PacketFlags = 1 << 24
	FlagTooLongError        PacketFlags = 1 << 25
	FlagTooShortError       PacketFlags = 1 << 26
	FlagInterFrameGapError  PacketFlags = 1 << 27
	FlagUnalignedError      PacketFlags = 1 << 28
	FlagFrameDelimiterError PacketFlags = 1 << 29
	FlagPreambleError       PacketFlags = 1 << 30
	FlagSymbolError         PacketFlags = 1 << 31
)

// Direction is bits 0 and 1.
func (f PacketFlags) Direction() Direction { return Direction(f & 3) }

// WithDirection returns f with another direction.
func (f PacketFlags) WithDirection(d Direction) PacketFlags {
	return f&^3 | PacketFlags(d&3)
}

// Reception is bits 2 to 4.
func (f PacketFlags) Reception() Reception { return Reception(f >> 2 & 7) }

// WithReception returns f with another reception type.
func (f PacketFlags) WithReception(r Reception) PacketFlags {
	return f&^(7<<2) | PacketFlags(r&7)<<2
}

// FCSLen is bits 5 to 8, the length of the frame check sequence in octets, 0 if
// not available. It overrides the interface's FCSLen.
func (f PacketFlags) FCSLen() int { return int(f >> 5 & 15) }

// WithFCSLen returns f with another length of the frame check sequence.
func (f PacketFlags) WithFCSLen(n int) PacketFlags {
	return f&^(15<<5) | PacketFlags(n&15)<<5
}

// A Hash is a hash of a packet's bytes, epb_hash.
type Hash struct {
	Algorithm uint8 // one of the Hash constants
	Value     []byte
}

// Hash algorithms.
const (
	HashTwosComplement uint8 = 0
	HashXOR            uint8 = 1
	HashCRC32          uint8 = 2
	HashMD5            uint8 = 3
	HashSHA1           uint8 = 4
	HashToeplitz       uint8 = 5
)

// A Verdict is what was to be done with a packet, epb_verdict.
type Verdict struct {
	Type   uint8  // one of the Verdict constants
	Action uint64 // TC_ACT_* or xdp_action, for the two eBPF types
	Data   []byte // for all other types, as it is in the file
}

// Verdict types.
const (
	VerdictHardware     uint8 = 0
	VerdictLinuxEBPFTC  uint8 = 1
	VerdictLinuxEBPFXDP uint8 = 2
)

// isEBPF reports whether the verdict is a 64-bit number in the file.
func (v *Verdict) isEBPF() bool {
	return v.Type == VerdictLinuxEBPFTC || v.Type == VerdictLinuxEBPFXDP
}

// ProcessThread is the process and thread a packet comes from,
// epb_processid_threadid. 0 means unknown.
type ProcessThread struct {
	ProcessID, ThreadID uint32
}

// Options of enhanced packet blocks; the first two also of the obsolete ones.
const (
	epbFlags           = 2
	epbHash            = 3
	epbDropCount       = 4
	epbPacketID        = 5
	epbQueue           = 6
	epbVerdict         = 7
	epbProcessIDThread = 8
	// For local use; Apple's and Wireshark's.
	epbProcessIndex     = 32769
	epbPeerProcessIndex = 32771
)

func appendHash(hs []Hash, v []byte) []Hash {
	return append(hs, Hash{v[0], v[1:]})
}

func encodeHashes(e *encoder, hs []Hash) {
	for i := range hs {
		if e.optionHeader(epbHash, 1+len(hs[i].Value)) {
			e.buf = append(e.buf, hs[i].Algorithm)
			e.bytes(hs[i].Value)
			e.pad()
		}
	}
}

// decodeVerdict takes an option of at least one byte. An eBPF type with another
// length than it must have is not taken.
func decodeVerdict(v []byte, o order) (x Verdict, ok bool) {
	x.Type = v[0]
	if !x.isEBPF() {
		x.Data = v[1:]
		return x, true
	}
	if len(v) != 9 {
		return x, false
	}
	x.Action = o.u64(v[1:])
	return x, true
}

func encodeVerdicts(e *encoder, vs []Verdict) {
	for i := range vs {
		v := &vs[i]
		n := 1 + len(v.Data)
		if v.isEBPF() {
			n = 9
		}
		if !e.optionHeader(epbVerdict, n) {
			return
		}
		e.buf = append(e.buf, v.Type)
		if v.isEBPF() {
			e.u64(v.Action)
		} else {
			e.bytes(v.Data)
		}
		e.pad()
	}
}
