package report

import (
	"cmp"
	"slices"
	"time"
)

// Merge adds what another summary counted, which must not be used any more.
// The result is that of one summary that had counted everything, in whatever
// order parts are merged: what was first and what was slowest is decided by
// time and packet. Only beyond the limits of what is counted one by one it
// depends on how the captures were divided: what a part counted under other
// stays there.
func (s *Summary) Merge(o *Summary) {
	s.Files = mergeNames(s.Files, o.Files)
	s.span(o.First, o.Last)
	s.Total.add(&o.Total)
	for name, p := range o.protocols {
		if mine := s.protocols[name]; mine != nil {
			mine.add(p)
		} else {
			s.protocols[name] = p
		}
	}
	mergeBounded(s.classes, o.classes, maxClasses, classKey{class: other})
	mergeBounded(s.pairs, o.pairs, maxPairs, pairKey{client: other})
	mergeBounded(s.errors, o.errors, maxErrors, errorKey{code: other})
	mergeBounded(s.failures, o.failures, maxFailures, failureKey{why: other})
}

// span takes in a stretch of time.
func (s *Summary) span(first, last time.Time) {
	if s.First.IsZero() || !first.IsZero() && first.Before(s.First) {
		s.First = first
	}
	if last.After(s.Last) {
		s.Last = last
	}
}

// mergeNames keeps a list if both are the same, as with parts of one reading.
func mergeNames(a, b []string) []string {
	if slices.Equal(a, b) {
		return a
	}
	list := slices.Concat(a, b)
	slices.Sort(list)
	return slices.Compact(list)
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

func (t *Totals) add(o *Totals) {
	t.Messages += o.Messages
	t.Bytes += o.Bytes
	t.Flows += o.Flows
	t.Exchanges += o.Exchanges
	t.Errors += o.Errors
	t.Unanswered += o.Unanswered
	t.Encrypted += o.Encrypted
	t.Unknown += o.Unknown
	t.LostBytes += o.LostBytes
	t.LostMessages += o.LostMessages
	t.CutBytes += o.CutBytes
	t.Evicted += o.Evicted
	t.Failed += o.Failed
	t.Dropped += o.Dropped
	t.OSDropped += o.OSDropped
}

func (p *protocolSum) add(o *protocolSum) {
	p.Flows += o.Flows
	p.Exchanges += o.Exchanges
	p.Errors += o.Errors
	p.Unanswered += o.Unanswered
	p.Sent += o.Sent
	p.Received += o.Received
}

func (c *classSum) key() classKey     { return c.classKey }
func (c *classSum) setKey(k classKey) { c.classKey = k }
func (c *classSum) began() place      { return c.First }

func (c *classSum) add(o *classSum) {
	c.Count += o.Count
	c.Time += o.Time
	c.Latency.merge(&o.Latency)
	c.Queued.merge(&o.Queued)
	c.Service.merge(&o.Service)
	c.Rows += o.Rows
	c.Errors += o.Errors
	c.Unanswered += o.Unanswered
	c.RequestBytes += o.RequestBytes
	c.ResponseBytes += o.ResponseBytes
	c.First = earlier(c.First, o.First)
	c.slow(o.Slowest, o.SlowestAt)
}

// slow takes over a duration if it is longer than all before, or as long and
// earlier.
func (c *classSum) slow(d time.Duration, at place) {
	if at.Time.IsZero() {
		return
	}
	if c.SlowestAt.Time.IsZero() || cmp.Or(cmp.Compare(c.Slowest, d), at.compare(c.SlowestAt)) < 0 {
		c.Slowest, c.SlowestAt = d, at
	}
}

func (p *pairSum) key() pairKey { return p.pairKey }
func (p *pairSum) began() place { return p.First }

// setKey makes the sum one of many pairs.
func (p *pairSum) setKey(k pairKey) {
	p.pairKey = k
	p.pairEnds = pairEnds{}
}

func (p *pairSum) add(o *pairSum) {
	// The processes of one name can have more to say of themselves in one part
	// than in another.
	if p.client != other && (p.Flows == 0 || o.First.compare(p.First) < 0) {
		p.pairEnds = o.pairEnds
	}
	p.First = earlier(p.First, o.First)
	p.Flows += o.Flows
	p.Exchanges += o.Exchanges
	p.Errors += o.Errors
	p.Unanswered += o.Unanswered
	p.Sent += o.Sent
	p.Received += o.Received
}

func (e *errorSum) key() errorKey     { return e.errorKey }
func (e *errorSum) setKey(k errorKey) { e.errorKey = k }
func (e *errorSum) began() place      { return e.First }

func (e *errorSum) add(o *errorSum) {
	e.Count += o.Count
	if o.First.compare(e.First) < 0 {
		e.First, e.Message = o.First, o.Message
	}
}

func (f *failureSum) key() failureKey     { return f.failureKey }
func (f *failureSum) setKey(k failureKey) { f.failureKey = k }
func (f *failureSum) began() place        { return f.First }

func (f *failureSum) add(o *failureSum) {
	f.Count += o.Count
	f.First = earlier(f.First, o.First)
}
