package redis

import (
	"bytes"

	"unixcap/decoders"
)

// detect judges a conversation's first bytes. A command in RESP is hardly
// anything else. An inline command is a line of text, so its answer must speak
// for it. What subscribers get is known by itself.
func detect(client, server []byte, hinted bool) decoders.Verdict {
	if len(client) == 0 {
		return detectServer(server, hinted)
	}
	v, known := judgeCommand(client)
	switch {
	case v == decoders.No:
		return detectInline(client, server, hinted)
	case v == decoders.Maybe:
		return decoders.Maybe
	case hinted || known, answers(server) == decoders.Yes:
		return decoders.Yes
	case len(server) == 0, answers(server) == decoders.Maybe:
		return decoders.Maybe
	}
	return decoders.No
}

// detectServer judges a server's bytes when the client has not spoken: the
// conversation is seen from the middle, or the server refuses the client.
func detectServer(server []byte, hinted bool) decoders.Verdict {
	switch {
	case len(server) == 0:
		return decoders.Maybe
	case looksPushed(server) && server[0] != '>',
		bytes.HasPrefix(server, []byte("-ERR max number of clients")), bytes.HasPrefix(server, []byte("-DENIED Redis")):
		return decoders.Yes
	case hinted || answers(server) != decoders.No:
		return decoders.Maybe
	}
	return decoders.No
}

// judgeCommand judges whether client begins with a command in RESP; known says
// that it is one that Redis has.
func judgeCommand(client []byte) (v decoders.Verdict, known bool) {
	f := framer{end: decoders.Client}
	rest, got := f.next(client)
	if client[0] != '*' {
		return decoders.No, false
	}
	switch {
	case got == more && len(client) <= maxNumberLine:
		return decoders.Maybe, false
	case got != found || f.item.n < 1:
		return decoders.No, false
	}
	total := f.item.n
	for i := int64(0); i < total; i++ {
		if len(rest) > 0 && rest[0] != '$' {
			return decoders.No, false
		}
		rest, got = f.next(rest)
		if got == malformed || got == found && (f.item.kind != '$' || f.item.n < 0) {
			return decoders.No, false
		}
		if got == more || !f.item.whole {
			if i > 0 {
				break
			}
			if got == found && f.item.n > maxName {
				return decoders.No, false
			}
			return decoders.Maybe, false
		}
		if i > 0 {
			continue
		}
		if !plausibleName(f.item.data) {
			return decoders.No, false
		}
		var b [maxName]byte
		known = commands[string(appendLower(b[:0], f.item.data))] != nil
	}
	return decoders.Yes, known
}

// answers judges whether server begins with a reply.
func answers(server []byte) decoders.Verdict {
	if len(server) == 0 {
		return decoders.Maybe
	}
	f := framer{end: decoders.Server}
	_, got := f.next(server)
	switch {
	case got == malformed:
		return decoders.No
	case got == more:
		return decoders.Maybe
	}
	switch t := &f.item; t.kind {
	case ':':
		if _, ok := signed(t.data); !ok {
			return decoders.No
		}
	case '+', '-', ',', '(':
		if !isText(t.data) {
			return decoders.No
		}
	case kindChunk, kindStop:
		return decoders.No
	}
	return decoders.Yes
}

func isText(b []byte) bool {
	for _, c := range b {
		if c < ' ' || c == 0x7f {
			return false
		}
	}
	return len(b) > 0
}

// detectInline judges lines that people or scripts type. Other protocols have
// such lines, and answers that begin with + or -, so the answer must be one
// that only Redis gives.
func detectInline(client, server []byte, hinted bool) decoders.Verdict {
	line, _, ended := bytes.Cut(client, []byte{'\n'})
	word, _, _ := bytes.Cut(bytes.TrimRight(line, "\r"), []byte{' '})
	if len(word) > maxName || !ended && len(client) > maxLine/16 {
		return decoders.No
	}
	var b [maxName]byte
	if ended && commands[string(appendLower(b[:0], word))] == nil || !ended && !isText(line) {
		return decoders.No
	}
	switch v := answers(server); {
	case !ended || v == decoders.Maybe:
		return decoders.Maybe
	case v == decoders.No:
		return decoders.No
	case hinted:
		return decoders.Yes
	}
	switch server[0] {
	case '+':
		if bytes.HasPrefix(server, []byte("+PONG\r\n")) {
			return decoders.Yes
		}
	case '-':
		if bytes.HasPrefix(server, []byte("-NOAUTH ")) || bytes.HasPrefix(server, []byte("-WRONGTYPE ")) {
			return decoders.Yes
		}
	default:
		return decoders.Yes
	}
	return decoders.No
}
