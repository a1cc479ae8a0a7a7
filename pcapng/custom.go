package pcapng

import "fmt"

// Custom is the Custom Block, draft section 4.8, whose meaning the holder of a
// Private Enterprise Number defines.
type Custom struct {
	PEN    uint32
	NoCopy bool // a tool that changes the file must leave the block out
	// Data is everything after the PEN. Only the holder knows where its custom
	// data ends and padding or options begin, and which byte order numbers in
	// it have, so it is copied as it is.
	Data []byte
}

// BlockType returns [TypeCustom] or [TypeCustomNoCopy].
func (c *Custom) BlockType() uint32 {
	if c.NoCopy {
		return TypeCustomNoCopy
	}
	return TypeCustom
}

func (c *Custom) decode(b []byte, o order, noCopy bool) error {
	if len(b) < 4 {
		return fmt.Errorf("body of %d bytes, needs 4", len(b))
	}
	*c = Custom{PEN: o.u32(b), NoCopy: noCopy, Data: b[4:]}
	return nil
}

func (c *Custom) encode(e *encoder) {
	e.u32(c.PEN)
	e.bytes(c.Data)
}
