package report

import (
	"strconv"
	"time"

	"unixcap/decoders"
	"unixcap/internal/capture"
	"unixcap/internal/stream"
)

const (
	// repeatedFrom is from how many requests of one class on, within a
	// transaction or a burst, they count as repeated: as a program's N+1
	// queries, one for each row of another.
	repeatedFrom = 10
	// burstPause ends a burst: a client that does nothing for so long has
	// done what it was at.
	burstPause = 100 * time.Millisecond
	// maxRuns is how many classes of a transaction or burst are watched, and
	// maxPrepared how many prepared statements of a conversation.
	maxRuns     = 64
	maxPrepared = 4096

	none = "(none)" // the name of a user or database that is not known
)

// A session is what the summary remembers of a conversation while that lasts.
type session struct {
	flow     *stream.Flow
	protocol *protocolSum
	process  string
	holder   capture.Process // whose name process is
	user     string
	database string
	groups   [dimensions]*group // nil: to be found

	lastEnd decoders.Time // of the latest answer
	latency pace

	manual     bool // autocommit is off
	open       bool // a transaction is
	broken     bool // it can only be rolled back
	begun      place
	statements int64

	runs     []run
	prepared map[uint64]*group
}

// A run is how often a class occurred in the current transaction or burst.
type run struct {
	class *group
	n     int64
	at    place
}

// session returns what is remembered of a conversation.
func (s *Summary) session(f *stream.Flow) *session {
	if s.latest != nil && s.latest.flow == f {
		return s.latest
	}
	t := s.sessions[f]
	if t == nil {
		t = &session{flow: f, user: none, database: none}
		s.sessions[f] = t
	}
	s.latest = t
	return t
}

// who brings up to date who is talking.
func (t *session) who(x *decoders.Exchange) {
	if x.User != "" && x.User != t.user {
		t.user = clean(x.User)
		t.groups[ByUser] = nil
	}
	if x.Database != "" && x.Database != t.database {
		t.database = clean(x.Database)
		t.groups[ByDatabase] = nil
	}
	p := &t.flow.Ends[decoders.Client].Process
	if t.process == "" || p.PID != t.holder.PID || p.Comm != t.holder.Comm || p.UID != t.holder.UID {
		t.holder = *p
		t.process = clean(clientName(&t.flow.Ends[decoders.Client]))
		t.groups[ByProcess] = nil
	}
}

// clientName is a process and its user, or the host of network traffic.
func clientName(p *stream.Peer) string {
	if p.Socket.Conn != nil {
		return hostName(p)
	}
	name := peerName(p)
	if p.Process.PID != 0 {
		name += " uid " + strconv.FormatUint(uint64(p.Process.UID), 10)
	}
	return name
}

// follow takes an exchange of class c into what is known of the conversation.
func (s *Summary) follow(t *session, c *group, e *Entry, at place) {
	x := e.Exchange
	begin, end := x.Sent.First.Time, x.Answered.Last.Time
	if end.IsZero() {
		end = x.Sent.Last.Time
	}
	pause := time.Duration(0)
	if !begin.IsZero() && !t.lastEnd.IsZero() {
		pause = max(begin.Sub(t.lastEnd), 0)
		s.protocolOf(t).Idle.add(int64(pause))
	}
	t.lastEnd = max(t.lastEnd, end)
	if !t.open && pause > burstPause {
		t.endRuns()
	}
	s.prepare(t, c, x)
	s.login(t, c, x)
	s.transact(t, c, e, at, end)
	if c.kind == statementOther && len(x.Request) > 0 && !prepares(x.Op) {
		t.count(c, at)
	}
}

// count counts a request of a class in the transaction or burst.
func (t *session) count(c *group, at place) {
	for i := range t.runs {
		if t.runs[i].class == c {
			t.runs[i].n++
			return
		}
	}
	if len(t.runs) < maxRuns {
		t.runs = append(t.runs, run{c, 1, at})
	}
}

// endRuns ends a transaction or burst.
func (t *session) endRuns() {
	for _, r := range t.runs {
		if r.n >= repeatedFrom {
			r.class.Repeated.merge(&repeats{Units: 1, Requests: r.n, Most: r.n, Flow: t.flow.ID, At: r.at})
		}
	}
	t.runs = t.runs[:0]
}

// prepare follows prepared statements.
func (s *Summary) prepare(t *session, c *group, x *decoders.Exchange) {
	if c.kind == statementDeallocate {
		clear(t.prepared)
		return
	}
	id, made, closed := prepared(t.flow.Proto, x)
	switch {
	case made && closed:
	case made:
		if t.prepared == nil {
			t.prepared = make(map[uint64]*group)
		}
		if len(t.prepared) < maxPrepared {
			t.prepared[id] = c
		}
	case closed:
		delete(t.prepared, id)
	}
}

// login counts those who were let in, and those who were not.
func (s *Summary) login(t *session, c *group, x *decoders.Exchange) {
	if !isLogin(x.Op) {
		return
	}
	switch x.Status {
	case decoders.OK:
		s.protocolOf(t).Logins++
	case decoders.Error, decoders.Unanswered:
		s.protocolOf(t).LoginsFailed++
	}
}

func isLogin(op string) bool { return op == "connect" || op == "startup" }

// transact follows transactions.
func (s *Summary) transact(t *session, c *group, e *Entry, at place, end decoders.Time) {
	x := e.Exchange
	if v, ok := attr(x, "transaction"); ok { // the server says it
		s.told(t, c, string(v.Bytes), e, at, end)
		return
	}
	switch {
	case x.Status == decoders.Error && (x.ErrorCode == deadlock || c.kind == statementCommit):
		if t.open {
			s.endTransaction(t, true, end)
		}
	case x.Status != decoders.OK:
		if t.open {
			t.statements++
		}
	case c.kind == statementBegin:
		if t.open { // which commits
			s.endTransaction(t, false, end)
		}
		t.begin(at)
	case c.kind == statementAutocommit:
		t.manual = turnsOff(x.Request)
		if t.open && !t.manual {
			s.endTransaction(t, false, end)
		}
	case t.open && (c.kind == statementCommit || c.kind == statementDDL):
		s.endTransaction(t, false, end)
	case t.open && (c.kind == statementRollback || c.kind == statementDeallocate):
		s.endTransaction(t, true, end)
	case c.kind == statementOther && !prepares(x.Op):
		if !t.open && t.manual {
			t.begin(at)
		}
		if t.open {
			t.statements++
		}
	}
}

// told follows transactions where the server says whether one is open.
func (s *Summary) told(t *session, c *group, status string, e *Entry, at place, end decoders.Time) {
	if status == "idle" {
		if t.open {
			s.endTransaction(t, c.kind == statementRollback || t.broken, end)
		}
		return
	}
	again := c.kind == statementBegin && e.Flow.Proto == "mysql"
	if t.open && again { // which commits; PostgreSQL ignores it
		s.endTransaction(t, false, end)
	}
	if !t.open {
		t.begin(at)
	}
	if c.kind == statementOther && !prepares(e.Exchange.Op) {
		t.statements++
	}
	t.broken = status == "failed"
}

// deadlock is the error that rolls a transaction of MySQL back.
const deadlock = "1213"

func (t *session) begin(at place) {
	t.endRuns()
	t.open, t.broken, t.begun, t.statements = true, false, at, 0
}

func (s *Summary) endTransaction(t *session, back bool, end decoders.Time) {
	p := s.protocolOf(t)
	d := max(end.Sub(t.begun.Time.Time), 0)
	p.Transactions.end(back, d, t.statements, t.begun, t.flow.ID)
	t.open, t.broken = false, false
	t.endRuns()
}

// transactions sums up those of a protocol.
type transactions struct {
	Committed  int64     `json:"committed"`
	RolledBack int64     `json:"rolled_back"`
	Unfinished int64     `json:"unfinished"`
	Duration   durations `json:"duration,omitzero"`
	Statements numbers   `json:"statements_each,omitzero"`
	Longest    sample    `json:"longest,omitzero"`
}

// IsZero reports whether there were none.
func (t *transactions) IsZero() bool { return t.Committed+t.RolledBack+t.Unfinished == 0 }

func (t *transactions) end(back bool, d time.Duration, statements int64, at place, flow string) {
	if back {
		t.RolledBack++
	} else {
		t.Committed++
	}
	t.Duration.add(int64(d))
	t.Statements.add(statements)
	if t.Longest.slower(d, at) {
		t.Longest = sample{place: at, Duration: d, Flow: flow}
	}
}

func (t *transactions) merge(o *transactions) {
	t.Committed += o.Committed
	t.RolledBack += o.RolledBack
	t.Unfinished += o.Unfinished
	t.Duration.merge(&o.Duration.distribution)
	t.Statements.merge(&o.Statements.distribution)
	if !o.Longest.IsZero() && t.Longest.slower(o.Longest.Duration, o.Longest.place) {
		t.Longest = o.Longest
	}
}

// endSession settles what is still open when a conversation ends.
func (s *Summary) endSession(f *stream.Flow) {
	t := s.sessions[f]
	if t == nil {
		return
	}
	if t.open {
		s.protocolOf(t).Transactions.Unfinished++
	}
	t.endRuns()
	for _, c := range t.prepared {
		c.Unclosed++
	}
	delete(s.sessions, f)
	if s.latest == t {
		s.latest = nil
	}
}

// protocolOf returns the sum of a conversation's protocol.
func (s *Summary) protocolOf(t *session) *protocolSum {
	if t.protocol == nil {
		t.protocol = s.protocol(t.flow.Proto)
	}
	return t.protocol
}
