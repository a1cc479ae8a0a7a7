package mysql

import (
	"bytes"
	"compress/zlib"
	"io"

	"github.com/klauspost/compress/zstd"
)

// compressedHeaderLength is the length of a "Compressed Packet Header":
// length, sequence id, and the length before compression, 0 if it was not.
const compressedHeaderLength = 7

// An inflater undoes the protocol's compression, packet by packet. Each packet
// is a whole zlib stream or zstd frame, which their first bytes tell apart.
// It holds one packet at the most, so 16 MiB, and takes memory only for bytes
// that came.
type inflater struct {
	head  [compressedHeaderLength]byte
	have  int // bytes of head
	left  int // payload bytes still to come
	plain int // length before compression
	buf   []byte

	src  bytes.Reader
	zlib io.ReadCloser
	zstd *zstd.Decoder
	out  [16 << 10]byte
}

// zstdMagic begins every zstd frame, RFC 8878.
var zstdMagic = []byte("\x28\xb5\x2f\xfd")

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
	z, err := c.open(data)
	if err != nil {
		return false
	}
	for left := c.plain; left > 0; {
		n, err := z.Read(c.out[:min(left, len(c.out))])
		use(c.out[:n])
		left -= n
		if err != nil && left > 0 {
			return false
		}
	}
	return true
}

// open returns a reader of what data, which c.src reads, was before.
func (c *inflater) open(data []byte) (z io.Reader, err error) {
	switch {
	case bytes.HasPrefix(data, zstdMagic):
		if c.zstd == nil {
			// No more concurrency than one makes it work without goroutines.
			c.zstd, err = zstd.NewReader(&c.src, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true),
				zstd.WithDecoderMaxWindow(maxPacket+1), zstd.WithDecoderMaxMemory(maxPacket+1))
		} else {
			err = c.zstd.Reset(&c.src)
		}
		return c.zstd, err
	case c.zlib == nil:
		c.zlib, err = zlib.NewReader(&c.src)
	default:
		err = c.zlib.(zlib.Resetter).Reset(&c.src, nil)
	}
	return c.zlib, err
}

func uint24(b []byte) int { return int(b[0]) | int(b[1])<<8 | int(b[2])<<16 }

// beginsCompressed says whether p, the beginning of a client's send, is a
// compressed packet with a command in it: what follows it is another one, or
// nothing, and what it holds is a packet in the clear, or zlib's or zstd's header.
func beginsCompressed(p []byte) bool {
	if len(p) < compressedHeaderLength+headerLength+1 || p[3] != 0 {
		return false
	}
	for rest := p; len(rest) > 0; {
		if len(rest) < compressedHeaderLength || len(rest) < compressedHeaderLength+uint24(rest) {
			return false
		}
		rest = rest[compressedHeaderLength+uint24(rest):]
	}
	plain, data := uint24(p[4:]), p[compressedHeaderLength:][:uint24(p)]
	if len(data) <= headerLength {
		return false
	}
	if plain != 0 {
		zlib := data[0]&0xf == 8 && (int(data[0])<<8|int(data[1]))%31 == 0
		return plain > len(data) && (zlib || bytes.HasPrefix(data, zstdMagic))
	}
	return plausibleCommand(data[headerLength:], uint24(data))
}
