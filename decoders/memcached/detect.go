package memcached

import (
	"bytes"

	"unixcap/decoders"
)

// detect judges a conversation's first bytes. A command line is short and of
// ordinary words, so the answer must speak for it; a binary packet's header has
// enough that must be right.
func detect(client, server []byte, hinted bool) decoders.Verdict {
	asks, answers := judge(client, false), judge(server, true)
	switch {
	case asks == decoders.No && len(client) > 0, answers == decoders.No && len(server) > 0:
		return decoders.No
	case asks == decoders.Yes && answers == decoders.Yes, hinted && asks == decoders.Yes && len(server) == 0:
		return decoders.Yes
	case bytes.HasPrefix(server, []byte("VALUE ")) && answers == decoders.Yes && len(client) == 0 && hinted:
		return decoders.Yes
	}
	return decoders.Maybe
}

// judge judges what an end sends first.
func judge(b []byte, server bool) decoders.Verdict {
	if len(b) == 0 {
		return decoders.Maybe
	}
	if b[0]&^1 == magicRequest {
		return judgePacket(b, server)
	}
	i := bytes.IndexByte(b, '\n')
	if i < 0 {
		word, _ := nextWord(b)
		if len(word) > maxName || !isText(b) || b[0] == ' ' {
			return decoders.No
		}
		return decoders.Maybe
	}
	if i == 0 || b[i-1] != '\r' || !isText(b[:i-1]) {
		return decoders.No
	}
	word, rest := nextWord(b[:i-1])
	if server {
		return judgeAnswer(word, rest)
	}
	c, known := commands[string(word)]
	if !known {
		return decoders.No
	}
	var w []byte
	count := 0
	for w, rest = nextWord(rest); len(w) > 0; w, rest = nextWord(rest) {
		count++
		if count == c.bytes {
			if _, ok := decoders.Decimal(w); !ok {
				return decoders.No
			}
		}
		if count == c.keys && len(w) > maxKey {
			return decoders.No
		}
	}
	if count < max(c.keys, c.bytes) {
		return decoders.No
	}
	return decoders.Yes
}

// judgeAnswer judges an answer's first line by what only memcached says.
func judgeAnswer(word, rest []byte) decoders.Verdict {
	switch string(word) {
	case "VALUE":
		_, rest = nextWord(rest)
		flags, rest := nextWord(rest)
		n, _ := nextWord(rest)
		if _, ok := decoders.Decimal(flags); !ok {
			return decoders.No
		}
		if _, ok := decoders.Decimal(n); !ok {
			return decoders.No
		}
		return decoders.Yes
	case "END", "STORED", "NOT_STORED", "EXISTS", "NOT_FOUND", "DELETED", "TOUCHED", "STAT", "VERSION", "ERROR", "CLIENT_ERROR",
		"SERVER_ERROR", "HD", "VA", "EN", "NF", "NS", "EX", "MN", "ME", "OK", "RESET":
		return decoders.Yes
	}
	if _, ok := decoders.Decimal(word); ok && len(rest) == 0 {
		return decoders.Yes
	}
	return decoders.No
}

func judgePacket(b []byte, server bool) decoders.Verdict {
	if len(b) < headerLength {
		h := append(append(make([]byte, 0, headerLength), b...), make([]byte, headerLength-len(b))...)
		if h[0] != magicRequest && !server || h[0] != magicResponse && server || len(b) > 1 && opcodes[h[1]].name == "" || len(b) > 5 && h[5] != 0 {
			return decoders.No
		}
		return decoders.Maybe
	}
	h := header(b)
	if !h.valid(server) {
		return decoders.No
	}
	return decoders.Yes
}
