package recorder

import (
	"time"

	"unixcap/bpf"
	"unixcap/internal/capture"
	"unixcap/internal/sockets"

	"golang.org/x/sys/unix"
)

// Who is at a socket shows in its events, but for what runs there, and in which
// container. That is asked for when an event comes, and taken when its message
// leaves the window, so that nobody waits. If the answer takes longer, because
// events are read late or a disk is slow, messages stay in the window for some more
// time. One that leaves it before the answer is there goes without, and the next
// has it.

// maxAsked bounds the pids of which the last inquiry is remembered.
const maxAsked = 1 << 14

// settleLimit is how long the end of a recording waits for answers.
const settleLimit = time.Second

// holdLimit is how long, in ns, messages stay in the window for an answer.
const holdLimit = uint64(100 * time.Millisecond)

// A hold keeps messages in the window.
type hold struct {
	limit uint64 // holdLimit, but in tests
	since uint64 // when the first inquiry was made that is not known to be answered; 0 if there is none
	first uint64 // time of its message
}

// identify begins to find out who was at a socket at a time of the monotonic clock.
// Messages from first on wait for the answer.
func (t *table) identify(s *socket, at, first uint64) {
	p := &s.process
	if p.PID == 0 {
		return
	}
	if q := t.asked[p.PID]; q != nil && q.IsOf(p.PID, p.Cgroup) && q.Covers(at) && runs(q, p) {
		s.who = q
		return
	}
	if s.who = t.inspector.Ask(p.PID, p.Cgroup, at); s.who == nil {
		return
	}
	if len(t.asked) >= maxAsked {
		clear(t.asked)
	}
	t.asked[p.PID] = s.who
	if t.hold.since == 0 {
		t.hold.since, t.hold.first = uint64(read(unix.CLOCK_MONOTONIC)), first
	}
	t.hold.first = min(t.hold.first, first)
}

// identifyEnds does so for both ends of what was sent or received.
func (t *table) identifyEnds(e *bpf.Event, from, to *socket) {
	first := e.Entry
	if first == 0 {
		first = e.Exit
	}
	if from.who == nil {
		t.identify(from, e.Exit, first)
	}
	if to != nil && to.who == nil {
		t.identify(to, e.Exit, first)
	}
}

// identifyHolder does so for whom the kernel says that a socket has, just now. All
// that is in the window may be for it.
func (t *table) identifyHolder(s *socket) {
	if s.who == nil {
		t.identify(s, uint64(read(unix.CLOCK_MONOTONIC)), 0)
	}
}

// held returns the horizon, or an earlier one if messages have to wait for answers.
func (t *table) held(horizon uint64) uint64 {
	switch {
	case t.hold.since == 0:
		return horizon
	case !t.inspector.Busy(), uint64(read(unix.CLOCK_MONOTONIC)) >= t.hold.since+t.hold.limit:
		t.hold.since = 0
		return horizon
	}
	return min(horizon, max(t.hold.first, 1)-1)
}

// runs reports whether an answer is of the program that p shows. A process that
// executes another gets its name, which is the main thread's.
func runs(q *sockets.Inquiry, p *capture.Process) bool {
	found := q.Found()
	return found == nil || p.TID != p.PID || found.Comm == p.Comm
}

// origin sets what is known by now of a process that is, or was, at a socket.
func (t *table) origin(s *socket, p *capture.Process) {
	q := s.who
	if s.process.PID != p.PID { // another had the socket since
		q = t.asked[p.PID]
	}
	if q == nil {
		return
	}
	if found := q.Found(); found != nil {
		p.Origin = found.Origin
	}
}

// holder returns who is at a socket, as far as it is known.
func (t *table) holder(s *socket) capture.Process {
	if s.guessed {
		t.confirm(s)
	}
	p := s.process
	t.origin(s, &p)
	return p
}

// confirm takes what there is to know of a process of which there was no event.
func (t *table) confirm(s *socket) {
	if p := s.peer; p != nil && !p.guessed && p.process.PID == s.process.PID {
		s.process, s.who, s.guessed = p.process, p.who, false // it talks to itself, and may be gone already
		return
	}
	if s.who == nil {
		return
	}
	found := s.who.Found()
	if found == nil {
		return
	}
	s.guessed = false
	if found.Comm != "" { // not gone meanwhile
		s.process = *found
		s.process.Origin = nil
	}
}
