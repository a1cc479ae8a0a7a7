package dbus

import (
	"bytes"

	"unixcap/decoders"
)

// detect judges a conversation's first bytes. Its beginning is unmistakable,
// and so is a whole message header.
func detect(client, server []byte, _ bool) decoders.Verdict {
	c, s := judgeEnd(client, decoders.Client), judgeEnd(server, decoders.Server)
	switch {
	case c == decoders.Yes || s == decoders.Yes:
		return decoders.Yes
	case c == decoders.No && (s == decoders.No || len(server) == 0), s == decoders.No && len(client) == 0:
		return decoders.No
	}
	return decoders.Maybe
}

var greeting = []byte("\x00AUTH")

func judgeEnd(b []byte, end decoders.End) decoders.Verdict {
	if len(b) == 0 {
		return decoders.Maybe
	}
	if end == decoders.Client && b[0] == 0 {
		n := min(len(b), len(greeting))
		switch {
		case !bytes.Equal(b[:n], greeting[:n]):
			return decoders.No
		case len(b) <= len(greeting):
			return decoders.Maybe
		case b[n] == ' ' || b[n] == '\r':
			return decoders.Yes
		}
		return decoders.No
	}
	// From the middle: perhaps the rest of the handshake, then messages.
	for len(b) > 0 && !begins(b) {
		i := bytes.IndexByte(b, '\n')
		if !isCommand(b) || i >= 0 && (i < 2 || b[i-1] != '\r') {
			return decoders.No
		}
		if i < 0 {
			return decoders.Maybe
		}
		b = b[i+1:]
	}
	return judgeHeader(b)
}

// judgeHeader says whether a message begins.
func judgeHeader(b []byte) decoders.Verdict {
	if len(b) < fixedHeader {
		return decoders.Maybe
	}
	header, body, ok := sizes(b)
	if !ok {
		return decoders.No
	}
	if int64(len(b)) < header {
		if header > decoders.DetectBytes {
			return decoders.No
		}
		return decoders.Maybe
	}
	var m message
	if !m.read(b[:header], header, body) || valid(m.signature) != (body > 0) {
		return decoders.No
	}
	return decoders.Yes
}

// valid says whether a signature has something, and only valid types.
func valid(sig []byte) bool {
	for rest := sig; len(rest) > 0; {
		n := single(rest, 0)
		if n == 0 {
			return false
		}
		rest = rest[n:]
	}
	return len(sig) > 0
}
