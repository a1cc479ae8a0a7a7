package mysql

import (
	"bytes"
	"compress/zlib"
	"io"
)

// compressedHeaderLength is the length of a "Compressed Packet Header":
// length, sequence id, and the length before compression, 0 if it was not.
const compressedHeaderLength = 7

// An inflater undoes the protocol's compression with zlib, packet by packet.
// It holds one packet at the most, so 16 MiB, and takes memory only for bytes
// that came.
type inflater struct {
	head  [compressedHeaderLength]byte
	have  int // bytes of head
	left  int // payload bytes still to come
	plain int // length before compression
	buf   []byte

	src bytes.Reader
	z   io.ReadCloser
	out [16 << 10]byte
}

func (c *inflater) inside() bool { return c.have > 0 }

func (c *inflater) reset() {
	c.have, c.left = 0, 0
	if cap(c.buf) > keepBuffer {
		c.buf = nil
	}
	c.buf = c.buf[:0]
}

// next takes one compressed packet off p, or what there is of it, hands its
// content to use in pieces, and returns what it left of p. ok is false if this
// is no such packet; then the content so far was wrong, too.
func (c *inflater) next(p []byte, use func([]byte)) (rest []byte, ok bool) {
	if c.have < compressedHeaderLength {
		n := copy(c.head[c.have:], p)
		c.have += n
		p = p[n:]
		if c.have < compressedHeaderLength {
			return p, true
		}
		c.left = uint24(c.head[:])
		c.plain = uint24(c.head[4:])
	}
	n := min(c.left, len(p))
	c.left -= n
	data := p[:n]
	p = p[n:]
	if c.plain == 0 {
		use(data)
	} else if c.left > 0 || len(c.buf) > 0 {
		c.buf = append(c.buf, data...)
		data = c.buf
	}
	if c.left > 0 {
		return p, true
	}
	if c.plain > 0 && !c.inflate(data, use) {
		return p, false
	}
	c.reset()
	return p, true
}

func (c *inflater) inflate(data []byte, use func([]byte)) bool {
	c.src.Reset(data)
	var err error
	if c.z == nil {
		c.z, err = zlib.NewReader(&c.src)
	} else {
		err = c.z.(zlib.Resetter).Reset(&c.src, nil)
	}
	if err != nil {
		return false
	}
	for left := c.plain; left > 0; {
		n, err := c.z.Read(c.out[:min(left, len(c.out))])
		use(c.out[:n])
		left -= n
		if err != nil && left > 0 {
			return false
		}
	}
	return true
}

func uint24(b []byte) int { return int(b[0]) | int(b[1])<<8 | int(b[2])<<16 }

// beginsCompressed says whether p, the beginning of a client's send, is a
// compressed packet with a command in it: its length is p's with the longer
// header, and what it holds is a packet in the clear or zlib's header.
func beginsCompressed(p []byte) bool {
	if len(p) < compressedHeaderLength+headerLength+1 || p[3] != 0 ||
		uint24(p)+compressedHeaderLength != len(p) {
		return false
	}
	plain, data := uint24(p[4:]), p[compressedHeaderLength:]
	if plain != 0 {
		return data[0]&0xf == 8 && (int(data[0])<<8|int(data[1]))%31 == 0 && plain > len(data)
	}
	return plausibleCommand(data[headerLength:], uint24(data))
}
