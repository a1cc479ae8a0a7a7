package dbus

import (
	"bytes"

	"unixcap/decoders"
)

// maxLine is more than a line of the handshake has: libdbus takes 16 KiB at
// most for all that is not yet a line.
const maxLine = 16 << 10

// A side is one direction of the connection.
type side struct {
	end decoders.End
	// buf has the beginning of a line or message whose end is still to come,
	// as much of it as is wanted.
	buf     []byte
	skip    int64         // bytes of the message behind buf that are not wanted
	gap     int64         // bytes of it that are missing
	span    decoders.Span // of what is in the making
	lost    bool          // the place in the stream is not known
	started bool          // something was read
	binary  bool          // messages, and no more lines
}

func (s *side) reset() {
	if cap(s.buf) > 8<<10 {
		s.buf = nil
	}
	s.buf, s.skip, s.gap, s.span = s.buf[:0], 0, 0, decoders.Span{}
}

// A unit is what the framer finds next.
type unit struct {
	what   unitKind
	want   int64 // bytes of it that are wanted, 0 if more are needed to know
	length int64 // all of it
	header int64 // of a message
}

type unitKind uint8

const (
	wrong unitKind = iota // neither
	line
	binaryMessage
)

// judge says what b begins with.
func (s *side) judge(b []byte) unit {
	if begins(b) && (s.binary || len(b) > 1 || b[0] == 'l') {
		if len(b) < fixedHeader {
			return unit{what: binaryMessage}
		}
		header, body, ok := sizes(b)
		if !ok {
			return unit{}
		}
		return unit{binaryMessage, header + min(body, maxBody), header + body, header}
	}
	if s.binary {
		return unit{}
	}
	if b[0] == 0 { // the client's first byte carries its credentials
		if s.end == decoders.Server || s.started {
			return unit{}
		}
		return unit{line, 1, 1, 0}
	}
	if !isCommand(b) {
		return unit{}
	}
	i := bytes.IndexByte(b, '\n')
	if i < 0 {
		if len(b) > maxLine {
			return unit{}
		}
		return unit{what: line}
	}
	return unit{line, int64(i + 1), int64(i + 1), 0}
}

// commands are those of the handshake, of either end ("Protocol Overview").
var commands = [][]byte{
	[]byte("AUTH"), []byte("CANCEL"), []byte("BEGIN"), []byte("DATA"), []byte("ERROR"), []byte("NEGOTIATE_UNIX_FD"),
	[]byte("REJECTED"), []byte("OK"), []byte("AGREE_UNIX_FD"),
}

// isCommand says whether b can begin with a command.
func isCommand(b []byte) bool {
	for _, c := range commands {
		n := min(len(b), len(c))
		if bytes.Equal(b[:n], c[:n]) && (n == len(b) || b[n] == ' ' || b[n] == '\r') {
			return true
		}
	}
	return false
}
