package endtoend

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// An expectation says how many packets a display filter of the manuals finds.
type expectation struct {
	// messages says which messages it finds. Those are counted, and none of the
	// packets that nobody sent or that are a socket's end.
	messages func(*dumpLine) bool
	packets  int // without messages: all it finds
}

// known is what there is to find: the filters as the manuals have them, with
// PID and SK for the example's, and what analyze knows of the same recording.
func (m *mixture) known(t *testing.T, lines []dumpLine) map[string]expectation {
	t.Helper()
	log := exchanges(t, m.file)
	count := func(is func(*exchange) bool) expectation {
		n := 0
		for i := range log {
			if is(&log[i]) {
				n++
			}
		}
		return expectation{packets: n}
	}
	query := func(x *exchange) bool { return x.Proto == "mysql" && x.Op == "query" }
	closes, packets := 0, strings.Count(run(t, "tshark", "-r", m.file, "-T", "fields", "-e", "frame.number"), "\n")
	for i := range lines {
		if lines[i].Event == "close" {
			closes++
		}
	}
	any := func(is func(*dumpLine) bool) expectation { return expectation{messages: is} }
	database := any(func(l *dumpLine) bool { return l.From.PID == m.database.pid })
	descriptors := any(func(l *dumpLine) bool { return l.FDs > 0 })
	return map[string]expectation{
		`unix.pid == PID`:                          database,
		`frame.comment matches "^pid=PID "`:        database,
		`unix.comm == "mariadbd"`:                  database,
		`frame.comment contains " comm=mariadbd "`: database,
		`unix.pid == PID or unix.peer.pid == PID`: any(func(l *dumpLine) bool {
			return l.From.PID == m.database.pid || l.To.PID == m.database.pid
		}),
		`frame.darwin.process_info.pname == "mariadbd"`: database,
		`unix.sk == 0xSK`:                                       any(func(l *dumpLine) bool { return l.From.SK == m.sk }),
		`ipv6.addr == fd75:6e78:SK::/96`:                        any(func(l *dumpLine) bool { return l.From.SK == m.sk || l.To.SK == m.sk }),
		`unix.path or unix.peer.path`:                           any(func(l *dumpLine) bool { return l.From.Path+l.To.Path != "" }),
		`unix.fds`:                                              descriptors,
		`frame.comment contains " fds="`:                        descriptors,
		`unix.took > 0.001`:                                     any(func(l *dumpLine) bool { return l.Took > 1000000 }),
		`unix.lost or unix.lost_messages`:                       {},
		`frame.comment contains "lost="`:                        {},
		`not unix.synthetic and not unix.close`:                 any(func(*dumpLine) bool { return true }),
		`unix.peer.path contains "mysqld.sock" and tcp.len > 0`: any(func(l *dumpLine) bool { return l.To.Path == m.database.socket }),
		`frame.comment contains " close"`:                       {packets: closes},
		`frame.comment contains " synthetic"`:                   {packets: packets - closes - m.messages},
		`tcp.flags.syn == 1 and tcp.flags.ack == 0`:             {packets: strings.Count(analyze(t, "flows", "--format", "jsonl", m.file), "\n")},
		`mysql.query`:                                           count(query),
		`mysql.query contains "orders"`:                         count(func(x *exchange) bool { return query(x) && strings.Contains(x.Request, "orders") }),
		`mysql.error_code`:                                      count(func(x *exchange) bool { return x.Proto == "mysql" && x.Status == "error" }),
		`http.request or http.response`:                         {packets: 4}, // of two pages
		`http.response.code >= 400`:                             {packets: 1},
	}
}

var (
	tableRow = regexp.MustCompile("(?m)^\\| `([^|]+)` \\|")
	codeLine = regexp.MustCompile(`(?m)^    (ipv6\.addr == .*)$`)
)

// documented returns the display filters that the manuals give.
func documented(t *testing.T) (filters []string) {
	t.Helper()
	manuals, err := filepath.Glob("../../docs/*.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range append(manuals, "../../README.md") {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, table := range strings.Split(string(text), "| Filter | Shows |\n")[1:] {
			table, _, _ = strings.Cut(table, "\n\n")
			for _, row := range tableRow.FindAllStringSubmatch(table, -1) {
				filters = append(filters, row[1])
			}
		}
		for _, line := range codeLine.FindAllStringSubmatch(string(text), -1) {
			filters = append(filters, line[1])
		}
	}
	return filters
}

var examples = strings.NewReplacer("24970", "PID", "0xffff88819df84000", "0xSK", "ffff:8881:9df8:4000", "SK", "ffff:8100:9df8:4000", "SK")

// Every display filter of the manuals finds what it says.
func (m *mixture) testDocumentedFilters(t *testing.T) {
	lines := dump(t, m.file)
	for i := range lines {
		if lines[i].Event == "send" {
			m.messages++
		}
		if lines[i].To.Path == m.database.socket {
			m.sk = lines[i].From.SK
		}
	}
	known := m.known(t, lines)
	filters := documented(t)
	for f := range known {
		if !slices.ContainsFunc(filters, func(d string) bool { return examples.Replace(d) == f }) {
			t.Errorf("no manual has %s", f)
		}
	}
	sk, err := strconv.ParseUint(m.sk, 0, 64)
	if err != nil {
		t.Fatal(err)
	}
	real := strings.NewReplacer("PID", strconv.Itoa(m.database.pid), "0xSK", m.sk,
		"SK", fmt.Sprintf("%x:%x:%x:%x", sk>>48, sk>>32&0xffff, sk>>16&0xffff, sk&0xffff))
	for _, s := range sharks(t) {
		for _, f := range filters {
			want, ok := known[examples.Replace(f)]
			if !ok {
				t.Errorf("nobody knows what %s is to find", f)
				continue
			}
			if strings.Contains(f, "frame.darwin") && !s.has(t, "frame.darwin.process_info.pname") {
				continue
			}
			filter, n := real.Replace(examples.Replace(f)), want.packets
			if want.messages != nil {
				n = 0
				for i := range lines {
					if lines[i].Event == "send" && want.messages(&lines[i]) {
						n++
					}
				}
				filter = "(" + filter + ") and not unix.synthetic and not unix.close"
			}
			if got := s.count(t, m.file, filter); got != n {
				t.Errorf("%s: %s finds %d packets, want %d", s.name, filter, got, n)
			}
		}
	}
}

// The filter that analyze gives for an exchange finds its packets, and those only,
// in the capture and in one that was cut out of it and saved.
func (m *mixture) testFiltersOfExchanges(t *testing.T) {
	cut := filepath.Join(m.dir, "cut.pcapng")
	run(t, "editcap", m.file, cut, "1-9") // numbers are others then
	seen := map[string]bool{}
	tried := 0
	here := sharks(t)[0]
	for line := range strings.Lines(analyze(t, "log", "--format", "jsonl", m.file)) {
		var x struct {
			exchange
			Packet int
			Filter string
		}
		if err := json.Unmarshal([]byte(line), &x); err != nil {
			t.Fatal(err)
		}
		if kind := x.Proto + x.Op; seen[kind] || x.Packet < 10 || x.LatencyNS == 0 {
			continue
		} else {
			seen[kind] = true
		}
		tried++
		for file, before := range map[string]int{m.file: 0, cut: 9} {
			found := strings.Fields(here.tshark(t, file, "-Y", "("+x.Filter+") and not unix.synthetic", "-T", "fields", "-e", "frame.number"))
			if len(found) < 2 || found[0] != strconv.Itoa(x.Packet-before) {
				t.Errorf("%s %s: packets %s of %s, want %d and more: %s", x.Proto, x.Op, found, file, x.Packet-before, x.Filter)
			}
			if bytes := here.tshark(t, file, "-Y", "("+x.Filter+") and not unix.synthetic", "-T", "fields", "-e", "tcp.len"); total(t, bytes) != x.RequestBytes+x.ResponseBytes {
				t.Errorf("%s %s: payload of %s, want %d and %d", x.Proto, x.Op, strings.Fields(bytes), x.RequestBytes, x.ResponseBytes)
			}
		}
	}
	if tried < 4 {
		t.Errorf("tried %d exchanges", tried)
	}
	commands := analyze(t, "report", "--wireshark", m.file)
	if !regexp.MustCompile(`(?m)^# query select sum\(cents\), sleep\(\?\) from shop\.orders: .*s\nwireshark -r ` + m.file + ` -Y 'ipv6\.addr == .*'$`).MatchString(commands) {
		t.Errorf("commands: %s", commands)
	}
}

func total(t *testing.T, numbers string) (n int64) {
	t.Helper()
	for _, f := range strings.Fields(numbers) {
		k, err := strconv.ParseInt(f, 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		n += k
	}
	return n
}
