package endtoend

import (
	"encoding/json"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// A digest is what a report says of statements that are alike.
type digest struct {
	count, length    int64
	sum, least, most float64 // seconds
	histogram        []int64
}

// digestKey is a class as both reports have it: pt-query-digest folds the
// digits in names as well, and its spaces are others.
func digestKey(class string) string {
	return regexp.MustCompile(`\W`).ReplaceAllString(regexp.MustCompile(`\d`).ReplaceAllString(class, ""), "")
}

// The report says of each class of statements what pt-query-digest says of the same
// capture: how many, how long they took, from what to what, and in which
// order of magnitude.
func TestReportAgainstPtQueryDigest(t *testing.T) {
	needs(t, "tcpdump", "pt-query-digest", "sysbench")
	port := freePort(t)
	m := startMariaDB(t, "--skip-networking=0", "--skip-name-resolve", "--bind-address=127.0.0.1", "--port="+port)
	m.query("create database sbtest; create user u@'%'; grant all on *.* to u@'%'")
	network := []string{"--mysql-socket=", "--mysql-host=127.0.0.1", "--mysql-port=" + port, "--mysql-user=u"}
	m.sysbench("disable", append(network, "prepare")...)
	dir := t.TempDir()
	file := filepath.Join(dir, "lo.pcap")
	stop := tcpdump(t, "lo", file, port)
	m.sysbench("disable", append(network, "run")...)
	stop()

	theirs := ptQueryDigest(t, dir, file, port)
	ours := make(map[string]digest)
	var r struct {
		Classes []struct {
			Op, Fingerprint string
			Count           int64
			Bytes           int64 `json:"request_bytes"`
			Time            int64 `json:"time_ns"`
			Latency         struct {
				Min int64 `json:"min_ns"`
				Max int64 `json:"max_ns"`
			}
			Histogram []int64
		}
	}
	if err := json.Unmarshal([]byte(analyze(t, "report", "--format", "json", "--decode-as", port+"=mysql", file)), &r); err != nil {
		t.Fatal(err)
	}
	for _, c := range r.Classes {
		if c.Op != "query" {
			continue
		}
		d, seen := ours[digestKey(c.Fingerprint)]
		if !seen {
			d.least, d.histogram = math.Inf(1), make([]int64, 8)
		}
		d.count += c.Count
		d.length += c.Bytes - 5*c.Count // the packet's head and the command
		d.sum += float64(c.Time) / 1e9
		d.least, d.most = min(d.least, float64(c.Latency.Min)/1e9), max(d.most, float64(c.Latency.Max)/1e9)
		for i, n := range c.Histogram {
			d.histogram[i] += n
		}
		ours[digestKey(c.Fingerprint)] = d
	}
	compareDigests(t, ours, theirs)
}

func compareDigests(t *testing.T, ours, theirs map[string]digest) {
	t.Helper()
	if len(theirs) < 10 {
		t.Errorf("pt-query-digest knows %d classes only", len(theirs))
	}
	for class, want := range theirs {
		got, ok := ours[class]
		near := func(a, b float64, n int64) bool { return math.Abs(a-b) <= 1.5e-6*float64(n) }
		if !ok || got.count != want.count || got.length != want.length || !alike(got.histogram, want.histogram, want.count) ||
			!near(got.sum, want.sum, want.count) || !near(got.least, want.least, 1) || !near(got.most, want.most, 1) {
			t.Errorf("%s: %+v, pt-query-digest says %+v", class, got, want)
		}
	}
}

// alike compares histograms. Those of pt-query-digest are made of buckets 5% wide,
// which stand across the powers of ten.
func alike(a, b []int64, count int64) bool {
	for i := range a {
		if d := a[i] - b[i]; max(d, -d) > 1+count/10 {
			return false
		}
	}
	return len(a) == len(b)
}

// ptQueryDigest has pt-query-digest report on a capture.
func ptQueryDigest(t *testing.T, dir, file, port string) map[string]digest {
	t.Helper()
	text := filepath.Join(dir, "lo.txt")
	if err := os.WriteFile(text, []byte(run(t, "tcpdump", "-nn", "-q", "-tttt", "-x", "-r", file)), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("pt-query-digest", "--no-version-check", "--type", "tcpdump", "--watch-server", "127.0.0.1:"+port,
		"--limit", "100%", "--output", "json", text)
	cmd.Env = append(os.Environ(), "HOME="+dir, "TMPDIR="+dir)
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	type metric struct{ Sum, Min, Max string }
	var r struct {
		Classes []struct {
			Fingerprint string
			Count       int64 `json:"query_count"`
			Metrics     struct {
				QueryTime   metric `json:"Query_time"`
				QueryLength metric `json:"Query_length"`
			}
			Histograms struct {
				QueryTime []int64 `json:"Query_time"`
			}
		}
	}
	if err := json.Unmarshal(out, &r); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	list := make(map[string]digest)
	number := func(s string) float64 {
		v, err := strconv.ParseFloat(s, 64)
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	for _, c := range r.Classes {
		if strings.HasPrefix(c.Fingerprint, "administrator command") {
			continue // a name of its own for what is no statement
		}
		q := c.Metrics.QueryTime
		list[digestKey(c.Fingerprint)] = digest{
			c.Count, int64(number(c.Metrics.QueryLength.Sum)), number(q.Sum), number(q.Min), number(q.Max), c.Histograms.QueryTime,
		}
	}
	return list
}
