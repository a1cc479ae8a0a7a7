package report

import (
	"slices"

	"unixcap/decoders"
)

// Merge adds what another summary counted. Neither may be given anything to
// count afterwards, and o must not be used any more. The result is that of one
// summary that had counted everything, in whatever order parts are merged:
// what was first and what was slowest is decided by time and packet. Only
// beyond the limits of what is counted one by one it depends on how the
// captures were divided: what a part counted under other stays there.
func (s *Summary) Merge(o *Summary) {
	if !slices.Equal(s.Files, o.Files) {
		s.nameFile()
		o.nameFile()
		s.Files = slices.Compact(slices.Sorted(slices.Values(slices.Concat(s.Files, o.Files))))
	}
	s.Total.add(&o.Total)
	for name, p := range o.protocols {
		s.protocol(name).add(p)
	}
	for d := range s.groups {
		mergeBounded(s.groups[d], o.groups[d], maxGroups[d], rest[d])
	}
	mergeBounded(s.pairs, o.pairs, maxPairs, pairKey{Client: other})
	mergeBounded(s.errors, o.errors, maxErrors, errorKey{Code: other})
	mergeBounded(s.failures, o.failures, maxFailures, failureKey{Why: other})
}

// nameFile writes the capture's name into all places, which lack it as long as
// there is only one.
func (s *Summary) nameFile() {
	if len(s.Files) != 1 {
		return
	}
	set := func(p *place) {
		if !p.Time.IsZero() && p.File == "" {
			p.File = s.Files[0]
		}
	}
	for _, groups := range s.groups {
		for _, g := range groups {
			set(&g.Began)
			set(&g.Slowest.place)
			set(&g.Repeated.At)
		}
	}
	for _, p := range s.protocols {
		set(&p.Transactions.Longest.place)
	}
	for _, e := range s.errors {
		set(&e.place)
	}
	for _, f := range s.failures {
		set(&f.place)
	}
}

// A sum is what is counted under one key.
type sum[K comparable, V any] interface {
	*V
	key() K
	setKey(K)
	began() place
	add(*V)
}

// mergeBounded adds the sums of src to those of dst. If these become too many,
// those that began last go into the one of the key rest, where what neither
// had room for is already.
func mergeBounded[K comparable, V any, P sum[K, V]](dst, src map[K]*V, limit int, rest K) {
	for k, v := range src {
		if mine := dst[k]; mine != nil {
			P(mine).add(v)
		} else {
			dst[k] = v
		}
	}
	surplus := len(dst) - limit
	if dst[rest] != nil {
		surplus--
	}
	if surplus <= 0 {
		return
	}
	list := make([]P, 0, len(dst))
	for k, v := range dst {
		if k != rest {
			list = append(list, v)
		}
	}
	// Those that began in the same place are of the same request.
	slices.SortFunc(list, func(a, b P) int { return a.began().compare(b.began()) })
	for _, v := range list[limit:] {
		delete(dst, v.key())
		if mine := dst[rest]; mine != nil {
			P(mine).add(v)
			continue
		}
		v.setKey(rest)
		dst[rest] = v
	}
}

// span takes in a stretch of time.
func (t *Totals) span(first, last decoders.Time) {
	if t.First.IsZero() || !first.IsZero() && first < t.First.Time {
		t.First.Time = first
	}
	t.Last.Time = max(t.Last.Time, last)
}

func (t *Totals) add(o *Totals) {
	t.span(o.First.Time, o.Last.Time)
	t.Messages += o.Messages
	t.Bytes += o.Bytes
	t.Flows += o.Flows
	t.Unknown += o.Unknown
	t.Exchanges += o.Exchanges
	t.Errors += o.Errors
	t.Unanswered += o.Unanswered
	t.Encrypted += o.Encrypted
	t.FailedSends += o.FailedSends
	m, n := &t.Missing, &o.Missing
	m.Bytes += n.Bytes
	m.Messages += n.Messages
	m.CutBytes += n.CutBytes
	m.GivenUp += n.GivenUp
	m.Unread += n.Unread
	m.Dropped += n.Dropped
	m.OSDropped += n.OSDropped
}

func (p *protocolSum) add(o *protocolSum) {
	p.Flows += o.Flows
	p.Exchanges += o.Exchanges
	p.Errors += o.Errors
	p.Unanswered += o.Unanswered
	p.Sent += o.Sent
	p.Received += o.Received
	p.Logins += o.Logins
	p.LoginsFailed += o.LoginsFailed
	p.Closed += o.Closed
	p.Open += o.Open
	p.GivenUp += o.GivenUp
	p.Lifetime.merge(&o.Lifetime.distribution)
	p.Idle.merge(&o.Idle.distribution)
	p.Transactions.merge(&o.Transactions)
}

func (p *pairSum) key() pairKey { return p.pairKey }
func (p *pairSum) began() place { return p.First }

// setKey makes the sum one of many pairs.
func (p *pairSum) setKey(k pairKey) {
	p.pairKey = k
	p.ClientEnd, p.ServerEnd = endpoint{}, endpoint{}
}

func (p *pairSum) add(o *pairSum) {
	// The processes of one name can have more to say of themselves in one part
	// than in another.
	if p.Client != other && (p.Flows == 0 || o.First.compare(p.First) < 0) {
		p.ClientEnd, p.ServerEnd = o.ClientEnd, o.ServerEnd
		p.Content = o.Content
	}
	p.First = earlier(p.First, o.First)
	p.Flows += o.Flows
	p.Exchanges += o.Exchanges
	p.Errors += o.Errors
	p.Unanswered += o.Unanswered
	p.Sent += o.Sent
	p.Received += o.Received
	p.Latency.merge(&o.Latency)
}

func (e *errorSum) key() errorKey     { return e.errorKey }
func (e *errorSum) setKey(k errorKey) { e.errorKey = k }
func (e *errorSum) began() place      { return e.place }

func (e *errorSum) add(o *errorSum) {
	e.Count += o.Count
	if o.compare(e.place) < 0 {
		e.place, e.Message = o.place, o.Message
	}
}

func (f *failureSum) key() failureKey     { return f.failureKey }
func (f *failureSum) setKey(k failureKey) { f.failureKey = k }
func (f *failureSum) began() place        { return f.place }

func (f *failureSum) add(o *failureSum) {
	f.Count += o.Count
	f.place = earlier(f.place, o.place)
}
