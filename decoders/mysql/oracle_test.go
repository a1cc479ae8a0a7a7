package mysql

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"unixcap/decoders"
	"unixcap/decoders/decodertest"
	"unixcap/decoders/sql"
	"unixcap/internal/need"
)

// The oracle of these tests is the server's general query log: what the server
// says it was asked must be what the decoder read off the socket.

var logEntry = regexp.MustCompile(`^(?:\d{6} [ \d]\d:\d\d:\d\d)?\t+ *(\d+) (Connect|Query|Init DB|Prepare|Execute|Close stmt|Reset stmt|Fetch|Quit|Statistics|Ping|Field List|Change user|Long Data|Processlist|Debug|Refresh|Reset connection|Set option|Error|Bulk Execute|Kill)(?:\t(.*))?$`)

// temporal is what the server writes before bound dates and times.
var temporal = regexp.MustCompile(`(TIMESTAMP|TIME|DATE)'`)

var loggedOps = map[string]bool{"Connect": true, "Query": true, "Init DB": true, "Prepare": true, "Execute": true,
	"Reset stmt": true, "Quit": true}

// logEntries returns what the log says of each connection.
func logEntries(lines []string) map[string][]string {
	all := map[string][]string{}
	last := ""
	for _, line := range lines {
		if m := logEntry.FindStringSubmatch(line); m != nil {
			last = m[1]
			if loggedOps[m[2]] {
				all[last] = append(all[last], m[2]+" "+temporal.ReplaceAllString(strings.TrimRight(m[3], " "), "'"))
			}
		} else if last != "" && line != "" {
			n := len(all[last]) - 1
			all[last][n] += "\n" + line
		}
	}
	return all
}

// logged returns an exchange as the server logs it, "" if it does not.
func logged(x *decoders.Exchange) string {
	switch x.Op {
	case "connect":
		if x.Status == decoders.Error {
			return ""
		}
		return "Connect " + x.User + "@localhost on " + x.Database + " using Socket"
	case "query":
		return "Query " + strings.Trim(string(x.Request), " ")
	case "init_db":
		if x.Status == decoders.Error {
			return ""
		}
		return "Init DB " + string(x.Request)
	case "stmt_prepare":
		if x.Status == decoders.Error {
			return ""
		}
		return "Prepare " + string(x.Request)
	case "stmt_bulk_execute":
		return "Execute " + string(x.Request)
	case "stmt_execute":
		if x.ErrorCode == "1243" { // no such statement
			return ""
		}
		return "Execute " + expand(x.Request, x.Args)
	case "stmt_reset":
		return "Reset stmt "
	case "quit":
		return "Quit "
	}
	return ""
}

// expand puts a statement's values in place of its placeholders.
func expand(text []byte, args []decoders.Value) string {
	var out []byte
	done := 0
	for pos, t := range sql.MySQL.Tokens(text) {
		if string(t) != "?" || len(args) == 0 {
			continue
		}
		out = append(out, text[done:pos]...)
		done = pos + len(t)
		switch v := args[0]; v.Kind {
		case decoders.Text, decoders.Binary:
			out = append(out, '\'')
			for _, c := range v.Bytes {
				switch c {
				case 0:
					out = append(out, `\0`...)
				case '\'', '\\':
					out = append(out, '\\', c)
				case '\n':
					out = append(out, `\n`...)
				default:
					out = append(out, c)
				}
			}
			out = append(out, '\'')
		case decoders.Float:
			out = append(out, strings.Replace(string(v.AppendText(nil)), "e+", "e", 1)...)
		default:
			out = v.AppendText(out)
		}
		args = args[1:]
	}
	return string(append(out, text[done:]...))
}

// connection returns the number that the server gave to a conversation.
func connection(xs []decoders.Exchange) string {
	if len(xs) == 0 {
		return ""
	}
	for _, a := range xs[0].Attrs {
		if a.Key == "connection_id" {
			return strconv.FormatUint(a.Value.Uint(), 10)
		}
	}
	return ""
}

// agree compares conversations with the log, and returns how many entries
// were compared.
func agree(t *testing.T, all []decodertest.Conversation, log []string) (n int) {
	t.Helper()
	entries := logEntries(log)
	for _, c := range all {
		xs := decodertest.Whole(Protocol, c)
		if len(xs) > 0 && xs[0].Op == "connect" && xs[0].Status != decoders.OK {
			continue
		}
		want := entries[connection(xs)]
		var got []string
		for i := range xs {
			if xs[i].Status == decoders.Unanswered {
				t.Errorf("unanswered: %.300s", decodertest.JSON(&xs[i]))
			}
			if line := logged(&xs[i]); line != "" {
				got = append(got, line)
			}
		}
		for i := range max(len(got), len(want)) {
			if i >= len(got) || i >= len(want) || got[i] != want[i] {
				t.Errorf("connection %s, entry %d of %d, server logged %d\n got %.300q\nwant %.300q", connection(xs), i,
					len(got), len(want), got[min(i, len(got)):], want[min(i, len(want)):])
				break
			}
			n++
		}
	}
	return n
}

func TestClientAgainstLog(t *testing.T) {
	s := server(t)
	file := filepath.Join(s.dir, "rows.csv")
	if err := os.WriteFile(file, []byte("1,a\n2,b\n3,c\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	// Statements on one line each: the client sends them as they stand.
	script := `create database if not exists cli
use cli
create or replace table a(i int, s text character set utf8mb4)
insert into a values (1,'x'),(2,null),(3,'größer')
select * from a
select nothing from nowhere
load data local infile '` + file + `' into table a fields terminated by ','
select i, repeat('y', 70000) from a
select count(*) from a, a b, a c
create or replace procedure p(out n int) begin select 1; select 2; set n = 3; end
call p(@n)
use nowhere
select @n, null, '', x'00ff'
`
	for _, args := range [][]string{{"-f", "--local-infile=1"}, {"-f", "--local-infile=1", "--compress"}} {
		t.Run(strings.Join(args, " "), func(t *testing.T) {
			var all []decodertest.Conversation
			log := s.logged(t, func() { all = s.sql(t, "delimiter $$\n"+strings.ReplaceAll(script, "\n", "$$\n"), args...) })
			if n := agree(t, all, log); n < 14 {
				t.Errorf("only %d entries compared", n)
			}
			rows := map[string]int64{}
			for _, c := range all {
				for _, x := range decodertest.Whole(Protocol, c) {
					rows[strings.Fields(string(x.Request) + " ?")[0]] += x.Rows
				}
				decodertest.Splits(t, Protocol, c)
				decodertest.Gaps(t, Protocol, c, 1)
				decodertest.Starts(t, Protocol, c, 1)
			}
			if rows["call"] != 2 || rows["load"] != 3 || rows["insert"] != 3 {
				t.Errorf("rows: %v", rows)
			}
		})
	}
}

func TestLogin(t *testing.T) {
	s := server(t)
	s.sql(t, "create or replace user u@localhost identified by 'topsecret'; grant all on *.* to u@localhost")
	find := func(all []decodertest.Conversation) decoders.Exchange {
		t.Helper()
		if len(all) == 0 {
			t.Fatal("nothing was said")
		}
		xs := decodertest.Whole(Protocol, all[len(all)-1])
		if len(xs) == 0 || xs[0].Op != "connect" {
			t.Fatalf("no connect in %v", xs)
		}
		return xs[0]
	}
	base := []string{"--no-defaults", "--skip-ssl", "-S", s.proxy.Path, "-u", "u", "-e", "select 1"}
	if x := find(s.run(t, "", "mariadb", append(base, "-pwrong")...)); x.Status != decoders.Error || x.ErrorCode != "1045" || x.User != "u" {
		t.Errorf("wrong password: %s", decodertest.JSON(&x))
	}
	if x := find(s.run(t, "", "mariadb", append(base, "-ptopsecret", "mysql")...)); x.Status != decoders.OK || x.Database != "mysql" {
		t.Errorf("right password: %s", decodertest.JSON(&x))
	}
}

func TestNoSecrets(t *testing.T) {
	s := server(t)
	all := s.sql(t, "create or replace user v@localhost identified by 'topsecret'; set password for v@localhost = password('topsecret');"+
		" /* 1 */ alter user v@localhost identified via mysql_native_password using password('topsecret')")
	for _, c := range append(all, s.run(t, "", "mariadb", "--no-defaults", "--skip-ssl", "-S", s.proxy.Path, "-u", "v", "-ptopsecret", "-e", "select 1")...) {
		for _, x := range decodertest.Whole(Protocol, c) {
			if bytes.Contains([]byte(decodertest.JSON(&x)), []byte("topsecret")) {
				t.Errorf("password in %s", decodertest.JSON(&x))
			}
		}
	}
}

// TestNoSecretsInRefusals has the server repeat parts of statements with
// mistakes in them, of which the decoder must show no password.
func TestNoSecretsInRefusals(t *testing.T) {
	s := server(t)
	statements := []string{
		"alter user s1 identified by 'SecA1'", "alter user s1 identified by by 'SecB2'", "alter user s1 identifie by 'SecB3'",
		`prepare p from "alter user s1 identified by 'SecC3'"`, `set @sql = "alter user s1 identified bye 'SecD4'"`, "prepare p from @sql",
		`execute immediate "alter user s1 identified by by 'SecE5'"`, "set password for s1 = 'SecF6'", "select password('SecG7')",
		"set global wsrep_sst_auth='u:SecH9'", "create table if not exists pws(a int)", "insert into pws values (password('SecK12'))",
		"select aes_decrypt('x','SecN15')", "create user s1 identified with by _utf8'SecS21'", "select old_password('SecT22'", "grant all on *.* to s1 identified by 'SecU23' wiht x",
		"change master to master_password='SecV24' x", "create table f(a int) engine=federated connection='mysql://u:SecW25@h/d/t'",
		"select encode('SecX26', 'SecX27'), des_encrypt('SecX28', 'SecX29')", "/*!50000 set password = 'SecY30' x */", "alter user s1 identified by 'SecZ31" + strings.Repeat("x", 100) + "' x",
	}
	all := s.sql(t, "delimiter $$\n"+strings.Join(statements, "$$\n")+"$$\n", "-f")
	n := 0
	for _, c := range all {
		for _, x := range decodertest.Whole(Protocol, c) {
			n++
			if got := decodertest.JSON(&x) + sql.MySQL.Fingerprint(x.Request); strings.Contains(got, "Sec") {
				t.Errorf("password in %s", got)
			}
		}
	}
	if n < len(statements) {
		t.Errorf("%d exchanges", n)
	}
}

func TestTLS(t *testing.T) {
	s := server(t)
	for _, c := range s.run(t, "", "mariadb", "--no-defaults", "-S", s.proxy.Path, "-u", "root", "--ssl", "-e", "select 1") {
		xs := decodertest.Whole(Protocol, c)
		if len(xs) != 1 || xs[0].Op != "connect" || xs[0].Status != decoders.Encrypted || len(c) < 6 {
			t.Errorf("%d messages, %d exchanges", len(c), len(xs))
		}
	}
}

func TestSysbenchAgainstLog(t *testing.T) {
	s := server(t)
	need.Programs(t, "sysbench")
	s.sql(t, "create database if not exists sb")
	for _, mode := range []string{"auto", "disable"} {
		t.Run("db-ps-mode="+mode, func(t *testing.T) {
			args := []string{"oltp_read_write", "--db-driver=mysql", "--mysql-socket=" + s.proxy.Path, "--mysql-user=root",
				"--mysql-db=sb", "--tables=2", "--table-size=1000", "--db-ps-mode=" + mode, "--rand-seed=1"}
			s.run(t, "", "sysbench", append(args, "cleanup")...)
			s.run(t, "", "sysbench", append(args, "prepare")...)
			var all []decodertest.Conversation
			log := s.logged(t, func() {
				all = s.run(t, "", "sysbench", append(args, "--events=200", "--threads=4", "--time=0", "run")...)
			})
			n := agree(t, all, log)
			t.Logf("%d log entries agree", n)
			if n < 4000 {
				t.Errorf("only %d entries compared", n)
			}
			decodertest.Everything(t, Protocol, all[0][:min(len(all[0]), 100)], 1)
		})
	}
}

func TestBigStatement(t *testing.T) {
	s := server(t)
	const size = 17_600_000
	statement := "select length('" + strings.Repeat("x", size) + "')"
	for _, extra := range []string{"--skip-compress", "--compress"} {
		all := s.sql(t, statement, "--max-allowed-packet=64M", extra)
		xs := decodertest.Whole(Protocol, all[0])
		i := slices.IndexFunc(xs, func(x decoders.Exchange) bool { return x.Op == "query" && len(x.Request) > 1000 })
		if i < 0 || string(xs[i].Request) != statement || xs[i].Rows != 1 || xs[i].Status != decoders.OK {
			t.Errorf("%s: the big statement did not come out whole", extra)
		}
	}
	// The UNION cuts the column to 16 MiB - 1, which takes two packets.
	all := s.sql(t, fmt.Sprintf("select repeat('x', %d), 2 union select '', 3", size), "--max-allowed-packet=64M")
	for _, x := range decodertest.Whole(Protocol, all[0]) {
		if bytes.Contains(x.Request, []byte("union")) && (x.Rows != 2 || x.Answered.Bytes < maxPacket) {
			t.Errorf("big row: %s", decodertest.JSON(&x))
		}
	}
}
