package endtoend

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// values are one of every type that a client can bind, but those of DECIMAL.
func values() []value {
	number := func(n int, v uint64) string {
		b := make([]byte, n)
		for i := range b {
			b[i] = byte(v >> (8 * i))
		}
		return string(b)
	}
	text := func(s string) string { return string([]byte{byte(len(s))}) + s }
	minus := func(v int64) uint64 { return uint64(v) }
	return []value{
		{1, number(1, minus(-128))}, {2, number(2, minus(-32768))}, {3, number(4, minus(-2147483648))}, {8, number(8, minus(math.MinInt64))},
		{0x8001, number(1, 255)}, {0x8002, number(2, 65535)}, {0x8003, number(4, math.MaxUint32)}, {0x8008, number(8, math.MaxUint64)},
		{4, number(4, uint64(math.Float32bits(0.25)))}, {5, number(8, math.Float64bits(-1.5))},
		{253, text("it's ünï")}, {254, text("")}, {252, text("plain")}, {246, text("-12345.67890")}, {253, null}, {6, null},
		{10, "\x04" + number(2, 2026) + "\x02\x1c"}, {12, "\x0b" + number(2, 1999) + "\x0c\x1f\x17\x3b\x3a" + number(4, 120)},
		{7, "\x07" + number(2, 2001) + "\x01\x02\x03\x04\x05"}, {11, "\x0c\x01" + number(4, 2) + "\x03\x04\x05" + number(4, 600000)}, {11, "\x08\x00" + number(4, 0) + "\x0b\x16\x21"},
	}
}

// everyCommand says, over one connection, each command that a client can.
func everyCommand(c *mysqlClient) {
	c.query("create or replace table t (i int primary key auto_increment, s text, n varchar(9) default 'd', b blob, dt datetime(6), de decimal(20,5), e enum('a','b'), se set('x','y'), bi bit(9), j json, y year, f float, d double, ti time(3))")
	c.query("insert into t values (1, 'ünï', null, x'00ff', '2026-01-02 03:04:05.000006', 1.5, 'a', 'x,y', b'101', '{\"a\":1}', 2026, 1.5, 2.5, '-01:02:03.004'), (2, '', '', '', null, null, null, null, null, null, null, null, null, null)")
	c.query("select * from t")                                               // text rows of every type, NULL
	c.query("select 1; select 2 union select 3; update t set n = 'm'; do 1") // multi-statements
	c.query("select 1; select nothing from nowhere; select 2")
	c.query("use test")
	c.query("select convert('x', int) + 'y'") // warnings
	c.query("create or replace procedure p(out o int, inout io varchar(9)) begin select 1; select 2, 3 union select 4, 5; set o = 7; set io = 'z'; end")
	c.query("call p(@a, @b)") // multi-results
	c.query("set @@session.time_zone = '+01:00', autocommit = 0")
	c.query("start transaction")
	c.query("insert into t (s) values ('rolled back')")
	c.query("rollback")
	c.query("set autocommit = 1")
	c.query("set session_track_schema = on, session_track_state_change = on, session_track_system_variables = '*'")
	c.query("set names utf8mb4")
	c.file = "7\tseven\n8\tselect 1\n"
	c.query("load data local infile 'file' into table t (i, s)")
	c.file = ""
	c.query("load data local infile 'empty' into table t (i, s)")
	c.ask("init_db", "\x02mysql")
	c.ask("init_db", "\x02nowhere")
	c.ask("init_db", "\x02test")
	c.rows("field_list", "\x04t\x00%", false)
	c.ask("ping", "\x0e")
	c.text("statistics", "\x09")
	c.ask("process_info", "\x0a")
	c.ask("kill", "\x0c\xff\xff\xff\x00")
	c.ask("debug", "\x0d")
	c.ask("refresh", "\x07\x02")
	c.ask("set_option", "\x1b\x01\x00")
	c.ask("set_option", "\x1b\x00\x00")
	c.query("select 1; select 2")
	c.ask("set_option", "\x1b\x00\x00")
	c.ask("create_db", "\x05a")
	c.ask("unknown", "\x0f")
	c.ask("unknown", "\x21x")
	c.ask("register_slave", "\x15\x63\x00\x00\x00\x04host\x04user\x06secret\xea\x0c\x00\x00\x00\x00\x00\x00\x00\x00")
	prepared(c)
	c.changeUser("root")
	c.query("select 'as another'")
	c.changeUser("nobody")
}

// prepared says what there is about prepared statements.
func prepared(c *mysqlClient) {
	all := values()
	id := c.prepare("select " + strings.Repeat("?, ", len(all)-1) + "?")
	c.execute(id, true, all...)
	c.execute(id, false, all...) // without types
	c.ask("stmt_reset", "\x1a"+id)
	c.execute(id, true, slices.Repeat([]value{{253, null}}, len(all))...)
	c.send("stmt_close", "\x19"+id)

	id = c.prepare("insert into t (s, b) values (?, ?)")
	c.execute(id, true, value{253, "\x05first"}, value{252, "\x06second"})
	c.send("stmt_send_long_data", "\x18"+id+"\x00\x00long ")
	c.send("stmt_send_long_data", "\x18"+id+"\x00\x00data")
	c.send("stmt_send_long_data", "\x18"+id+"\x01\x00"+strings.Repeat("b", 70000))
	c.ask("stmt_execute", "\x17"+id+"\x00\x01\x00\x00\x00\x00\x01\xfd\x00\xfc\x00")
	c.ask("stmt_bulk_execute", "\xfa"+id+"\x80\x00\xfd\x00\xfc\x00\x00\x01a\x00\x01b\x01\x00\x01c\x00\x01d\x01")
	c.send("stmt_close", "\x19"+id)

	id = c.prepare("select i, s, b, dt, de, f, d, ti, y, bi from t where i > ?")
	c.execute(id, true, value{3, "\x00\x00\x00\x00"}) // binary rows of every type
	c.execute(id, true, value{3, "\xff\xff\x00\x00"}) // no rows
	c.send("stmt_close", "\x19"+id)
	id = c.prepare("select i from t union all select i from t")
	c.cursor(id)
	c.rows("stmt_fetch", "\x1c"+id+"\x02\x00\x00\x00", true)
	c.rows("stmt_fetch", "\x1c"+id+"\xff\x00\x00\x00", true)
	c.send("stmt_close", "\x19"+id)
	c.ask("stmt_execute", "\x17"+id+"\x00\x01\x00\x00\x00") // closed

	id = c.prepare("call p(?, ?)") // out parameters
	c.execute(id, true, value{3, "\x01\x00\x00\x00"}, value{253, "\x01i"})
	c.send("stmt_close", "\x19"+id)
	id = c.prepare("update t set i = 1 where i = ?")
	c.execute(id, true, value{3, "\x02\x00\x00\x00"}) // a duplicate
	c.prepare("select nonsense from nowhere")
	c.prepare("selec")
	c.ask("reset_connection", "\x1f")
	c.ask("stmt_execute", "\x17"+id+"\x00\x01\x00\x00\x00\x00\x00\x01\x03\x00\x01\x00\x00\x00") // gone
}

// bigStatement is more than fits into a packet.
const bigStatement = 17_600_000

// TestEveryCommand goes through all of the protocol that a server of MariaDB
// speaks, with and without what a client can ask for, and compares every
// statement and value with the server's general log, and every error code and
// number of rows with what the client was told. What this server does not
// speak (zstd, MySQL's query attributes, caching_sha2_password, …) is in
// conversations recorded with others, decoders/mysql/testdata.
func TestEveryCommand(t *testing.T) {
	m := startMariaDB(t, "--general-log", "--log-output=TABLE", "--log-bin", "--server-id=1", "--max-allowed-packet=64M",
		"--innodb-log-file-size=96M", "--local-infile=1", "--default-time-zone=+00:00")
	m.query("create database test; create user app@localhost identified by 'secret'; grant all on *.* to app@localhost; create user nobody@localhost identified by 'secret'")
	own := strings.TrimSpace(m.query("truncate mysql.general_log; select connection_id()"))
	file := filepath.Join(t.TempDir(), "items.pcapng")
	r := record(t, "-w", file, m.socket)
	var clients []*mysqlClient
	for _, caps := range []uint64{usual, usual | deprecateEOF, usual | deprecateEOF | sessionTrack | foundRows, usual&^bulkOperations | longPassword | sessionTrack} {
		c := dialMySQL(t, m.socket, caps)
		everyCommand(c)
		clients = append(clients, c)
	}
	big := dialMySQL(t, m.socket, usual|deprecateEOF) // packets over 16 MiB
	big.query("select length('" + strings.Repeat("x", bigStatement) + "')")
	big.query("select repeat('x', 17600000), 2")
	big.send("quit", "\x01")
	clients = append(clients, big)
	otherClients(t, m)
	if _, dropped := r.stop(); dropped != 0 {
		t.Fatalf("%d messages dropped", dropped)
	}

	log := generalLog(t, m, own)
	seen := conversations(t, file)
	for id, want := range log {
		got := seen[id]
		if slices.ContainsFunc(want, func(w string) bool { return strings.HasPrefix(w, "Binlog Dump") }) {
			// Whether the server still reads the client's last word is a matter of luck.
			got, want = slices.DeleteFunc(got, isQuit), slices.DeleteFunc(want, isQuit)
		}
		if diff := differs(got, want); diff != "" {
			t.Errorf("connection %d: %s", id, diff)
		}
	}
	ops, longest := make(map[string]int), 0
	list := exchanges(t, file, "--proto", "mysql")
	for _, c := range clients {
		sameAnswers(t, c, list)
	}
	for _, x := range list {
		ops[x.Op]++
		longest = max(longest, len(x.Request))
		if strings.Contains(fmt.Sprint(x), "secret") {
			t.Errorf("a password in %+v", x)
		}
	}
	if longest < bigStatement {
		t.Errorf("the longest statement has %d bytes", longest)
	}
	t.Logf("%d connections, %v", len(log), ops)
}

func isQuit(word string) bool { return word == "Quit" }

// otherClients are those that do what a mysqlClient does not.
func otherClients(t *testing.T, m *mariadb) {
	t.Helper()
	script := filepath.Join(t.TempDir(), "script.sql")
	if err := os.WriteFile(script, []byte("select 1;\nselect repeat('y', 70000) from test.t;\nselect 'ünï', null;\nuse mysql\nselect nothing from nowhere;\nselect 2;\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	run := func(wrong bool, name string, args ...string) {
		t.Helper()
		if err := m.program(name, args...).Run(); (err != nil) != wrong {
			t.Errorf("%s %q: %v", name, args, err)
		}
	}
	run(false, "mariadb", "-uroot", "--compress", "--force", "-e", "source "+script)
	run(false, "mariadb", "-uapp", "-psecret", "-e", "select 1", "test")
	run(true, "mariadb", "-uapp", "-pwrong", "-e", "select 1")
	run(false, "mariadb", "-uroot", "--default-auth=caching_sha2_password", "-e", "select 'switched'") // AuthSwitchRequest
	run(false, "mariadb-admin", "-uroot", "ping", "status", "processlist", "flush-tables")
	run(false, "mariadb-binlog", "-uroot", "--read-from-remote-server", "--result-file="+filepath.Join(t.TempDir(), "binlog"), strings.Fields(m.query("show binary logs"))[0])
}

// differs says where two lists differ first.
func differs(got, want []string) string {
	for i := range max(len(got), len(want)) {
		if i >= len(got) || i >= len(want) || got[i] != want[i] {
			return fmt.Sprintf("command %d, of %d and %d logged:\n got %.500q\nwant %.500q", i, len(got), len(want), got[min(i, len(got)):], want[min(i, len(want)):])
		}
	}
	return ""
}

// sameAnswers compares what a client was told with what analyze finds.
func sameAnswers(t *testing.T, c *mysqlClient, list []exchange) {
	t.Helper()
	flow := ""
	var got []outcome
	for _, x := range list {
		if x.Op == "connect" && fmt.Sprint(x.Attrs["connection_id"]) == strconv.Itoa(c.id) {
			flow = x.Flow
		}
		if flow == "" || x.Flow != flow {
			continue
		}
		code, _ := strconv.Atoi(x.ErrorCode)
		if x.Status == "unanswered" {
			code = -1
		}
		got = append(got, outcome{x.Op, code, int(x.Rows)})
	}
	for i := range max(len(got), len(c.notes)) {
		if i >= len(got) || i >= len(c.notes) || got[i] != c.notes[i] {
			t.Errorf("connection %d, exchange %d: got %v, want %v", c.id, i, got[min(i, len(got)):], c.notes[min(i, len(c.notes)):])
			return
		}
	}
}

// decimal is a DECIMAL, which is a string to analyze, so that no digit is lost.
var decimal = regexp.MustCompile(`^-?\d+\.\d+$`)

// quoted is a value as the general log has it in a statement.
func quoted(t *testing.T, v any) string {
	switch v := v.(type) {
	case json.Number:
		return v.String()
	case string:
		if decimal.MatchString(v) {
			return v
		}
		return "'" + strings.NewReplacer("'", `\'`, `\`, `\\`, "\n", `\n`, "\x00", `\0`).Replace(v) + "'"
	case map[string]any:
		b, err := base64.StdEncoding.DecodeString(fmt.Sprint(v["base64"]))
		if err != nil {
			t.Fatal(err)
		}
		return quoted(t, string(b))
	case nil:
		return "NULL"
	}
	t.Fatalf("value %v", v)
	return ""
}
