package mysql

import (
	"bytes"
	"maps"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"unixcap/decoders"
	"unixcap/decoders/decodertest"
	"unixcap/decoders/sql"
	"unixcap/internal/need"
)

// counters returns the server's status variables. It asks past the proxy, for
// the same number of bytes each time.
func (s *testServer) counters(t *testing.T) map[string]int64 {
	t.Helper()
	out, err := exec.Command("mariadb", "--no-defaults", "--skip-ssl", "-u", "root", "-S", s.socket, "-N", "-B", "-e",
		"select variable_name, lpad(variable_value, 20, '0') from information_schema.global_status").Output()
	if err != nil {
		t.Fatal(err)
	}
	time.Sleep(100 * time.Millisecond) // until its COM_QUIT has been counted, too
	all := map[string]int64{}
	for line := range strings.Lines(string(out)) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), "\t")
		if n, err := strconv.ParseInt(value, 10, 64); err == nil {
			all[name[:1]+strings.ToLower(name[1:])] = n
		}
	}
	return all
}

// A tally counts exchanges as the server's status variables do.
type tally map[string]int64

func (n tally) add(x *decoders.Exchange) {
	word := string(bytes.ToLower(sql.MySQL.FirstWord(x.Request)))
	switch x.Op {
	case "query", "stmt_execute":
		n["Com_"+word]++
		if word == "select" {
			n["Rows_sent"] += x.Rows
		}
	}
	switch x.Op {
	case "stmt_prepare", "stmt_execute", "stmt_close":
		n["Com_"+x.Op]++
	}
	if x.Op != "connect" {
		n["Queries"]++ // each command
	}
	n["Bytes_received"] += x.Sent.Bytes
	n["Bytes_sent"] += x.Answered.Bytes
}

// TestSysbenchAgainstCounters has sysbench say 100,000 statements, prepared
// and in text, and compares with what the server counted of them: commands,
// rows and bytes.
func TestSysbenchAgainstCounters(t *testing.T) {
	s := server(t)
	need.Programs(t, "sysbench")
	s.sql(t, "create database if not exists counted")
	args := []string{"--db-driver=mysql", "--mysql-socket=" + s.proxy.Path, "--mysql-user=root", "--mysql-db=counted",
		"--tables=2", "--table-size=1000", "--threads=4", "--time=0", "--rand-seed=1"}
	s.run(t, "", "sysbench", append([]string{"oltp_read_write"}, append(args, "prepare")...)...)

	own := s.difference(t, func() {}) // what it costs to ask
	got := tally{}
	want := s.difference(t, func() {
		for _, run := range [][]string{
			{"oltp_point_select", "--events=60000", "--db-ps-mode=auto"},
			{"oltp_point_select", "--events=20000", "--db-ps-mode=disable"},
			{"oltp_read_write", "--events=500", "--db-ps-mode=auto"},
			{"oltp_read_write", "--events=500", "--db-ps-mode=disable"},
		} {
			for _, c := range s.run(t, "", "sysbench", append(append(run[:1:1], args...), append(run[1:], "run")...)...) {
				feed(c, func(x *decoders.Exchange) {
					if x.Status != decoders.OK && x.ErrorCode != "1213" { // a deadlock
						t.Errorf("%s", decodertest.JSON(x))
					}
					got.add(x)
				})
				got["Bytes_sent"] += int64(len(c[0].Data)) // the greeting, which belongs to no exchange
			}
		}
	})
	total := int64(0)
	for _, name := range slices.Sorted(maps.Keys(got)) {
		if n := want[name] - own[name]; got[name] != n {
			t.Errorf("%s: %d, the server counted %d", name, got[name], n)
		}
		if name == "Com_stmt_execute" || name == "Com_select" || strings.HasPrefix(name, "Rows") || strings.HasPrefix(name, "Bytes") {
			t.Logf("%s: %d", name, got[name])
		}
	}
	for _, name := range []string{"Com_select", "Com_update", "Com_delete", "Com_insert", "Com_begin", "Com_commit"} {
		total += got[name]
	}
	if total < 100_000 {
		t.Errorf("only %d statements", total)
	}
}

// difference returns how the counters change while f runs.
func (s *testServer) difference(t *testing.T, f func()) map[string]int64 {
	t.Helper()
	before := s.counters(t)
	f()
	after := s.counters(t)
	for name := range after {
		after[name] -= before[name]
	}
	return after
}

// feed decodes a conversation.
func feed(c decodertest.Conversation, emit func(*decoders.Exchange)) {
	d := Protocol.New(emit)
	for i, m := range c {
		d.Data(m.From, decoders.Mark{Time: decoders.TimeOf(m.At), Packet: uint64(i + 1)}, m.Data)
	}
	d.Close(decoders.Mark{})
}
