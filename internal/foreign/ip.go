package foreign

import (
	"encoding/binary"
	"net/netip"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
)

const (
	ipv6Len = 40
	// maxExtensions bounds the IPv6 extension headers of a packet. RFC 8200
	// section 4.1 lets a host send each but one only once: seven.
	maxExtensions = 16
)

// A datagram is what an IP header says, and what was captured behind it.
type datagram struct {
	src, dst netip.Addr
	proto    layers.IPProtocol
	payload  []byte
	length   int // of the payload before it was cut

	fragment bool
	id       uint32
	offset   int
	more     bool
}

// parse fills g from an IP packet that was length bytes long. It reports
// whether it is one.
func (d *Dissector) parse(b []byte, length int, g *datagram) bool {
	if len(b) == 0 {
		return false
	}
	switch b[0] >> 4 {
	case 4:
		return d.parseIPv4(b, length, g)
	case 6:
		return d.parseIPv6(b, length, g)
	}
	return false
}

func (d *Dissector) parseIPv4(b []byte, length int, g *datagram) bool {
	ip := &d.ipv4
	ip.Payload = nil
	// An option that is wrong is an error, but all else has been read by then.
	if ip.DecodeFromBytes(b, gopacket.NilDecodeFeedback) != nil && ip.Payload == nil {
		return false
	}
	header := len(ip.Contents)
	total := int(binary.BigEndian.Uint16(b[2:]))
	if total == 0 {
		// Captured before the network card cut a large segment into packets
		// (TCP segmentation offload), so that the length was not filled in.
		total = length
		ip.Payload = b[header:]
	}
	g.src, g.dst = netip.AddrFrom4([4]byte(ip.SrcIP)), netip.AddrFrom4([4]byte(ip.DstIP))
	g.proto, g.payload, g.length = ip.Protocol, ip.Payload, total-header
	g.id, g.offset, g.more = uint32(ip.Id), int(ip.FragOffset)*8, ip.Flags&layers.IPv4MoreFragments != 0
	g.fragment = g.more || g.offset > 0
	return g.length >= 0
}

// parseIPv6 does not use layers.IPv6, which takes a packet that ends within its
// hop-by-hop header for one that does not, and panics.
func (d *Dissector) parseIPv6(b []byte, length int, g *datagram) bool {
	if len(b) < ipv6Len {
		return false
	}
	n := int(binary.BigEndian.Uint16(b[4:]))
	if n == 0 {
		n = max(length-ipv6Len, 0) // as for IPv4, or a jumbogram (RFC 2675)
	}
	g.src, g.dst = netip.AddrFrom16([16]byte(b[8:24])), netip.AddrFrom16([16]byte(b[24:40]))
	g.proto = layers.IPProtocol(b[6])
	g.payload, g.length, g.fragment = b[ipv6Len:min(len(b), ipv6Len+n)], n, false
	for range maxExtensions {
		p := g.payload
		header := 0
		switch g.proto {
		case layers.IPProtocolIPv6HopByHop, layers.IPProtocolIPv6Routing, layers.IPProtocolIPv6Destination:
			if len(p) < 8 {
				return false
			}
			header = int(p[1])*8 + 8 // RFC 8200 section 4.3
		case layers.IPProtocolAH:
			if len(p) < 8 {
				return false
			}
			header = int(p[1])*4 + 8 // RFC 4302 section 2.2
		case layers.IPProtocolIPv6Fragment:
			if len(p) < 8 {
				return false
			}
			header = 8 // RFC 8200 section 4.5
			where := binary.BigEndian.Uint16(p[2:])
			g.offset, g.more, g.id = int(where&^7), where&1 != 0, binary.BigEndian.Uint32(p[4:])
			g.fragment = g.more || g.offset > 0
		default:
			return true
		}
		if header > len(p) {
			return false
		}
		g.proto, g.payload = layers.IPProtocol(p[0]), p[header:]
		if g.length -= header; g.length < 0 {
			return false
		}
		if g.fragment {
			return true // what follows is read when it is whole
		}
	}
	return false
}
