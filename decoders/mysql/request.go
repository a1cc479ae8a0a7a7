package mysql

import (
	"strconv"

	"unixcap/decoders"
	"unixcap/decoders/sql"
)

// A replyState is how far the answer to a request has come.
type replyState uint8

const (
	replyStart       replyState = iota // nothing yet, or more results follow
	replyDefinitions                   // column or parameter definitions
	replyBody                          // rows, fields, events
	replyTrailing                      // complete unless an EOF_Packet follows
	replyContent                       // the client is sending a LOCAL INFILE
	replyCloning                       // both ends speak the clone protocol
)

// A request is a command whose answer is not complete.
type request struct {
	x       decoders.Exchange
	text    []byte     // x.Request if it is the request's own
	scratch []byte     // what x.Args and x.Attrs point into
	hidden  sql.Hidden // what is not in x.Request and x.Args
	progress
}

// progress is what a request has no memory for that is kept for the next one.
type progress struct {
	com   byte // 0 for the connection phase
	reply replyKind
	state replyState
	next  byte // sequence id of the server's next packet
	stmt  *statement
	held  int // bytes held for the request, for the bound on them

	left     int  // definitions still to come
	metaEOF  bool // an EOF_Packet has ended the definitions
	answered bool
	partial  bool // a part of the answer was missed

	rows         int64 // -1 until there is a result
	results      int64
	affected     uint64
	lastInsertID uint64
	warnings     uint64
	prepared     StmtPrepareOK
	transaction  transaction
	outParams    bool
	infile       bool
	infileBytes  int64

	clone clone

	user, database string // to be taken over if the server agrees
	setsUser       bool
	switched       bool // to another authentication method
	setsDatabase   bool
}

// keep copies b to memory that lasts as long as the request. The copies made
// before stay where they are when that memory grows.
func (r *request) keep(b []byte) []byte {
	start := len(r.scratch)
	r.scratch = append(r.scratch, b...)
	return r.scratch[start:len(r.scratch):len(r.scratch)]
}

// keepText adds an attribute of which a copy is kept.
func (r *request) keepText(key string, v []byte) { r.x.AddText(key, r.keep(v)) }

// reset empties r and keeps its memory, unless that has grown large.
func (r *request) reset() {
	r.x.Request = nil // belongs to r.text or to a statement
	r.x.Reset()
	if cap(r.text) > keepBuffer {
		r.text = nil
	}
	if cap(r.scratch) > keepBuffer {
		r.scratch = nil
	}
	if cap(r.x.Args) > keepValues {
		r.x.Args = nil
	}
	r.text, r.scratch = r.text[:0], r.scratch[:0]
	r.hidden.Reset()
	r.progress = progress{}
	r.rows = -1
}

// keepValues is the number of values up to which memory is kept for the next
// request.
const keepValues = 1024

// saw counts n bytes of the answer.
func (r *request) saw(first, last decoders.Mark, n int64) {
	if !r.answered {
		r.answered = true
		r.x.Answered.First = first
	}
	r.x.Answered.Last = last
	r.x.Answered.Bytes += n
}

// parseError is ER_PARSE_ERROR, whose message repeats the statement.
const parseError = 1064

// fail takes over the server's refusal.
func (r *request) fail(e *ERRPacket) {
	r.x.Status = decoders.Error
	r.x.ErrorCode = strconv.Itoa(int(e.Code))
	r.x.Error = sql.AppendError(r.x.Error[:0], e.Message, r.x.Request, e.Code == parseError, &r.hidden)
	r.keepText("sqlstate", e.SQLState)
}

// result takes over the numbers of an OK_Packet or EOF_Packet that ends a
// result; those of rows were counted before.
func (r *request) result(m *OKPacket) {
	if r.rows < 0 {
		r.rows = 0
	}
	r.results++
	r.rows += int64(m.AffectedRows)
	r.affected += m.AffectedRows
	if m.LastInsertID != 0 {
		r.lastInsertID = m.LastInsertID
	}
	r.warnings = uint64(m.Warnings)
	r.outParams = r.outParams || m.StatusFlags&serverPSOutParams != 0
}

// queue holds the requests that are not answered yet, oldest first. Clients
// that send ahead without waiting make it grow; requests to a server that is
// not captured make it grow without end, hence its limits.
type queue struct {
	all  []*request
	head int
	held int
	free []*request
}

const (
	// maxPending is more than any client sends ahead: MariaDB's connectors
	// stop at a few hundred.
	maxPending = 1024

	// maxHeld bounds the memory of the requests in the queue.
	maxHeld = 2 * maxRequest

	// maxFree is the number of requests kept for reuse.
	maxFree = 16
)

func (q *queue) len() int { return len(q.all) - q.head }

// first returns the oldest request, nil if there is none.
func (q *queue) first() *request {
	if q.head == len(q.all) {
		return nil
	}
	return q.all[q.head]
}

// take returns an empty request.
func (q *queue) take() *request {
	if n := len(q.free); n > 0 {
		r := q.free[n-1]
		q.free = q.free[:n-1]
		return r
	}
	r := new(request)
	r.reset()
	return r
}

func (q *queue) give(r *request) {
	if len(q.free) < maxFree {
		r.reset()
		q.free = append(q.free, r)
	}
}

func (q *queue) push(r *request) {
	if q.head > 0 && len(q.all) == cap(q.all) {
		n := copy(q.all, q.all[q.head:])
		clear(q.all[n:])
		q.all, q.head = q.all[:n], 0
	}
	q.all = append(q.all, r)
	q.held += r.held
}

func (q *queue) pop() *request {
	r := q.all[q.head]
	q.all[q.head] = nil
	q.head++
	if q.head == len(q.all) {
		q.all, q.head = q.all[:0], 0
	}
	q.held -= r.held
	return r
}

func (q *queue) full() bool { return q.len() >= maxPending || q.held > maxHeld }
