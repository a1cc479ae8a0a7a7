package report

import (
	"bytes"
	"strings"
	"time"
	"unicode/utf8"

	"unixcap/decoders"
)

// A groupKey names what exchanges have in common: protocol, operation and
// class, or the one name of a user, a database, a process or a conversation.
type groupKey struct {
	Proto string `json:"proto,omitempty"`
	Op    string `json:"op,omitempty"`
	Class string `json:"fingerprint,omitempty"`
	Name  string `json:"name,omitempty"`
}

// A group sums up exchanges that have something in common.
type group struct {
	Rank int `json:"rank"`
	groupKey
	// About says more of a conversation than its name.
	About string `json:"about,omitempty"`

	Count      int64         `json:"count"`
	Errors     int64         `json:"errors"`
	Unanswered int64         `json:"unanswered"`
	Warnings   int64         `json:"warnings"`
	Share      float64       `json:"time_share"`
	Time       time.Duration `json:"time_ns"` // until answers were complete
	Began      place         `json:"first"`
	Ended      stamp         `json:"last,omitzero"`

	RowsSum     int64 `json:"rows"`
	SentSum     int64 `json:"request_bytes"`
	ReceivedSum int64 `json:"response_bytes"`

	Latency  durations `json:"latency,omitzero"`  // to the answer's first byte
	Duration durations `json:"duration,omitzero"` // to its last
	FirstRow durations `json:"first_row,omitzero"`
	LastRow  durations `json:"last_row,omitzero"`
	Queued   durations `json:"queued,omitzero"` // if the capture has what was received
	Service  durations `json:"service,omitzero"`
	Rows     numbers   `json:"rows_each,omitzero"`
	Sent     numbers   `json:"request_bytes_each,omitzero"`
	Received numbers   `json:"response_bytes_each,omitzero"`
	Decades  decades   `json:"histogram,omitzero"` // of Latency

	ErrorCodes names `json:"error_codes,omitempty"`
	Users      names `json:"users,omitempty"`
	Databases  names `json:"databases,omitempty"`
	Processes  names `json:"processes,omitempty"`

	Slowest  sample  `json:"slowest,omitzero"`
	Repeated repeats `json:"repeated,omitzero"`
	Unclosed int64   `json:"never_closed,omitempty"` // prepared statements

	kind statementKind
}

// decades counts durations by their order of magnitude: below 10 µs, 100 µs,
// and so on to 10 s, and above.
type decades [8]int64

var decadeNames = [len(decades{})]string{"1µs", "10µs", "100µs", "1ms", "10ms", "100ms", "1s", "10s+"}

func (d *decades) add(v time.Duration) {
	i := 0
	for limit := 10 * time.Microsecond; v >= limit && i < len(d)-1; limit *= 10 {
		i++
	}
	d[i]++
}

// IsZero reports whether nothing was added.
func (d decades) IsZero() bool { return d == decades{} }

// repeats says how often requests of one class were repeated within a
// transaction or a burst.
type repeats struct {
	Units    int64  `json:"units"`    // transactions and bursts in which it was
	Requests int64  `json:"requests"` // in all of them
	Most     int64  `json:"most"`     // in one
	Flow     string `json:"flow"`     // where that was
	At       place  `json:"at"`
}

// IsZero reports whether there were none.
func (r repeats) IsZero() bool { return r.Units == 0 }

func (r *repeats) merge(o *repeats) {
	if o.Most > r.Most || o.Most == r.Most && o.At.compare(r.At) < 0 {
		r.Most, r.Flow, r.At = o.Most, o.Flow, o.At
	}
	r.Units += o.Units
	r.Requests += o.Requests
}

// maxSample is how much of a request is kept as a sample.
const maxSample = 2048

// A sample is one exchange of a group.
type sample struct {
	place
	Duration time.Duration `json:"duration_ns"`
	Flow     string        `json:"flow"`
	Request  text          `json:"request,omitempty"`
	Filter   text          `json:"filter,omitempty"` // Wireshark's
}

// IsZero reports whether there is none.
func (s sample) IsZero() bool { return s.Time.IsZero() }

// slower reports whether an exchange that took d is to be the sample instead:
// if it took longer, or as long and was earlier.
func (s *sample) slower(d time.Duration, at place) bool {
	return d > s.Duration || s.IsZero() || d == s.Duration && at.compare(s.place) < 0
}

// take makes an exchange the sample. It reuses the memory of the one before.
func (s *sample) take(e *Entry, d time.Duration, at place) {
	x := e.Exchange
	s.place, s.Duration, s.Flow = at, d, e.Flow.ID
	s.Filter = appendFilter(s.Filter[:0], e)
	b := append(s.Request[:0], x.Request[:min(len(x.Request), maxSample)]...)
	if len(x.Args) > 0 && len(b) < maxSample {
		b = append(b, " ("...)
		for i := range x.Args {
			if i > 0 {
				b = append(b, ", "...)
			}
			if b = x.Args[i].AppendText(b); len(b) > maxSample {
				break
			}
		}
		b = append(b, ')')
	}
	if len(b) > maxSample {
		b = append(b[:maxSample], " ..."...)
	}
	if !utf8.Valid(b) {
		b = bytes.ToValidUTF8(b, replacement)
	}
	s.Request = b
}

var replacement = []byte("\ufffd")

// clean returns s as every format can have it, so that what is written as JSON
// and read again is the same.
func clean(s string) string { return strings.ToValidUTF8(s, "\ufffd") }

// exchange adds an exchange.
func (g *group) exchange(e *Entry, at place) {
	x := e.Exchange
	g.Count++
	g.Ended.Time = max(g.Ended.Time, at.Time.Time)
	if g.Count == 1 || at.Time.Time <= g.Began.Time.Time {
		g.Began = earlier(g.Began, at)
	}
	switch x.Status {
	case decoders.Error:
		g.Errors++
		g.ErrorCodes.add(clean(x.ErrorCode), 1)
	case decoders.Unanswered:
		g.Unanswered++
	}
	if x.Rows >= 0 {
		g.Rows.add(x.Rows)
	}
	g.Sent.add(x.Sent.Bytes)
	g.Received.add(x.Answered.Bytes)
	g.FirstRow.addIf(x.UntilFirstRow())
	g.LastRow.addIf(x.UntilLastRow())
	g.Queued.addIf(x.Queued())
	g.Service.addIf(x.Service())
	if d, ok := x.Latency(); ok {
		g.Latency.add(int64(d))
		g.Decades.add(d)
	}
	for i := range x.Attrs {
		if x.Attrs[i].Key == "warnings" {
			g.Warnings += int64(x.Attrs[i].Value.Uint())
		}
	}
	d, ok := x.Duration()
	if !ok {
		return
	}
	g.Duration.add(int64(d))
	g.Time += max(d, 0)
	if g.Slowest.slower(d, at) {
		g.Slowest.take(e, d, at)
	}
}

func (g *group) key() groupKey { return g.groupKey }
func (g *group) began() place  { return g.Began }

func (g *group) setKey(k groupKey) {
	g.groupKey = k
	g.About = ""
}

// add adds what another group counted.
func (g *group) add(o *group) {
	if g.Count == 0 || o.Began.compare(g.Began) < 0 {
		g.About = o.About
	}
	g.Count += o.Count
	g.Errors += o.Errors
	g.Unanswered += o.Unanswered
	g.Warnings += o.Warnings
	g.Time += o.Time
	g.Began = earlier(g.Began, o.Began)
	g.Ended.Time = max(g.Ended.Time, o.Ended.Time)
	g.Latency.merge(&o.Latency.distribution)
	g.Duration.merge(&o.Duration.distribution)
	g.FirstRow.merge(&o.FirstRow.distribution)
	g.LastRow.merge(&o.LastRow.distribution)
	g.Queued.merge(&o.Queued.distribution)
	g.Service.merge(&o.Service.distribution)
	g.Rows.merge(&o.Rows.distribution)
	g.Sent.merge(&o.Sent.distribution)
	g.Received.merge(&o.Received.distribution)
	for i, n := range o.Decades {
		g.Decades[i] += n
	}
	g.ErrorCodes.merge(o.ErrorCodes)
	g.Users.merge(o.Users)
	g.Databases.merge(o.Databases)
	g.Processes.merge(o.Processes)
	if !o.Slowest.IsZero() && g.Slowest.slower(o.Slowest.Duration, o.Slowest.place) {
		g.Slowest = o.Slowest
	}
	g.Repeated.merge(&o.Repeated)
	g.Unclosed += o.Unclosed
}
