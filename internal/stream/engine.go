package stream

import (
	"unixcap/decoders"
	"unixcap/internal/capture"
)

// MaxFlows is how many conversations are followed at once unless Options says
// otherwise. Beyond that the one silent for the longest time is given up: it
// counts as ended, and begins anew, from the middle, should it speak again.
const MaxFlows = 1 << 16

// Options say what an Engine does with the conversations it finds.
type Options struct {
	// Protocols are those that can be decoded. None means that conversations
	// are only counted.
	Protocols []*decoders.Protocol
	// Rules overrule detection. The first that fits holds.
	Rules []Rule
	// Exchange, if not nil, gets every exchange as it is completed. Both
	// arguments are valid only during the call.
	Exchange func(*Flow, *decoders.Exchange)
	// Done, if not nil, gets every flow when it has ended or the capture has.
	Done func(*Flow)
	// MaxFlows and maxHeld override the constants MaxFlows and maxHeldAll if
	// they are not 0.
	MaxFlows int
	maxHeld  int
	// Since and Until, if not zero, bound what is counted and handed out.
	// Decoders see all the same what lies outside, so that they know where
	// they are when the time comes. Until itself is outside.
	Since, Until decoders.Time
}

func (o *Options) within(t decoders.Time) bool {
	return t >= o.Since && (o.Until.IsZero() || t < o.Until)
}

// At is the time of an exchange: of its first byte in the capture.
func At(x *decoders.Exchange) decoders.Time {
	if !x.Sent.First.Time.IsZero() {
		return x.Sent.First.Time
	}
	return x.Answered.First.Time
}

// An Engine follows conversations. It is used by one goroutine.
type Engine struct {
	set Options
	// Stream and seqpacket sockets talk to one other; a datagram socket to
	// many, so those flows are known by both ends.
	socks map[uint64]*Flow
	pairs map[[2]uint64]*Flow
	conns map[*capture.Conn]*Flow // of network traffic
	held  int                     // bytes that wait in all flows
	hints map[hint][]candidate

	open           int
	oldest, newest *Flow // by the latest message

	// number is that of the current message, and of the latest one of a flow that is
	// closed in the end.
	number uint64
}

// NewEngine returns an engine that has seen nothing yet.
func NewEngine(o Options) *Engine {
	if o.MaxFlows == 0 {
		o.MaxFlows = MaxFlows
	}
	if o.maxHeld == 0 {
		o.maxHeld = maxHeldAll
	}
	return &Engine{
		set:   o,
		socks: make(map[uint64]*Flow),
		pairs: make(map[[2]uint64]*Flow),
		conns: make(map[*capture.Conn]*Flow),
	}
}

// Message takes the next message and returns its flow, which is nil if the
// message does not say from which socket to which it went. m is not kept.
func (e *Engine) Message(m *capture.Message) *Flow {
	e.number++
	if !m.From.Known() && !m.To.Known() {
		return nil
	}
	f := e.find(m)
	if f == nil {
		if m.Late {
			return nil
		}
		f = e.create(m)
	}
	e.touch(f)
	from := f.side(m)
	f.note(from, m)
	e.register(f)
	if m.Op == capture.Receive {
		f.receive(from, m)
		return f
	}
	at := decoders.TimeOf(m.Time)
	if e.set.within(at) {
		f.count(from, at, m)
	}
	if m.Error == "" && m.Op != capture.Open {
		p := pieceOf(from, at, m)
		e.take(f, &p)
	}
	if f.Ends[0].Closed && f.Ends[1].Closed {
		e.finish(f)
	}
	return f
}

// take brings a piece into its place, and lets go of all that waits in f when
// too much does in all flows together.
func (e *Engine) take(f *Flow, p *piece) {
	before := f.line.heldBytes
	f.take(p)
	if e.held+f.line.heldBytes-before > e.set.maxHeld {
		f.release(true)
	}
	e.held += f.line.heldBytes - before
}

// Close ends all conversations: there are no more messages.
func (e *Engine) Close() {
	for e.oldest != nil {
		e.number = e.oldest.line.number
		e.finish(e.oldest)
	}
}

// service says which of a message's two sockets is the server's, at which port,
// and whether that is certain.
func (e *Engine) service(m *capture.Message) (server *capture.Socket, port uint16, sure bool) {
	if connOf(m) != nil {
		return e.set.listener(m)
	}
	server, port = m.ServerEnd()
	// A bound name makes a server; without one it is but a guess.
	return server, port, server.Known() && server.Path != ""
}

// create begins a flow with its first message.
func (e *Engine) create(m *capture.Message) *Flow {
	if e.open >= e.set.MaxFlows {
		e.oldest.Evicted = true
		e.finish(e.oldest)
	}
	f := &Flow{Kind: kindOf(m)}
	server, port, sure := e.service(m)
	client := m.From
	if server == m.From && server.Known() || !client.Known() {
		client = m.To
	}
	if server == client {
		server = nil
	}
	learnSocket(&f.Ends[decoders.Client].Socket, client)
	learnSocket(&f.Ends[decoders.Server].Socket, server)
	f.port = port
	f.opened = m.Op == capture.Open
	if c := connOf(m); c != nil {
		e.conns[c] = f
	}
	f.ID = flowID(f.Kind, &f.Ends)
	f.line.set = &e.set
	e.decide(f, sure)
	e.open++
	return f
}

// decide settles the protocol if a rule does, or begins the search for it.
func (e *Engine) decide(f *Flow, sure bool) {
	for i := range e.set.Rules {
		if r := &e.set.Rules[i]; r.covers(f) {
			f.start(r.Protocol)
			return
		}
	}
	if len(e.set.Protocols) == 0 {
		f.Proto = Unknown
		return
	}
	f.line.found = &finding{candidates: e.candidates(f), sure: sure}
}

// finish ends a flow and forgets it.
func (e *Engine) finish(f *Flow) {
	e.held -= f.line.heldBytes
	f.end()
	e.unlink(f)
	e.unregister(f)
	e.open--
	// A flow that has no message in the time asked for does not exist.
	if e.set.Done != nil && !f.First.IsZero() {
		e.set.Done(f)
	}
}

// touch makes f the flow with the latest message.
func (e *Engine) touch(f *Flow) {
	f.line.number = e.number
	if e.newest == f {
		return
	}
	e.unlink(f)
	l := &f.line
	l.older = e.newest
	if e.newest != nil {
		e.newest.line.newer = f
	} else {
		e.oldest = f
	}
	e.newest = f
}

func (e *Engine) unlink(f *Flow) {
	l := &f.line
	switch {
	case l.older != nil:
		l.older.line.newer = l.newer
	case e.oldest == f:
		e.oldest = l.newer
	}
	switch {
	case l.newer != nil:
		l.newer.line.older = l.older
	case e.newest == f:
		e.newest = l.older
	}
	l.older, l.newer = nil, nil
}
