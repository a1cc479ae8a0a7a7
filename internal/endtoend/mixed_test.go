package endtoend

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
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

// whoTalks has the programs of a mixture by protocol: every one that there is a
// decoder for, and what is not decoded.
var whoTalks = map[string][]string{
	"mysql":      {"mariadb → mariadbd"},
	"postgresql": {"psql → postgres"},
	"redis":      {"redis-cli → redis-server"},
	"dbus":       {"busctl → dbus-daemon"},
	"http":       {"curl → nginx", "endtoend.test → endtoend.test"}, // the other one is WebSocket
	"http2":      {"grpc → grpc", "curl → grpc"},
	"syslog":     {"logger → systemd-journal"},
	"journald":   {"logger → systemd-journal"},
	"sdnotify":   {"systemd-notify → endtoend.test"},
	"memcached":  {"endtoend.test → mc-worker"},
	"fastcgi":    {"nginx → php-fpm8.2"},
	"json":       {"python3 → qemu-system-x86", "python3 → systemd-journal"}, // QMP and varlink
	"unknown":    {"python3 → python3", "openssl → openssl"},                 // TLS
}

// Of a capture of many protocols at once the report is one page that has each
// pair of programs with its protocol, how much they said, how fast and how
// wrong, and the pairs add up to what `log` has.
func TestMixed(t *testing.T) {
	needs(t, "script")
	file := filepath.Join(t.TempDir(), "mixed.pcapng")
	speakers := startSpeakers(t)
	args := []string{"-w", file}
	for _, s := range speakers {
		args = append(args, s.sockets...)
	}
	rec := record(t, args...)
	for _, s := range speakers {
		s.talk(t)
	}
	if captured, dropped := rec.stop(); captured == 0 || dropped != 0 {
		t.Fatalf("captured %d, dropped %d", captured, dropped)
	}
	t.Run("json", func(t *testing.T) { pairsAgree(t, file) })
	t.Run("page", func(t *testing.T) { pageIsWhole(t, file) })
	t.Run("tshark", func(t *testing.T) { sharksKnowPorts(t, file) })
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
			if p.Content == "" || p.ClientBytes == 0 || p.Client.Comm == "python3" && p.ClientBytes != p.ServerBytes {
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
	for proto, all := range whoTalks {
		for _, who := range all {
			if who = proto + " " + strings.Replace(who, " → ", " ", 1); !programs[who] {
				t.Errorf("no %s in %v", who, programs)
			}
		}
	}
}

// pageIsWhole looks at what people see on a narrow terminal and in Markdown.
func pageIsWhole(t *testing.T, file string) {
	page := run(t, "script", "-q", "-e", "-c", "stty cols 80; "+filepath.Join(bin, "analyze")+" report --limit 20 "+file, os.DevNull)
	page = strings.ReplaceAll(page, "\r\n", "\n")
	for line := range strings.Lines(page) {
		if utf8.RuneCountInString(strings.TrimSuffix(line, "\n")) > 80 {
			t.Errorf("wider than 80: %s", line)
		}
	}
	head, pairs, _ := strings.Cut(page, "Who talks to whom\n")
	if n := strings.Count(head, "\n"); n > 8 {
		t.Errorf("who talks to whom is %d lines down the page", n)
	}
	if strings.Contains(page, "In detail\n") {
		t.Error("the page is filled with details")
	}
	markdown := analyze(t, "report", "--format", "markdown", "--limit", "20", file)
	for proto, all := range whoTalks {
		for _, who := range all {
			name := strings.ReplaceAll(regexp.QuoteMeta(who), " → ", processes+" → ") + processes
			if !regexp.MustCompile(`(?m)^  ` + proto + ` .*\n     ` + name + `(  |$)`).MatchString(pairs) {
				t.Errorf("%s %s is not on the page:\n%s", proto, who, page)
			}
			if !regexp.MustCompile(`(?m)^\| ` + proto + ` \|.*` + name).MatchString(markdown) {
				t.Errorf("%s %s is not in\n%s", proto, who, markdown)
			}
		}
	}
	if !regexp.MustCompile(`(?s)Of unknown protocol.*python3.*\n     binary, .*% printable, .*bits a\s+byte`).MatchString(pairs) || !strings.Contains(pairs, "\n     TLS 1.3 for \"shop\"\n") {
		t.Errorf("what is unknown is not described:\n%s", pairs)
	}
	short := analyze(t, "report", "--limit", "1", file)
	_, short, _ = strings.Cut(short, "Who talks to whom\n")
	for proto := range whoTalks {
		if !regexp.MustCompile(`(?m)^  ` + proto + ` .*\n     `).MatchString(short) {
			t.Errorf("%s is left out of the short page:\n%s", proto, short)
		}
	}
}

// processes is what stands behind the name of a program: its process, or how many.
const processes = `(?:\[\d+\]| ×\d+)`

// sharksKnowPorts has every version of Wireshark find the protocol of each socket by
// its port, D-Bus, JSON and FastCGI with the profile or a line of -d. What
// has no dissector is at no port that has one.
func sharksKnowPorts(t *testing.T, file string) {
	stock := []string{"mysql", "pgsql", "resp", "memcache", "http", "websocket", "http2", "grpc", "syslog", "tls"}
	all := append([]string{"dbus", "json", "fcgi"}, stock...)
	for _, s := range sharks(t) {
		for _, way := range []struct {
			args, protos []string
		}{
			{nil, stock},
			{[]string{"-C", "unixcap"}, all},
			{[]string{"-d", "tcp.port==60100,dbus", "-d", "tcp.port==60101,json", "-d", "tcp.port==9000,fcgi"}, all},
		} {
			found := strings.FieldsFunc(s.tshark(t, file, append(way.args, "-T", "fields", "-e", "frame.protocols")...), func(r rune) bool { return r == ':' || r == '\n' })
			for _, proto := range way.protos {
				if !slices.Contains(found, proto) {
					t.Errorf("%s %v: no %s", s.name, way.args, proto)
				}
			}
		}
	}
}
