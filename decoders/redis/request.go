package redis

import "unixcap/decoders"

const (
	// maxRequest bounds the text that is kept of a command, or of what a
	// server sends unasked. Values may have 512 MB.
	maxRequest = 64 << 10

	// maxHeld bounds the text of all commands that wait for their answers.
	// Beyond that, shortRequest is kept of each: enough for its key.
	maxHeld      = 8 << 20
	shortRequest = 128

	// maxPending bounds the commands that wait for their answers. Clients
	// that load data send tens of thousands ahead; behind a server that is
	// not recorded they would grow without end.
	maxPending = 1 << 16

	// maxKept bounds the memory kept for the texts of commands to come.
	maxKept = 1 << 20

	// keptSlots is the length up to which an empty queue is kept.
	keptSlots = 1 << 10
)

// A request is a command whose answer is not complete.
type request struct {
	op     string
	known  *command
	text   []byte
	cut    int64 // bytes of the arguments that are not in text
	sent   decoders.Span
	hidden bool // the command has a secret
	silent bool // there is no answer: CLIENT REPLY

	want     int // answers still to come, one for each channel
	answered decoders.Span

	user, database string // to be taken over if the server agrees
}

// reset empties r and keeps its memory.
func (r *request) reset() { *r = request{text: r.text[:0]} }

// A queue holds the requests that are not answered yet, oldest first, in a
// ring.
type queue struct {
	ring []request
	head int
	n    int
	held int // bytes of text of those in the queue
	kept int // bytes of memory of those that are free
}

// first returns the oldest request, nil if there is none. It is valid until
// the next push.
func (q *queue) first() *request {
	if q.n == 0 {
		return nil
	}
	return &q.ring[q.head]
}

// room says how much of the next request may be kept.
func (q *queue) room() int {
	if q.held > maxHeld {
		return shortRequest
	}
	return maxRequest
}

// push moves r into the queue; r gets the memory of one that is free.
func (q *queue) push(r *request) {
	if q.n == len(q.ring) {
		q.grow()
	}
	slot := &q.ring[(q.head+q.n)&(len(q.ring)-1)]
	q.kept -= cap(slot.text)
	free := slot.text
	*slot = *r
	r.text = free[:0]
	q.n++
	q.held += len(slot.text)
}

func (q *queue) grow() {
	ring := make([]request, max(16, 2*len(q.ring)))
	for i := range q.n {
		ring[i] = q.ring[(q.head+i)&(len(q.ring)-1)]
	}
	q.ring, q.head, q.kept = ring, 0, 0
}

// pop lets go of the oldest request.
func (q *queue) pop() {
	r := &q.ring[q.head]
	q.held -= len(r.text)
	if q.kept+cap(r.text) > maxKept {
		r.text = nil
	}
	r.reset()
	q.kept += cap(r.text)
	q.head = (q.head + 1) & (len(q.ring) - 1)
	q.n--
	if q.n == 0 && len(q.ring) > keptSlots {
		*q = queue{}
	}
}
