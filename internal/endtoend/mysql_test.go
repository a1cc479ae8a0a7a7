package endtoend

import (
	"cmp"
	"encoding/hex"
	"fmt"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// What the server's general log has is what analyze finds: the same commands
// with the same text and values, connection by connection.
func TestGeneralLog(t *testing.T) {
	m := startMariaDB(t, "--general-log", "--log-output=TABLE")
	m.query("create database sbtest")
	m.sysbench("auto", "prepare")
	own := strings.TrimSpace(m.query("truncate mysql.general_log; select connection_id()"))

	file := filepath.Join(t.TempDir(), "mysql.pcapng")
	r := record(t, "-w", file, m.socket)
	m.sysbench("auto", "run")
	m.sysbench("disable", "run")
	talk(t, m)
	captured, dropped := r.stop()
	if captured == 0 || dropped != 0 {
		t.Fatalf("captured %d, dropped %d", captured, dropped)
	}

	logged := generalLog(t, m, own)
	seen := conversations(t, file)
	if len(seen) != len(logged) {
		t.Errorf("%d connections, the server logged %d", len(seen), len(logged))
	}
	total := 0
	for id, want := range logged {
		got := seen[id]
		for i := range min(len(got), len(want)) {
			if got[i] != want[i] {
				t.Fatalf("connection %d, command %d:\n got %q\nwant %q", id, i, got[i], want[i])
			}
		}
		if len(got) != len(want) {
			t.Errorf("connection %d: %d commands, the server logged %d", id, len(got), len(want))
		}
		total += len(want)
	}
	t.Logf("%d messages, %d connections, %d commands", captured, len(logged), total)
	t.Run("tshark", func(t *testing.T) { tsharkAgrees(t, file) })
	t.Run("attribution", func(t *testing.T) { attributed(t, file, m) })
}

// talk has the client say what sysbench does not.
func talk(t *testing.T, m *mariadb) {
	t.Helper()
	big := strings.Repeat("x", 300000) // a message of many parts
	script := "use sbtest; select 1; select 'ünï', _latin1'\\xfc';\n" +
		"select '" + big + "';\n" +
		"create table t (a int primary key, b varchar(20), c datetime) ; insert into t values (1, 'one', now()), (2, null, null);\n" +
		"select * from t; drop table t;\n"
	cmd := m.client("sbtest")
	cmd.Stdin = strings.NewReader(script)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if err := m.client("-e", "select nonsense from nowhere").Run(); err == nil {
		t.Error("nonsense was accepted")
	}
	if err := m.client("-unobody", "-pnothing", "-e", "select 1").Run(); err == nil {
		t.Error("a wrong password was accepted")
	}
}

// generalLog returns what the server logged, a list for each connection but the
// test's own.
func generalLog(t *testing.T, m *mariadb, own string) map[int][]string {
	t.Helper()
	out := m.query("select thread_id, command_type, hex(argument) from mysql.general_log where thread_id not in (connection_id(), " + own + ")")
	log := make(map[int][]string)
	for line := range strings.Lines(out) {
		f := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		if len(f) != 3 {
			t.Fatalf("general log: %q", line)
		}
		id, err := strconv.Atoi(f[0])
		if err != nil {
			t.Fatal(err)
		}
		text, err := hex.DecodeString(f[2])
		if err != nil {
			t.Fatal(err)
		}
		log[id] = append(log[id], temporal.ReplaceAllString(strings.TrimRight(f[1]+" "+string(text), " "), "'"))
	}
	return log
}

// temporal is what the server writes before bound dates and times.
var temporal = regexp.MustCompile(`\b(TIMESTAMP|TIME|DATE)'`)

// conversations returns what analyze finds, in the words of the general log.
func conversations(t *testing.T, file string) map[int][]string {
	t.Helper()
	ids := make(map[string]int)
	seen := make(map[int][]string)
	for _, x := range exchanges(t, file, "--proto", "mysql") {
		if x.Op == "connect" {
			id, err := strconv.Atoi(fmt.Sprint(x.Attrs["connection_id"]))
			if err != nil {
				t.Fatalf("connection_id of %+v: %v", x, err)
			}
			ids[x.Flow] = id
		}
		id, ok := ids[x.Flow]
		if !ok {
			t.Fatalf("before its connection: %+v", x)
		}
		seen[id] = append(seen[id], words(t, &x)...)
	}
	return seen
}

// logText is how much of an argument the table has room for.
const logText = 1<<24 - 1

// words says an exchange as the server's log does, which leaves out some that
// failed and some of the small ones.
func words(t *testing.T, x *exchange) []string {
	if x.Status == "error" && slices.Contains([]string{"init_db", "stmt_prepare", "stmt_bulk_execute"}, x.Op) || x.ErrorCode == "1243" {
		return nil
	}
	switch x.Op {
	case "connect", "change_user":
		how := map[string]string{"connect": "Connect", "change_user": "Change user"}[x.Op]
		list := []string{fmt.Sprintf("%s %s@localhost on %s using Socket", how, x.User, x.Database)}
		if x.Status == "error" {
			list = append(list, "Connect "+x.Error)
		}
		return list
	case "query":
		return []string{"Query " + strings.Trim(x.Request[:min(len(x.Request), logText)], " ")}
	case "stmt_prepare":
		return []string{"Prepare " + x.Request}
	case "stmt_execute":
		return []string{"Execute " + bound(t, x)}
	case "stmt_bulk_execute":
		return []string{"Execute " + x.Request}
	case "init_db":
		return []string{"Init DB " + x.Request}
	case "field_list":
		return []string{strings.TrimRight(fmt.Sprintf("Field List %s %v", x.Request, cmp.Or(x.Attrs["wildcard"], any(""))), " ")}
	case "binlog_dump":
		return []string{fmt.Sprintf("Binlog Dump Log: '%s'  Pos: %v", x.Request, x.Attrs["position"])}
	}
	if name, ok := plainWords[x.Op]; ok {
		if name == "" {
			return nil
		}
		return []string{name}
	}
	t.Fatalf("unexpected command %+v", x)
	return nil
}

// plainWords are the log's words for commands that it says no more of; "" if
// it does not have them.
var plainWords = map[string]string{
	"stmt_close": "Close stmt", "stmt_reset": "Reset stmt", "stmt_send_long_data": "Long Data", "stmt_fetch": "",
	"statistics": "Statistics", "process_info": "Processlist", "debug": "Debug", "refresh": "Refresh", "quit": "Quit",
	"ping": "", "kill": "", "set_option": "", "create_db": "", "unknown": "", "reset_connection": "", "register_slave": "",
}

// bound puts an exchange's values into its statement, as the server logs it.
func bound(t *testing.T, x *exchange) string {
	parts := strings.Split(x.Request, "?")
	if len(parts) != len(x.Args)+1 {
		t.Fatalf("%q with %d values", x.Request, len(x.Args))
	}
	var b strings.Builder
	for i, p := range parts {
		b.WriteString(p)
		if i == len(x.Args) {
			break
		}
		b.WriteString(quoted(t, x.Args[i]))
	}
	return b.String()
}

// tsharkAgrees has Wireshark, with no options, read the file as MySQL without a
// complaint.
func tsharkAgrees(t *testing.T, file string) {
	needs(t, "tshark")
	count := func(filter string, options ...string) int {
		t.Helper()
		out := run(t, "tshark", append([]string{"-r", file, "-Y", filter, "-T", "fields", "-e", "frame.number"}, options...)...)
		return strings.Count(out, "\n")
	}
	queries := 0
	for _, x := range exchanges(t, file) {
		if x.Op == "query" || x.Op == "stmt_prepare" { // tshark calls the text of both mysql.query
			queries++
		}
	}
	if got := count("mysql.query"); got != queries {
		t.Errorf("tshark finds %d queries, analyze %d", got, queries)
	}
	for _, filter := range []string{"_ws.malformed", "tcp.analysis.flags", "tcp.checksum.status == \"Bad\""} {
		if n := count(filter, "-o", "tcp.check_checksum:TRUE"); n != 0 {
			t.Errorf("%d packets are %s:\n%s", n, filter, run(t, "tshark", "-r", file, "-Y", filter))
		}
	}
	follow := run(t, "tshark", "-r", file, "-q", "-z", "follow,tcp,raw,0")
	if !strings.Contains(follow, hex.EncodeToString([]byte("MariaDB"))) {
		t.Error("the followed stream has no greeting of the server")
	}
}

// attributed checks who talks to whom, and that the two connections of one
// process are two.
func attributed(t *testing.T, file string, m *mariadb) {
	flows := make(map[int]map[string]bool) // of each client process
	for _, x := range exchanges(t, file) {
		if x.Path != m.socket || x.Server.PID != m.pid || x.Server.Comm != "mariadbd" {
			t.Fatalf("server of %+v", x)
		}
		if x.Client.Comm != "sysbench" && x.Client.Comm != "mariadb" || x.Client.PID == 0 || x.Client.Inode == 0 {
			t.Fatalf("client of %+v", x)
		}
		if flows[x.Client.PID] == nil {
			flows[x.Client.PID] = make(map[string]bool)
		}
		flows[x.Client.PID][x.Flow] = true
		if x.ResponseBytes > 0 && x.LatencyNS <= 0 {
			t.Fatalf("answered before it was asked: %+v", x)
		}
	}
	two := 0
	for _, f := range flows {
		if len(f) == 2 {
			two++
		}
	}
	if two != 2 {
		t.Errorf("%d client processes with two connections, want the 2 of sysbench", two)
	}
}

// A recording that starts in the middle of a connection knows whose it is, and
// decodes from the next request on.
func TestMiddleOfConnection(t *testing.T) {
	m := startMariaDB(t)
	client := m.client("-N", "-B", "--unbuffered")
	in, err := client.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := client.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := client.Start(); err != nil {
		t.Fatal(err)
	}
	ask := func(sql, answer string) {
		t.Helper()
		if _, err := fmt.Fprintln(in, sql); err != nil {
			t.Fatal(err)
		}
		b := make([]byte, len(answer)+1)
		if _, err := out.Read(b); err != nil || string(b) != answer+"\n" {
			t.Fatalf("%s: %q, %v", sql, b, err)
		}
	}
	ask("select 'before';", "before")
	file := filepath.Join(t.TempDir(), "middle.pcapng")
	r := record(t, "-w", file, "-p", strconv.Itoa(client.Process.Pid))
	ask("select 'after';", "after")
	ask("select 'again';", "again")
	if err := in.Close(); err != nil {
		t.Fatal(err)
	}
	if err := client.Wait(); err != nil {
		t.Fatal(err)
	}
	r.stop()

	var ops []string
	for _, x := range exchanges(t, file) {
		ops = append(ops, x.Op+" "+x.Request+" "+x.Status)
		if x.Client.PID != client.Process.Pid || x.Client.Comm != "mariadb" ||
			x.Server.PID != m.pid || x.Server.Comm != "mariadbd" || x.Path != m.socket {
			t.Errorf("attributed to %+v and %+v, path %q", x.Client, x.Server, x.Path)
		}
	}
	want := []string{"query select 'after' ok", "query select 'again' ok", "quit  ok"}
	if !slices.Equal(ops, want) {
		t.Errorf("got %q, want %q", ops, want)
	}
	if out, err := exec.Command("tshark", "-r", file, "-Y", "mysql.query", "-T", "fields", "-e", "mysql.query").Output(); err != nil || string(out) != "select 'after'\nselect 'again'\n" {
		t.Errorf("tshark: %q, %v", out, err)
	}
}
