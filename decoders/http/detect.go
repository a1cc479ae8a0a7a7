package http

import (
	"bytes"

	"unixcap/decoders"
)

// detect judges a conversation's first bytes. A request line and a status line
// name the protocol and its version; RTSP, SIP and ICAP have other names there.
func detect(client, server []byte, hinted bool) decoders.Verdict {
	asks := judgeRequest(client)
	answers := judgeStatus(server)
	switch {
	case judgeStatus(client) == decoders.Yes, judgeRequest(server) == decoders.Yes:
		return decoders.No // the other way round
	case asks == decoders.Yes, answers == decoders.Yes:
		return decoders.Yes
	case asks == decoders.Maybe && answers == decoders.Maybe, hinted && answers == decoders.Maybe:
		return decoders.Maybe
	}
	return decoders.No
}

// judgeRequest judges whether b begins with a request line.
func judgeRequest(b []byte) decoders.Verdict {
	for len(b) > 0 && (b[0] == '\r' || b[0] == '\n') {
		b = b[1:]
	}
	i := bytes.IndexByte(b, '\n')
	if i < 0 {
		if len(b) == 0 || startsRequest(b) {
			return decoders.Maybe
		}
		return decoders.No
	}
	var line requestLine
	if line.parse(bytes.TrimSuffix(b[:i], []byte{'\r'}), false) && !line.two {
		return decoders.Yes
	}
	return decoders.No
}

// judgeStatus judges whether b begins with a status line.
func judgeStatus(b []byte) decoders.Verdict {
	i := bytes.IndexByte(b, '\n')
	if i < 0 {
		if startsStatus(b) {
			return decoders.Maybe
		}
		return decoders.No
	}
	if _, _, ok := parseStatus(bytes.TrimSuffix(b[:i], []byte{'\r'})); ok {
		return decoders.Yes
	}
	return decoders.No
}
