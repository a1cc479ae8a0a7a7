// Package postgresql decodes the protocol between PostgreSQL's clients and
// server, version 3, as the chapter "Frontend/Backend Protocol" of the
// PostgreSQL documentation describes it; the names of messages and fields are
// that chapter's. Servers that speak the protocol (pgbouncer, CockroachDB and
// others) are decoded like PostgreSQL's.
//
// Bytes go through a framer (framer.go), which cuts them into messages; what
// messages there are is in message.go. The dialogue (decoder.go) knows whose
// turn it is: client.go, startup.go and extended.go say what the client's
// messages do, server.go and copy.go what the server's do, resync.go how the
// place is found in the middle.
//
// An exchange is a statement, not a message: Parse, Describe, Bind, Execute and
// Sync that are sent one behind the other about the same statement are one
// exchange, whose attribute "messages" names them. Its operation is that of the
// most important of them: execute, bind, parse, describe, close, sync.
//
// Parse, Bind and the like, which come with each statement, are read here, since
// pgproto3 allocates for each of their fields; pgproto3 reads what is rare, and
// the tests hold both to the same results.
package postgresql

import (
	"unixcap/decoders"
	"unixcap/decoders/sql"
)

// Protocol is PostgreSQL's entry in the list of protocols.
var Protocol = decoders.Protocol{
	Name:  "postgresql",
	Title: "PostgreSQL",
	About: "PostgreSQL: simple and extended queries with bound values, COPY, notifications, replication.",
	Ports: []uint16{5432, 6432},
	Paths: []string{"*/.s.PGSQL.*"},

	Detect:            detect,
	New:               newDecoder,
	AppendFingerprint: sql.PostgreSQL.AppendFingerprint,
	AppendShape:       sql.PostgreSQL.AppendShape,
}
