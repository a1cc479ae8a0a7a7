package mysql

import "unixcap/decoders"

// A phase is what a connection is in, as far as is known.
type phase uint8

const (
	phaseStart   phase = iota // nothing was seen yet
	phaseGreeted              // the server's greeting was; the client is to answer
	phaseCommand              // requests, of which the first may be the connect
	phaseOpaque               // TLS, or a compression that is not read
)

// A decoder is a connection: client.go says what the client's packets do,
// server.go what the server's do.
//
// A capture may begin in the middle of a connection, and parts of it may be
// missing. Then the decoder hunts: in our captures a call of Data begins where
// a send began, so it takes the beginning of each for a packet's, and believes
// it if the sequence id, the length and the first bytes are right: of a
// client, a command; of a server, the answer to the command that was sent.
// What the handshake would have said is not needed: the few packets whose form
// depends on it can be told apart by their shape (see StmtPrepareOK,
// ColumnCount, eofLength, looksAttributed and decoder.eof).
type decoder struct {
	emit  func(*decoders.Exchange)
	phase phase
	sides [2]side

	greeting      HandshakeV10
	caps          capabilities
	capsKnown     bool
	eof           eofUse
	sent          clientPacketKind // what admitClient took the packet for
	infile        bool             // the client is sending a file
	whole         bool             // nothing is missing since the greeting
	spoke         bool             // a command has been read since anything was missing
	inTransaction bool
	doubt         bool // an answer may be to a request that was lost
	passed        bool // admitServer took the packet for such an answer

	user, database string

	queue        queue
	statements   statements
	lastPrepared *statement
	epoch        int // counts losses of the client's bytes
	longHeld     int // bytes of long data kept

	query      Query
	parameters Parameters
	values     valueReader
}

// A side is one direction of the connection.
type side struct {
	end       decoders.End
	framer    framer
	inflater  *inflater // if the connection is compressed
	hunting   bool      // the place in the stream is not known
	candidate bool      // hunting, and a packet may begin here
	dropped   bool      // bytes were passed over while hunting
}

// eofUse is whether an EOF_Packet ends the definitions of a result, which is
// so without CLIENT_DEPRECATE_EOF. If the handshake was not seen, the first
// result set shows it; until then an answer to COM_STMT_PREPARE stays open
// until the next packet shows whether an EOF_Packet belongs to it.
type eofUse uint8

const (
	eofUnknown eofUse = iota
	eofSent
	eofDeprecated
)

func newDecoder(emit func(*decoders.Exchange)) decoders.Decoder {
	d := &decoder{emit: emit}
	d.statements.clear()
	d.sides[decoders.Client] = side{end: decoders.Client, hunting: true, framer: framer{admit: d.admitClient}}
	d.sides[decoders.Server] = side{end: decoders.Server, hunting: true, framer: framer{admit: d.admitServer}}
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
	if s.hunting {
		d.hunt(s, p)
	}
	if c := d.client(); from == decoders.Server && c.hunting && c.framer.inside() {
		// A server does not speak in the middle of a command, so what was
		// taken for the beginning of one was not.
		c.framer.reset()
		c.candidate = false
	}
	for len(p) > 0 && d.phase != phaseOpaque {
		if s.inflater != nil {
			p = d.inflate(s, at, p)
		} else {
			p = d.plain(s, at, p)
		}
	}
}

// hunt looks at the beginning of a call of Data for s's place in the stream.
func (d *decoder) hunt(s *side, p []byte) {
	if s.inflater != nil {
		if s.inflater.inside() {
			return
		}
		s.framer.reset()
	} else if s.framer.inside() {
		return
	} else if s.end == decoders.Client && beginsCompressed(p) {
		d.compress()
	}
	s.candidate = true
}

// compress makes both directions compressed ones. What is inside then has
// sequence ids that depend on how it was put into compressed packets.
func (d *decoder) compress() {
	for i := range d.sides {
		d.sides[i].inflater = new(inflater)
		d.sides[i].framer.reset()
		d.sides[i].framer.unordered = true
	}
}

// plain reads packets from p until it is used up or the connection becomes a
// compressed one, and returns what is left.
func (d *decoder) plain(s *side, at decoders.Mark, p []byte) []byte {
	mode := s.inflater
	for len(p) > 0 && s.inflater == mode && d.phase != phaseOpaque {
		if s.hunting && !s.candidate {
			s.dropped = true
			return nil
		}
		if s.hunting && s.end == decoders.Client && !s.framer.inside() && !endsWell(p) {
			d.lose(s)
			continue
		}
		if s.end == decoders.Server {
			if p = d.skipRows(at, p); len(p) == 0 {
				break
			}
		}
		rest, got := s.framer.next(at, p)
		switch got {
		case refused:
			d.lose(s)
			continue
		case complete:
			if s.end == decoders.Client {
				d.clientPacket(at)
			} else {
				d.serverPacket(at)
			}
		}
		p = rest
	}
	return p
}

// endsWell says whether a packet at the beginning of p, which a client sent at
// once, may be followed by what follows it: the beginning of another command,
// and nothing behind a COM_QUIT.
func endsWell(p []byte) bool {
	if len(p) <= headerLength {
		return true
	}
	length := uint24(p)
	if headerLength+length >= len(p) || length == maxPacket {
		return true
	}
	next := p[headerLength+length:]
	return len(next) >= headerLength && next[3] == 0 && !(length == 1 && p[headerLength] == comQuit)
}

// inflate reads a compressed connection's packets from p. One that cannot be
// read makes s lose its place.
func (d *decoder) inflate(s *side, at decoders.Mark, p []byte) []byte {
	if s.hunting && !s.candidate {
		s.dropped = true
		return nil
	}
	rest, ok := s.inflater.next(p, func(b []byte) { d.plain(s, at, b) })
	if !ok {
		d.lose(s)
		s.dropped = true
		return nil
	}
	return rest
}

// lose says that s's bytes make no sense any more. Whose answers the server's
// are is then not known.
func (d *decoder) lose(s *side) {
	if !s.hunting {
		d.gap(s.end, 0)
	}
	s.candidate = false
	s.framer.reset()
	if s.inflater != nil {
		s.inflater.reset()
	}
}

// Gap implements decoders.Decoder.
func (d *decoder) Gap(from decoders.End, n int64) {
	if d.phase != phaseOpaque {
		d.gap(from&1, n)
	}
}

func (d *decoder) gap(from decoders.End, n int64) {
	d.cutRequest()
	if from == decoders.Client || d.queue.len() > 1 { // the client has seen all of the answer
		d.finishTrailing()
	}
	d.abandon("gap", uint64(max(n, 0)))
	s := &d.sides[from]
	s.framer.reset()
	s.hunting, s.candidate, s.dropped = true, false, false
	if s.inflater != nil {
		s.inflater.reset()
	}
	d.phase = phaseCommand
	d.infile, d.whole, d.spoke = false, false, false
	d.doubt = true
	if from == decoders.Client {
		d.epoch++
	}
}

// Close implements decoders.Decoder.
func (d *decoder) Close(decoders.Mark) {
	if d.phase == phaseOpaque {
		return
	}
	d.cutRequest()
	d.finishTrailing()
	d.abandon("", 0)
	d.phase = phaseOpaque
}

// finishTrailing ends a request whose answer is complete but perhaps for an
// EOF_Packet.
func (d *decoder) finishTrailing() {
	if r := d.queue.first(); r != nil && r.state == replyTrailing && d.eof != eofSent {
		d.finish(r)
	}
}

// abandon lets all open requests come out unanswered, with why as an
// attribute.
func (d *decoder) abandon(why string, n uint64) {
	if r, f := d.queue.first(), &d.server().framer; r != nil && f.inside() && f.admitted && !d.server().hunting {
		r.saw(f.pkt.start, f.pkt.start, 0)
	}
	for d.queue.len() > 0 {
		r := d.queue.pop()
		if why != "" {
			r.x.AddUint(why, n)
		}
		r.x.Status = decoders.Unanswered
		if r.setsUser { // if it was refused, nothing follows
			d.user, d.database = r.user, r.database
		}
		d.out(r)
	}
}
