package mysql

import (
	"bytes"

	"unixcap/decoders"
	"unixcap/decoders/sql"
)

// detect judges a conversation's first bytes.
func detect(client, server []byte, hinted bool) decoders.Verdict {
	if len(server) == 0 && len(client) > 0 { // clients do not speak first
		return detectMiddle(client, server, hinted)
	}
	if v := detectGreeting(server); v != decoders.No && followsGreeting(client) {
		return v
	}
	return detectMiddle(client, server, hinted)
}

// detectGreeting judges a server's first bytes, which are a HandshakeV10 or
// an ERR_Packet, both with sequence id 0. A server that has not spoken may
// yet.
func detectGreeting(server []byte) decoders.Verdict {
	if len(server) < headerLength+1 {
		if len(server) > 3 && server[3] != 0 || len(server) > 2 && server[2] != 0 {
			return decoders.No
		}
		return decoders.Maybe
	}
	length := uint24(server)
	if server[3] != 0 || length < 8 || length > decoders.DetectBytes {
		return decoders.No
	}
	b := server[headerLength:]
	whole := len(b) >= length
	b = b[:min(len(b), length)]
	switch b[0] {
	case 10:
		var m HandshakeV10
		if whole && m.Decode(b) == nil {
			return decoders.Yes
		}
		version, _, ended := bytes.Cut(b[1:], []byte{0})
		if !whole && (ended && plausibleVersion(version) || !ended && plausibleText(version)) {
			return decoders.Maybe
		}
	case headerErr:
		var m ERRPacket
		if whole && m.Decode(b) == nil && plausibleError(&m) && plausibleASCII(m.Message) {
			return decoders.Yes
		}
		if !whole {
			return decoders.Maybe
		}
	}
	return decoders.No
}

func plausibleASCII(b []byte) bool {
	for _, c := range b {
		if c < ' ' || c > '~' {
			return false
		}
	}
	return true
}

// followsGreeting says whether a client's first bytes can be the answer to a
// greeting.
func followsGreeting(client []byte) bool {
	if len(client) < headerLength {
		return true
	}
	length := uint24(client)
	return client[3] == 1 && length >= minHandshake && length <= maxHandshake
}

// detectMiddle judges a conversation that is seen from the middle: a client's
// command says Maybe, and with its answer, or with a port or path that speak
// for it, Yes.
func detectMiddle(client, server []byte, hinted bool) decoders.Verdict {
	if len(client) == 0 {
		if hinted {
			return decoders.Maybe
		}
		return decoders.No
	}
	strength := judgeCommand(client)
	switch {
	case strength == none:
		return decoders.No
	case answers(server):
		return decoders.Yes
	case hinted && strength == strong:
		return decoders.Yes
	case len(server) == 0 || hinted:
		return decoders.Maybe
	}
	return decoders.No
}

// evidence is how much speaks for a packet's being a command.
type evidence uint8

const (
	none evidence = iota
	weak
	strong
)

// judgeCommand judges the beginning of a client's bytes.
func judgeCommand(client []byte) evidence {
	if len(client) <= headerLength {
		return none
	}
	length, b := uint24(client), client[headerLength:]
	if client[3] != 0 || !plausibleCommand(b[:min(len(b), max(length, 0))], length) {
		return none
	}
	next := headerLength + length
	if len(client) > next && (len(client) < next+headerLength || client[next+3] != 0) {
		return none
	}
	switch b[0] {
	case comQuery, comStmtPrepare:
		if beginsSQL(b[1:]) {
			return strong
		}
		return none
	case comStmtExecute:
		return strong
	}
	return weak
}

// beginsSQL says whether b begins with a statement's first word.
func beginsSQL(b []byte) bool {
	if looksAttributed(append([]byte{comQuery}, b[:min(len(b), 4)]...)) {
		b = b[2:]
	}
	switch string(bytes.ToLower(sql.MySQL.FirstWord(b))) {
	case "select", "insert", "update", "delete", "replace", "set", "show", "begin", "commit", "rollback", "start",
		"with", "call", "create", "alter", "drop", "truncate", "use", "explain", "desc", "describe", "analyze", "lock",
		"unlock", "load", "do", "kill", "flush", "grant", "revoke", "savepoint", "release", "prepare", "execute",
		"deallocate", "handler", "optimize", "check", "rename", "xa", "values", "table", "declare", "import", "help":
		return true
	}
	return false
}

// answers says whether a server's bytes hold the answer to a command: its
// first packet at their beginning, or a column definition anywhere, since
// what comes first may be the rest of an older answer.
func answers(server []byte) bool {
	if len(server) > headerLength && server[3] == 1 {
		length, b := uint24(server), server[headerLength:]
		b = b[:min(len(b), length)]
		var ok OKPacket
		var refusal ERRPacket
		switch {
		case len(b) == length && length >= minOKLength && length < 64 && b[0] == headerOK && ok.Decode(b, true) == nil:
			return true
		case refusal.Decode(b) == nil && refusal.SQLState != nil && plausibleError(&refusal):
			return true
		}
	}
	for i := 0; ; {
		k := bytes.Index(server[i:], []byte("\x03def"))
		if k < 0 {
			return false
		}
		at := i + k
		if at >= headerLength && server[at-1] >= 2 && server[at-2] == 0 && server[at-3] <= 4 {
			return true
		}
		i = at + 1
	}
}
