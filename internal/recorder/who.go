package recorder

import (
	"time"

	"unixcap/internal/capture"
	"unixcap/internal/sockets"
)

// Who is at a socket shows in its events, but for what runs there, and in which
// container. That is asked for when an event comes, and taken when its message
// leaves the window, so that nobody waits. A message that leaves before the answer
// is there goes without, and the next has it.

// maxAsked bounds the pids of which the last inquiry is remembered.
const maxAsked = 1 << 14

// settleLimit is how long the end of a recording waits for answers.
const settleLimit = time.Second

// identify begins to find out who is at a socket. at is the time at which it was
// there.
func (t *table) identify(s *socket, at uint64) {
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
