package postgresql

import (
	"unixcap/decoders"
	"unixcap/decoders/sql"
)

// A step is a message of a request that the server answers.
type step uint8

const (
	stepQuery step = iota
	stepFunctionCall
	stepStartup
	stepNegotiate // SSLRequest or GSSENCRequest: one byte is the answer
	stepParse
	stepDescribeStatement
	stepBind
	stepDescribePortal
	stepExecute
	stepClose
	stepSync
)

var stepNames = [...]string{"query", "function_call", "startup", "negotiate", "parse", "describe", "bind", "describe", "execute", "close", "sync"}

// maxSteps is as many steps as a request of the extended protocol can have:
// Parse, Describe, Bind, Describe, Execute, Sync.
const maxSteps = 6

// A request is messages of the client whose answer is not complete.
type request struct {
	x       decoders.Exchange
	stmt    *statement
	text    []byte // x.Request if it is the request's own
	scratch []byte // what x.Args and x.Attrs point into
	hidden  sql.Hidden
	held    int // bytes held for the request, for the bound on them

	portal []byte
	name   []byte // of the statement

	old  *statement // what a Parse replaced
	tags []byte

	progress
}

// progress is how much of a request and of its answer has come.
type progress struct {
	steps [maxSteps]step
	count int // of steps
	step  int // the one that is being answered

	answered bool
	inside   bool // the step's first message has come, not its last
	partial  bool // a part of the answer was missed
	failed   bool // an ErrorResponse has come; ReadyForQuery is to follow

	rows      int64 // DataRows of the current result
	total     int64 // of the results before
	counted   bool  // there is a number of rows
	results   uint64
	affected  uint64
	copying   string // the direction
	copyIn    bool   // the client is to send CopyData
	copyBytes uint64
	notices   uint64
	suspended bool
	status    byte // of the transaction, 0 if not known
	sasl      bool // the next password message names the mechanism
}

// A messageList is the names of a request's messages, for all those that follow one
// with the same.
type messageList struct {
	steps [maxSteps]step
	count int
	text  []byte
}

// of returns the names of messages.
func (l *messageList) of(steps [maxSteps]step, count int) []byte {
	if l.count == count && l.steps == steps {
		return l.text
	}
	l.steps, l.count, l.text = steps, count, l.text[:0]
	for i, s := range steps[:count] {
		if i > 0 {
			l.text = append(l.text, ' ')
		}
		l.text = append(l.text, stepNames[s]...)
	}
	return l.text
}

// sync says whether the request ends with a Sync.
func (r *request) sync() bool { return r.count > 0 && r.steps[r.count-1] == stepSync }

// current is the step that is being answered.
func (r *request) current() step { return r.steps[min(r.step, r.count-1)] }

// last is the step that was added last.
func (r *request) last() step { return r.steps[r.count-1] }

func (r *request) add(s step) {
	r.steps[r.count] = s
	r.count++
}

// open says whether more messages may join the request.
func (r *request) open() bool {
	return r.steps[0] >= stepParse && !r.answered && !r.sync() && r.count < maxSteps
}

// keep copies b to memory that lasts as long as the request. The copies made
// before stay where they are when that memory grows.
func (r *request) keep(b []byte) []byte {
	start := len(r.scratch)
	r.scratch = append(r.scratch, b...)
	return r.scratch[start:len(r.scratch):len(r.scratch)]
}

// maxAttrs is more attributes than there can be, unless a server repeats itself
// without end.
const maxAttrs = 128

// keepText adds an attribute of which a copy is kept.
func (r *request) keepText(key string, v []byte) {
	if len(r.x.Attrs) < maxAttrs {
		r.x.AddText(key, r.keep(v))
	}
}

// keepString is keepText for a string.
func (r *request) keepString(key, v string) {
	if len(r.x.Attrs) < maxAttrs {
		start := len(r.scratch)
		r.scratch = append(r.scratch, v...)
		r.x.AddText(key, r.scratch[start:len(r.scratch):len(r.scratch)])
	}
}

// keepValues is the number of values up to which memory is kept for the next
// request.
const keepValues = 1024

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
	if cap(r.name) > maxName || cap(r.portal) > maxName {
		r.name, r.portal = nil, nil
	}
	r.hidden.Reset()
	r.stmt, r.old, r.held = nil, nil, 0
	r.text, r.scratch = r.text[:0], r.scratch[:0]
	r.portal, r.name, r.tags = r.portal[:0], r.name[:0], r.tags[:0]
	r.progress = progress{}
}

// weigh is how much memory the request holds. The text of a statement that was
// prepared before is that of many requests, and bounded by itself.
func (r *request) weigh() int {
	n := cap(r.text) + cap(r.scratch) + cap(r.name) + cap(r.portal) + cap(r.x.Args)*valueSize
	if r.stmt != nil && r.steps[0] == stepParse {
		n += r.stmt.size()
	}
	return n + 1
}

// valueSize is about how much memory a value takes besides its bytes.
const valueSize = 64

// saw counts n bytes of the answer.
func (r *request) saw(first, last decoders.Mark, n int64) {
	if !r.answered {
		r.answered = true
		r.x.Answered.First = first
	}
	r.x.Answered.Last = last
	r.x.Answered.Bytes += n
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
	// maxPending is more than clients send ahead: their pipelines are bounded
	// by the socket's buffers.
	maxPending = 16384

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

// tail returns the newest request, nil if there is none.
func (q *queue) tail() *request {
	if q.head == len(q.all) {
		return nil
	}
	return q.all[len(q.all)-1]
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
	r.held = r.weigh()
	q.held += r.held
}

// grown is to be called when a request in the queue may hold more than before.
func (q *queue) grown(r *request) {
	q.held -= r.held
	r.held = r.weigh()
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
