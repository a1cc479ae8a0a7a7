package recorder

import (
	"time"

	"unixcap/bpf"
	"unixcap/internal/capture"
)

// windowLength is how long, in ns, a message is kept so that others that began
// before it can still come first. Events come at the end of a call and bear the
// time of its beginning; a call that takes longer than this is written where the
// order still allows it, and how long it took says when it began. It also gives a new connection's other
// end the time to show who it is.
const windowLength = uint64(20 * time.Millisecond)

// windowBytes bounds what is kept meanwhile.
const windowBytes = 64 << 20

// partialBytes bounds the messages of which parts are still to come, so that
// nobody can fill the memory by sending. What does not fit is cut.
const partialBytes = 512 << 20

// A pending message waits for its place in time. It is no capture.Message, which
// is twice as long: thousands wait, and are to stay in the processor's cache.
type pending struct {
	from, to *socket
	sender   capture.Process // or who received
	payload  []byte
	time     uint64 // begin of the call, moved up where the order demands it
	exit     uint64
	took     uint64
	arrival  uint64
	touched  uint64 // when the last part came
	offset   uint64
	received uint64 // see bpf.Event
	ret      int32
	seq      uint32
	fdTypes  capture.FDTypes
	fds      uint16
	op       capture.Op
	creds    bool
	broken   bool // a part is missing: what follows it is of no use
	emptied  bool
}

// An ahead is what a thread is about to send.
type ahead struct {
	sk      uint64
	payload []byte
	broken  bool   // a part is missing
	touched uint64 // see pending
}

// A window holds the messages of the last moments.
type window struct {
	queue   queue
	partial map[uint32]*pending // by thread: the long message of which parts are still to come
	aheads  map[uint32]*ahead   // by thread: what came before the message it is of
	swept   uint64              // up to when abandon looked
	latest  uint64              // newest event's time
	last    uint64              // time of the message that was taken out last
	bytes   int                 // of the queue
	growing int                 // bytes of the partial messages
	arrived uint64
	pool    [3][]*pending
}

// sizeClass separates the buffers that are used again, so that short messages
// do not come to hold long buffers.
func sizeClass(n int) int {
	switch {
	case n <= 512:
		return 0
	case n <= 16<<10:
		return 1
	}
	return 2
}

// poolMax bounds each class of the pool: at most some 60 MiB in all.
var poolMax = [3]int{32768, 2048, 256}

func (w *window) get(size int) *pending {
	pool := &w.pool[sizeClass(size)]
	if n := len(*pool); n > 0 {
		p := (*pool)[n-1]
		*pool = (*pool)[:n-1]
		return p
	}
	return new(pending)
}

// free gives back a message that is written.
func (w *window) free(p *pending) {
	class := sizeClass(cap(p.payload))
	w.bytes -= cap(p.payload)
	if len(w.pool[class]) < poolMax[class] && cap(p.payload) <= 128<<10 {
		*p = pending{payload: p.payload[:0]}
		w.pool[class] = append(w.pool[class], p)
	}
}

// begin takes a message's first part, or a later one if those before are lost.
func (w *window) begin(e *bpf.Event, from, to *socket) {
	if e.Part > 0 && e.Seq+1 == from.begun {
		return // it was given up already, as cut
	}
	from.begun = e.Seq + 1
	if len(w.partial) > 0 {
		w.giveUp(e.TID)
	}
	p := w.get(max(len(e.Data), min(int(e.Ret), 128<<10)))
	p.from, p.to, p.seq = from, to, e.Seq
	p.time, p.exit = e.Entry, e.Exit
	if p.time == 0 || p.time > p.exit {
		p.time = p.exit
	}
	p.took = p.exit - p.time
	p.op, p.sender, p.offset, p.ret = capture.Send, from.process, e.Offset, e.Ret
	p.fds, p.fdTypes, p.creds = e.FDs, capture.FDTypes(e.FDTypes), e.Flags&bpf.Creds != 0
	p.broken = e.Part != 0 // the first part was lost
	w.takeAhead(p, e)
	if e.Flags&bpf.Last == 0 {
		if w.partial == nil {
			w.partial = make(map[uint32]*pending)
		}
		w.partial[e.TID] = p
	}
	w.append(p, e)
	if e.Flags&bpf.Last != 0 {
		w.complete(p)
	}
}

// foresee takes a part of what a thread is about to send.
func (w *window) foresee(e *bpf.Event) {
	a := w.aheads[e.TID]
	if a == nil {
		if w.aheads == nil {
			w.aheads = make(map[uint32]*ahead)
		}
		a = new(ahead)
		w.aheads[e.TID] = a
	}
	if e.Part == 0 {
		w.growing -= len(a.payload)
		*a = ahead{sk: e.SK, payload: a.payload[:0]}
	}
	a.touched = w.latest
	if a.broken || a.sk != e.SK || int(e.Part) != len(a.payload) || w.growing+len(e.Data) > partialBytes {
		a.broken = true
		return
	}
	a.payload = append(a.payload, e.Data...)
	w.growing += len(e.Data)
}

// takeAhead gives a message what came ahead of it, and forgets what did not turn
// out to be one.
func (w *window) takeAhead(p *pending, e *bpf.Event) {
	a := w.aheads[e.TID]
	if a == nil {
		return
	}
	if e.Flags&bpf.Before != 0 && a.sk == e.SK && len(a.payload) <= int(e.Ret) {
		// A part that is missing leaves those before it.
		p.payload = append(p.payload, a.payload...)
		w.growing += len(p.payload)
	}
	w.growing -= len(a.payload)
	if cap(a.payload) > 128<<10 {
		delete(w.aheads, e.TID)
		return
	}
	*a = ahead{payload: a.payload[:0]}
}

// extend takes a further part of a message; false if the event begins one.
func (w *window) extend(e *bpf.Event) bool {
	if len(w.partial) == 0 || e.Ret < 0 {
		return false
	}
	p := w.partial[e.TID]
	if p == nil || p.from.SK != e.SK || p.seq != e.Seq {
		return false
	}
	w.append(p, e)
	if e.Flags&bpf.Last != 0 {
		delete(w.partial, e.TID)
		w.complete(p)
	}
	return true
}

func (w *window) append(p *pending, e *bpf.Event) {
	p.touched = max(w.latest, p.exit)
	if e.Flags&bpf.Before != 0 {
		return
	}
	if p.broken || int(e.Part) != len(p.payload) || w.growing+len(e.Data) > partialBytes {
		p.broken = true
		return
	}
	p.payload = append(p.payload, e.Data...)
	w.growing += len(e.Data)
}

func (w *window) complete(p *pending) {
	w.growing -= len(p.payload)
	w.push(p)
}

func (w *window) close(e *bpf.Event, s *socket) {
	p := w.get(0)
	p.from, p.to = s, s.peer
	p.time, p.exit = e.Exit, e.Exit
	p.op = capture.Close
	w.push(p)
}

func (w *window) receive(e *bpf.Event, s, from *socket) {
	p := w.get(0)
	p.from, p.to = s, from
	p.time, p.exit = e.Exit, e.Exit
	p.received, p.emptied = e.Received, e.Emptied
	p.op, p.sender, p.ret = capture.Receive, s.process, e.Ret
	w.push(p)
}

func (w *window) push(p *pending) {
	w.bytes += cap(p.payload)
	if p.op != capture.Close { // which may be ahead of what is still to be read
		w.latest = max(w.latest, p.exit)
	}
	w.arrived++
	p.arrival = w.arrived
	w.queue.insert(p)
}

// partsWait is how long, in ns, a message's parts may take. The kernel's program
// can be preempted between two of them, and goes on when its thread does.
const partsWait = uint64(time.Second)

// sweepInterval keeps what a step costs from growing with the threads that send.
const sweepInterval = uint64(10 * time.Millisecond)

// giveUp completes what a thread has begun: it goes on with another message, and
// what did not come before is lost.
func (w *window) giveUp(tid uint32) {
	if p := w.partial[tid]; p != nil {
		delete(w.partial, tid)
		w.complete(p)
	}
}

// abandon completes the messages of which a part was lost: those whose last one
// came long before the horizon.
func (w *window) abandon(horizon uint64) {
	if horizon < w.swept+sweepInterval {
		return
	}
	w.swept = horizon
	for tid, a := range w.aheads {
		if horizon >= a.touched+partsWait {
			w.growing -= len(a.payload)
			delete(w.aheads, tid)
		}
	}
	for tid, p := range w.partial {
		if horizon >= p.touched+partsWait {
			w.giveUp(tid)
		}
	}
}

// next takes out the first message, if it ended before the horizon or too much
// is waiting. Its time is never before that of the one taken out before it.
func (w *window) next(horizon uint64) *pending {
	waiting := w.queue.all()
	if len(waiting) == 0 || waiting[0].time > horizon && w.bytes < windowBytes {
		return nil
	}
	p := w.queue.remove(0)
	if p.op == capture.Send && p.offset > p.from.offset {
		p = w.before(p)
	}
	if p.time < w.last {
		p.time = w.last
	}
	w.last = p.time
	return p
}

// before returns p, or what the same socket sent before it: of two threads that
// send on one socket, the one that began first need not be the one whose bytes
// came first.
func (w *window) before(p *pending) *pending {
	first := -1
	waiting := w.queue.all()
	for i, q := range waiting {
		if q.from == p.from && q.op == capture.Send && q.offset < p.offset &&
			(first < 0 || q.offset < waiting[first].offset) {
			first = i
		}
	}
	if first < 0 {
		return p
	}
	q := w.queue.remove(first)
	q.time, p.time = p.time, max(p.time, q.time)
	w.queue.insert(p)
	return q
}

// A queue has messages in the order of time, and those of one time in the order
// of arrival. They arrive nearly in order, so that a place is found by going
// back from the end, mostly at once.
type queue struct {
	messages []*pending
	head     int // those before it are taken out
}

func (q *queue) all() []*pending { return q.messages[q.head:] }

func (q *queue) insert(p *pending) {
	if q.head > 1024 && q.head > len(q.messages)/2 {
		n := copy(q.messages, q.messages[q.head:])
		clear(q.messages[n:])
		q.messages, q.head = q.messages[:n], 0
	}
	q.messages = append(q.messages, p)
	i := len(q.messages) - 1
	for ; i > q.head && p.before(q.messages[i-1]); i-- {
		q.messages[i] = q.messages[i-1]
	}
	q.messages[i] = p
}

func (p *pending) before(o *pending) bool {
	return p.time < o.time || p.time == o.time && p.arrival < o.arrival
}

// remove takes out the message at an index of all.
func (q *queue) remove(i int) *pending {
	p := q.messages[q.head+i]
	copy(q.messages[q.head+1:q.head+i+1], q.messages[q.head:q.head+i])
	q.messages[q.head] = nil
	q.head++
	return p
}
