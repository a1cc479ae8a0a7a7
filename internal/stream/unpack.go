package stream

import (
	"bufio"
	"bytes"
	"io"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// readAhead is the buffer of what is read from a file, packed or not.
const readAhead = 64 << 10

// maxWindow is the largest window of a zstd frame that is read, and so the most
// memory that reading one takes. It is what the zstd program reads without being
// told to (--long=27).
const maxWindow = 128 << 20

var (
	gzipMagic = []byte{0x1f, 0x8b}             // RFC 1952 section 2.3.1
	zstdMagic = []byte{0x28, 0xb5, 0x2f, 0xfd} // RFC 8878 section 3.1.1
	// A frame that is to be skipped has any low half of the first byte (RFC 8878
	// section 3.1.2); one may come first.
	zstdSkip = []byte{0x50, 0x2a, 0x4d, 0x18}
)

// unpack returns a reader of what is in src: src itself, unless that is
// compressed with gzip or zstd. Members or frames that follow each other are read as
// one. done frees what the reader has.
func unpack(src *bufio.Reader) (r *bufio.Reader, done func(), err error) {
	head, err := src.Peek(4)
	if err != nil && err != io.EOF {
		return nil, nil, err
	}
	switch {
	case bytes.HasPrefix(head, gzipMagic):
		z, err := gzip.NewReader(src)
		if err != nil {
			return nil, nil, cutHeader(err)
		}
		return bufio.NewReaderSize(z, readAhead), func() { z.Close() }, nil
	case bytes.Equal(head, zstdMagic), len(head) == 4 && head[0]&0xf0 == zstdSkip[0] && bytes.Equal(head[1:], zstdSkip[1:]):
		z, err := zstd.NewReader(src, zstd.WithDecoderMaxWindow(maxWindow), zstd.WithDecoderLowmem(true))
		if err != nil {
			return nil, nil, err
		}
		return bufio.NewReaderSize(z, readAhead), z.Close, nil
	}
	return src, func() {}, nil
}

// cutHeader makes the end of a file within a header an unexpected one.
func cutHeader(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}
