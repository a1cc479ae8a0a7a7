package mysql

import (
	"unixcap/decoders"
	"unixcap/decoders/sql"
)

// A clientPacketKind is what a packet of the client is for.
type clientPacketKind uint8

const (
	sentCommand   clientPacketKind = iota
	sentHandshake                  // HandshakeResponse41 or SSLRequest
	sentAuth                       // more of the authentication
	sentContent                    // of a LOCAL INFILE
	sentAck                        // of a replica, semi-synchronous
	sentClone                      // in the clone protocol
)

// minHandshake is the shortest answer to a greeting: a SSLRequest as clients
// before 4.1 sent it.
const minHandshake = 5

// admitClient says what a packet of the client is, and how much of it to keep.
func (d *decoder) admitClient(seq byte, length int, first byte) (keep int, ok bool) {
	c, r := d.client(), d.queue.first()
	keep, ok = commands[first].keep(first, length)
	ok = ok && seq == 0
	d.sent = sentCommand
	switch {
	case r != nil && r.state == replyCloning && !c.hunting:
		d.sent = sentClone
		return 1, seq == 0
	case d.infile && !(ok && r == nil):
		d.sent = sentContent
		return 0, true
	case d.phase == phaseGreeted && seq == 1,
		c.hunting && seq == 1 && d.phase != phaseGreeted && length >= sslRequestLength:
		d.sent = sentHandshake
		return maxHandshake, length >= minHandshake && length <= maxHandshake
	case r != nil && r.reply == replyAuth && seq != 0:
		d.sent = sentAuth
		return 0, true
	case r != nil && r.reply == replyStream && first == semiSyncAck:
		d.sent = sentAck
		return 0, true
	case !ok && d.spoke && !c.hunting && seq == 0 && commands[first].op == "":
		return 1, true
	}
	return keep, ok
}

// clientPacket takes in a packet that admitClient has classified.
func (d *decoder) clientPacket(at decoders.Mark) {
	c, r := d.client(), d.queue.first()
	pkt := &c.framer.pkt
	switch d.sent {
	case sentCommand:
		if c.hunting && !plausibleCommand(pkt.payload, int(pkt.size)) {
			d.lose(c)
			return
		}
		d.spoke = true
		d.command(pkt, at)
	case sentHandshake:
		known := d.phase == phaseGreeted || plausibleResponse(pkt.payload)
		if !known || !d.handshakeResponse(pkt, at) {
			d.lose(c)
			return
		}
	case sentContent:
		if pkt.size == 0 {
			d.infile = false
		}
		if r != nil {
			r.infileBytes += pkt.size
			r.next = pkt.last + 1
		}
	case sentClone:
		if r != nil && len(pkt.payload) > 0 {
			r.cloneCommand(pkt.payload[0], pkt.size)
		}
	case sentAuth:
		if r != nil {
			r.partial = r.partial || !r.answered
			r.next = pkt.last + 1
		}
	}
	c.hunting = false
}

// command takes in a command and waits for its answer, if it gets one.
func (d *decoder) command(pkt *packet, at decoders.Mark) {
	d.infile = false
	d.phase = phaseCommand
	s := d.server()
	if s.hunting && s.dropped {
		// What was passed over must have been the answers.
		d.finishTrailing()
		d.abandon("gap", 0)
	}
	s.dropped = false

	r := d.queue.take()
	r.next = pkt.last + 1
	d.name(r, pkt.payload)
	r.x.Sent = decoders.Span{First: pkt.start, Last: at, Bytes: pkt.wire}
	d.interpret(r, pkt.payload, pkt.size)
	if r.reply == replyNone {
		r.x.Status = decoders.OK
		d.out(r)
		return
	}
	r.held = cap(r.text) + cap(r.scratch) + 1
	d.queue.push(r)
	if d.queue.full() {
		d.finishTrailing()
		d.abandon("overflow", uint64(d.queue.len()))
		s.hunting, s.candidate = true, false
		s.framer.reset()
	}
}

// name says which command a payload is. One that is not known is taken for one
// with a simple answer: servers refuse it. Empty payloads are COM_SLEEP to them.
func (d *decoder) name(r *request, b []byte) {
	if len(b) > 0 {
		r.com = b[0]
	}
	c := &commands[r.com]
	r.x.Op, r.reply = c.op, c.reply
	if c.op == "" {
		r.x.Op, r.reply = "unknown", replyOK
		r.x.AddUint("command", uint64(r.com))
	}
}

// cutRequest lets a command come out of which the end is missing.
func (d *decoder) cutRequest() {
	c := d.client()
	f := &c.framer
	if !f.inside() || !f.admitted || len(f.buf) == 0 || c.hunting || d.sent != sentCommand {
		return
	}
	switch f.buf[0] {
	case comQuery, comStmtPrepare, comStmtExecute, comStmtBulkExecute:
	default:
		return
	}
	pkt := f.pkt
	pkt.payload = f.buf
	missing := int64(f.left)
	pkt.wire -= missing
	d.command(&pkt, pkt.start)
}

// interpret reads what a command says.
func (d *decoder) interpret(r *request, b []byte, size int64) {
	if commands[r.com].op == "" {
		return // of which only the command was kept
	}
	r.x.AddCount("truncated_bytes", uint64(size-int64(len(b))))
	switch r.com {
	case comQuery:
		d.interpretQuery(r, b)
	case comStmtPrepare:
		d.stmtPrepare(r, b)
	case comStmtExecute:
		d.stmtExecute(r, b)
	case comStmtBulkExecute:
		d.stmtBulkExecute(r, b)
	case comStmtSendLongData:
		d.stmtSendLongData(r, b, size)
	case comStmtClose, comStmtReset, comStmtFetch:
		d.stmtOther(r, b)
	case comInitDB:
		r.setText(b[1:])
		r.setDatabase(b[1:])
	case comCreateDB, comDropDB:
		r.setText(b[1:])
	case comFieldList:
		p := payload{b: b[1:]}
		r.setText(p.nulOrRest())
		if wildcard := p.rest(); len(wildcard) > 0 {
			r.keepText("wildcard", wildcard)
		}
	case comProcessKill:
		p := payload{b: b[1:]}
		r.x.AddUint("connection_id", uint64(p.uint32()))
	case comSetOption:
		p := payload{b: b[1:]}
		r.x.AddUint("option", uint64(p.uint16()))
	case comChangeUser:
		d.changeUser(r, b)
	case comBinlogDump, comBinlogDumpGTID, comRegisterSlave:
		d.replication(r, b)
	}
}

func (r *request) setText(b []byte) {
	r.text = append(r.text[:0], b...)
	r.x.Request = r.text
}

func (r *request) setStatement(b []byte) {
	r.text = sql.MySQL.AppendWithoutSecrets(r.text[:0], b, &r.hidden)
	r.x.Request = r.text
}

func (r *request) setDatabase(name []byte) {
	r.database, r.setsDatabase = string(name), true
}

func (d *decoder) interpretQuery(r *request, b []byte) {
	attributes := d.caps&clientQueryAttributes != 0
	if !d.capsKnown {
		attributes = looksAttributed(b)
	}
	d.values.text = nil
	if d.query.Decode(b, attributes, &d.values) != nil {
		d.query.Text = b[1:]
	}
	r.setStatement(d.query.Text)
	for i := range d.query.Attributes[:min(len(d.query.Attributes), maxQueryAttributes)] {
		r.queryAttribute(d.query.Attributes[i].Name, d.query.Attributes[i].Value)
	}
	if name, ok := sql.UsedDatabase(r.x.Request); ok {
		r.setDatabase(name)
	}
}

// queryAttribute adds an attribute of a query to the exchange's.
func (r *request) queryAttribute(name []byte, v decoders.Value) {
	switch {
	case decoders.IsSecretName(name) && v.Kind != decoders.Null:
		v = decoders.TextValue(decoders.SecretBytes)
	case decoders.MayHaveSecrets(v.Bytes):
		start := len(r.scratch)
		r.scratch = decoders.AppendWithoutSecrets(r.scratch, v.Bytes)
		v.Bytes = r.scratch[start:len(r.scratch):len(r.scratch)]
	case v.Bytes != nil:
		v.Bytes = r.keep(v.Bytes)
	}
	r.x.Add("query_attribute_"+string(name), v)
}

// replication reads where a replica wants to begin.
func (d *decoder) replication(r *request, b []byte) {
	p := payload{b: b[1:]}
	switch r.com {
	case comBinlogDump:
		position := p.uint32()
		p.uint16()
		r.x.AddUint("server_id", uint64(p.uint32()))
		r.x.AddUint("position", uint64(position))
		r.setText(p.rest())
	case comBinlogDumpGTID:
		p.uint16()
		r.x.AddUint("server_id", uint64(p.uint32()))
		r.setText(p.take(int(min(uint64(p.uint32()), uint64(len(p.b))))))
	case comRegisterSlave: // host, user and password follow
		r.x.AddUint("server_id", uint64(p.uint32()))
	}
}
