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
	{"greeting_refused", "the server refuses the client before any greeting", 1},
}

func TestGolden(t *testing.T) {
	for _, g := range golden {
		t.Run(g.name, func(t *testing.T) {
			c := decodertest.Golden(t, Protocol, filepath.Join("testdata", g.name), *update)
			if t.Failed() {
				t.Log(g.shows)
			}
			decodertest.Splits(t, Protocol, c)
			if g.slack < 0 {
				return
			}
			decodertest.Starts(t, Protocol, c, g.slack)
			decodertest.Gaps(t, Protocol, c, g.slack)
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
	s := server(t)
	var all []decodertest.Conversation
	log := s.logged(t, func() {
		all = s.run(t, "", "env", "SOCKET="+s.proxy.Path, "sh", "-c", *client)
	})
	for i, c := range all {
		for _, x := range decodertest.Whole(Protocol, c) {
			t.Logf("%d %.1000s", i, decodertest.JSON(&x))
		}
	}
	t.Logf("%d log entries agree", agree(t, all, log))
	all[len(all)-1].Write(t, filepath.Join("testdata", *record+".conv"))
}
