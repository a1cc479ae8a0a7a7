package syslog

import (
	"unixcap/decoders"
)

// detect judges a conversation's first bytes: the client sends messages, and
// nobody answers. With a hint a priority and text will do; without one, there must
// be a time, or what RFC 5424 has.
func detect(client, server []byte, hinted bool) decoders.Verdict {
	if len(server) > 0 {
		return decoders.No
	}
	if len(client) == 0 {
		return decoders.Maybe
	}
	b := client
	if _, length, more := countOf(b); length > 0 {
		b = b[length:]
	} else if more {
		return decoders.Maybe
	}
	if len(b) < 5 && (len(b) == 0 || b[0] == '<') && printable(b) {
		return decoders.Maybe
	}
	_, rest, ok := priorityOf(b)
	if !ok {
		return decoders.No
	}
	var m message
	switch {
	case dateLength(rest) > 0, m.read5424(rest):
		return decoders.Yes
	case len(rest) < 40 && len(rest) > 0 && rest[0] == '1' && printable(rest) && !hinted:
		return decoders.Maybe
	case hinted && len(rest) > 0 && printable(rest[:min(len(rest), 8)]):
		return decoders.Yes
	case len(rest) < 15 && printable(rest):
		return decoders.Maybe
	}
	return decoders.No
}

func printable(b []byte) bool {
	for _, c := range b {
		if c < ' ' && c != '\t' || c == 0x7f {
			return false
		}
	}
	return true
}
