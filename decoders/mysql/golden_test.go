package mysql

import (
	"flag"
	"path/filepath"
	"testing"

	"unixcap/decoders/decodertest"
)

var (
	update = flag.Bool("update", false, "rewrite the expected output in testdata")
	record = flag.String("record", "", "record -client's last conversation as testdata/NAME.conv")
	client = flag.String("client", "", "shell command for -record; $SOCKET is the server's socket")
	target = flag.String("server", "", "socket of a server that runs already, for -record; without it MariaDB is started")
	which  = flag.Int("connection", -1, "which of the connections -record keeps, counted from 0; -1 is the last")
)

// The conversations in testdata, what each shows, and how many requests may go
// unanswered before the decoder has found its place: one, or as many as were
// sent ahead. A client that is always ahead leaves no way to tell whose the
// first answer is (-1).
var golden = []struct {
	name, shows string
	slack       int
}{
	{"client", "mariadb, the client: text results, an error, LOAD DATA LOCAL INFILE, a procedure, USE", 1},
	{"compressed", "the same client with --compress", 1},
	{"denied", "a wrong password", 1},
	{"tls", "the client asks for TLS, after which nothing can be read", 1},
	{"sysbench", "one transaction of sysbench oltp_read_write with prepared statements", 1},
	{"capi", "MariaDB Connector/C: all types, long data, a cursor, direct and bulk execution, out parameters, multi-statements, every small command", 2},
	{"mysql2", "Node.js mysql2 without CLIENT_DEPRECATE_EOF: prepared statements, types, NULL", 1},
	{"pipeline", "Node.js mariadb: commands sent ahead of the answers, a batch", -1},
	{"gosql", "go-sql-driver/mysql: prepared statements, times, errors", 1},
	{"dbd", "Perl DBD::mysql with prepared statements on the server, MariaDB 11.8", 1},
	{"pymysql", "PyMySQL: values in the text, multi-statements, LOAD DATA LOCAL INFILE, MySQL 9.7", 1},
	{"mysqlnd", "PHP mysqli: prepared statements, long data, a cursor, change_user to another method, MySQL 9.7", 1},
	{"mysqlnd_compressed", "the same with zlib", 1},
	{"mysql9", "libmysqlclient of MySQL 9.7: all types, cursors, out parameters, multi-results, session tracking, query attributes, sha256_password behind change_user", 1},
	{"mysql9_zstd", "the same compressed with zstd", 1},
	{"mysql9_nometa", "the same with optional result set metadata", 1},
	{"maria11", "Connector/C with MariaDB 11.8: cached metadata, all types, session tracking, change_user to ed25519, which is refused the second time", 1},
	{"mariadb_commands", "MariaDB 11.8, commands that libraries no longer send: create_db, drop_db, process_kill, register_slave with a password, refresh, shutdown; bulk execution with unit results", 1},
	{"binlog", "mysqlbinlog --stop-never follows MySQL 9.7's binary log until it is killed", 1},
	{"binlog_gtid", "mysqlbinlog reads a binary log to its end with COM_BINLOG_DUMP_GTID", 1},
	{"clone", "CLONE INSTANCE of MySQL 9.7, the second connection: a protocol of its own inside, whose packets look like commands", 1},
	{"auth_caching_sha2_rsa", "caching_sha2_password over TCP: the server's key, the password encrypted with it", 1},
	{"auth_caching_sha2_mariadb", "caching_sha2_password, full, with MariaDB 11.8", 1},
	{"auth_parsec", "a switch to parsec, MariaDB 11.8", 1},
	{"auth_ed25519", "a switch to ed25519, with a wrong password", 1},
	{"auth_pam", "a switch to dialog, by which PAM asks; refused", 1},
	{"auth_gssapi", "a switch to GSSAPI, after which the client gives up", 1},
	{"auth_socket", "unix_socket: no exchange beyond the user's name", 1},
	{"greeting_refused", "the server refuses the client before any greeting", 1},
}

func TestGolden(t *testing.T) {
	for _, g := range golden {
		t.Run(g.name, func(t *testing.T) {
			c := decodertest.Golden(t, Protocol, filepath.Join("testdata", g.name), *update)
			if t.Failed() {
				t.Log(g.shows)
			}
			decodertest.Everything(t, Protocol, c, g.slack)
		})
	}
}

// TestRecord is not a test but how the conversations got here:
//
//	go test -run TestRecord -record NAME -client 'mariadb -S $SOCKET …'
func TestRecord(t *testing.T) {
	if *record == "" {
		return // it makes golden conversations, and tests only what it makes
	}
	var all []decodertest.Conversation
	var log []string
	if *target == "" {
		s := server(t)
		log = s.logged(t, func() { all = s.run(t, "", "env", "SOCKET="+s.proxy.Path, "sh", "-c", *client) })
	} else {
		s := &testServer{dir: t.TempDir(), socket: *target}
		var err error
		if s.proxy, err = decodertest.NewProxy(filepath.Join(s.dir, "mysqld.sock"), s.socket); err != nil {
			t.Fatal(err)
		}
		all = s.run(t, "", "env", "SOCKET="+s.proxy.Path, "sh", "-c", *client)
	}
	for i, c := range all {
		for _, x := range decodertest.Whole(Protocol, c) {
			t.Logf("%d %.1000s", i, decodertest.JSON(&x))
		}
	}
	if log != nil {
		t.Logf("%d log entries agree", agree(t, all, log))
	}
	if *which < 0 {
		*which = len(all) - 1
	}
	all[*which].Write(t, filepath.Join("testdata", *record+".conv"))
}
