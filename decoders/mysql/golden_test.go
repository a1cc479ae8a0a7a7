package mysql

import (
	"testing"

	"unixcap/decoders/decodertest"
)

// The conversations in testdata. Each was made with -client, as in
//
//	go test -run TestRecord -record NAME -client 'mariadb -S $SOCKET …'
//
// Those of other servers than the MariaDB that the test starts had -server, too.
var golden = decodertest.Golden{Protocol: Protocol, Server: loggedServer, Recordings: []decodertest.Recording{
	{Name: "client", Shows: "mariadb, the client: text results, an error, LOAD DATA LOCAL INFILE, a procedure, USE", Slack: 1},
	{Name: "compressed", Shows: "the same client with --compress", Slack: 1},
	{Name: "denied", Shows: "a wrong password", Slack: 1},
	{Name: "tls", Shows: "the client asks for TLS, after which nothing can be read", Slack: 1},
	{Name: "sysbench", Shows: "one transaction of sysbench oltp_read_write with prepared statements", Slack: 1},
	{Name: "capi", Shows: "MariaDB Connector/C: all types, long data, a cursor, direct and bulk execution, out parameters, multi-statements, every small command", Slack: 2},
	{Name: "mysql2", Shows: "Node.js mysql2 without CLIENT_DEPRECATE_EOF: prepared statements, types, NULL", Slack: 1},
	{Name: "pipeline", Shows: "Node.js mariadb: commands sent ahead of the answers, a batch", Slack: -1},
	{Name: "gosql", Shows: "go-sql-driver/mysql: prepared statements, times, errors", Slack: 1},
	{Name: "dbd", Shows: "Perl DBD::mysql with prepared statements on the server, MariaDB 11.8", Slack: 1},
	{Name: "pymysql", Shows: "PyMySQL: values in the text, multi-statements, LOAD DATA LOCAL INFILE, MySQL 9.7", Slack: 1},
	{Name: "mysqlnd", Shows: "PHP mysqli: prepared statements, long data, a cursor, change_user to another method, MySQL 9.7", Slack: 1},
	{Name: "mysqlnd_compressed", Shows: "the same with zlib", Slack: 1},
	{Name: "mysql9", Shows: "libmysqlclient of MySQL 9.7: all types, cursors, out parameters, multi-results, session tracking, query attributes, sha256_password behind change_user", Slack: 1},
	{Name: "mysql9_zstd", Shows: "the same compressed with zstd", Slack: 1},
	{Name: "mysql9_nometa", Shows: "the same with optional result set metadata", Slack: 1},
	{Name: "maria11", Shows: "Connector/C with MariaDB 11.8: cached metadata, all types, session tracking, change_user to ed25519, which is refused the second time", Slack: 1},
	{Name: "mariadb_commands", Shows: "MariaDB 11.8, commands that libraries no longer send: create_db, drop_db, process_kill, register_slave with a password, refresh, shutdown; bulk execution with unit results", Slack: 1},
	{Name: "binlog", Shows: "mysqlbinlog --stop-never follows MySQL 9.7's binary log until it is killed", Slack: 1},
	{Name: "binlog_gtid", Shows: "mysqlbinlog reads a binary log to its end with COM_BINLOG_DUMP_GTID", Slack: 1},
	{Name: "clone", Shows: "CLONE INSTANCE of MySQL 9.7, the second connection: a protocol of its own inside, whose packets look like commands", Slack: 1},
	{Name: "auth_caching_sha2_rsa", Shows: "caching_sha2_password over TCP: the server's key, the password encrypted with it", Slack: 1},
	{Name: "auth_caching_sha2_mariadb", Shows: "caching_sha2_password, full, with MariaDB 11.8", Slack: 1},
	{Name: "auth_parsec", Shows: "a switch to parsec, MariaDB 11.8", Slack: 1},
	{Name: "auth_ed25519", Shows: "a switch to ed25519, with a wrong password", Slack: 1},
	{Name: "auth_pam", Shows: "a switch to dialog, by which PAM asks; refused", Slack: 1},
	{Name: "auth_gssapi", Shows: "a switch to GSSAPI, after which the client gives up", Slack: 1},
	{Name: "auth_socket", Shows: "unix_socket: no exchange beyond the user's name", Slack: 1},
	{Name: "greeting_refused", Shows: "the server refuses the client before any greeting", Slack: 1},
}}

func TestGolden(t *testing.T)  { golden.Test(t) }
func TestRecord(t *testing.T)  { golden.Record(t) }
func FuzzDecoder(f *testing.F) { golden.Fuzz(f) }
func FuzzDetect(f *testing.F) {
	decodertest.FuzzDetect(f, Protocol, [2]string{"\x01\x00\x00\x00\x0e", "\x07\x00\x00\x01\x00\x00\x00\x02\x00\x00\x00"})
}

// loggedServer is the server's proxy. When the test ends, what passed through it
// must be what the server logged.
func loggedServer(t *testing.T) *decodertest.Proxy {
	s := server(t)
	since := s.logSince(t)
	t.Cleanup(func() { t.Logf("%d log entries agree", agree(t, s.proxy.Conversations(), since())) })
	return s.proxy
}
