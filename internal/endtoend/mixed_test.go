package endtoend

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"
)

// A pair is a row of "Who talks to whom" in JSON.
type pair struct {
	Client      party
	Server      party
	Path        string
	Proto       string
	Content     string
	Flows       int64
	Exchanges   int64
	Errors      int64
	ClientBytes int64 `json:"client_bytes"`
	ServerBytes int64 `json:"server_bytes"`
	Latency     struct {
		Count  int64
		MeanNS int64 `json:"mean_ns"`
		MaxNS  int64 `json:"max_ns"`
	}
}

// talkUnknown is a protocol that nobody knows: what comes in goes back, with its
// bits turned round.
const talkUnknown = `
import os, socket, sys
a = socket.socket(socket.AF_UNIX)
a.bind(sys.argv[1])
a.listen()
if os.fork() == 0:
    c = socket.socket(socket.AF_UNIX)
    c.connect(sys.argv[1])
    for i in range(1, 20):
        c.sendall(bytes([0xa5, i, 0xff - i]) * i)
        left = 3 * i
        while left > 0:
            left -= len(c.recv(left))
    os._exit(0)
b, _ = a.accept()
while p := b.recv(4096):
    b.sendall(bytes(x ^ 0xff for x in p))
os.wait()
`

// Of a capture of many protocols at once the report is one page that has each
// pair of programs with its protocol, how much they said, how fast and how
// wrong, and the pairs add up to what `log` has.
func TestMixed(t *testing.T) {
	needs(t, "python3", "logger", "script")
	m, r, n, bus := startMariaDB(t), startRedis(t), startNginx(t, ""), startBus(t)
	postgres := startPostgreSQL(t)
	journal, _ := startJournal(t)
	dir := t.TempDir()
	unknown, file := filepath.Join(dir, "unknown.sock"), filepath.Join(dir, "mixed.pcapng")
	log := filepath.Join(journal, "dev-log")
	rec := record(t, "-w", file, m.socket, postgres.socket, r.socket, n.socket, bus, log, unknown)
	m.query("create database shop; use shop; create table t (a int); insert into t values (1), (2); select * from t")
	m.client("-e", "select * from nothing.here").Run() // which fails
	postgres.talk("select 1;\nselect * from nothing;\n", "psql", "-X")
	r.typed("set a 1\nget a\nnonsense\n")
	curl(t, n.socket, "http://shop/index.html", "--next", "http://shop/missing")
	busctl := []string{"--address=unix:path=" + bus, "--timeout=60"}
	run(t, "busctl", append(busctl, "call", "org.freedesktop.DBus", "/", "org.freedesktop.DBus", "GetId")...)
	run(t, "logger", "-u", log, "-t", "shop", "-p", "user.warning", "the end is near")
	run(t, "timeout", "60", "python3", "-c", talkUnknown, unknown)
	if captured, dropped := rec.stop(); captured == 0 || dropped != 0 {
		t.Fatalf("captured %d, dropped %d", captured, dropped)
	}
	t.Run("json", func(t *testing.T) { pairsAgree(t, file) })
	t.Run("page", func(t *testing.T) { pageIsWhole(t, file) })
}

// pairsAgree compares the pairs of the report with the exchanges of log.
func pairsAgree(t *testing.T, file string) {
	var doc struct{ Pairs []pair }
	if err := json.Unmarshal([]byte(analyze(t, "report", "--format", "json", file)), &doc); err != nil {
		t.Fatal(err)
	}
	got, want, latest := make(map[string]int), make(map[string]int), make(map[string]int64)
	for _, x := range exchanges(t, file) {
		k := fmt.Sprint(x.Proto, " ", x.Client.Comm, " ", x.Path)
		want[k+" exchanges"]++
		want[k+" errors"] += map[bool]int{true: 1}[x.Status == "error"]
		latest[k] = max(latest[k], x.LatencyNS)
	}
	slowest, programs := make(map[string]int64), make(map[string]bool)
	for _, p := range doc.Pairs {
		programs[p.Proto+" "+p.Client.Comm+" "+p.Server.Comm] = true
		if p.Proto == "unknown" {
			if p.Content == "" || p.ClientBytes == 0 || p.ClientBytes != p.ServerBytes {
				t.Errorf("%+v", p)
			}
			continue
		}
		k := fmt.Sprint(p.Proto, " ", p.Client.Comm, " ", p.Path)
		got[k+" exchanges"] += int(p.Exchanges)
		got[k+" errors"] += int(p.Errors)
		slowest[k] = max(slowest[k], p.Latency.MaxNS)
		if p.ClientBytes == 0 || p.Latency.Count > 0 && (p.Latency.MeanNS <= 0 || p.Latency.MeanNS > p.Latency.MaxNS) {
			t.Errorf("%+v", p)
		}
	}
	for _, kind := range []map[string]int{got, want} {
		for k, v := range kind {
			if v == 0 {
				delete(kind, k)
			}
		}
	}
	sameCounts(t, "pairs", got, want)
	for k, v := range latest {
		if slowest[k] != v {
			t.Errorf("%s: at most %d ns, log says %d", k, slowest[k], v)
		}
	}
	for _, who := range []string{"mysql mariadb mariadbd", "postgresql psql postgres", "redis redis-cli redis-server", "http curl nginx", "dbus busctl dbus-daemon",
		"syslog logger systemd-journal", "unknown python3 python3"} {
		if !programs[who] {
			t.Errorf("no %s in %v", who, programs)
		}
	}
}

// pageIsWhole looks at what people see on a narrow terminal and in Markdown.
func pageIsWhole(t *testing.T, file string) {
	page := run(t, "script", "-q", "-e", "-c", "stty cols 80; "+filepath.Join(bin, "analyze")+" report --details 0 "+file, os.DevNull)
	page = strings.ReplaceAll(page, "\r\n", "\n")
	for line := range strings.Lines(page) {
		if utf8.RuneCountInString(strings.TrimSuffix(line, "\n")) > 80 {
			t.Errorf("wider than 80: %s", line)
		}
	}
	_, pairs, _ := strings.Cut(page, "Who talks to whom\n")
	markdown := analyze(t, "report", "--format", "markdown", "--details", "0", file)
	for proto, who := range map[string]string{"mysql": "mariadb → mariadbd", "postgresql": "psql → postgres", "redis": "redis-cli → redis-server", "http": "curl → nginx",
		"dbus": "busctl → dbus-daemon", "syslog": "logger → systemd-journal", "unknown": "python3 → python3"} {
		name := strings.ReplaceAll(who, " → ", `\[\d+\] → `) + `\[\d+\]`
		if !regexp.MustCompile(`(?m)^  ` + proto + ` .*\n     ` + name + `  `).MatchString(pairs) {
			t.Errorf("%s is not on the page:\n%s", name, page)
		}
		if !regexp.MustCompile(`(?m)^\| ` + proto + ` \|.*` + name).MatchString(markdown) {
			t.Errorf("%s is not in\n%s", name, markdown)
		}
	}
	if !regexp.MustCompile(`(?s)Of unknown protocol.*python3.*\n     binary, .*% printable, .*bits a byte`).MatchString(pairs) {
		t.Errorf("what is unknown is not described:\n%s", pairs)
	}
}
