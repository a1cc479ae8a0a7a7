package mysql

import (
	"bytes"
	"encoding/binary"
)

// A MalformedError says that a packet is not the message it was taken for.
type MalformedError struct {
	Message string // as the protocol's documentation calls it
}

func (e *MalformedError) Error() string { return "mysql: malformed " + e.Message }

// payload reads the basic data types of the protocol ("Protocol Basics":
// integers and strings) from front to back. The first read beyond the end
// sets bad; from then on everything is zero.
type payload struct {
	b   []byte
	bad bool
}

// err turns bad into e.
func (p *payload) err(e *MalformedError) error {
	if p.bad {
		return e
	}
	return nil
}

func (p *payload) fail() {
	p.bad = true
	p.b = nil
}

// take reads string<n>.
func (p *payload) take(n int) []byte {
	if n < 0 || n > len(p.b) {
		p.fail()
		return nil
	}
	v := p.b[:n:n]
	p.b = p.b[n:]
	return v
}

func (p *payload) uint8() uint8 {
	if len(p.b) < 1 {
		p.fail()
		return 0
	}
	v := p.b[0]
	p.b = p.b[1:]
	return v
}

func (p *payload) uint16() uint16 {
	if len(p.b) < 2 {
		p.fail()
		return 0
	}
	v := binary.LittleEndian.Uint16(p.b)
	p.b = p.b[2:]
	return v
}

func (p *payload) uint32() uint32 {
	if len(p.b) < 4 {
		p.fail()
		return 0
	}
	v := binary.LittleEndian.Uint32(p.b)
	p.b = p.b[4:]
	return v
}

func (p *payload) uint64() uint64 {
	if len(p.b) < 8 {
		p.fail()
		return 0
	}
	v := binary.LittleEndian.Uint64(p.b)
	p.b = p.b[8:]
	return v
}

// lenenc reads int<lenenc>. 0xfb is NULL in a row and 0xff begins an error;
// neither is an integer.
func (p *payload) lenenc() uint64 {
	switch c := p.uint8(); c {
	case 0xfb, 0xff:
		p.fail()
		return 0
	case 0xfc:
		return uint64(p.uint16())
	case 0xfd:
		lo := p.uint16()
		return uint64(lo) | uint64(p.uint8())<<16
	case 0xfe:
		return p.uint64()
	default:
		return uint64(c)
	}
}

// lenencString reads string<lenenc>.
func (p *payload) lenencString() []byte {
	n := p.lenenc()
	if n > uint64(len(p.b)) {
		p.fail()
		return nil
	}
	return p.take(int(n))
}

// nulString reads string<NUL>.
func (p *payload) nulString() []byte {
	i := bytes.IndexByte(p.b, 0)
	if i < 0 {
		p.fail()
		return nil
	}
	v := p.take(i)
	p.b = p.b[1:]
	return v
}

// nulOrRest reads string<NUL> from clients that leave out a last NUL.
func (p *payload) nulOrRest() []byte {
	if bytes.IndexByte(p.b, 0) < 0 {
		return p.rest()
	}
	return p.nulString()
}

// rest reads string<EOF>.
func (p *payload) rest() []byte {
	v := p.b
	p.b = nil
	return v
}
