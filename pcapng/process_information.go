package pcapng

import "fmt"

// ProcessInformation is block 0x80000001, a block type for local use that
// Apple's tcpdump writes and Wireshark knows as Darwin Process Event Block: a
// process that packets refer to by the block's position among the section's
// process information blocks, from 0 (EnhancedPacket.ProcessIndex).
//
// [Writer.WriteProcess] writes one and returns its position.
type ProcessInformation struct {
	ProcessID uint32
	Name      string             // option 2
	UUID      Optional[[16]byte] // option 4
	Options
}

// Options of a process information block.
const (
	processName = 2
	processUUID = 4
)

// BlockType returns [TypeProcessInformation].
func (*ProcessInformation) BlockType() uint32 { return TypeProcessInformation }

func (p *ProcessInformation) decode(b []byte, o order) error {
	if len(b) < 4 {
		return fmt.Errorf("body of %d bytes, needs 4", len(b))
	}
	*p = ProcessInformation{ProcessID: o.u32(b), Options: p.Options}
	return p.Options.decode(b[4:], o, p)
}

func (p *ProcessInformation) setOption(code uint16, v []byte, _ order) bool {
	switch {
	case code == processName:
		return setString(&p.Name, v)
	case code == processUUID && len(v) == 16:
		return p.UUID.set([16]byte(v))
	}
	return false
}

func (p *ProcessInformation) encode(e *encoder) {
	e.u32(p.ProcessID)
	p.encodeComments(e)
	e.stringOption(processName, p.Name)
	if p.UUID.Valid {
		e.option(processUUID, p.UUID.Value[:])
	}
	p.encodeTail(e)
}
