// Package mysql decodes the client/server protocol of MySQL and MariaDB, as the
// chapter "Client/Server Protocol" of the MySQL Source Code Documentation and
// "MariaDB's Client/Server Protocol" describe it; the names of messages and
// fields are theirs.
//
// Bytes go through a framer (framer.go; compress.go before it if the
// connection is compressed), which cuts them into packets. The dialogue
// (decoder.go) knows whose turn it is: client.go, connect.go and
// prepared_dialogue.go say what the client's packets do, server.go what the
// server's do. The messages themselves are in handshake.go,
// generic_response.go, resultset.go, query.go and prepared.go.
package mysql

import (
	"unixcap/decoders"
	"unixcap/decoders/sql"
)

// Protocol is MySQL's entry in the list of protocols. The X Protocol, which
// mysqlx.sock speaks, is another one.
var Protocol = decoders.Protocol{
	Name:  "mysql",
	Title: "MySQL",
	About: "MySQL and MariaDB: text and binary protocol, prepared statements with bound values, LOCAL INFILE, compression with zlib and zstd.",
	Ports: []uint16{3306},
	Paths: []string{"*/mysqld.sock", "*/mysql.sock", "*/mariadb.sock", "*/mysqld[0-9]*.sock", "*/mysql[0-9]*.sock"},

	Detect: detect,
	New:    newDecoder,

	AppendFingerprint: sql.MySQL.AppendFingerprint,
	AppendShape:       sql.MySQL.AppendShape,
}
