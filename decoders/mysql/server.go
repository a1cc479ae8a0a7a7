package mysql

import (
	"encoding/binary"
	"unicode/utf8"

	"unixcap/decoders"
)

// admitServer says whether a packet of the server can be the next, and how
// much of it to keep.
func (d *decoder) admitServer(seq byte, length int, first byte) (keep int, ok bool) {
	s, r := d.server(), d.queue.first()
	d.passed = false
	if r != nil && r.state == replyTrailing && !(first == headerEOF && length == eofLength && seq == r.next) {
		d.eof = eofDeprecated
		d.finish(r)
		r = d.queue.first()
	}
	if (s.hunting || d.doubt) && d.queue.len() > 1 && r.state == replyStart {
		// The client sends ahead, so this may as well be the answer to a
		// request that was lost. Better none than another's.
		d.finishTrailing()
		d.abandon("gap", 0)
		r = nil
	}
	switch {
	case r == nil && s.hunting:
		return maxHandshake, d.phase == phaseStart && seq == 0 && length <= maxHandshake &&
			(first == 10 || first == headerErr)
	case r != nil && r.state == replyCloning && !s.hunting:
		return maxReply, seq == 0
	case r == nil: // an ERR_Packet before the connection is closed, perhaps
		d.passed = true
		return 0, true
	case s.hunting:
		if !d.follows(seq, r) || !plausibleReply(r.reply, length, first) {
			return 0, false
		}
	case d.doubt && r.state == replyStart && !(d.follows(seq, r) && plausibleReply(r.reply, length, first)):
		d.passed = true
		return 0, true
	case !d.follows(seq, r):
		return 0, false
	}
	d.doubt = false
	switch r.state {
	case replyBody:
		if !endsBody(first, length) {
			return 0, length > 0
		}
	case replyDefinitions:
		if first != headerErr && first != headerEOF {
			return 0, length > 0
		}
	}
	return maxReply, true
}

// follows says whether seq is the sequence id of the next packet of the answer
// to r. Within compression they are not in order.
func (d *decoder) follows(seq byte, r *request) bool {
	return seq == r.next || d.server().inflater != nil
}

// endsBody says whether a packet among rows is the EOF_Packet, OK_Packet or
// ERR_Packet behind the last one. No row begins with 0xff; with 0xfe only one
// of 16 MiB and more, whose first column is as long ("Text Resultset Row").
func endsBody(first byte, length int) bool {
	return first == headerErr || first == headerEOF && length < maxPacket
}

// plausibleReply says whether a packet may begin the answer to a command. It
// is asked when the place in the server's bytes was lost.
func plausibleReply(k replyKind, length int, first byte) bool {
	simple := first == headerOK && length >= minOKLength ||
		first == headerEOF && (length == eofLength || length >= minOKLength) ||
		first == headerErr && length > 3
	switch k {
	case replyResult:
		return simple || length > 0 && length <= maxColumnCountLength || first == headerLocalInfile
	case replyString:
		return length > 0
	case replyPrepare:
		return first == headerOK && length >= stmtPrepareOKLength && length <= stmtPrepareOKLength+1 ||
			first == headerErr && length > 3
	case replyRows, replyStream:
		return simple || first == headerOK && length > 0
	case replyFields:
		return simple || first == 3
	case replyAuth:
		return simple || first == headerAuthMore || first == headerEOF
	}
	return simple
}

// skipRows counts the rows at the beginning of p that are there with all
// their bytes, and returns what follows them. Most bytes of most captures
// are rows, so this is the way that must be short.
func (d *decoder) skipRows(at decoders.Mark, p []byte) []byte {
	r := d.queue.first()
	s := d.server()
	if r == nil || r.state != replyBody || r.reply == replyFields || s.hunting || s.framer.inside() {
		return p
	}
	ordered := s.inflater == nil
	start, seq, rows := len(p), r.next, int64(0)
	for len(p) > headerLength {
		head := binary.LittleEndian.Uint32(p)
		length := int(head & maxPacket)
		if headerLength+length > len(p) || length == 0 || length == maxPacket || p[headerLength] >= headerEOF {
			break
		}
		if byte(head>>24) != seq && ordered {
			break
		}
		p = p[headerLength+length:]
		seq++
		rows++
	}
	if rows > 0 {
		r.saw(at, at, int64(start-len(p)))
		r.next = seq
		d.bodyRows(r, rows, at, at)
	}
	return p
}

// bodyRows counts rows, or events of a stream. The first one's first byte was
// seen at first, the last one's last at last.
func (d *decoder) bodyRows(r *request, rows int64, first, last decoders.Mark) {
	if r.rows < 0 {
		r.rows = 0
	}
	r.rows += rows
	if r.reply != replyStream {
		r.x.SawRows(first, last)
	}
	if r.reply == replyResult && !r.metaEOF {
		d.eof = eofDeprecated
	}
}

// serverPacket takes in a packet that admitServer let in.
func (d *decoder) serverPacket(at decoders.Mark) {
	s := d.server()
	pkt := &s.framer.pkt
	r := d.queue.first()
	if d.passed {
		return
	}
	if r == nil {
		if s.hunting {
			d.greet(pkt, at)
		}
		return
	}
	s.hunting = false
	if r.state == replyCloning {
		r.saw(pkt.start, at, pkt.wire)
		d.cloneResponse(r, pkt.payload, pkt.size)
		return
	}
	r.next = pkt.last + 1
	r.saw(pkt.start, at, pkt.wire)
	b := pkt.payload
	if len(b) > 0 && b[0] == headerErr && !(r.reply == replyString && len(b) < 3) {
		d.errReply(r, b)
		return
	}
	switch r.state {
	case replyStart:
		d.firstReply(r, b, at)
	case replyDefinitions:
		d.definition(r, b)
	case replyBody:
		d.body(r, b, at)
	case replyTrailing:
		d.eof = eofSent
		d.finish(r)
	case replyContent:
		d.simpleReply(r, b)
	}
}

// errReply ends a request with the server's refusal, unless it is one of
// MariaDB's progress reports.
func (d *decoder) errReply(r *request, b []byte) {
	var m ERRPacket
	if m.Decode(b) != nil {
		d.lose(d.server())
		return
	}
	if m.Code == progressCode {
		return
	}
	r.fail(&m)
	d.finish(r)
}

// firstReply takes in an answer's first packet, or the first of another
// result.
func (d *decoder) firstReply(r *request, b []byte, at decoders.Mark) {
	switch r.reply {
	case replyAuth:
		d.authReply(r, b)
	case replyString:
		if !plausibleText(b) {
			d.lose(d.server())
			return
		}
		r.keepText("statistics", b)
		d.finish(r)
	case replyPrepare:
		d.prepareReply(r, b)
	case replyRows, replyStream, replyFields:
		r.state = replyBody
		d.body(r, b, at)
	case replyResult:
		d.resultReply(r, b)
	case replyClone:
		r.state = replyCloning
	default:
		d.simpleReply(r, b)
	}
}

func (d *decoder) resultReply(r *request, b []byte) {
	var count ColumnCount
	switch {
	case len(b) > 0 && b[0] == headerLocalInfile:
		r.keepText("infile", b[1:])
		r.infile = true
		r.state = replyContent
		d.infile = true
	case len(b) >= eofLength && (b[0] == headerOK || b[0] == headerEOF):
		d.simpleReply(r, b)
	case count.Decode(b) != nil:
		d.lose(d.server())
	default:
		r.rows = max(r.rows, 0)
		r.left, r.metaEOF = count.Columns, false
		r.state = replyDefinitions
		if !count.Metadata {
			r.left = 0
			r.state = replyBody
		}
	}
}

// simpleReply takes in an OK_Packet or EOF_Packet that ends a result.
func (d *decoder) simpleReply(r *request, b []byte) {
	var m OKPacket
	track := d.caps&clientSessionTrack != 0 || !d.capsKnown
	if m.Decode(b, track) != nil || !d.whole && !utf8.Valid(m.Info) {
		d.lose(d.server())
		return
	}
	switch r.reply {
	case replyResult, replyRows:
		r.result(&m)
	}
	d.ended(r, &m)
}

// ended finishes a request whose result has ended, unless more results follow.
func (d *decoder) ended(r *request, m *OKPacket) {
	r.warnings = uint64(m.Warnings)
	r.session(m)
	if r.setsDatabase && r.reply != replyAuth {
		// It stays, whatever becomes of the statements behind this one.
		d.database = r.database
	}
	if r.reply == replyResult && m.StatusFlags&serverMoreResultsExists != 0 {
		r.state = replyStart
		return
	}
	switch {
	case r.reply == replyAuth:
		d.authenticated(r)
	case r.com == comResetConnection:
		d.forgetStatements()
	}
	d.finish(r)
}

// definition takes in what stands between a column count and the rows.
func (d *decoder) definition(r *request, b []byte) {
	if len(b) > 0 && b[0] == headerEOF { // only between the two lists of a prepare
		d.eof = eofSent
		return
	}
	if r.left--; r.left > 0 {
		return
	}
	if r.reply == replyPrepare {
		d.lastDefinition(r)
		return
	}
	r.state = replyBody
}

// body takes in a packet among rows that skipRows has left: a row in pieces,
// a column definition of COM_FIELD_LIST, or what ends them. It ends at at.
func (d *decoder) body(r *request, b []byte, at decoders.Mark) {
	if len(b) == 0 || b[0] != headerEOF {
		if r.reply != replyFields {
			d.bodyRows(r, 1, d.server().framer.pkt.start, at)
		}
		return
	}
	if r.reply == replyResult && len(b) == eofLength && !r.metaEOF {
		d.metadataEOF(r, b)
		return
	}
	if r.reply == replyResult && !r.metaEOF {
		d.eof = eofDeprecated
	}
	d.simpleReply(r, b)
}

// metadataEOF takes in the EOF_Packet between definitions and rows. If the
// rows are to be fetched from a cursor it is the last packet.
func (d *decoder) metadataEOF(r *request, b []byte) {
	var m OKPacket
	if m.Decode(b, false) != nil {
		d.lose(d.server())
		return
	}
	d.eof = eofSent
	r.metaEOF = true
	if r.com == comStmtExecute && m.StatusFlags&serverStatusCursorExists != 0 {
		r.result(&m)
		d.ended(r, &m)
	}
}

// finish hands over the oldest request, which is answered.
func (d *decoder) finish(r *request) {
	d.queue.pop()
	if r.x.Status != decoders.Error {
		if r.setsUser {
			d.user = r.user
		}
		if r.setsDatabase {
			d.database = r.database
		}
	}
	d.out(r)
}

// out hands over a request, with all that is known of it.
func (d *decoder) out(r *request) {
	x := &r.x
	x.User, x.Database = d.user, d.database
	if r.setsUser {
		x.User, x.Database = r.user, r.database
	}
	if r.reply == replyStream {
		r.x.AddCount("events", uint64(max(r.rows, 0)))
	} else {
		x.Rows = r.rows
	}
	if r.results > 1 {
		r.x.AddCount("results", uint64(r.results))
	}
	r.x.AddCount("affected_rows", r.affected)
	r.x.AddCount("last_insert_id", r.lastInsertID)
	r.x.AddCount("warnings", r.warnings)
	if r.partial && x.Status != decoders.Unanswered {
		r.x.AddUint("gap", 0)
	}
	if r.outParams {
		r.x.AddUint("out_parameters", 1)
	}
	d.noteTransaction(r)
	r.x.AddCount("clone_commands", r.clone.commands)
	r.x.AddCount("clone_responses", r.clone.responses)
	r.x.AddCount("clone_bytes", r.clone.bytes)
	if r.infile {
		r.x.AddUint("infile_bytes", uint64(r.infileBytes))
	}
	d.emit(x)
	d.queue.give(r)
}
