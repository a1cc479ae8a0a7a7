package foreign

import (
	"encoding/binary"
	"fmt"
	"io"

	"unixcap/pcapng"
)

// maxPacket is the largest packet of a pcap file that is read. It is that of
// Wireshark and tcpdump; files of theirs have no larger ones of any link type
// read here.
const maxPacket = 262144

// Lengths of the header of a file and of a packet's, in pcap's draft
// (draft-ietf-opsawg-pcap).
const (
	fileHeader   = 24
	packetHeader = 16
)

// Magic numbers of a pcap file.
const (
	magicMicroseconds = 0xa1b2c3d4
	magicNanoseconds  = 0xa1b23c4d
)

// magicOf returns the byte order and the unit of a pcap file that begins with
// head.
func magicOf(head []byte) (order binary.ByteOrder, unit pcapng.Resolution, ok bool) {
	if len(head) < 4 {
		return nil, 0, false
	}
	for _, order := range []binary.ByteOrder{binary.LittleEndian, binary.BigEndian} {
		switch order.Uint32(head) {
		case magicMicroseconds:
			return order, pcapng.Microsecond, true
		case magicNanoseconds:
			return order, pcapng.Nanosecond, true
		}
	}
	return nil, 0, false
}

// IsPcap reports whether a file that begins with head is a classic pcap file.
func IsPcap(head []byte) bool {
	_, _, ok := magicOf(head)
	return ok
}

// A Pcap reads a classic pcap file as if it were pcapng.
type Pcap struct {
	win     *pcapng.Window
	swapped bool   // big-endian
	unit    uint64 // nanoseconds in a timestamp's lower half
	section pcapng.SectionHeader
	iface   *pcapng.InterfaceDescription
	packet  pcapng.EnhancedPacket
	begun   bool
	packets uint64
}

// NewPcap returns a Pcap that reads from src.
func NewPcap(src io.Reader) (*Pcap, error) {
	p := &Pcap{win: pcapng.NewWindow(src, 0, packetHeader+maxPacket), unit: 1}
	if err := p.win.Fill(fileHeader); err != nil {
		if err == io.EOF {
			err = io.ErrUnexpectedEOF
		}
		return nil, fmt.Errorf("the file's header: %w", err)
	}
	head := p.win.Bytes()
	order, unit, ok := magicOf(head)
	if !ok {
		return nil, fmt.Errorf("magic number %x is not that of a pcap file", head[:4])
	}
	p.swapped = order == binary.BigEndian
	if unit == pcapng.Microsecond {
		p.unit = 1000
	}
	if major := order.Uint16(head[4:]); major != 2 {
		return nil, fmt.Errorf("version %d of the pcap format (2 is the one that can be read)", major)
	}
	// The link type is the lower half of its field; the rest tells of checksums
	// behind the packets, which IP leaves out by itself.
	p.iface = pcapng.NewInterface("", uint16(order.Uint32(head[20:])))
	p.packet.SetInterface(p.iface)
	p.win.Skip(fileHeader)
	return p, nil
}

// Section returns an empty header: the format has none.
func (p *Pcap) Section() *pcapng.SectionHeader { return &p.section }

// Buffer returns the memory that the last packet points into.
func (p *Pcap) Buffer() *pcapng.Buffer { return p.win.Buffer() }

// Ready reports whether the next packet is in memory, so that Next does not read.
func (p *Pcap) Ready() bool {
	b := p.win.Bytes()
	return len(b) >= packetHeader && uint64(len(b)) >= packetHeader+uint64(p.u32(b[8:]))
}

// u32 reads a number of the file.
func (p *Pcap) u32(b []byte) uint32 {
	if p.swapped {
		return binary.BigEndian.Uint32(b)
	}
	return binary.LittleEndian.Uint32(b)
}

// Next returns the description of the one interface, and then the packets. It
// is valid until the next call.
func (p *Pcap) Next() (pcapng.Block, error) {
	if !p.begun {
		p.begun = true
		return p.iface, nil
	}
	b := p.win.Bytes()
	if len(b) < packetHeader {
		if err := p.win.Fill(packetHeader); err != nil {
			if len(p.win.Bytes()) == 0 {
				return nil, err
			}
			return nil, cutOff(err)
		}
		b = p.win.Bytes()
	}
	sec, frac, captured, original := p.u32(b), p.u32(b[4:]), p.u32(b[8:]), p.u32(b[12:])
	if captured > maxPacket {
		return nil, fmt.Errorf("damaged after packet %d; what came before has been read: a packet of %d bytes", p.packets, captured)
	}
	end := packetHeader + int(captured)
	if len(b) < end {
		if err := p.win.Fill(end); err != nil {
			return nil, cutOff(err)
		}
		b = p.win.Bytes()
	}
	p.win.Skip(end)
	p.packets++
	p.packet.Data = b[packetHeader:end:end]
	p.packet.OriginalLength = max(original, captured)
	p.packet.Timestamp = uint64(sec)*1e9 + uint64(frac)*p.unit
	return &p.packet, nil
}

// cutOff makes the end of a file within a packet an unexpected one.
func cutOff(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}
