package pcapng

import "fmt"

// SectionHeader is the Section Header Block, draft section 4.1. It begins a
// file, and each further section of one. Interfaces are counted anew in every
// section.
type SectionHeader struct {
	// BigEndian is the section's byte order, of all numbers in all its blocks.
	BigEndian bool
	// Major and Minor are the version of the format. A Writer writes 1.0.
	Major, Minor uint16
	// SectionLength is how many bytes of blocks follow in this section, -1 if
	// unknown. It says nothing a Reader needs and is not checked. A Writer
	// cannot know it and writes -1.
	SectionLength int64

	Hardware string // shb_hardware
	OS       string // shb_os
	UserAppl string // shb_userappl, the program that wrote the section
	Options
}

// Options of a section header block.
const (
	shbHardware = 2
	shbOS       = 3
	shbUserAppl = 4
)

// BlockType returns [TypeSectionHeader].
func (*SectionHeader) BlockType() uint32 { return TypeSectionHeader }

// sectionHeaderSize is the fixed part of the body: magic, version, length.
const sectionHeaderSize = 16

func (h *SectionHeader) decode(b []byte, o order) error {
	if len(b) < sectionHeaderSize {
		return fmt.Errorf("body of %d bytes, needs %d", len(b), sectionHeaderSize)
	}
	*h = SectionHeader{
		BigEndian:     o == bigEndian,
		Major:         o.u16(b[4:]),
		Minor:         o.u16(b[6:]),
		SectionLength: int64(o.u64(b[8:])),
	}
	if h.Major != 1 {
		return fmt.Errorf("version %d.%d of the format is not known, only 1.x", h.Major, h.Minor)
	}
	return h.Options.decode(b[sectionHeaderSize:], o, h)
}

func (h *SectionHeader) setOption(code uint16, v []byte, _ order) bool {
	switch code {
	case shbHardware:
		return setString(&h.Hardware, v)
	case shbOS:
		return setString(&h.OS, v)
	case shbUserAppl:
		return setString(&h.UserAppl, v)
	}
	return false
}

func (h *SectionHeader) encode(e *encoder) {
	e.u32(byteOrderMagic)
	e.u16(1)
	e.u16(0)
	e.u64(^uint64(0)) // -1: a stream cannot be gone back in to fill it in
	h.encodeComments(e)
	e.stringOption(shbHardware, h.Hardware)
	e.stringOption(shbOS, h.OS)
	e.stringOption(shbUserAppl, h.UserAppl)
	h.encodeTail(e)
}
