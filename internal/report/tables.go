package report

import (
	"cmp"
	"slices"
)

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

func (s *Summary) sortedPairs() []*pairSum {
	list := values(s.pairs)
	slices.SortFunc(list, func(a, b *pairSum) int {
		return cmp.Or(cmp.Compare(b.Sent+b.Received, a.Sent+a.Received), cmp.Compare(b.Exchanges, a.Exchanges),
			cmp.Compare(a.Client, b.Client), cmp.Compare(a.Server, b.Server), cmp.Compare(a.Path, b.Path), cmp.Compare(a.Proto, b.Proto))
	})
	return list
}

func (s *Summary) sortedErrors() []*errorSum {
	list := values(s.errors)
	slices.SortFunc(list, func(a, b *errorSum) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.Proto, b.Proto), cmp.Compare(a.Code, b.Code))
	})
	return list
}

func (s *Summary) sortedFailures() []*failureSum {
	list := values(s.failures)
	slices.SortFunc(list, func(a, b *failureSum) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), a.compare(b.place), cmp.Compare(a.Client, b.Client),
			cmp.Compare(a.User, b.User), cmp.Compare(a.Code, b.Code), cmp.Compare(a.Why, b.Why))
	})
	return list
}

var protocolColumns = []Column[protocolSum]{
	{Head: "PROTOCOL", Get: func(p *protocolSum, c *Cell) { c.String(p.Name) }},
	{Head: "CONVERSATIONS", Right: true, Get: func(p *protocolSum, c *Cell) { c.Count(p.Flows) }},
	{Head: "EXCHANGES", Right: true, Get: func(p *protocolSum, c *Cell) { c.Count(p.Exchanges) }},
	{Head: "ERRORS", Right: true, Get: func(p *protocolSum, c *Cell) { c.Count(p.Errors) }},
	{Head: "UNANSWERED", Right: true, Get: func(p *protocolSum, c *Cell) { c.Count(p.Unanswered) }},
	{Head: "SENT", Right: true, Get: func(p *protocolSum, c *Cell) { c.Size(p.Sent) }},
	{Head: "RECEIVED", Right: true, Get: func(p *protocolSum, c *Cell) { c.Size(p.Received) }},
}

// connectionColumns are of conversations: how they began and ended, and how
// much of them was silence between an answer and the next request.
var connectionColumns = []Column[protocolSum]{
	{Head: "PROTOCOL", Get: func(p *protocolSum, c *Cell) { c.String(p.Name) }},
	{Head: "LOGINS", Right: true, Get: func(p *protocolSum, c *Cell) { c.Count(p.Logins) }},
	{Head: "FAILED", Right: true, Get: func(p *protocolSum, c *Cell) { c.Count(p.LoginsFailed) }},
	{Head: "CLOSED", Right: true, Get: func(p *protocolSum, c *Cell) { c.Count(p.Closed) }},
	{Head: "OPEN", Right: true, Get: func(p *protocolSum, c *Cell) { c.Count(p.Open) }},
	{Head: "GIVEN UP", Right: true, Get: func(p *protocolSum, c *Cell) { c.Count(p.GivenUp) }},
	{Head: "LIFE", Right: true, Get: func(p *protocolSum, c *Cell) { c.mean(&p.Lifetime) }},
	{Head: "IDLE", Right: true, Get: func(p *protocolSum, c *Cell) {
		if p.Lifetime.sum > 0 {
			c.Share(min(float64(p.Idle.sum)/float64(p.Lifetime.sum), 1))
		}
	}},
	{Head: "MEAN", Right: true, Wide: true, Get: func(p *protocolSum, c *Cell) { c.mean(&p.Idle) }},
	{Head: "MAX", Right: true, Get: func(p *protocolSum, c *Cell) { c.most(&p.Idle) }},
}

var transactionColumns = []Column[protocolSum]{
	{Head: "PROTOCOL", Get: func(p *protocolSum, c *Cell) { c.String(p.Name) }},
	{Head: "COMMIT", Right: true, Get: func(p *protocolSum, c *Cell) { c.Count(p.Transactions.Committed) }},
	{Head: "ROLLBACK", Right: true, Get: func(p *protocolSum, c *Cell) { c.Count(p.Transactions.RolledBack) }},
	{Head: "OPEN", Right: true, Get: func(p *protocolSum, c *Cell) { c.Count(p.Transactions.Unfinished) }},
	{Head: "STATEMENTS", Right: true, Get: func(p *protocolSum, c *Cell) { c.Count(p.Transactions.Statements.sum) }},
	{Head: "MEAN", Right: true, Get: func(p *protocolSum, c *Cell) { c.mean(&p.Transactions.Duration) }},
	{Head: "P95", Right: true, Get: func(p *protocolSum, c *Cell) { c.quantile(&p.Transactions.Duration, 0.95) }},
	{Head: "MAX", Right: true, Get: func(p *protocolSum, c *Cell) { c.most(&p.Transactions.Duration) }},
	{Head: "LONGEST", Below: true, Get: func(p *protocolSum, c *Cell) {
		if t := &p.Transactions.Longest; !t.IsZero() {
			c.Text(append([]byte("longest "), whereIs(t)...))
		}
	}},
}

func (c *Cell) mean(d *durations) {
	if d.count > 0 {
		c.Duration(nanoseconds(d.mean()))
	}
}

func (c *Cell) most(d *durations) {
	if d.count > 0 {
		c.Duration(nanoseconds(float64(d.max)))
	}
}

func (c *Cell) quantile(d *durations, q float64) {
	if d.count > 0 {
		c.Duration(nanoseconds(float64(d.distribution.quantile(q))))
	}
}

var errorColumns = []Column[errorSum]{
	{Head: "COUNT", Right: true, Get: func(e *errorSum, c *Cell) { c.Count(e.Count) }},
	{Head: "PROTOCOL", Get: func(e *errorSum, c *Cell) { c.optional(e.Proto) }},
	{Head: "CODE", Get: func(e *errorSum, c *Cell) { c.optional(e.Code) }},
	{Head: "FIRST MESSAGE", Get: func(e *errorSum, c *Cell) { c.optional(e.Message) }},
}

var failureColumns = []Column[failureSum]{
	{Head: "COUNT", Right: true, Get: func(f *failureSum, c *Cell) { c.Count(f.Count) }},
	{Head: "CLIENT", Get: func(f *failureSum, c *Cell) { c.optional(f.Client) }},
	{Head: "USER", Get: func(f *failureSum, c *Cell) { c.optional(f.User) }},
	{Head: "SERVER", Get: func(f *failureSum, c *Cell) { c.optional(f.Server) }},
	{Head: "CODE", Get: func(f *failureSum, c *Cell) { c.optional(f.Code) }},
	{Head: "REASON", Get: func(f *failureSum, c *Cell) { c.optional(f.Why) }},
}

var repeatColumns = []Column[group]{
	{Head: "#", Right: true, Get: func(g *group, c *Cell) { c.Int(int64(g.Rank)) }},
	{Head: "TIMES", Right: true, Get: func(g *group, c *Cell) { c.Count(g.Repeated.Units) }},
	{Head: "REQUESTS", Right: true, Get: func(g *group, c *Cell) { c.Count(g.Repeated.Requests) }},
	{Head: "MOST", Right: true, Get: func(g *group, c *Cell) { c.Count(g.Repeated.Most) }},
	{Head: "WHERE", Get: func(g *group, c *Cell) {
		c.Text(whereIs(&sample{place: g.Repeated.At, Flow: g.Repeated.Flow}))
	}},
	{Head: "REQUEST", Below: true, Get: func(g *group, c *Cell) { c.Text(g.title()) }},
}

var unclosedColumns = []Column[group]{
	{Head: "#", Right: true, Get: func(g *group, c *Cell) { c.Int(int64(g.Rank)) }},
	{Head: "PREPARED", Right: true, Get: func(g *group, c *Cell) { c.Count(g.Count) }},
	{Head: "NEVER CLOSED", Right: true, Get: func(g *group, c *Cell) { c.Count(g.Unclosed) }},
	{Head: "STATEMENT", Get: func(g *group, c *Cell) { c.Text(g.title()) }},
}
