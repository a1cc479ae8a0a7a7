package pcapng

import (
	"fmt"
	"net/netip"
)

// InterfaceDescription is the Interface Description Block, draft section 4.2.
// The packets of a section name their interface by its position among the
// section's interface descriptions, from 0.
//
// One from a Reader stays valid and must not be changed.
type InterfaceDescription struct {
	LinkType uint16
	SnapLen  uint32 // most bytes captured of a packet, 0 for no limit

	Name        string               // if_name
	Description string               // if_description
	IPv4Addrs   []IPv4Addr           // if_IPv4addr
	IPv6Addrs   []netip.Prefix       // if_IPv6addr, host bits kept
	MACAddr     Optional[[6]byte]    // if_MACaddr
	EUIAddr     Optional[[8]byte]    // if_EUIaddr
	Speed       Optional[uint64]     // if_speed, bits per second
	TSResol     Optional[Resolution] // if_tsresol; microseconds if absent
	TZone       Optional[uint32]     // if_tzone, never specified in detail
	Filter      Optional[Filter]     // if_filter
	OS          string               // if_os
	FCSLen      Optional[uint8]      // if_fcslen
	TSOffset    Optional[int64]      // if_tsoffset, seconds to add to timestamps
	Hardware    string               // if_hardware
	TXSpeed     Optional[uint64]     // if_txspeed, bits per second
	RXSpeed     Optional[uint64]     // if_rxspeed, bits per second
	IANATZName  string               // if_iana_tzname, such as "Europe/Berlin"
	TSOffsetNS  Optional[int32]      // if_tsoffset_ns, nanoseconds to add, besides TSOffset
	Options
}

// IPv4Addr is an address of an interface and its netmask.
type IPv4Addr struct {
	Addr netip.Addr
	Mask [4]byte
}

// Filter is the filter that chose an interface's packets.
type Filter struct {
	Code       uint8 // 0: Expression is in libpcap's filter language, 1: BPF bytecode
	Expression string
}

// Options of an interface description block.
const (
	ifName        = 2
	ifDescription = 3
	ifIPv4Addr    = 4
	ifIPv6Addr    = 5
	ifMACAddr     = 6
	ifEUIAddr     = 7
	ifSpeed       = 8
	ifTSResol     = 9
	ifTZone       = 10
	ifFilter      = 11
	ifOS          = 12
	ifFCSLen      = 13
	ifTSOffset    = 14
	ifHardware    = 15
	ifTXSpeed     = 16
	ifRXSpeed     = 17
	ifIANATZName  = 18
	ifTSOffsetNS  = 19
)

// NewInterface describes an interface with nanosecond timestamps and no snap
// length. The timestamp of a packet is then its time in Unix nanoseconds.
func NewInterface(name string, linkType uint16) *InterfaceDescription {
	return &InterfaceDescription{LinkType: linkType, Name: name, TSResol: Some(Nanosecond)}
}

// BlockType returns [TypeInterfaceDescription].
func (*InterfaceDescription) BlockType() uint32 { return TypeInterfaceDescription }

// interfaceDescriptionSize is the fixed part of the body.
const interfaceDescriptionSize = 8

func (d *InterfaceDescription) decode(b []byte, o order) error {
	if len(b) < interfaceDescriptionSize {
		return fmt.Errorf("body of %d bytes, needs %d", len(b), interfaceDescriptionSize)
	}
	*d = InterfaceDescription{LinkType: o.u16(b), SnapLen: o.u32(b[4:])}
	return d.Options.decode(b[interfaceDescriptionSize:], o, d)
}

func (d *InterfaceDescription) setOption(code uint16, v []byte, o order) bool {
	switch code {
	case ifName:
		return setString(&d.Name, v)
	case ifDescription:
		return setString(&d.Description, v)
	case ifIPv4Addr, ifIPv6Addr, ifMACAddr, ifEUIAddr:
		return d.setAddr(code, v)
	case ifSpeed:
		return setU64(&d.Speed, v, o)
	case ifTSResol:
		return len(v) == 1 && d.TSResol.set(Resolution(v[0]))
	case ifTZone:
		return setU32(&d.TZone, v, o)
	case ifFilter:
		return len(v) >= 1 && d.Filter.set(Filter{v[0], string(v[1:])})
	case ifOS:
		return setString(&d.OS, v)
	case ifFCSLen:
		return len(v) == 1 && d.FCSLen.set(v[0])
	case ifTSOffset:
		return len(v) == 8 && d.TSOffset.set(int64(o.u64(v)))
	case ifHardware:
		return setString(&d.Hardware, v)
	case ifTXSpeed:
		return setU64(&d.TXSpeed, v, o)
	case ifRXSpeed:
		return setU64(&d.RXSpeed, v, o)
	case ifIANATZName:
		return setString(&d.IANATZName, v)
	case ifTSOffsetNS:
		return len(v) == 4 && d.setOffsetNS(int32(o.u32(v)))
	}
	return false
}

// setOffsetNS takes only what the draft allows: less than a second either way.
func (d *InterfaceDescription) setOffsetNS(ns int32) bool {
	return -nanosPerSecond < ns && ns < nanosPerSecond && d.TSOffsetNS.set(ns)
}

func (d *InterfaceDescription) setAddr(code uint16, v []byte) bool {
	switch {
	case code == ifIPv4Addr && len(v) == 8:
		d.IPv4Addrs = append(d.IPv4Addrs, IPv4Addr{netip.AddrFrom4([4]byte(v)), [4]byte(v[4:])})
		return true
	case code == ifIPv6Addr && len(v) == 17 && v[16] <= 128:
		d.IPv6Addrs = append(d.IPv6Addrs, netip.PrefixFrom(netip.AddrFrom16([16]byte(v)), int(v[16])))
		return true
	case code == ifMACAddr && len(v) == 6:
		return d.MACAddr.set([6]byte(v))
	case code == ifEUIAddr && len(v) == 8:
		return d.EUIAddr.set([8]byte(v))
	}
	return false
}

func (d *InterfaceDescription) encode(e *encoder) {
	e.u16(d.LinkType)
	e.u16(0)
	e.u32(d.SnapLen)
	d.encodeComments(e)
	e.stringOption(ifName, d.Name)
	e.stringOption(ifDescription, d.Description)
	d.encodeAddrs(e)
	e.u64Option(ifSpeed, d.Speed)
	if d.TSResol.Valid {
		e.byteOption(ifTSResol, byte(d.TSResol.Value))
	}
	e.u32Option(ifTZone, d.TZone)
	if f := d.Filter; f.Valid && e.optionHeader(ifFilter, 1+len(f.Value.Expression)) {
		e.buf = append(append(e.buf, f.Value.Code), f.Value.Expression...)
		e.pad()
	}
	e.stringOption(ifOS, d.OS)
	if d.FCSLen.Valid {
		e.byteOption(ifFCSLen, d.FCSLen.Value)
	}
	e.u64Option(ifTSOffset, Optional[uint64]{uint64(d.TSOffset.Value), d.TSOffset.Valid})
	e.stringOption(ifHardware, d.Hardware)
	e.u64Option(ifTXSpeed, d.TXSpeed)
	e.u64Option(ifRXSpeed, d.RXSpeed)
	e.stringOption(ifIANATZName, d.IANATZName)
	e.u32Option(ifTSOffsetNS, Optional[uint32]{uint32(d.TSOffsetNS.Value), d.TSOffsetNS.Valid})
	d.encodeTail(e)
}

func (d *InterfaceDescription) encodeAddrs(e *encoder) {
	for _, a := range d.IPv4Addrs {
		if !a.Addr.Is4() {
			e.fail("if_IPv4addr %v is not an IPv4 address", a.Addr)
			return
		}
		v := a.Addr.As4()
		e.optionHeader(ifIPv4Addr, 8)
		e.bytes(v[:])
		e.bytes(a.Mask[:])
	}
	for _, p := range d.IPv6Addrs {
		if !p.IsValid() || !p.Addr().Is6() {
			e.fail("if_IPv6addr %v is not an IPv6 prefix", p)
			return
		}
		v := p.Addr().As16()
		e.optionHeader(ifIPv6Addr, 17)
		e.bytes(v[:])
		e.buf = append(e.buf, byte(p.Bits()))
		e.pad()
	}
	if d.MACAddr.Valid {
		e.option(ifMACAddr, d.MACAddr.Value[:])
	}
	if d.EUIAddr.Valid {
		e.option(ifEUIAddr, d.EUIAddr.Value[:])
	}
}
