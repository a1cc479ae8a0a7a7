package fileset

import (
	"fmt"
	"io"
	"time"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// A Compression of the files as they are written.
type Compression string

const (
	Plain Compression = ""
	Zstd  Compression = "zstd"
	Gzip  Compression = "gzip"
)

// Compressed data can be read back only up to where a frame (of zstd) or a
// member (of gzip) ended, so they end when they are this old or this long. The
// length also bounds what has to be remembered of messages not yet safe.
const (
	frameTime  = time.Second
	frameBytes = 1 << 20
)

// zstdWindow bounds the memory that compressing takes, and later decompressing.
const zstdWindow = 1 << 20

// ParseCompression reads the value of a flag.
func ParseCompression(s string) (Compression, error) {
	if c := Compression(s); c == Zstd || c == Gzip {
		return c, nil
	}
	return Plain, fmt.Errorf("compression %q: there are zstd and gzip", s)
}

// suffix is what the names of such files end with.
func (c Compression) suffix() string {
	switch c {
	case Zstd:
		return ".zst"
	case Gzip:
		return ".gz"
	}
	return ""
}

// An encoder compresses. Close ends a frame, after which Reset begins another.
type encoder interface {
	io.Writer
	Flush() error
	Close() error
	Reset(io.Writer)
}

// newEncoder returns nil if there is nothing to compress. The fastest levels are
// taken: a better one that does not keep up costs messages.
func newEncoder(c Compression, w io.Writer) (encoder, error) {
	switch c {
	case Zstd:
		// Without concurrency it works within Write, and bytes are never under
		// way anywhere else.
		return zstd.NewWriter(w, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithWindowSize(zstdWindow),
			zstd.WithEncoderConcurrency(1), zstd.WithLowerEncoderMem(true))
	case Gzip:
		return gzip.NewWriterLevel(w, gzip.BestSpeed)
	}
	return nil, nil
}
