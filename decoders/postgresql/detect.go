package postgresql

import (
	"bytes"
	"encoding/binary"

	"unixcap/decoders"
	"unixcap/decoders/sql"
)

// detect judges a conversation's first bytes.
func detect(client, server []byte, hinted bool) decoders.Verdict {
	switch {
	case len(client) == 0 && len(server) == 0:
		return decoders.Maybe
	case len(client) == 0: // the middle of an answer
		if whole, ok := chained(&serverTypes, server); ok && whole > 0 || hinted {
			return decoders.Maybe
		}
		return decoders.No
	case client[0] == 0:
		return detectStartup(client, server)
	}
	return detectMiddle(client, server, hinted)
}

// detectStartup judges a client's first packet, which has no type.
func detectStartup(client, server []byte) decoders.Verdict {
	if !plausibleStartup(client) || !followsStartup(client, server) {
		return decoders.No
	}
	if len(client) < requestLength {
		return decoders.Maybe
	}
	if binary.BigEndian.Uint32(client[lengthField:])>>16 != protocol3>>16 {
		return decoders.Yes // the magic numbers of the requests
	}
	r := reader{b: client[requestLength:]}
	key := r.text()
	if !lowerName(key) {
		return decoders.No
	}
	value := r.text()
	switch {
	case r.bad:
		return decoders.Maybe
	case len(key) > 0 && plausibleText(value):
		return decoders.Yes
	}
	return decoders.No
}

// lowerName says whether b may be the name of a parameter, such as user.
func lowerName(b []byte) bool {
	for _, c := range b {
		if (c < 'a' || c > 'z') && c != '_' && c != '.' {
			return false
		}
	}
	return true
}

// followsStartup says whether a server's bytes can be the answer to a packet
// without a type.
func followsStartup(client, server []byte) bool {
	if len(server) == 0 || len(client) < requestLength {
		return true
	}
	switch binary.BigEndian.Uint32(client[lengthField:]) {
	case cancelRequest:
		return server[0] == kindErrorResponse
	case sslRequest, gssencRequest:
		return bytes.IndexByte([]byte("NSGE"), server[0]) >= 0
	}
	if bytes.IndexByte([]byte("REvNS"), server[0]) < 0 {
		return false
	}
	_, ok := chained(&serverTypes, server)
	return ok
}

// detectMiddle judges a conversation that is seen from the middle: a client's
// request says Maybe, and with its answer, or with a port or path that speak
// for it, Yes.
func detectMiddle(client, server []byte, hinted bool) decoders.Verdict {
	strong, ok := judgeRequests(client)
	if !ok {
		return decoders.No
	}
	if len(server) > 0 {
		whole, ok := chained(&serverTypes, server)
		switch {
		case ok && whole > 0 && strong:
			return decoders.Yes
		case ok && whole > 1 && endsReady(server):
			return decoders.Yes
		case !ok && !endsReady(server) && !hinted:
			return decoders.No
		case strong && endsReady(server):
			return decoders.Yes
		}
	}
	switch {
	case hinted && strong:
		return decoders.Yes
	case len(server) == 0 || hinted || ok:
		return decoders.Maybe
	}
	return decoders.No
}

// judgeRequests says whether a client's bytes are requests, and whether one of
// them has the form of one that nothing else has.
func judgeRequests(client []byte) (strong, ok bool) {
	whole, ok := chained(&clientTypes, client)
	if !ok {
		return false, false
	}
	for range whole {
		length := int(binary.BigEndian.Uint32(client[1:]))
		m := message{kind: client[0], body: client[typedHeader : 1+length], size: int64(length - lengthField)}
		client = client[1+length:]
		if m.kind == kindCopyData || m.kind == kindPassword || m.kind == kindCopyDone || m.kind == kindCopyFail || m.kind == kindFunctionCall {
			continue
		}
		if !plausibleRequest(&m) {
			return false, false
		}
		switch m.kind {
		case kindQuery:
			strong = strong || beginsSQL(m.body)
		case kindParse, kindBind, kindExecute, kindDescribe:
			strong = true
		}
	}
	return strong, true
}

// beginsSQL says whether b begins with a statement's first word.
func beginsSQL(b []byte) bool {
	switch string(bytes.ToLower(sql.PostgreSQL.FirstWord(b))) {
	case "select", "insert", "update", "delete", "merge", "set", "show", "reset", "begin", "commit", "rollback", "start",
		"end", "abort", "with", "call", "create", "alter", "drop", "truncate", "explain", "analyze", "vacuum", "lock",
		"copy", "do", "grant", "revoke", "savepoint", "release", "prepare", "execute", "deallocate", "declare", "fetch",
		"move", "close", "listen", "notify", "unlisten", "discard", "values", "table", "comment", "cluster", "reindex",
		"refresh", "checkpoint", "import", "security", "reassign", "load",
		"identify_system", "start_replication", "base_backup", "timeline_history", "create_replication_slot",
		"drop_replication_slot", "read_replication_slot":
		return true
	}
	return false
}
