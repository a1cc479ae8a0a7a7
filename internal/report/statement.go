package report

import (
	"bytes"
	"hash/fnv"
	"strings"

	"unixcap/decoders"
)

// A statementKind is what a request does to its connection's transaction.
type statementKind uint8

const (
	statementOther statementKind = iota
	statementBegin
	statementCommit
	statementRollback
	statementAutocommit // SET autocommit
	statementDDL        // commits what is open, in MySQL
	statementDeallocate // all prepared statements
	statementConnection // is about the connection: login, ping, quit
)

// kindOf judges a class of requests.
func kindOf(proto, op, class string) statementKind {
	if proto == "redis" {
		switch op {
		case "multi":
			return statementBegin
		case "exec":
			return statementCommit
		case "discard":
			return statementRollback
		}
		return statementOther
	}
	if class == op || class == "" { // it has no text
		if op == "reset_connection" || op == "change_user" {
			return statementDeallocate
		}
		return statementConnection
	}
	first, rest, _ := strings.Cut(class, " ")
	switch first {
	case "begin":
		return statementBegin
	case "start":
		if strings.HasPrefix(rest, "transaction") {
			return statementBegin
		}
	case "commit", "end":
		if !strings.HasPrefix(rest, "prepared") {
			return statementCommit
		}
	case "rollback", "abort":
		if !strings.HasPrefix(rest, "to ") && !strings.HasPrefix(rest, "work to ") && !strings.HasPrefix(rest, "prepared") {
			return statementRollback
		}
	case "set":
		if proto == "mysql" && strings.Contains(rest, "autocommit =") {
			return statementAutocommit
		}
	case "create", "alter", "drop", "truncate", "rename":
		if proto == "mysql" && !strings.HasPrefix(rest, "temporary") {
			return statementDDL
		}
	case "discard", "deallocate":
		if rest == "all" {
			return statementDeallocate
		}
	}
	return statementOther
}

// prepares reports whether an operation only prepares what another executes.
func prepares(op string) bool {
	switch op {
	case "stmt_prepare", "stmt_close", "stmt_reset", "stmt_send_long_data", "parse", "describe", "close", "sync":
		return true
	}
	return false
}

// turnsOff says what SET autocommit sets it to.
func turnsOff(request []byte) bool {
	_, value, _ := bytes.Cut(bytes.ToLower(request), []byte("autocommit"))
	value = bytes.TrimLeft(value, "` :=")
	return bytes.HasPrefix(value, []byte("0")) || bytes.HasPrefix(value, []byte("off")) || bytes.HasPrefix(value, []byte("false"))
}

// attr finds an attribute.
func attr(x *decoders.Exchange, key string) (v *decoders.Value, ok bool) {
	for i := range x.Attrs {
		if x.Attrs[i].Key == key {
			return &x.Attrs[i].Value, true
		}
	}
	return nil, false
}

// prepared says which prepared statement an exchange makes or closes.
func prepared(proto string, x *decoders.Exchange) (id uint64, made, closed bool) {
	switch {
	case proto == "mysql" && (x.Op == "stmt_prepare" && x.Status == decoders.OK || x.Op == "stmt_close"):
		if v, ok := attr(x, "statement_id"); ok {
			return v.Uint(), x.Op == "stmt_prepare", x.Op == "stmt_close"
		}
	case proto == "postgresql" && x.Status == decoders.OK:
		v, named := attr(x, "statement")
		if !named {
			return 0, false, false
		}
		steps, ok := attr(x, "messages")
		if !ok {
			return 0, false, false
		}
		h := fnv.New64a()
		h.Write(v.Bytes)
		return h.Sum64(), bytes.Contains(steps.Bytes, []byte("parse")), bytes.Contains(steps.Bytes, []byte("close"))
	}
	return 0, false, false
}
