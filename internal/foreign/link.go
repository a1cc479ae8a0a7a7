package foreign

import (
	"encoding/binary"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
)

// Link types as files have them (https://www.tcpdump.org/linktypes.html).
// layers.LinkType has but eight bits, too few for the last ones.
const (
	linkNull     = 0   // BSD loopback: address family in the host's byte order
	linkEthernet = 1   //
	linkRaw12    = 12  // raw IP, as some systems number it in files
	linkRaw14    = 14  // likewise
	linkRaw      = 101 // raw IP
	linkLoop     = 108 // as linkNull, in network byte order
	linkSLL      = 113 // Linux "any" device
	linkIPv4     = 228
	linkIPv6     = 229
	linkNFLOG    = 239 // netfilter log
	linkSLL2     = 276 // Linux "any" device, newer
)

const (
	// sllLen is the length of a LINKTYPE_LINUX_SLL header, the protocol is its last two bytes.
	sllLen = 16
	// sll2Len is the length of a LINKTYPE_LINUX_SLL2 header, the protocol is its first two bytes.
	sll2Len = 20
	// nflogLen is the fixed part of a LINKTYPE_NFLOG header, nflogPayload the type
	// of the record that has the packet.
	nflogLen     = 4
	nflogPayload = 9
	// maxTags bounds the VLAN tags of a frame. Two are usual at the most.
	maxTags = 8
)

// readable reports whether packets of a link type can be read.
func readable(link uint16) bool {
	switch link {
	case linkNull, linkEthernet, linkRaw12, linkRaw14, linkRaw, linkLoop,
		linkSLL, linkIPv4, linkIPv6, linkNFLOG, linkSLL2:
		return true
	}
	return false
}

// network returns the IP packet within a packet, nil if there is none. length
// is that of b before it was cut, and is returned for the result.
func (d *Dissector) network(link uint16, b []byte, length int) ([]byte, int) {
	var inner []byte
	var kind layers.EthernetType
	switch link {
	case linkRaw, linkRaw12, linkRaw14, linkIPv4, linkIPv6:
		return b, length
	case linkNull, linkLoop:
		if d.loopback.DecodeFromBytes(b, gopacket.NilDecodeFeedback) != nil {
			return nil, 0
		}
		// The numbers of the families differ between systems; IP has its version.
		inner, kind = d.loopback.Payload, layers.EthernetTypeIPv4
	case linkEthernet:
		if d.ethernet.DecodeFromBytes(b, gopacket.NilDecodeFeedback) != nil {
			return nil, 0
		}
		inner, kind = d.ethernet.Payload, d.ethernet.EthernetType
	case linkSLL:
		// Not by layers.LinuxSLL, which panics if the length of the address is wrong.
		if len(b) < sllLen {
			return nil, 0
		}
		inner, kind = b[sllLen:], layers.EthernetType(binary.BigEndian.Uint16(b[sllLen-2:]))
	case linkSLL2:
		if len(b) < sll2Len {
			return nil, 0
		}
		inner, kind = b[sll2Len:], layers.EthernetType(binary.BigEndian.Uint16(b))
	case linkNFLOG:
		inner, kind = nflog(b), layers.EthernetTypeIPv4
	}
	inner, kind = d.untag(inner, kind)
	if kind != layers.EthernetTypeIPv4 && kind != layers.EthernetTypeIPv6 || len(inner) == 0 {
		return nil, 0
	}
	// What is left out of b is the header before inner, and for Ethernet and
	// NFLOG what follows the packet; IP knows its own length.
	return inner, max(length-(cap(b)-cap(inner)), len(inner))
}

// untag takes off VLAN tags (IEEE 802.1Q, 802.1ad and the QinQ of before).
func (d *Dissector) untag(b []byte, kind layers.EthernetType) ([]byte, layers.EthernetType) {
	const oldQinQ = 0x9100
	for range maxTags {
		if kind != layers.EthernetTypeDot1Q && kind != layers.EthernetTypeQinQ && kind != oldQinQ {
			break
		}
		if d.tag.DecodeFromBytes(b, gopacket.NilDecodeFeedback) != nil {
			return nil, 0
		}
		b, kind = d.tag.Payload, d.tag.Type
	}
	return b, kind
}

// nflog returns the packet of a LINKTYPE_NFLOG record: after family, version
// and resource id come records of length, type and value, padded to four bytes;
// length and type are in the byte order of the host, which the first length
// shows: it is small.
func nflog(b []byte) []byte {
	if len(b) < nflogLen+4 || b[1] != 0 {
		return nil
	}
	b = b[nflogLen:]
	var order binary.ByteOrder = binary.LittleEndian
	if little, big := order.Uint16(b), binary.BigEndian.Uint16(b); big < little {
		order = binary.BigEndian
	}
	for len(b) >= 4 {
		n, kind := int(order.Uint16(b)), order.Uint16(b[2:])
		if n < 4 {
			return nil
		}
		if kind == nflogPayload {
			return b[4:max(4, min(n, len(b)))]
		}
		b = b[min((n+3)&^3, len(b)):]
	}
	return nil
}
