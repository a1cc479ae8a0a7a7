package monitor

import (
	"errors"
	"fmt"
	"log"
	"net"
	"net/http"
	"sync"
	"time"

	"unixcap/internal/capture"
	"unixcap/internal/tally"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"golang.org/x/net/netutil"
)

// The metrics. Their names are for users' dashboards: they stay.
var (
	messages     = describe("messages_total", "Messages taken from the kernel.", "kind")
	bytes        = describe("bytes_total", "Bytes of the messages taken from the kernel.", "kind")
	lostMessages = describe("lost_messages_total", "Messages lost, wholly or in part.", "kind", "reason")
	lostBytes    = describe("lost_bytes_total", "Bytes of messages lost.", "kind", "reason")
	leftMessages = describe("left_out_messages_total", "Messages left out, wholly or in part, because it was asked for.", "kind", "reason")
	leftBytes    = describe("left_out_bytes_total", "Bytes of messages left out because it was asked for.", "kind", "reason")
	ringUsed     = describe("ring_used_bytes", "Bytes waiting in the kernel's buffer.")
	ringSize     = describe("ring_size_bytes", "Size of the kernel's buffer.")
	files        = describe("files_total", "Files begun.")
	connections  = describe("open_connections", "Open connections, and datagram sockets, of which something was recorded.")
)

func describe(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc("unixcap_"+name, help, labels, nil)
}

// A collector makes metrics of a Tally.
type collector struct {
	mu    sync.Mutex
	tally *tally.Tally // nil when the recording is over
}

// Describe says which metrics there are.
func (c *collector) Describe(to chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{
		messages, bytes, lostMessages, lostBytes, leftMessages, leftBytes, ringUsed, ringSize, files, connections,
	} {
		to <- d
	}
}

// Collect takes the numbers.
func (c *collector) Collect(to chan<- prometheus.Metric) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.tally == nil {
		return
	}
	s, err := c.tally.Snapshot()
	if err != nil {
		to <- prometheus.NewInvalidMetric(lostMessages, err)
		return
	}
	number := func(d *prometheus.Desc, kind prometheus.ValueType, v uint64, labels ...string) {
		to <- prometheus.MustNewConstMetric(d, kind, float64(v), labels...)
	}
	for kind := range s.Taken {
		name := capture.Kind(kind).String()
		number(messages, prometheus.CounterValue, s.Taken[kind].Messages, name)
		number(bytes, prometheus.CounterValue, s.Taken[kind].Bytes, name)
		for i, n := range s.ByKind[kind] {
			r := &tally.Reasons[i]
			m, b := lostMessages, lostBytes
			if !r.Lost() {
				m, b = leftMessages, leftBytes
			}
			number(m, prometheus.CounterValue, n.Messages, name, r.Name)
			number(b, prometheus.CounterValue, n.Bytes, name, r.Name)
		}
	}
	number(ringUsed, prometheus.GaugeValue, uint64(s.RingUsed))
	number(ringSize, prometheus.GaugeValue, uint64(s.RingSize))
	number(files, prometheus.CounterValue, uint64(s.Files))
	number(connections, prometheus.GaugeValue, uint64(s.Connections))
}

// Bounds of what those who ask for metrics can make record do.
const (
	maxClients     = 8
	headerTimeout  = 5 * time.Second
	answerTimeout  = 10 * time.Second
	idleTimeout    = 2 * time.Minute // more than the usual interval of scraping
	maxHeaderBytes = 16 << 10
)

// Serve answers requests for metrics until stop is called. What goes wrong
// meanwhile is told to warn.
func Serve(l net.Listener, t *tally.Tally, warn func(error)) (stop func()) {
	c := &collector{tally: t}
	registry := prometheus.NewPedanticRegistry()
	registry.MustRegister(c, collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	errors := log.New(writer(func(p []byte) { warn(fmt.Errorf("metrics: %s", p)) }), "", 0)
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{ErrorLog: errors}))
	server := &http.Server{
		Handler: mux, ReadHeaderTimeout: headerTimeout, ReadTimeout: headerTimeout, WriteTimeout: answerTimeout,
		IdleTimeout: idleTimeout, MaxHeaderBytes: maxHeaderBytes, ErrorLog: errors,
	}
	ended := make(chan bool)
	go func() {
		defer close(ended)
		if err := server.Serve(netutil.LimitListener(l, maxClients)); !isClosed(err) {
			warn(fmt.Errorf("metrics: %w", err))
		}
	}()
	return func() {
		c.mu.Lock()
		c.tally = nil
		c.mu.Unlock()
		if err := server.Close(); err != nil {
			warn(fmt.Errorf("metrics: %w", err))
		}
		<-ended
	}
}

func isClosed(err error) bool { return errors.Is(err, http.ErrServerClosed) }

// A writer is told what a log.Logger logs, without the end of the line.
type writer func([]byte)

func (w writer) Write(p []byte) (int, error) {
	w(p[:max(0, len(p)-1)])
	return len(p), nil
}
