package report

import (
	"time"

	"unixcap/decoders"
	"unixcap/internal/capture"
	"unixcap/internal/stream"
)

// What there can be very many of is counted one by one up to a limit and
// together beyond it, under the name other. The limits bound the memory:
// about 1 KiB for each class, with long statements and wide distributions 10.
const (
	maxClasses  = 20_000
	maxPairs    = 20_000
	maxErrors   = 2_000
	maxFailures = 2_000
	// maxClass is how much of a class's text is kept.
	maxClass = 4096
	// maxExample is how much of an error's message is kept.
	maxExample = 512

	other = "(other)"
)

// A Summary adds up a whole capture.
type Summary struct {
	Files       []string
	First, Last time.Time
	Total       Totals

	protocols map[string]*protocolSum
	classes   map[classKey]*classSum
	pairs     map[pairKey]*pairSum
	errors    map[errorKey]*errorSum
	failures  map[failureKey]*failureSum
}

// Totals are the numbers of the first lines.
type Totals struct {
	Messages, Bytes, Flows        int64
	Exchanges, Errors, Unanswered int64
	Encrypted                     int64
	Unknown                       int64 // flows of no known protocol

	LostBytes, LostMessages int64 // missing between the messages of the capture
	CutBytes                int64 // missing inside of them
	Evicted                 int64
	Failed                  int64 // sends that failed

	// As the recorder itself counted them.
	Dropped, OSDropped uint64
}

type protocolSum struct {
	Name                          string
	Flows                         int64
	Exchanges, Errors, Unanswered int64
	Sent, Received                int64
}

type classKey struct{ proto, op, class string }

type classSum struct {
	classKey
	Rank               int
	Count              int64
	Share              float64
	Time               time.Duration // until the answers were complete
	Latency            distribution
	Queued, Service    distribution // if the capture has what was received
	Rows               int64
	Errors, Unanswered int64
	RequestBytes       int64
	ResponseBytes      int64
	First              place
	Slowest            time.Duration
	SlowestAt          place
}

type pairKey struct {
	client, server string
	path           string
}

// pairEnds are the two ends of a pair's first conversation.
type pairEnds struct {
	ClientProcess, ServerProcess capture.Process
	ClientAddr, ServerAddr       string // network traffic
}

type pairSum struct {
	pairKey
	pairEnds
	First                         place
	Flows                         int64
	Exchanges, Errors, Unanswered int64
	Sent, Received                int64
}

type errorKey struct{ proto, code string }

type errorSum struct {
	errorKey
	Count   int64
	Message string // of the first
	First   place
}

type failureKey struct{ client, server, path, user, code, why string }

type failureSum struct {
	failureKey
	Count int64
	First place
}

// NewSummary returns an empty summary of captures with these names.
func NewSummary(files []string) *Summary {
	return &Summary{
		Files:     files,
		protocols: make(map[string]*protocolSum),
		classes:   make(map[classKey]*classSum),
		pairs:     make(map[pairKey]*pairSum),
		errors:    make(map[errorKey]*errorSum),
		failures:  make(map[failureKey]*failureSum),
	}
}

// Exchange adds an exchange. e is not kept.
func (s *Summary) Exchange(e *Entry) {
	x := e.Exchange
	s.Total.Exchanges++
	switch x.Status {
	case decoders.Error:
		s.Total.Errors++
		s.failed(e)
	case decoders.Unanswered:
		s.Total.Unanswered++
	case decoders.Encrypted:
		s.Total.Encrypted++
	}
	s.class(e).exchange(e)
	if x.Status != decoders.OK && x.Op == "connect" && x.Status != decoders.Encrypted {
		s.refused(e.Flow, e, x)
	}
}

// class returns the sum that an exchange belongs to.
func (s *Summary) class(e *Entry) *classSum {
	k := classKey{e.Flow.Proto, e.Exchange.Op, Class(e.Protocol, e.Exchange)}
	if len(k.class) > maxClass {
		k.class = k.class[:maxClass]
	}
	if c := s.classes[k]; c != nil {
		return c
	}
	if len(s.classes) >= maxClasses {
		k = classKey{class: other}
		if c := s.classes[k]; c != nil {
			return c
		}
	}
	c := &classSum{classKey: k}
	s.classes[k] = c
	return c
}

func (c *classSum) exchange(e *Entry) {
	x := e.Exchange
	at := placeOf(x, e)
	c.Count++
	c.First = earlier(c.First, at)
	switch x.Status {
	case decoders.Error:
		c.Errors++
	case decoders.Unanswered:
		c.Unanswered++
	}
	c.Rows += max(x.Rows, 0)
	c.RequestBytes += x.Sent.Bytes
	c.ResponseBytes += x.Answered.Bytes
	if d, ok := x.Latency(); ok {
		c.Latency.add(d)
	}
	if d, ok := x.Queued(); ok {
		c.Queued.add(d)
	}
	if d, ok := x.Service(); ok {
		c.Service.add(d)
	}
	d, ok := x.Duration()
	if !ok {
		return
	}
	c.Time += max(d, 0)
	c.slow(d, at)
}

// failed adds an error to those of its code.
func (s *Summary) failed(e *Entry) {
	x, at := e.Exchange, placeOf(e.Exchange, e)
	k := errorKey{e.Flow.Proto, x.ErrorCode}
	sum := s.errors[k]
	if sum == nil && len(s.errors) >= maxErrors {
		k = errorKey{code: other}
		sum = s.errors[k]
	}
	if sum == nil {
		sum = &errorSum{errorKey: k}
		s.errors[k] = sum
	}
	sum.Count++
	if sum.First.Time.IsZero() || at.compare(sum.First) < 0 {
		sum.First, sum.Message = at, string(x.Error[:min(len(x.Error), maxExample)])
	}
}

// refused adds a connection that came to nothing.
func (s *Summary) refused(f *stream.Flow, e *Entry, x *decoders.Exchange) {
	k := failureKey{
		client: hostName(&f.Ends[decoders.Client]),
		server: hostName(&f.Ends[decoders.Server]),
		path:   f.Path(), user: x.User, code: x.ErrorCode, why: string(x.Error),
	}
	if x.Status == decoders.Unanswered {
		k.why = "no answer"
	}
	if len(k.why) > maxExample {
		k.why = k.why[:maxExample]
	}
	sum := s.failures[k]
	if sum == nil && len(s.failures) >= maxFailures {
		k = failureKey{why: other}
		sum = s.failures[k]
	}
	if sum == nil {
		sum = &failureSum{failureKey: k}
		s.failures[k] = sum
	}
	sum.Count++
	sum.First = earlier(sum.First, placeOf(x, e))
}

// Flow adds a conversation that has ended.
func (s *Summary) Flow(f *stream.Flow) {
	s.span(f.First, f.Last)
	t := &s.Total
	t.Flows++
	if f.Proto == stream.Unknown {
		t.Unknown++
	}
	if f.Evicted {
		t.Evicted++
	}
	for i := range f.Ends {
		p := &f.Ends[i]
		t.Messages += p.Messages
		t.Bytes += p.Bytes
		t.LostBytes += p.LostBytes
		t.LostMessages += p.LostMessages
		t.CutBytes += p.CutBytes
		t.Failed += p.Failed
	}
	s.protocol(f)
	s.pair(f)
}

func (s *Summary) protocol(f *stream.Flow) {
	p := s.protocols[f.Proto]
	if p == nil {
		p = &protocolSum{Name: f.Proto}
		s.protocols[f.Proto] = p
	}
	p.add(&protocolSum{
		Flows: 1, Exchanges: f.Exchanges, Errors: f.Errors, Unanswered: f.Unanswered,
		Sent: f.Ends[decoders.Client].Bytes, Received: f.Ends[decoders.Server].Bytes,
	})
}

func (s *Summary) pair(f *stream.Flow) {
	client, server := &f.Ends[decoders.Client], &f.Ends[decoders.Server]
	k := pairKey{peerName(client), peerName(server), f.Path()}
	ends := pairEnds{ClientProcess: client.Process, ServerProcess: server.Process}
	if client.Socket.Conn != nil {
		k.client = hostName(client) // every connection has a port of its own
		ends.ClientAddr, ends.ServerAddr = k.client, k.server
	}
	p := s.pairs[k]
	if p == nil && len(s.pairs) >= maxPairs {
		k, ends = pairKey{client: other}, pairEnds{}
		p = s.pairs[k]
	}
	if p == nil {
		p = &pairSum{pairKey: k}
		s.pairs[k] = p
	}
	p.add(&pairSum{
		pairKey: k, pairEnds: ends,
		First: place{Time: f.First, Packet: f.Packet},
		Flows: 1, Exchanges: f.Exchanges, Errors: f.Errors, Unanswered: f.Unanswered,
		Sent: client.Bytes, Received: server.Bytes,
	})
}

// Recorded adds what the recorder counted at the end of a file.
func (s *Summary) Recorded(stats capture.Stats) {
	for _, i := range stats.Interfaces {
		s.Total.Dropped += i.Dropped
		s.Total.OSDropped += i.OSDropped
	}
}
