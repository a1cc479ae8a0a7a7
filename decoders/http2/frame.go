package http2

import (
	"encoding/binary"

	"unixcap/decoders"
)

// A frameType is what a frame is: RFC 9113, 6.
type frameType uint8

const (
	frameData frameType = iota
	frameHeaders
	framePriority
	frameRSTStream
	frameSettings
	framePushPromise
	framePing
	frameGoAway
	frameWindowUpdate
	frameContinuation

	frameTypes // how many there are; others are extensions
)

// Flags. Which a type has is in frameRules.
const (
	flagEndStream  = 0x01
	flagAck        = 0x01
	flagEndHeaders = 0x04
	flagPadded     = 0x08
	flagPriority   = 0x20
)

const (
	// headerLength is that of a frame's header: RFC 9113, 4.1.
	headerLength = 9

	// maxFrame is the length of the longest frame as long as nothing else was
	// agreed: RFC 9113, 4.2. Where the place in the stream is not known, no longer
	// one is believed to be one. What begins a TLS record would be longer.
	maxFrame = 16 << 10

	// maxExtension is that of the longest frame of a type that is not known. Go's
	// server allows 1 MiB.
	maxExtension = 1 << 20
)

// A frameHeader is a frame's header.
type frameHeader struct {
	length uint32
	kind   frameType
	flags  uint8
	stream uint32
}

func (h *frameHeader) has(flag uint8) bool { return h.flags&flag != 0 }

// parseHeader reads the header at the beginning of b. reserved is the bit that is
// left unset: RFC 9113, 4.1.
func parseHeader(b []byte) (h frameHeader, reserved bool) {
	_ = b[headerLength-1]
	id := binary.BigEndian.Uint32(b[5:])
	return frameHeader{
		length: uint32(b[0])<<16 | uint32(b[1])<<8 | uint32(b[2]),
		kind:   frameType(b[3]),
		flags:  b[4],
		stream: id &^ (1 << 31),
	}, id>>31 != 0
}

// A streamRule says on which streams frames of a type come.
type streamRule uint8

const (
	onStream     streamRule = iota // on one
	onConnection                   // on none, which is stream 0
	onEither
)

// A frameRule is what RFC 9113, 6 demands of a type.
type frameRule struct {
	flags    uint8 // those it may have
	on       streamRule
	shortest uint32
	longest  uint32 // 0: no bound of its own
	multiple uint32 // what its length is a multiple of, 0: nothing
}

var frameRules = [frameTypes]frameRule{
	frameData:         {flags: flagEndStream | flagPadded},
	frameHeaders:      {flags: flagEndStream | flagEndHeaders | flagPadded | flagPriority, shortest: 1},
	framePriority:     {shortest: 5, longest: 5},
	frameRSTStream:    {shortest: 4, longest: 4},
	frameSettings:     {flags: flagAck, on: onConnection, multiple: 6},
	framePushPromise:  {flags: flagEndHeaders | flagPadded, shortest: 4},
	framePing:         {flags: flagAck, on: onConnection, shortest: 8, longest: 8},
	frameGoAway:       {on: onConnection, shortest: 8},
	frameWindowUpdate: {on: onEither, shortest: 4, longest: 4},
	frameContinuation: {flags: flagEndHeaders},
}

// allowed says whether a frame may be sent: a receiver ends the connection over
// one that is not. Frames of other types are extensions, of which nothing is known.
func (h *frameHeader) allowed() bool {
	if h.kind >= frameTypes {
		return h.length <= maxExtension
	}
	r := &frameRules[h.kind]
	switch {
	case r.on == onStream && h.stream == 0, r.on == onConnection && h.stream != 0:
		return false
	case h.length < r.shortest, r.longest > 0 && h.length > r.longest:
		return false
	}
	return r.multiple == 0 || h.length%r.multiple == 0
}

// likely says whether bytes whose place in the stream is not known are the header
// of a frame that an end sends: what senders must leave unset is.
func likely(from decoders.End, b []byte) (h frameHeader, ok bool) {
	h, reserved := parseHeader(b)
	switch {
	case h.length > maxFrame || reserved || h.kind >= frameTypes || h.flags&^frameRules[h.kind].flags != 0:
		return h, false
	case h.kind == frameSettings && h.has(flagAck) && h.length > 0:
		return h, false
	case h.kind == framePushPromise && from == decoders.Client, h.kind == frameHeaders && from == decoders.Client && h.stream&1 == 0:
		return h, false
	}
	return h, h.allowed()
}

// errorNames are the error codes: RFC 9113, 7.
var errorNames = [...]string{"NO_ERROR", "PROTOCOL_ERROR", "INTERNAL_ERROR", "FLOW_CONTROL_ERROR", "SETTINGS_TIMEOUT",
	"STREAM_CLOSED", "FRAME_SIZE_ERROR", "REFUSED_STREAM", "CANCEL", "COMPRESSION_ERROR", "CONNECT_ERROR",
	"ENHANCE_YOUR_CALM", "INADEQUATE_SECURITY", "HTTP_1_1_REQUIRED"}

// errorName returns an error code's name; one that has none is treated as
// INTERNAL_ERROR, but is not called so.
func errorName(code uint32) string {
	if code < uint32(len(errorNames)) {
		return errorNames[code]
	}
	return "UNKNOWN_ERROR"
}
