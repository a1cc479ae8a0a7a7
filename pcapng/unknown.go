package pcapng

// Unknown is a block of a type this package does not know, kept as it is.
// Numbers in its body are in the byte order of the section it was read from,
// and are not converted when it is written to a section of the other one.
type Unknown struct {
	Type uint32
	Body []byte // padded to a multiple of 4, as in the file
}

// BlockType returns u.Type.
func (u *Unknown) BlockType() uint32 { return u.Type }

func (u *Unknown) encode(e *encoder) {
	if known(u.Type) {
		e.fail("has a struct of its own, Unknown cannot be used")
		return
	}
	e.bytes(u.Body)
}
