package endtoend

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
)

// scrape reads the metrics at the path of a socket, or at an address.
func scrape(t *testing.T, network, address string) map[string]*dto.MetricFamily {
	t.Helper()
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, network, address)
	}}}
	answer, err := client.Get("http://record/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	parser := expfmt.NewTextParser(model.LegacyValidation)
	families, err := parser.TextToMetricFamilies(answer.Body)
	if err != nil || answer.StatusCode != http.StatusOK {
		t.Fatal(answer.Status, err)
	}
	return families
}

// sum adds up the metrics of a family.
func sum(families map[string]*dto.MetricFamily, name string) int {
	n := 0.0
	for _, m := range families[name].GetMetric() {
		n += m.GetCounter().GetValue() + m.GetGauge().GetValue()
	}
	return int(n)
}

// Metrics say what the closing lines say, and the socket is gone afterwards.
func TestMetrics(t *testing.T) {
	needs(t)
	dir := t.TempDir()
	file, socket := filepath.Join(dir, "x.pcapng"), filepath.Join(dir, "m.sock")
	k := newChat(t)
	r := record(t, ofSelf("-w", file, "--metrics", socket)...)
	if info, err := os.Stat(socket); err != nil || info.Mode() != 0o600|os.ModeSocket {
		t.Errorf("%v, %v", info, err)
	}
	k.say(123, 40)
	// Scraping is a conversation of this process too: its requests are recorded.
	requests := 0
	until(t, "all messages and the connection", func() bool {
		requests++
		m := scrape(t, "unix", socket)
		return sum(m, "unixcap_messages_total") >= 123 && sum(m, "unixcap_open_connections") >= 1
	})
	m := scrape(t, "unix", socket)
	for name, want := range map[string]int{"unixcap_files_total": 1, "unixcap_ring_size_bytes": 64 << 20, "unixcap_lost_messages_total": 0} {
		if sum(m, name) != want {
			t.Errorf("%s is %d, want %d", name, sum(m, name), want)
		}
	}
	if captured, dropped := r.stop(); captured != 123+requests+1 || dropped != 0 {
		t.Errorf("captured %d, dropped %d, with %d requests", captured, dropped, requests+1)
	}
	if _, err := os.Lstat(socket); !os.IsNotExist(err) {
		t.Errorf("the socket: %v", err)
	}
}

// Metrics are to be had on the loopback interface too.
func TestMetricsTCP(t *testing.T) {
	needs(t)
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := free.Addr().String()
	free.Close()
	r := record(t, ofSelf("-w", filepath.Join(t.TempDir(), "x"), "--metrics", address)...)
	if m := scrape(t, "tcp", address); sum(m, "unixcap_ring_size_bytes") == 0 || sum(m, "process_open_fds") == 0 {
		t.Errorf("%v", m)
	}
	r.stop()
}

// record's answers are not recorded, so that recording everything and writing it
// to sockets is no circle.
func TestNoCircle(t *testing.T) {
	needs(t)
	dir := t.TempDir()
	file, socket := filepath.Join(dir, "x.pcapng"), filepath.Join(dir, "m.sock")
	r := record(t, "-w", file, "--metrics", socket)
	for range 5 {
		scrape(t, "unix", socket)
		time.Sleep(250 * time.Millisecond) // longer than until the next flush
	}
	r.stop()
	from := func(pid int) string { return fmt.Sprintf(`"from":{"pid":%d,`, pid) }
	requests := 0
	for line := range strings.Lines(analyze(t, "dump", "--format", "jsonl", file)) {
		if strings.Contains(line, from(r.cmd.Process.Pid)) && strings.Contains(line, `"event":"send"`) {
			t.Errorf("%.300s", line)
		}
		if strings.Contains(line, "GET /metrics") && strings.Contains(line, from(os.Getpid())) {
			requests++
		}
	}
	if requests != 5 {
		t.Errorf("%d requests were recorded", requests)
	}
}
