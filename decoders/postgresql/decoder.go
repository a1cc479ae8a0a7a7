package postgresql

import "unixcap/decoders"

// A phase is what a connection is in, as far as is known.
type phase uint8

const (
	phaseStart   phase = iota // nothing was understood yet
	phaseStartup              // the server is to say who may come in
	phaseReady                // requests
	phaseOpaque               // TLS or GSSAPI encryption, or the end
)

// A decoder is a connection.
type decoder struct {
	emit  func(*decoders.Exchange)
	phase phase
	sides [2]side

	doubt    bool // an answer may be to a request that was lost
	skipping bool // after an error the server passes over all up to a Sync

	user, database string
	replication    string // what kind of it the connection is for

	queue    queue
	names    names
	messages messageList
}

// A side is one direction of the connection.
type side struct {
	end       decoders.End
	framer    framer
	hunting   bool // the place in the stream is not known
	candidate bool // hunting, and a message may begin here
	passing   bool // these bytes are passed over, the place behind them is known
}

func newDecoder(emit func(*decoders.Exchange)) decoders.Decoder {
	d := &decoder{emit: emit}
	d.names.init()
	d.sides[decoders.Client] = side{end: decoders.Client, hunting: true, framer: framer{types: &clientTypes}}
	d.sides[decoders.Server] = side{end: decoders.Server, hunting: true, framer: framer{types: &serverTypes}}
	return d
}

func (d *decoder) client() *side { return &d.sides[decoders.Client] }
func (d *decoder) server() *side { return &d.sides[decoders.Server] }

// Data implements decoders.Decoder.
func (d *decoder) Data(from decoders.End, at decoders.Mark, p []byte) {
	if d.phase == phaseOpaque || len(p) == 0 {
		return
	}
	s := &d.sides[from&1]
	if c := d.client(); s.end == decoders.Server && c.hunting && c.framer.inside() {
		// A server does not speak in the middle of a message, so what was
		// taken for the beginning of one was not.
		c.framer.reset()
	}
	if s.hunting && !s.framer.inside() {
		if d.hunt(s, p); s.passing {
			s.passing = false
			return
		}
	}
	for len(p) > 0 && d.phase != phaseOpaque {
		if s.hunting && !s.candidate {
			if r := d.queue.first(); r != nil && s.end == decoders.Server {
				r.partial = true
			}
			return
		}
		if s.end == decoders.Server {
			if p = d.beforeMessage(s, at, p); len(p) == 0 || d.phase == phaseOpaque {
				return
			}
		}
		rest, got := s.framer.next(at, p)
		switch got {
		case refused:
			d.lose(s)
			continue
		case complete:
			d.message(s, at)
		}
		p = rest
	}
}

func (d *decoder) message(s *side, at decoders.Mark) {
	if s.end == decoders.Client {
		d.clientMessage(&s.framer.msg, at)
	} else {
		d.serverMessage(&s.framer.msg, at)
	}
}

// Gap implements decoders.Decoder.
func (d *decoder) Gap(from decoders.End, n int64) {
	if d.phase == phaseOpaque {
		return
	}
	s := &d.sides[from&1]
	if !s.hunting {
		if filled, got := s.framer.hole(n); filled {
			if got == complete {
				d.message(s, s.framer.msg.start)
			}
			return
		}
	}
	d.gap(s, n)
}

// Close implements decoders.Decoder.
func (d *decoder) Close(decoders.Mark) {
	if d.phase == phaseOpaque {
		return
	}
	d.cutRequest()
	d.abandon("", 0)
	d.phase = phaseOpaque
}

// abandon lets all open requests come out unanswered, with why as an
// attribute.
func (d *decoder) abandon(why string, n uint64) {
	if r, f := d.queue.first(), &d.server().framer; r != nil && f.inside() && f.have == f.headerLength() && !d.server().hunting {
		r.saw(f.msg.start, f.msg.start, 0)
	}
	for d.queue.len() > 0 {
		r := d.queue.pop()
		if why != "" {
			r.x.AddUint(why, n)
		}
		if !r.failed || why != "" { // an error that ends the connection is an answer
			r.x.Status = decoders.Unanswered
		}
		d.out(r)
	}
	d.skipping = false
}

// finish hands over the oldest request, which is answered.
func (d *decoder) finish(r *request) {
	d.queue.pop()
	d.out(r)
}

// out hands over a request, with all that is known of it.
func (d *decoder) out(r *request) {
	x := &r.x
	x.User, x.Database = d.user, d.database
	d.conclude(r)
	d.emit(x)
	d.names.release(r.stmt)
	d.names.release(r.old)
	r.stmt, r.old = nil, nil
	d.queue.give(r)
}

// conclude makes what was seen of the answer an exchange's fields.
func (d *decoder) conclude(r *request) {
	r.x.Rows = -1
	if r.counted {
		r.x.Rows = r.total + r.rows
	}
	if r.count > 0 && r.steps[0] >= stepParse {
		r.x.AddText("messages", d.messages.of(r.steps, r.count))
	}
	if r.partial && r.x.Status != decoders.Unanswered {
		r.x.AddUint("gap", 0)
	}
	r.x.AddText("command_tag", r.tags)
	if r.results > 1 {
		r.x.AddCount("results", r.results)
	}
	r.x.AddCount("affected_rows", r.affected)
	if r.copying != "" {
		r.keepString("copy", r.copying)
		r.x.AddUint("copy_bytes", r.copyBytes)
	}
	if r.suspended {
		r.x.AddCount("suspended", 1)
	}
	r.x.AddCount("notices", r.notices)
	r.x.AddText("transaction", transactionStatus(r.status))
}

// transactionStatus says in words what ReadyForQuery says.
func transactionStatus(c byte) []byte { return transactionWords[c] }

var transactionWords = [256][]byte{'I': []byte("idle"), 'T': []byte("open"), 'E': []byte("failed")}
