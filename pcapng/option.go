package pcapng

import (
	"bytes"
	"fmt"
)

// Option codes that any block with options may have, draft section 3.5.
const (
	optEndOfOpt = 0
	optComment  = 1

	// The codes of a [CustomOption]. A tool that rewrites a file may copy the
	// first two; the NoCopy ones are to be dropped if anything changes.
	OptionCustomString       uint16 = 2988
	OptionCustomBinary       uint16 = 2989
	OptionCustomStringNoCopy uint16 = 19372
	OptionCustomBinaryNoCopy uint16 = 19373
)

// optionHeaderSize is an option's code and length, before its value.
const optionHeaderSize = 4

// maxOptionValue is the longest value that an option's 16-bit length allows.
const maxOptionValue = 1<<16 - 1

// Options is what every block with options has besides its own ones. In a
// block from a [Reader] all of it points into the Reader's buffer.
//
// Between them, the fields of a block and its Options hold every option of the
// block, so that writing it again loses none. The order is kept among options
// of one field, not between fields: comments come first, then the block's own
// options by code, then the custom and the unknown ones. What a file has after
// opt_endofopt is not kept.
type Options struct {
	Comments [][]byte // opt_comment, UTF-8
	Custom   []CustomOption
	// Unknown has the options that no field has room for: other codes, a
	// repetition of what may be there once, an impossible length or value, an
	// empty string.
	Unknown []Option
}

// An Option is one option as it is in the file.
type Option struct {
	Code  uint16
	Value []byte // in the byte order of the section, if it is a number
}

// A CustomOption is an option whose meaning the holder of a Private Enterprise
// Number defines, draft section 3.5.1.
type CustomOption struct {
	Code uint16 // one of OptionCustomString, OptionCustomBinary, …
	PEN  uint32
	Data []byte
}

// IsString reports whether the option's data is a UTF-8 string.
func (c CustomOption) IsString() bool {
	return c.Code == OptionCustomString || c.Code == OptionCustomStringNoCopy
}

// Copy reports whether a tool that changes the file may keep the option.
func (c CustomOption) Copy() bool {
	return c.Code == OptionCustomString || c.Code == OptionCustomBinary
}

func isCustomCode(code uint16) bool {
	switch code {
	case OptionCustomString, OptionCustomBinary, OptionCustomStringNoCopy, OptionCustomBinaryNoCopy:
		return true
	}
	return false
}

// An optionSetter is a block with options of its own.
type optionSetter interface {
	// setOption keeps the option's value in a field. It reports false if it
	// has none for it, or the value cannot be right.
	setOption(code uint16, v []byte, o order) bool
}

// reset empties x and keeps its memory.
func (x *Options) reset() {
	x.Comments, x.Custom, x.Unknown = x.Comments[:0], x.Custom[:0], x.Unknown[:0]
}

// decode reads the option list b, handing s what is not common to all blocks.
// A list may lack opt_endofopt (draft section 3.5).
func (x *Options) decode(b []byte, o order, s optionSetter) error {
	x.reset()
	for len(b) >= optionHeaderSize {
		code, n := o.u16(b), int(o.u16(b[2:]))
		if code == optEndOfOpt {
			return nil
		}
		v, rest, err := cutOption(b, code, n)
		if err != nil {
			return err
		}
		b = rest
		x.take(code, v, o, s)
	}
	return nil
}

// cutOption cuts the value of n bytes off a list that begins with its option.
func cutOption(b []byte, code uint16, n int) (v, rest []byte, err error) {
	if n > len(b)-optionHeaderSize {
		return nil, nil, fmt.Errorf("option %d: length %d is beyond the end of the block (%d bytes left)",
			code, n, len(b)-optionHeaderSize)
	}
	end := optionHeaderSize + n
	return b[optionHeaderSize:end:end], b[min(pad4(end), len(b)):], nil
}

// take keeps an option.
func (x *Options) take(code uint16, v []byte, o order, s optionSetter) {
	switch {
	case code == optComment:
		x.Comments = append(x.Comments, cutString(v))
	case isCustomCode(code) && len(v) >= 4:
		x.Custom = append(x.Custom, CustomOption{code, o.u32(v), v[4:]})
	case !s.setOption(code, v, o):
		x.Unknown = append(x.Unknown, Option{code, v})
	}
}

// encodeTail writes what comes after a block's own options.
func (x *Options) encodeTail(e *encoder) {
	for i := range x.Custom {
		c := &x.Custom[i]
		if !isCustomCode(c.Code) {
			e.fail("%d is not the code of a custom option", c.Code)
			return
		}
		if e.optionHeader(c.Code, 4+len(c.Data)) {
			e.u32(c.PEN)
			e.bytes(c.Data)
			e.pad()
		}
	}
	for _, u := range x.Unknown {
		if u.Code == optEndOfOpt {
			e.fail("opt_endofopt cannot be among the unknown options")
			return
		}
		e.option(u.Code, u.Value)
	}
	e.endOfOpt()
}

// encodeComments writes what comes before a block's own options.
func (x *Options) encodeComments(e *encoder) {
	for _, c := range x.Comments {
		e.option(optComment, c)
	}
}

// cutString returns a string option's value up to its end: a NUL ends it, and
// need not be there (draft section 3.5).
func cutString(v []byte) []byte {
	if i := bytes.IndexByte(v, 0); i >= 0 {
		return v[:i:i]
	}
	return v
}

// setString takes a string option's first occurrence into dst. An empty one is
// left to Options.Unknown, as "" says that the option is absent.
func setString(dst *string, v []byte) bool {
	v = cutString(v)
	if *dst != "" || len(v) == 0 {
		return false
	}
	*dst = string(v)
	return true
}

func setU64(dst *Optional[uint64], v []byte, o order) bool {
	return len(v) == 8 && dst.set(o.u64(v))
}

func setU32(dst *Optional[uint32], v []byte, o order) bool {
	return len(v) == 4 && dst.set(o.u32(v))
}
