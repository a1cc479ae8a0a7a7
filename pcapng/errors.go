package pcapng

import (
	"errors"
	"fmt"
)

var (
	// ErrFormat means that the input is not a pcapng file: it does not begin
	// with a section header block.
	ErrFormat = errors.New("not a pcapng file")

	// ErrBlockSize means that a block is longer than the MaxBlockSize of the
	// Reader or Writer, or too short to be a block.
	ErrBlockSize = errors.New("block length out of bounds")
)

// An Error says what is wrong with a file, and where. The end of a file that
// was cut off in the middle of a block is io.ErrUnexpectedEOF in Err; an error
// of the underlying io.Reader is there as it came.
type Error struct {
	Offset int64  // of the block's first byte in the input
	Type   uint32 // the block's type, 0 if unknown
	Err    error
	// Skipped means that only this block's contents are wrong. Its length is
	// sound, so calling Next again goes on with the block after it. Without
	// Skipped, every later call returns the same error.
	Skipped bool
}

func (e *Error) Error() string {
	if e.Type == 0 {
		return fmt.Sprintf("pcapng: offset %d: %v", e.Offset, e.Err)
	}
	return fmt.Sprintf("pcapng: offset %d: %s: %v", e.Offset, typeName(e.Type), e.Err)
}

func (e *Error) Unwrap() error { return e.Err }
