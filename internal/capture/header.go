package capture

import (
	"encoding/binary"
	"math/bits"
	"net/netip"
)

// Sizes and numbers of RFC 8200 (IPv6), RFC 9293 (TCP) and RFC 768 (UDP).
const (
	ipv6Len = 40
	tcpLen  = 20
	udpLen  = 8
	synLen  = tcpLen + 8 // with the options of a SYN

	protoTCP = 6
	protoUDP = 17

	flagFIN = 0x01
	flagSYN = 0x02
	flagRST = 0x04
	flagPSH = 0x08
	flagACK = 0x10
)

// MaxSegment is the most payload a packet has. IPv6 allows 65,535 bytes of
// TCP header and data; a round number below it is easier to recognise.
const MaxSegment = 65000

// windowShift and window are what both ends offer from their SYN on: 1 GiB,
// because a UNIX socket shows no acknowledgement until the other end sends.
// 14 is the largest shift of RFC 7323.
const (
	window      = 65535
	windowShift = 14
)

// prefix is what every address of the profile begins with.
const prefix = 0xfd756e78

// An address is the IPv6 address a socket has in a capture: prefix, SK, inode.
type address [16]byte

// addressOf returns the address of a socket. That of an unknown one has
// nothing but zeros after the prefix.
func addressOf(s *Socket) (a address) {
	binary.BigEndian.PutUint32(a[0:], prefix)
	if s.Known() {
		binary.BigEndian.PutUint64(a[4:], s.SK)
		binary.BigEndian.PutUint32(a[12:], s.Inode)
	}
	return a
}

// Address returns the IPv6 address that a socket has in a capture.
func Address(s *Socket) netip.Addr { return netip.AddrFrom16(addressOf(s)) }

func (a *address) sk() uint64     { return binary.BigEndian.Uint64(a[4:]) }
func (a *address) inode() uint32  { return binary.BigEndian.Uint32(a[12:]) }
func (a *address) isOurs() bool   { return binary.BigEndian.Uint32(a[0:]) == prefix }
func addressAt(b []byte) *address { return (*address)(b[:16]) }

// A segment is what a packet's headers say.
type segment struct {
	src, dst         *address
	srcPort, dstPort uint16
	proto            uint8
	flags            uint8
	seq, ack         uint32
	length           int // of the payload, as the headers have it
}

// appendHeaders appends the IPv6 and TCP or UDP header of a segment. sum is the
// checksum's part that covers the two addresses (see sumOf), payload what of the segment was
// recorded; if that is not all of it, the checksum cannot be right and tools do
// not check it.
func appendHeaders(b []byte, s *segment, sum uint64, payload []byte) []byte {
	transport := udpLen
	if s.proto == protoTCP {
		transport = tcpLen
		if s.flags&flagSYN != 0 {
			transport = synLen
		}
	}
	total := transport + s.length
	b = append(b, 0x60, 0, 0, 0, byte(total>>8), byte(total), s.proto, 64)
	b = append(b, s.src[:]...)
	b = append(b, s.dst[:]...)
	at := len(b)
	b = binary.BigEndian.AppendUint16(b, s.srcPort)
	b = binary.BigEndian.AppendUint16(b, s.dstPort)
	check := at + 6
	if s.proto == protoTCP {
		check = at + 16
		b = binary.BigEndian.AppendUint32(b, s.seq)
		b = binary.BigEndian.AppendUint32(b, s.ack)
		b = append(b, byte(transport/4)<<4, s.flags, window>>8, window&0xff, 0, 0, 0, 0)
		if s.flags&flagSYN != 0 {
			b = append(b, 2, 4, MaxSegment>>8, MaxSegment&0xff, // maximum segment size
				3, 3, windowShift, 0) // window scale, end of options
		}
	} else {
		b = append(b, byte(total>>8), byte(total), 0, 0)
	}
	sum = sumOf(sum+uint64(total)+uint64(s.proto), b[at:])
	c := ^fold(sumOf(sum, payload))
	if c == 0 && s.proto == protoUDP {
		c = 0xffff // RFC 768: zero would mean that there is no checksum
	}
	binary.BigEndian.PutUint16(b[check:], c)
	return b
}

// sumOf adds b to a sum as RFC 1071 does, eight bytes at a time: folding a sum
// of longer words gives the same as a sum of short ones. All but the last
// piece of what is summed must have even length.
func sumOf(sum uint64, b []byte) uint64 {
	var carry uint64
	for len(b) >= 32 {
		sum, carry = bits.Add64(sum, binary.BigEndian.Uint64(b), 0)
		sum, carry = bits.Add64(sum, binary.BigEndian.Uint64(b[8:]), carry)
		sum, carry = bits.Add64(sum, binary.BigEndian.Uint64(b[16:]), carry)
		sum, carry = bits.Add64(sum, binary.BigEndian.Uint64(b[24:]), carry)
		sum, carry = bits.Add64(sum, 0, carry)
		sum += carry
		b = b[32:]
	}
	for len(b) >= 2 {
		sum, carry = bits.Add64(sum, uint64(b[0])<<8|uint64(b[1]), 0)
		sum += carry
		b = b[2:]
	}
	if len(b) == 1 {
		sum, carry = bits.Add64(sum, uint64(b[0])<<8, 0)
		sum += carry
	}
	return sum
}

func fold(sum uint64) uint16 {
	for sum>>16 != 0 {
		sum = sum>>16 + sum&0xffff
	}
	return uint16(sum)
}

// parseHeaders reads a packet of LINKTYPE_RAW. It returns what of the payload
// was recorded and whether the packet is one of the profile's: IPv6 with both
// addresses under the prefix, and TCP or UDP next.
func parseHeaders(b []byte, s *segment) (payload []byte, ok bool) {
	if len(b) < ipv6Len+udpLen || b[0]>>4 != 6 {
		return nil, false
	}
	s.src, s.dst, s.proto = addressAt(b[8:]), addressAt(b[24:]), b[6]
	if !s.src.isOurs() || !s.dst.isOurs() {
		return nil, false
	}
	length := int(binary.BigEndian.Uint16(b[4:]))
	b = b[ipv6Len:]
	header := udpLen
	switch {
	case s.proto == protoTCP && len(b) >= tcpLen:
		header = int(b[12]>>4) * 4
		s.seq, s.ack = binary.BigEndian.Uint32(b[4:]), binary.BigEndian.Uint32(b[8:])
		s.flags = b[13]
		if header < tcpLen {
			return nil, false
		}
	case s.proto == protoUDP:
		s.seq, s.ack, s.flags = 0, 0, 0
	default:
		return nil, false
	}
	s.srcPort, s.dstPort = binary.BigEndian.Uint16(b), binary.BigEndian.Uint16(b[2:])
	if length < header {
		return nil, false
	}
	s.length = length - header
	if len(b) <= header {
		return nil, true
	}
	return b[header:min(len(b), length)], true
}
