package endtoend

import (
	"bufio"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"sort"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// A postgresql is a server of the test's own.
type postgresql struct {
	t      *testing.T
	dir    string
	socket string
}

// postgresBin is the folder of the newest server that is installed.
func postgresBin(t *testing.T) string {
	t.Helper()
	found, err := filepath.Glob("/usr/lib/postgresql/*/bin/initdb") // Debian has it in no PATH
	if err != nil {
		t.Fatal(err)
	}
	if len(found) > 0 {
		return filepath.Dir(found[len(found)-1])
	}
	needs(t, "initdb", "postgres")
	path, err := exec.LookPath("initdb")
	if err != nil {
		t.Fatal(err)
	}
	return filepath.Dir(path)
}

// asPostgres makes a command run as the user postgres: the server refuses root.
func asPostgres(t *testing.T, cmd *exec.Cmd) *exec.Cmd {
	t.Helper()
	u, err := user.Lookup("postgres")
	if err != nil {
		t.Fatal(err)
	}
	uid, err := strconv.ParseUint(u.Uid, 10, 32)
	if err != nil {
		t.Fatal(err)
	}
	gid, err := strconv.ParseUint(u.Gid, 10, 32)
	if err != nil {
		t.Fatal(err)
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Credential: &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)},
		Pdeathsig:  syscall.SIGKILL,
	}
	cmd.Dir = "/"
	return cmd
}

func startPostgreSQL(t *testing.T) *postgresql {
	t.Helper()
	needs(t, "psql", "pgbench", "pg_isready")
	programs := postgresBin(t)
	dir, err := os.MkdirTemp("", "pg") // not t.TempDir, into which postgres may not look
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	data := filepath.Join(dir, "data")
	initdb := asPostgres(t, exec.Command(filepath.Join(programs, "initdb"), "-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-locale", "--no-sync"))
	if out, err := initdb.CombinedOutput(); err != nil {
		t.Fatalf("initdb: %v\n%s", err, out)
	}
	hba := "local all sam scram-sha-256\nlocal all all trust\n"
	if err := os.WriteFile(filepath.Join(data, "pg_hba.conf"), []byte(hba), 0o644); err != nil {
		t.Fatal(err)
	}
	p := &postgresql{t: t, dir: dir, socket: filepath.Join(dir, ".s.PGSQL.5432")}
	var log strings.Builder
	cmd := asPostgres(t, exec.Command(filepath.Join(programs, "postgres"), "-D", data, "-k", dir, "-p", "5432", "-h", "", "-F",
		"-c", "log_statement=all", "-c", "logging_collector=on", "-c", "log_destination=jsonlog", "-c", "log_directory="+dir, "-c", "log_filename=log",
		"-c", "log_rotation_size=0", "-c", "autovacuum=off"))
	cmd.Stderr = &log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	t.Cleanup(func() { cmd.Process.Signal(syscall.SIGQUIT); <-ended })
	for {
		if p.command("pg_isready", "-q").Run() == nil {
			return p
		}
		select {
		case err := <-ended:
			ended <- err
			t.Fatalf("postgres: %v\n%s", err, &log)
		case <-time.After(100 * time.Millisecond):
		}
	}
}

func (p *postgresql) command(name string, args ...string) *exec.Cmd {
	cmd := exec.Command(name, args...)
	cmd.Env = append(os.Environ(), "PGHOST="+p.dir, "PGPORT=5432", "PGUSER=postgres", "PGDATABASE=postgres", "PGPASSWORD=wrong")
	return cmd
}

// talk runs a client whose statements may fail.
func (p *postgresql) talk(stdin, name string, args ...string) {
	p.t.Helper()
	cmd := p.command(name, args...)
	cmd.Stdin = strings.NewReader(stdin)
	out, err := cmd.CombinedOutput()
	if _, failed := err.(*exec.ExitError); err != nil && !failed {
		p.t.Fatalf("%s: %v\n%s", name, err, out)
	}
	p.t.Logf("%s: %v\n%.400s", name, err, out)
}

// pgbench runs transactions of pgbench's and wants all of them to succeed.
func (p *postgresql) pgbench(script string, args ...string) {
	p.t.Helper()
	cmd := p.command("pgbench", append([]string{"-n", "-c", "2", "-t", "20"}, args...)...)
	cmd.Stdin = strings.NewReader(script)
	if out, err := cmd.CombinedOutput(); err != nil {
		p.t.Fatalf("pgbench %s: %v\n%s", args, err, out)
	}
}

// A logEntry is a line of the server's log.
type logEntry struct {
	PID       int
	Severity  string `json:"error_severity"`
	Code      string `json:"state_code"`
	Message   string
	Detail    string
	Statement string
	Backend   string `json:"backend_type"`
}

// marked makes an entry in the log that tells what comes before from what comes
// after, and returns the log up to there. The server writes it some time later.
func (p *postgresql) marked(mark string) []logEntry {
	p.t.Helper()
	statement := "select '" + mark + "'"
	p.talk("", "psql", "-X", "-c", statement)
	for {
		entries := p.log()
		for i, e := range entries {
			if e.Message == "statement: "+statement {
				return entries[:i]
			}
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// log returns what the server has logged of its clients. A line that is not
// complete yet is left out.
func (p *postgresql) log() (entries []logEntry) {
	p.t.Helper()
	f, err := os.Open(filepath.Join(p.dir, "log.json"))
	if err != nil {
		p.t.Fatal(err)
	}
	defer f.Close()
	lines := bufio.NewReader(f)
	for {
		line, err := lines.ReadBytes('\n')
		if err != nil {
			return entries
		}
		var e logEntry
		if err := json.Unmarshal(line, &e); err != nil {
			p.t.Fatalf("%q: %v", line, err)
		}
		if e.Backend == "client backend" {
			entries = append(entries, e)
		}
	}
}

const psqlScript = `create table t (id int primary key, name text);
insert into t values (1, 'one'), (2, null), (3, 'ünï');
select * from t;
select 1\; select 2\; update t set name = 'x' where id = 1;
drop table if exists nothing;
insert into t values (1, 'again');
begin;
select nonsense;
select 1;
rollback;
select generate_series(1, 3000), repeat('x', 100);
copy t to stdout;
copy t from stdin;
7	seven
8	eight
\.
copy t from stdin;
bad	line
\.
do $$begin raise notice 'hello'; end$$;
listen news;
notify news, 'hello';
selec 1;
drop table t;
`

// What the server logs is what analyze finds: the same statements with the same
// text and values, the same errors, connection by connection.
func TestPostgreSQLLog(t *testing.T) {
	p := startPostgreSQL(t)
	p.talk("", "pgbench", "-i", "-q", "-I", "dtgp")
	p.talk("create role sam login password 'right'", "psql", "-X")
	before := len(p.marked("before")) + 1

	file := filepath.Join(t.TempDir(), "postgresql.pcapng")
	r := record(t, "-w", file, p.socket)
	p.talk(psqlScript, "psql", "-X", "-q")
	p.talk("select '"+strings.Repeat("x", 300000)+"'", "psql", "-X", "-q", "-o", "/dev/null") // a message of many parts
	p.talk("select 1", "psql", "-X", "-U", "sam")
	p.talk("", "timeout", "-s", "INT", "1", "psql", "-X", "-c", "select pg_sleep(100)") // which psql cancels
	for _, mode := range []string{"simple", "extended", "prepared"} {
		p.pgbench("", "-M", mode)
	}
	p.pgbench("\\startpipeline\nselect 1;\nselect abalance from pgbench_accounts where aid = 7;\n\\endpipeline\n", "-M", "extended", "-f", "-")
	p.pgbench("\\set a random(1, 100)\n\\startpipeline\nselect :a;\nselect abalance from pgbench_accounts where aid = :a;\n\\endpipeline\n", "-M", "prepared", "-f", "-")
	captured, dropped := r.stop()
	if captured == 0 || dropped != 0 {
		t.Fatalf("captured %d, dropped %d", captured, dropped)
	}

	all := exchanges(t, file, "--proto", "postgresql")
	logged := loggedStatements(p.marked("after")[before:])
	seen := seenStatements(t, all)
	total := 0
	for pid, want := range logged {
		got := seen[pid]
		for i := range min(len(got), len(want)) {
			if got[i] != want[i] {
				t.Fatalf("backend %d, statement %d:\n got %.300q\nwant %.300q", pid, i, got[i], want[i])
			}
		}
		if len(got) != len(want) {
			t.Errorf("backend %d: %d statements, the server logged %d", pid, len(got), len(want))
		}
		total += len(want)
	}
	if len(seen) != len(logged) || total < 1000 {
		t.Errorf("%d connections, the server logged %d with %d statements", len(seen), len(logged), total)
	}
	t.Logf("%d messages, %d connections, %d statements", captured, len(logged), total)
	t.Run("tshark", func(t *testing.T) { tsharkAgreesOnPostgreSQL(t, file, all) })
	for _, x := range all {
		if x.Path != p.socket || x.Server.Comm != "postgres" || x.Client.PID == 0 || x.ResponseBytes > 0 && x.RequestBytes > 0 && x.LatencyNS <= 0 {
			t.Fatalf("attributed %+v", x)
		}
	}
}

// refusedBackend stands for the backend of a connection that was not let in,
// which is not told its number.
const refusedBackend = 0

// loggedStatements returns what the log says of each connection: statements,
// and errors in place of the statements that failed.
func loggedStatements(entries []logEntry) map[int][]string {
	all := make(map[int][]string)
	for _, e := range entries {
		list := all[e.PID]
		switch e.Severity {
		case "LOG":
			text, ok := strings.CutPrefix(e.Message, "statement: ")
			if !ok {
				_, text, ok = strings.Cut(e.Message, ": ") // "execute NAME: "
				text = e.Message[:len(e.Message)-len(text)] + text + " " + e.Detail
			}
			if ok {
				list = append(list, strings.TrimSpace(text))
			}
		case "ERROR":
			if n := len(list); n > 0 && (list[n-1] == e.Statement || strings.HasSuffix(list[n-1], ": "+e.Statement)) {
				list = list[:n-1]
			}
			list = append(list, e.Code+" "+e.Message+" "+e.Statement)
		case "FATAL":
			e.PID = refusedBackend
			list = append(all[e.PID], e.Code+" "+e.Message)
		default:
			continue
		}
		all[e.PID] = list
	}
	return all
}

// seenStatements returns what analyze finds, in the words of the log.
func seenStatements(t *testing.T, all []exchange) map[int][]string {
	t.Helper()
	backends := make(map[string]int)
	seen := make(map[int][]string)
	for i := range all {
		x := &all[i]
		words := ""
		switch x.Op {
		case "startup":
			if x.Status == "error" {
				seen[refusedBackend] = append(seen[refusedBackend], x.ErrorCode+" "+x.Error)
				continue
			}
			pid, err := strconv.Atoi(fmt.Sprint(x.Attrs["backend_pid"]))
			if err != nil {
				t.Fatalf("backend_pid of %+v: %v", x, err)
			}
			backends[x.Flow] = pid
			continue
		case "query":
			words = x.Request
		case "execute":
			name := "<unnamed>"
			if s, ok := x.Attrs["statement"].(string); ok {
				name = s
			}
			words = "execute " + name + ": " + x.Request + parameters(x)
		case "parse", "terminate", "cancel_request", "notification_response", "ssl_request", "gssenc_request", "sync":
			continue
		default:
			t.Fatalf("unexpected operation %+v", x)
		}
		if x.Status == "error" {
			words = x.ErrorCode + " " + x.Error + " " + x.Request
		}
		pid, ok := backends[x.Flow]
		if !ok {
			t.Fatalf("before its connection: %+v", x)
		}
		seen[pid] = append(seen[pid], strings.TrimSpace(words))
	}
	return seen
}

// parameters writes an exchange's values as the server's log does.
func parameters(x *exchange) string {
	var b strings.Builder
	for i, v := range x.Args {
		separator := ", "
		if i == 0 {
			separator = " parameters: "
		}
		if v == nil {
			fmt.Fprintf(&b, "%s$%d = NULL", separator, i+1)
		} else {
			fmt.Fprintf(&b, "%s$%d = '%v'", separator, i+1, v)
		}
	}
	return b.String()
}

// asciiOnly writes text as tshark does, which takes the protocol's strings for
// ASCII: each byte that is not has U+FFFD in its place.
func asciiOnly(text string) string {
	var b strings.Builder
	for _, c := range []byte(text) {
		if c >= 0x80 {
			b.WriteRune('\uFFFD')
		} else {
			b.WriteByte(c)
		}
	}
	return b.String()
}

// pgsqlSaid is what of a recording analyze and tshark must agree on.
type pgsqlSaid struct {
	texts, tags, codes, statuses, values []string
	messages                             map[string]int // of the client, extended protocol
	rows                                 int64
}

// statusNumbers are the bytes of ReadyForQuery as tshark writes them.
var statusNumbers = map[string]string{"idle": "73", "open": "84", "failed": "69"}

// add takes in what analyze says of an exchange.
func (s *pgsqlSaid) add(x *exchange) {
	sent, _ := x.Attrs["messages"].(string)
	for m := range strings.FieldsSeq(sent) {
		s.messages[m]++
	}
	if x.Op == "query" || strings.HasPrefix(sent, "parse") { // tshark calls the text of both pgsql.query
		s.texts = append(s.texts, asciiOnly(x.Request))
	}
	if tags, ok := x.Attrs["command_tag"].(string); ok {
		s.rows += x.Rows
		for tag := range strings.SplitSeq(tags, "; ") {
			s.tags = append(s.tags, tag)
			if words := strings.Fields(tag); len(words) > 1 && words[0] != "SELECT" { // these rows are no DataRows
				if n, err := strconv.ParseInt(words[len(words)-1], 10, 64); err == nil {
					s.rows -= n
				}
			}
		}
	}
	if x.ErrorCode != "" {
		s.codes = append(s.codes, x.ErrorCode)
	}
	if code, ok := x.Attrs["notice_code"].(string); ok {
		s.codes = append(s.codes, code)
	}
	if status, ok := x.Attrs["transaction"].(string); ok {
		s.statuses = append(s.statuses, statusNumbers[status])
	}
	if strings.Contains(sent, "bind") {
		for _, v := range x.Args {
			s.values = append(s.values, hex.EncodeToString([]byte(fmt.Sprint(v))))
		}
	}
}

// sameWords compares two lists without regard to order.
func sameWords(t *testing.T, what string, analyze, tshark []string) {
	t.Helper()
	if len(analyze) != len(tshark) {
		t.Errorf("%s: analyze finds %d, tshark %d", what, len(analyze), len(tshark))
	}
	for _, l := range [][]string{analyze, tshark} {
		for i := range l {
			l[i] = strings.TrimSpace(l[i])
		}
		sort.Strings(l)
	}
	for i := range min(len(analyze), len(tshark)) {
		if analyze[i] != tshark[i] {
			t.Errorf("%s: analyze finds %.300q, tshark %.300q", what, analyze[i], tshark[i])
			return
		}
	}
}

// tsharkAgreesOnPostgreSQL has Wireshark, with no options, read the file and
// find the same.
func tsharkAgreesOnPostgreSQL(t *testing.T, file string, all []exchange) {
	needs(t, "tshark")
	fields := func(filter, field string) (list []string) {
		t.Helper()
		out := run(t, "tshark", "-r", file, "-Y", filter, "-T", "fields", "-E", "aggregator=\x01", "-e", field)
		for line := range strings.Lines(out) {
			list = append(list, strings.Split(strings.TrimSuffix(line, "\n"), "\x01")...)
		}
		return list
	}
	s := pgsqlSaid{messages: make(map[string]int)}
	for i := range all {
		s.add(&all[i])
	}
	sameWords(t, "texts", s.texts, fields("pgsql.query", "pgsql.query"))
	sameWords(t, "command tags", s.tags, fields("pgsql.tag", "pgsql.tag"))
	sameWords(t, "codes", s.codes, fields("pgsql.code", "pgsql.code"))
	sameWords(t, "statuses", s.statuses, fields("pgsql.status", "pgsql.status"))
	sameWords(t, "values", s.values, fields("pgsql.val.data && pgsql.frontend == 1", "pgsql.val.data"))
	types := make(map[string]int)
	for _, kind := range fields("pgsql.type", "pgsql.type") {
		types[kind]++
	}
	for kind, name := range map[string]string{"Parse": "parse", "Bind": "bind", "Execute": "execute", "Describe": "describe", "Sync": "sync", "Close": "close"} {
		if types[kind] != s.messages[name] {
			t.Errorf("%s: analyze finds %d, tshark %d", kind, s.messages[name], types[kind])
		}
	}
	if got := int64(types["Data row"]); got != s.rows {
		t.Errorf("analyze finds %d rows, tshark %d", s.rows, got)
	}
	t.Logf("tshark: %v", types)
	for _, filter := range []string{"_ws.malformed", "tcp.analysis.flags", "tcp.checksum.status == \"Bad\""} {
		if out := run(t, "tshark", "-r", file, "-Y", filter, "-o", "tcp.check_checksum:TRUE"); out != "" {
			t.Errorf("%s:\n%.1000s", filter, out)
		}
	}
}
