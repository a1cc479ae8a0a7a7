package http2

import (
	"strings"

	"unixcap/decoders"
)

// detect judges a conversation's first bytes. A client begins with the preface, a
// server with SETTINGS; in the middle there are frames, of which several in a row
// are likely to be ones. The first bytes of a TLS record would be a frame that is
// too long.
func detect(client, server []byte, hinted bool) decoders.Verdict {
	if len(client) >= len(preface) && string(client[:len(preface)]) == preface {
		return decoders.Yes
	}
	asks, answers := judge(decoders.Client, client), judge(decoders.Server, server)
	enough := enoughFrames
	if hinted {
		enough = enoughHinted
	}
	switch {
	case strings.HasPrefix(preface, string(client)) && (len(client) > 0 || answers >= 0):
		// As far as it goes. The server says no more as long as the client has not.
		if answers >= enough {
			return decoders.Yes
		}
		return decoders.Maybe
	case asks >= 0 && answers >= 0 && asks+answers >= enough, asks >= sure || answers >= sure:
		return decoders.Yes
	case asks >= 0 && answers >= 0:
		return decoders.Maybe
	}
	return decoders.No
}

// How many frames both ends must have begun with, of which a complete last one
// counts twice; and how many one end, whatever the other one says.
const (
	enoughFrames = 3
	enoughHinted = 2
	sure         = 4
)

// judge returns how many frames an end began with, one more if they end where b
// does, and -1 if it did not begin with frames. SETTINGS, in which only known ones
// are set, count for enough.
func judge(from decoders.End, b []byte) int {
	if len(b) < headerLength {
		if len(b) > 0 && b[0] != 0 {
			return -1
		}
		return 0
	}
	chain, end := follow(from, b)
	switch {
	case chain == 0:
		return -1
	case end == len(b):
		chain++
	}
	if isSettings(b) {
		chain += enoughFrames
	}
	return chain
}

// maxSetting is the highest number among those of the settings' registry, but for
// what programs use among themselves: RFC 9113, 11.3.
const maxSetting = 16

// isSettings says whether b begins with SETTINGS that has settings, as all have
// that begin a connection, as a rule.
func isSettings(b []byte) bool {
	h, _ := parseHeader(b)
	if h.kind != frameSettings || h.length == 0 || int(h.length) > len(b)-headerLength {
		return false
	}
	for p := b[headerLength : headerLength+int(h.length)]; len(p) > 0; p = p[6:] {
		if id := int(p[0])<<8 | int(p[1]); id == 0 || id > maxSetting && id < 0xf000 {
			return false
		}
	}
	return true
}
