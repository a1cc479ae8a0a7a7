package monitor

import (
	"context"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"unixcap/bpf"
	"unixcap/internal/capture"
	"unixcap/internal/fileset"
	"unixcap/internal/tally"

	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
)

type tap struct{}

func (tap) Losses() (bpf.Losses, error) {
	return bpf.Losses{Missed: 5, Kinds: [3]bpf.Loss{{}, {RingMessages: 3, RingBytes: 33}}}, nil
}
func (tap) Ring() (used, size int) { return 1000, 65536 }

type sink struct{ fileset.Set }

func (*sink) WriteMessage(*capture.Message) error { return nil }
func (*sink) Flush() error                        { return nil }

// scrape reads metrics as Prometheus does.
func scrape(t *testing.T, path string) map[string]*dto.MetricFamily {
	t.Helper()
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", path)
	}}}
	answer, err := client.Get("http://record/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		t.Fatal(answer.Status)
	}
	var text strings.Builder
	parser := expfmt.NewTextParser(model.LegacyValidation)
	families, err := parser.TextToMetricFamilies(io.TeeReader(answer.Body, &text))
	if err != nil {
		t.Fatal(err)
	}
	// What `promtool check metrics` says.
	problems, err := promlint.New(strings.NewReader(text.String())).Lint()
	if len(problems) > 0 || err != nil {
		t.Errorf("%v, %v", problems, err)
	}
	return families
}

// value is that of the one metric of a family that has the labels.
func value(t *testing.T, families map[string]*dto.MetricFamily, name, labels string) float64 {
	t.Helper()
	family := families[name]
	if family == nil || family.GetHelp() == "" {
		t.Fatalf("%s: %v", name, family)
	}
	for _, m := range family.Metric {
		var pairs []string
		for _, l := range m.Label {
			pairs = append(pairs, l.GetName()+"="+l.GetValue())
		}
		if strings.Join(pairs, ",") == labels {
			if isCounter := family.GetType() == dto.MetricType_COUNTER; isCounter != strings.HasSuffix(name, "_total") {
				t.Errorf("%s is a %v", name, family.GetType())
			}
			return m.GetCounter().GetValue() + m.GetGauge().GetValue()
		}
	}
	t.Fatalf("no %s{%s}", name, labels)
	return 0
}

// Metrics are what Prometheus can read, and say what was counted.
func TestMetrics(t *testing.T) {
	x := tally.New(tap{}, 4)
	x.Connections = func() int { return 42 }
	x.Start(new(sink))
	for range 3 {
		err := x.WriteMessage(&capture.Message{From: &capture.Socket{SK: 1, Kind: capture.SeqPacket}, Length: 10, Payload: make([]byte, 4)})
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := x.Flush(); err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(t.TempDir(), "m.sock")
	a, err := ParseAddress(name)
	if err != nil {
		t.Fatal(err)
	}
	l, err := a.Listen()
	if err != nil {
		t.Fatal(err)
	}
	stop := Serve(l, x, func(err error) { t.Error(err) })
	families := scrape(t, name)
	for _, w := range []struct {
		name, labels string
		value        float64
	}{
		{"unixcap_messages_total", "kind=seqpacket", 3},
		{"unixcap_bytes_total", "kind=seqpacket", 30},
		{"unixcap_messages_total", "kind=stream", 0},
		{"unixcap_lost_messages_total", "kind=dgram,reason=ring_full", 3},
		{"unixcap_lost_bytes_total", "kind=dgram,reason=ring_full", 33},
		{"unixcap_lost_messages_total", "kind=stream,reason=busy", 5},
		{"unixcap_lost_messages_total", "kind=stream,reason=disk", 0},
		{"unixcap_left_out_messages_total", "kind=seqpacket,reason=snaplen", 3},
		{"unixcap_left_out_bytes_total", "kind=seqpacket,reason=snaplen", 18},
		{"unixcap_ring_used_bytes", "", 1000},
		{"unixcap_ring_size_bytes", "", 65536},
		{"unixcap_files_total", "", 0},
		{"unixcap_open_connections", "", 42},
	} {
		if got := value(t, families, w.name, w.labels); got != w.value {
			t.Errorf("%s{%s} is %v, want %v", w.name, w.labels, got, w.value)
		}
	}
	if value(t, families, "process_resident_memory_bytes", "") == 0 {
		t.Error("no memory")
	}
	stop()
	if _, err := net.Dial("unix", name); err == nil {
		t.Error("somebody listens after the end")
	}
}
