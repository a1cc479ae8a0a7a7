package report

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Sorts are the orders that classes can be shown in, by the name they have on
// the command line.
var Sorts = []string{"time", "count", "mean", "p95", "p99", "max", "rows", "errors", "bytes"}

var sortBy = map[string]func(*classSum) int64{
	"time":   func(c *classSum) int64 { return int64(c.Time) },
	"count":  func(c *classSum) int64 { return c.Count },
	"mean":   func(c *classSum) int64 { return int64(c.Latency.mean()) },
	"p95":    func(c *classSum) int64 { return int64(c.Latency.quantile(0.95)) },
	"p99":    func(c *classSum) int64 { return int64(c.Latency.quantile(0.99)) },
	"max":    func(c *classSum) int64 { return int64(c.Latency.max) },
	"rows":   func(c *classSum) int64 { return c.Rows },
	"errors": func(c *classSum) int64 { return c.Errors },
	"bytes":  func(c *classSum) int64 { return c.RequestBytes + c.ResponseBytes },
}

// CheckSort reports whether there is such an order.
func CheckSort(name string) error {
	if sortBy[name] == nil {
		return fmt.Errorf("no order %q (there are %s)", name, strings.Join(Sorts, ", "))
	}
	return nil
}

// sections are the tables of the report, each with at most limit rows; 0
// means all.
func (s *Summary) sections(limit int, order string) []section {
	var list []section
	list = append(list, newTable("protocols", "Protocols", protocolColumns, s.sortedProtocols(), 0))
	classes := s.sortedClasses(order)
	list = append(list, newTable("classes", "Requests by "+order, classColumns, classes, limit))
	queued := slices.DeleteFunc(slices.Clone(classes), func(c *classSum) bool { return c.Queued.count == 0 })
	list = append(list, newTable("queueing", "Time until the server received requests, and from there to the answer", queueColumns, queued, limit))
	list = append(list, newTable("pairs", "Who talks to whom", pairColumns, s.sortedPairs(), limit))
	list = append(list, newTable("errors", "Errors", errorColumns, s.sortedErrors(), limit))
	return append(list, newTable("failed_connections", "Connections that failed", failureColumns, s.sortedFailures(), limit))
}

func values[K comparable, V any](m map[K]*V) []*V {
	list := make([]*V, 0, len(m))
	for _, v := range m {
		list = append(list, v)
	}
	return list
}

func (s *Summary) sortedProtocols() []*protocolSum {
	list := values(s.protocols)
	slices.SortFunc(list, func(a, b *protocolSum) int {
		return cmp.Or(cmp.Compare(b.Exchanges, a.Exchanges), cmp.Compare(b.Sent+b.Received, a.Sent+a.Received), cmp.Compare(a.Name, b.Name))
	})
	return list
}

// sortedClasses ranks the classes and says what part each has of all the time
// that clients waited. The classes counted together come last.
func (s *Summary) sortedClasses(order string) []*classSum {
	by := sortBy[order]
	list := values(s.classes)
	keys := make(map[*classSum]int64, len(list))
	var total time.Duration
	for _, c := range list {
		keys[c] = by(c)
		total += c.Time
	}
	last := func(c *classSum) int {
		if c.proto == "" {
			return 1
		}
		return 0
	}
	slices.SortFunc(list, func(a, b *classSum) int {
		return cmp.Or(cmp.Compare(last(a), last(b)), cmp.Compare(keys[b], keys[a]), cmp.Compare(b.Count, a.Count),
			cmp.Compare(a.class, b.class), cmp.Compare(a.op, b.op), cmp.Compare(a.proto, b.proto))
	})
	for i, c := range list {
		c.Rank = i + 1
		if total > 0 {
			c.Share = float64(c.Time) / float64(total)
		}
	}
	return list
}

func (s *Summary) sortedPairs() []*pairSum {
	list := values(s.pairs)
	slices.SortFunc(list, func(a, b *pairSum) int {
		return cmp.Or(cmp.Compare(b.Sent+b.Received, a.Sent+a.Received), cmp.Compare(b.Exchanges, a.Exchanges),
			cmp.Compare(a.client, b.client), cmp.Compare(a.server, b.server), cmp.Compare(a.path, b.path))
	})
	return list
}

func (s *Summary) sortedErrors() []*errorSum {
	list := values(s.errors)
	slices.SortFunc(list, func(a, b *errorSum) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.proto, b.proto), cmp.Compare(a.code, b.code))
	})
	return list
}

func (s *Summary) sortedFailures() []*failureSum {
	list := values(s.failures)
	slices.SortFunc(list, func(a, b *failureSum) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), a.First.compare(b.First), cmp.Compare(a.client, b.client),
			cmp.Compare(a.user, b.user), cmp.Compare(a.code, b.code), cmp.Compare(a.why, b.why))
	})
	return list
}

var protocolColumns = []Column[protocolSum]{
	{Name: "proto", Head: "PROTOCOL", Get: func(p *protocolSum, c *Cell) { c.String(p.Name) }},
	{Name: "flows", Head: "CONVERSATIONS", Right: true, Get: func(p *protocolSum, c *Cell) { c.Count(p.Flows) }},
	{Name: "exchanges", Head: "EXCHANGES", Right: true, Get: func(p *protocolSum, c *Cell) { c.Count(p.Exchanges) }},
	{Name: "errors", Head: "ERRORS", Right: true, Get: func(p *protocolSum, c *Cell) { c.Count(p.Errors) }},
	{Name: "unanswered", Head: "UNANSWERED", Right: true, Get: func(p *protocolSum, c *Cell) { c.Count(p.Unanswered) }},
	{Name: "client_bytes", Head: "SENT", Right: true, Get: func(p *protocolSum, c *Cell) { c.Size(p.Sent) }},
	{Name: "server_bytes", Head: "RECEIVED", Right: true, Get: func(p *protocolSum, c *Cell) { c.Size(p.Received) }},
}

// waited makes a column of a class's latencies, absent if none is known.
func waited(name, head string, get func(*distribution) time.Duration) Column[classSum] {
	return timed("latency."+name, head, func(s *classSum) *distribution { return &s.Latency }, get)
}

// timed makes a column of one of a class's distributions, absent if it is empty.
func timed(name, head string, of func(*classSum) *distribution, get func(*distribution) time.Duration) Column[classSum] {
	return Column[classSum]{Name: name, Head: head, Right: true, Get: func(s *classSum, c *Cell) {
		if d := of(s); d.count > 0 {
			c.Duration(get(d))
		}
	}}
}

func quantile(q float64) func(*distribution) time.Duration {
	return func(d *distribution) time.Duration { return d.quantile(q) }
}

var classColumns = []Column[classSum]{
	{Name: "rank", Head: "#", Right: true, Get: func(s *classSum, c *Cell) { c.Int(int64(s.Rank)) }},
	{Name: "proto", Get: func(s *classSum, c *Cell) { c.optional(s.proto) }},
	{Name: "op", Get: func(s *classSum, c *Cell) { c.optional(s.op) }},
	{Name: "fingerprint", Get: func(s *classSum, c *Cell) { c.String(s.class) }},
	{Name: "count", Head: "COUNT", Right: true, Get: func(s *classSum, c *Cell) { c.Count(s.Count) }},
	{Name: "time_share", Head: "TIME", Right: true, Get: func(s *classSum, c *Cell) { c.Share(s.Share) }},
	{Name: "time_ns", Get: func(s *classSum, c *Cell) { c.Duration(s.Time) }},
	waited("min_ns", "MIN", func(d *distribution) time.Duration { return d.min }),
	waited("mean_ns", "MEAN", (*distribution).mean),
	waited("p50_ns", "P50", quantile(0.50)),
	waited("p95_ns", "P95", quantile(0.95)),
	waited("p99_ns", "P99", quantile(0.99)),
	waited("max_ns", "MAX", func(d *distribution) time.Duration { return d.max }),
	{Name: "rows", Head: "ROWS", Right: true, Get: func(s *classSum, c *Cell) { c.Count(s.Rows) }},
	{Name: "errors", Head: "ERR", Right: true, Get: func(s *classSum, c *Cell) { c.Count(s.Errors) }},
	{Name: "unanswered", Get: func(s *classSum, c *Cell) { c.Count(s.Unanswered) }},
	{Name: "request_bytes", Get: func(s *classSum, c *Cell) { c.Size(s.RequestBytes) }},
	{Name: "response_bytes", Get: func(s *classSum, c *Cell) { c.Size(s.ResponseBytes) }},
	{Name: "slowest.ts", Get: func(s *classSum, c *Cell) { c.at(s.SlowestAt) }},
	{Name: "slowest.duration_ns", Get: func(s *classSum, c *Cell) {
		if !s.SlowestAt.Time.IsZero() {
			c.Duration(s.Slowest)
		}
	}},
	{Name: "slowest.file", Get: func(s *classSum, c *Cell) { c.optional(s.SlowestAt.File) }},
	{Name: "slowest.packet", Get: func(s *classSum, c *Cell) { c.packet(s.SlowestAt.Packet) }},
	{Head: "REQUEST", Below: true, Get: func(s *classSum, c *Cell) {
		if s.op == "" {
			c.String(s.class)
			return
		}
		c.Text(named(s.op, s.class))
	}},
}

var queueColumns = newQueueColumns()

func newQueueColumns() []Column[classSum] {
	list := []Column[classSum]{
		{Name: "rank", Head: "#", Right: true, Get: func(s *classSum, c *Cell) { c.Int(int64(s.Rank)) }},
		{Name: "count", Head: "COUNT", Right: true, Get: func(s *classSum, c *Cell) { c.Count(s.Queued.count) }},
	}
	for _, d := range []struct {
		name, head string
		of         func(*classSum) *distribution
	}{
		{"queued", "QUEUED", func(s *classSum) *distribution { return &s.Queued }},
		{"service", "SERVICE", func(s *classSum) *distribution { return &s.Service }},
	} {
		list = append(list,
			timed(d.name+".mean_ns", d.head+" MEAN", d.of, (*distribution).mean),
			timed(d.name+".p95_ns", "P95", d.of, quantile(0.95)),
			timed(d.name+".max_ns", "MAX", d.of, func(d *distribution) time.Duration { return d.max }))
	}
	for _, c := range classColumns {
		if c.Below || c.Name == "op" || c.Name == "fingerprint" {
			list = append(list, c)
		}
	}
	return list
}

var pairColumns = []Column[pairSum]{
	{Name: "client.comm", Get: func(p *pairSum, c *Cell) { c.optional(p.ClientProcess.Comm) }},
	{Name: "client.pid", Get: func(p *pairSum, c *Cell) { c.pid(p.ClientProcess.PID) }},
	{Name: "client.addr", Get: func(p *pairSum, c *Cell) { c.optional(p.ClientAddr) }},
	{Name: "client.exe", Get: func(p *pairSum, c *Cell) { c.optional(originOf(&p.ClientProcess).Exe) }},
	{Name: "client.container", Get: func(p *pairSum, c *Cell) { c.optional(originOf(&p.ClientProcess).Container) }},
	{Name: "client.container_name", Get: func(p *pairSum, c *Cell) { c.optional(originOf(&p.ClientProcess).ContainerName) }},
	{Name: "server.comm", Get: func(p *pairSum, c *Cell) { c.optional(p.ServerProcess.Comm) }},
	{Name: "server.pid", Get: func(p *pairSum, c *Cell) { c.pid(p.ServerProcess.PID) }},
	{Name: "server.addr", Get: func(p *pairSum, c *Cell) { c.optional(p.ServerAddr) }},
	{Name: "server.exe", Get: func(p *pairSum, c *Cell) { c.optional(originOf(&p.ServerProcess).Exe) }},
	{Name: "server.container", Get: func(p *pairSum, c *Cell) { c.optional(originOf(&p.ServerProcess).Container) }},
	{Name: "server.container_name", Get: func(p *pairSum, c *Cell) { c.optional(originOf(&p.ServerProcess).ContainerName) }},
	{Name: "flows", Head: "CONVS", Right: true, Get: func(p *pairSum, c *Cell) { c.Count(p.Flows) }},
	{Name: "exchanges", Head: "EXCHANGES", Right: true, Get: func(p *pairSum, c *Cell) { c.Count(p.Exchanges) }},
	{Name: "errors", Head: "ERRORS", Right: true, Get: func(p *pairSum, c *Cell) { c.Count(p.Errors) }},
	{Name: "unanswered", Get: func(p *pairSum, c *Cell) { c.Count(p.Unanswered) }},
	{Name: "client_bytes", Head: "SENT", Right: true, Get: func(p *pairSum, c *Cell) { c.Size(p.Sent) }},
	{Name: "server_bytes", Head: "RECEIVED", Right: true, Get: func(p *pairSum, c *Cell) { c.Size(p.Received) }},
	{Head: "CLIENT → SERVER", Get: func(p *pairSum, c *Cell) {
		if p.client == other {
			c.String(other)
			return
		}
		c.String(p.client + " → " + p.server)
	}},
	{Name: "path", Head: "PATH", Get: func(p *pairSum, c *Cell) { c.optional(p.path) }},
}

var errorColumns = []Column[errorSum]{
	{Name: "count", Head: "COUNT", Right: true, Get: func(e *errorSum, c *Cell) { c.Count(e.Count) }},
	{Name: "proto", Head: "PROTOCOL", Get: func(e *errorSum, c *Cell) { c.optional(e.proto) }},
	{Name: "error_code", Head: "CODE", Get: func(e *errorSum, c *Cell) { c.optional(e.code) }},
	{Name: "error", Head: "FIRST MESSAGE", Get: func(e *errorSum, c *Cell) { c.optional(e.Message) }},
	{Name: "ts", Get: func(e *errorSum, c *Cell) { c.at(e.First) }},
	{Name: "file", Get: func(e *errorSum, c *Cell) { c.optional(e.First.File) }},
	{Name: "packet", Get: func(e *errorSum, c *Cell) { c.packet(e.First.Packet) }},
}

var failureColumns = []Column[failureSum]{
	{Name: "count", Head: "COUNT", Right: true, Get: func(f *failureSum, c *Cell) { c.Count(f.Count) }},
	{Name: "client", Head: "CLIENT", Get: func(f *failureSum, c *Cell) { c.optional(f.client) }},
	{Name: "user", Head: "USER", Get: func(f *failureSum, c *Cell) { c.optional(f.user) }},
	{Name: "server", Head: "SERVER", Get: func(f *failureSum, c *Cell) { c.optional(f.server) }},
	{Name: "path", Get: func(f *failureSum, c *Cell) { c.optional(f.path) }},
	{Name: "error_code", Head: "CODE", Get: func(f *failureSum, c *Cell) { c.optional(f.code) }},
	{Name: "reason", Head: "REASON", Get: func(f *failureSum, c *Cell) { c.optional(f.why) }},
	{Name: "ts", Get: func(f *failureSum, c *Cell) { c.at(f.First) }},
	{Name: "file", Get: func(f *failureSum, c *Cell) { c.optional(f.First.File) }},
	{Name: "packet", Get: func(f *failureSum, c *Cell) { c.packet(f.First.Packet) }},
}
