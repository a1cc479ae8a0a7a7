package report

import (
	"strings"
	"testing"
	"time"

	"unixcap/decoders"
	"unixcap/decoders/sql"
	"unixcap/internal/stream"
)

// A dialogue feeds a summary the exchanges of one conversation.
type dialogue struct {
	s    *Summary
	flow *stream.Flow
	p    *decoders.Protocol
	now  decoders.Time
}

func newDialogue(proto string) *dialogue {
	d := &dialogue{s: NewSummary([]string{"x"}), flow: &stream.Flow{ID: "flow", Proto: proto}, now: decoders.TimeOf(time.Unix(1000, 0))}
	d.p = &decoders.Protocol{Name: proto}
	switch proto {
	case "mysql":
		d.p.AppendFingerprint = sql.MySQL.AppendFingerprint
	case "postgresql":
		d.p.AppendFingerprint = sql.PostgreSQL.AppendFingerprint
	}
	return d
}

// say adds an exchange that takes 1 ms; change may alter it.
func (d *dialogue) say(op, request string, change ...func(*decoders.Exchange)) {
	x := &decoders.Exchange{Op: op, Request: []byte(request), Rows: -1}
	x.Sent = decoders.Span{First: decoders.Mark{Time: d.now}, Last: decoders.Mark{Time: d.now}}
	d.now = d.now.Add(time.Millisecond)
	x.Answered = decoders.Span{First: decoders.Mark{Time: d.now}, Last: decoders.Mark{Time: d.now}}
	for _, f := range change {
		f(x)
	}
	d.s.Exchange(&Entry{Flow: d.flow, Exchange: x, Protocol: d.p})
}

func (d *dialogue) pause(t time.Duration) { d.now = d.now.Add(t) }

// end ends the conversation and returns its protocol's sum.
func (d *dialogue) end() *protocolSum {
	d.flow.First, d.flow.Last = decoders.TimeOf(time.Unix(1000, 0)), d.now
	d.s.Flow(d.flow)
	return d.s.protocols[d.flow.Proto]
}

func failing(code string) func(*decoders.Exchange) {
	return func(x *decoders.Exchange) { x.Status, x.ErrorCode = decoders.Error, code }
}

func having(key, value string) func(*decoders.Exchange) {
	return func(x *decoders.Exchange) {
		x.Attrs = append(x.Attrs, decoders.Attr{Key: key, Value: decoders.StringValue(value)})
	}
}

// Transactions are what begins and ends between these statements: committed,
// rolled back, left open, and how many statements were in those that ended.
func TestTransactions(t *testing.T) {
	for _, tt := range []struct {
		name, proto string
		statements  string // a bar between them; what follows a colon is the status that the server says, or an error's code
		want        [4]int64
	}{
		{"none", "mysql", "select 1|insert into t values (1)", [4]int64{}},
		{"commit", "mysql", "begin|insert into t values (1)|select 1|commit", [4]int64{1, 0, 0, 2}},
		{"rollback", "mysql", "start transaction read only|select 1|rollback", [4]int64{0, 1, 0, 1}},
		{"to a savepoint", "mysql", "begin|savepoint a|rollback to a|commit", [4]int64{1, 0, 0, 2}},
		{"left open", "mysql", "begin|select 1", [4]int64{0, 0, 1, 0}},
		{"begun twice", "mysql", "begin|select 1|begin|rollback", [4]int64{1, 1, 0, 1}},
		{"committed by DDL", "mysql", "begin|insert into t values (1)|create table u(a int)|commit", [4]int64{1, 0, 0, 1}},
		{"without autocommit", "mysql", "set autocommit=0|select 1|select 2|commit|select 3|set autocommit = ON", [4]int64{2, 0, 0, 3}},
		{"autocommit as ever", "mysql", "set @@session.autocommit=1|select 1|commit", [4]int64{}},
		{"a deadlock", "mysql", "begin|update t set a=1|update t set a=2:1213|select 1", [4]int64{0, 1, 0, 1}},
		{"another error", "mysql", "begin|update t set a=2:1062|commit", [4]int64{1, 0, 0, 1}},
		{"begin refused", "mysql", "begin:1064|select 1", [4]int64{}},
		{"as PostgreSQL says", "postgresql", "begin:open|select 1:open|commit:idle|select 2:idle", [4]int64{1, 0, 0, 1}},
		{"broken, in PostgreSQL", "postgresql", "begin:open|select 1/0:failed|commit:idle", [4]int64{0, 1, 0, 1}},
		{"rolled back, in PostgreSQL", "postgresql", "begin:open|abort:idle", [4]int64{0, 1, 0, 0}},
		{"as MySQL says", "mysql", "begin:open|select 1:open|commit:idle|select 2", [4]int64{1, 0, 0, 1}},
		{"begun twice, as MySQL says", "mysql", "begin:open|select 1:open|begin:open|rollback:idle", [4]int64{1, 1, 0, 1}},
		{"begun twice, which PostgreSQL ignores", "postgresql", "begin:open|begin:open|rollback:idle", [4]int64{0, 1, 0, 0}},
		{"without autocommit, as MySQL says", "mysql", "set autocommit=0|select 1:open|select 2:open|commit:idle", [4]int64{1, 0, 0, 2}},
		{"a deadlock, of which MySQL says no more", "mysql", "begin:open|update t set a=2:1213|begin:open|commit:idle", [4]int64{1, 1, 0, 0}},
		{"in Redis", "redis", "multi|set a 1|exec|multi|discard", [4]int64{1, 1, 0, 1}},
	} {
		d := newDialogue(tt.proto)
		for _, s := range strings.Split(tt.statements, "|") {
			s, extra, _ := strings.Cut(s, ":")
			op := "query"
			if tt.proto == "redis" {
				op, _, _ = strings.Cut(s, " ")
			}
			switch {
			case extra == "":
				d.say(op, s)
			case extra[0] <= '9':
				d.say(op, s, failing(extra))
			default:
				d.say(op, s, having("transaction", extra))
			}
		}
		got := d.end().Transactions
		if have := [4]int64{got.Committed, got.RolledBack, got.Unfinished, got.Statements.sum}; have != tt.want {
			t.Errorf("%s: %v, want %v", tt.name, have, tt.want)
		}
	}
}

// A class is repeated if it comes often in one transaction or burst, whatever
// comes between.
func TestRepeated(t *testing.T) {
	for _, tt := range []struct {
		name string
		talk func(*dialogue)
		want repeats
	}{
		{"a loop", func(d *dialogue) {
			for range repeatedFrom {
				d.say("query", "select a from t where id = 1")
				d.say("query", "select 2")
				d.say("stmt_prepare", "select 3")
			}
		}, repeats{Units: 1, Requests: repeatedFrom, Most: repeatedFrom}},
		{"not often enough", func(d *dialogue) {
			for range repeatedFrom - 1 {
				d.say("query", "select a from t where id = 1")
			}
		}, repeats{}},
		{"pauses between", func(d *dialogue) {
			for range 2 * repeatedFrom {
				d.say("query", "select a from t where id = 1")
				d.pause(2 * burstPause)
			}
		}, repeats{}},
		{"pauses within a transaction", func(d *dialogue) {
			d.say("query", "begin")
			for range repeatedFrom + 2 {
				d.say("query", "select a from t where id = 1")
				d.pause(2 * burstPause)
			}
			d.say("query", "commit")
		}, repeats{Units: 1, Requests: repeatedFrom + 2, Most: repeatedFrom + 2}},
		{"two transactions", func(d *dialogue) {
			for i := range 2 {
				d.say("query", "begin")
				for range repeatedFrom + i {
					d.say("query", "select a from t where id = 1")
				}
				d.say("query", "commit")
			}
		}, repeats{Units: 2, Requests: 2*repeatedFrom + 1, Most: repeatedFrom + 1}},
	} {
		d := newDialogue("mysql")
		tt.talk(d)
		d.end()
		got := d.s.groups[ByClass][groupKey{Proto: "mysql", Op: "query", Class: "select a from t where id = ?"}].Repeated
		got.Flow, got.At = "", place{}
		if got != tt.want {
			t.Errorf("%s: %+v, want %+v", tt.name, got, tt.want)
		}
	}
}

// What is prepared and not closed is counted when the conversation ends.
func TestNeverClosed(t *testing.T) {
	id := func(n uint64) func(*decoders.Exchange) {
		return func(x *decoders.Exchange) {
			x.Attrs = append(x.Attrs, decoders.Attr{Key: "statement_id", Value: decoders.UintValue(n)})
		}
	}
	d := newDialogue("mysql")
	d.say("stmt_prepare", "select 1", id(1))
	d.say("stmt_prepare", "select 2", id(2), failing("1064"))
	d.say("stmt_prepare", "select 3", id(3))
	d.say("stmt_close", "select 3", id(3))
	d.end()
	p := newDialogue("postgresql")
	p.say("execute", "select 1", having("statement", "a"), having("messages", "parse bind execute sync"))
	p.say("execute", "select 1", having("statement", "b"), having("messages", "parse bind execute sync"))
	p.say("execute", "select 1", having("messages", "parse bind execute sync"))
	p.say("close", "select 1", having("statement", "a"), having("messages", "close sync"))
	p.end()
	for _, s := range []*Summary{d.s, p.s} {
		if n := s.overall().Unclosed; n != 1 {
			t.Errorf("%d statements, want 1", n)
		}
	}
	d = newDialogue("mysql")
	d.say("stmt_prepare", "select 1", id(1))
	d.say("reset_connection", "")
	d.end()
	if n := d.s.overall().Unclosed; n != 0 {
		t.Errorf("%d statements after reset_connection", n)
	}
}
