package pcapng

import (
	"bytes"
	"fmt"
	"iter"
	"net/netip"
)

// NameResolution is the Name Resolution Block, draft section 4.5: names of
// addresses, as they were when the packets were captured.
type NameResolution struct {
	Records []NameRecord

	DNSName string               // ns_dnsname, the server that resolved the names
	DNSIPv4 Optional[netip.Addr] // ns_dnsIP4addr
	DNSIPv6 Optional[netip.Addr] // ns_dnsIP6addr
	Options
}

// A NameRecord is one address and its names. It keeps them as they are in the
// file, which serves unknown record types too: NewNameRecord makes one, Addr,
// Address and Names take it apart.
type NameRecord struct {
	Type  uint16
	Value []byte // the address, then each name with a NUL after it
}

// Types of name records.
const (
	nrbEnd = 0

	NameRecordIPv4  uint16 = 1
	NameRecordIPv6  uint16 = 2
	NameRecordEUI48 uint16 = 3
	NameRecordEUI64 uint16 = 4
)

// NewNameRecord makes the record of an IP address.
func NewNameRecord(addr netip.Addr, names ...string) NameRecord {
	if addr.Is4() {
		return makeNameRecord(NameRecordIPv4, addr.AsSlice(), names)
	}
	a := addr.As16()
	return makeNameRecord(NameRecordIPv6, a[:], names)
}

// NewEUI48Record makes the record of a hardware address.
func NewEUI48Record(addr [6]byte, names ...string) NameRecord {
	return makeNameRecord(NameRecordEUI48, addr[:], names)
}

// NewEUI64Record makes the record of a long hardware address.
func NewEUI64Record(addr [8]byte, names ...string) NameRecord {
	return makeNameRecord(NameRecordEUI64, addr[:], names)
}

func makeNameRecord(t uint16, addr []byte, names []string) NameRecord {
	r := NameRecord{Type: t, Value: addr}
	for _, n := range names {
		r.Value = append(append(r.Value, n...), 0)
	}
	return r
}

// addressSize is how much of a record of type t is its address.
func addressSize(t uint16) int {
	switch t {
	case NameRecordIPv4:
		return 4
	case NameRecordIPv6:
		return 16
	case NameRecordEUI48:
		return 6
	case NameRecordEUI64:
		return 8
	}
	return 0
}

// Address returns the bytes of the record's address; nil if the type is unknown
// or the record too short.
func (r NameRecord) Address() []byte {
	n := addressSize(r.Type)
	if n == 0 || n > len(r.Value) {
		return nil
	}
	return r.Value[:n:n]
}

// Addr returns the address of a record of an IP address, and whether it is one.
func (r NameRecord) Addr() (netip.Addr, bool) {
	if r.Type != NameRecordIPv4 && r.Type != NameRecordIPv6 {
		return netip.Addr{}, false
	}
	return netip.AddrFromSlice(r.Address())
}

// Names goes through the names of a record of a known type. A last name without
// a NUL counts as well.
func (r NameRecord) Names() iter.Seq[string] {
	return func(yield func(string) bool) {
		rest := r.Value[len(r.Address()):]
		if addressSize(r.Type) == 0 || r.Address() == nil {
			return
		}
		for len(rest) > 0 {
			var name []byte
			name, rest, _ = bytes.Cut(rest, []byte{0})
			if !yield(string(name)) {
				return
			}
		}
	}
}

// Options of a name resolution block.
const (
	nsDNSName    = 2
	nsDNSIP4Addr = 3
	nsDNSIP6Addr = 4
)

// BlockType returns [TypeNameResolution].
func (*NameResolution) BlockType() uint32 { return TypeNameResolution }

func (n *NameResolution) decode(b []byte, o order) error {
	*n = NameResolution{Records: n.Records[:0], Options: n.Options}
	for len(b) >= 4 {
		t, size := o.u16(b), int(o.u16(b[2:]))
		if size > len(b)-4 {
			return fmt.Errorf("name record of type %d: length %d is beyond the end of the block (%d bytes left)",
				t, size, len(b)-4)
		}
		v := b[4 : 4+size : 4+size]
		b = b[min(4+pad4(size), len(b)):]
		if t == nrbEnd {
			return n.Options.decode(b, o, n)
		}
		n.Records = append(n.Records, NameRecord{t, v})
	}
	// Without nrb_record_end nothing else can follow. The draft wants it, but
	// there is no doubt about what was meant.
	n.Options.reset()
	return nil
}

func (n *NameResolution) setOption(code uint16, v []byte, _ order) bool {
	switch {
	case code == nsDNSName:
		return setString(&n.DNSName, v)
	case code == nsDNSIP4Addr && len(v) == 4:
		return n.DNSIPv4.set(netip.AddrFrom4([4]byte(v)))
	case code == nsDNSIP6Addr && len(v) == 16:
		return n.DNSIPv6.set(netip.AddrFrom16([16]byte(v)))
	}
	return false
}

func (n *NameResolution) encode(e *encoder) {
	for _, r := range n.Records {
		if r.Type == nrbEnd {
			e.fail("nrb_record_end cannot be among the records")
			return
		}
		if len(r.Value) > maxOptionValue {
			e.fail("name record of %d bytes, at most %d fit", len(r.Value), maxOptionValue)
			return
		}
		e.u16(r.Type)
		e.u16(uint16(len(r.Value)))
		e.bytes(r.Value)
		e.pad()
	}
	e.u32(0) // nrb_record_end
	n.encodeComments(e)
	e.stringOption(nsDNSName, n.DNSName)
	if a := n.DNSIPv4; a.Valid {
		if !a.Value.Is4() {
			e.fail("ns_dnsIP4addr %v is not an IPv4 address", a.Value)
			return
		}
		v := a.Value.As4()
		e.option(nsDNSIP4Addr, v[:])
	}
	if a := n.DNSIPv6; a.Valid {
		if !a.Value.Is6() {
			e.fail("ns_dnsIP6addr %v is not an IPv6 address", a.Value)
			return
		}
		v := a.Value.As16()
		e.option(nsDNSIP6Addr, v[:])
	}
	n.encodeTail(e)
}
