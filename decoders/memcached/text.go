package memcached

import (
	"bytes"

	"unixcap/decoders"
)

// maxResult bounds what is kept of an answer's line.
const maxResult = 256

// A reply is an answer that the server is sending.
type reply struct {
	open    bool
	rows    int64 // VALUE lines, or lines of statistics
	value   int64 // bytes of values
	missing int64
	line    []byte // the last one
	inMeta  bool   // the block of VA is open
	packet  bool   // a binary packet is open
	status  uint16
	code    byte
	id      uint32
	key     bool // it has a key
	begin   []byte
}

func (r *reply) reset() { *r = reply{line: r.line[:0], begin: r.begin[:0]} }

// clientItem takes in an item of the client and says whether it can be.
func (d *decoder) clientItem(s *side) bool {
	t := &s.framer.item
	switch t.kind {
	case kindLine:
		return d.command(s, t)
	case kindPacket:
		return d.packetRequest(s, t.data)
	case kindEnd:
		d.complete(s)
	case kindBlock:
		if s.framer.ended() {
			d.complete(s)
		}
	}
	return true
}

// command takes in the line of a command.
func (d *decoder) command(s *side, t *item) bool {
	name, rest := nextWord(t.data)
	if len(name) == 0 && t.cut == 0 { // memcached answers ERROR to it
		if s.hunting {
			return false
		}
	}
	c, known := commands[string(name)]
	if !known && (s.hunting || !isText(name) || len(name) > maxName) {
		return false
	}
	r := d.get()
	r.op, r.role, r.value, r.cut = names[string(name)], c.role, -1, t.cut
	if !known {
		r.op = unknownName
	}
	room := maxLine
	if d.pending() > fewPending {
		room = shortText
	}
	n := min(len(t.data), room)
	r.text = append(r.text[:0], t.data[:n]...)
	r.cut += int64(len(t.data) - n)
	d.cur = r
	length := int64(-1)
	for i := 1; len(rest) > 0; i++ {
		var w []byte
		if w, rest = nextWord(rest); len(w) == 0 {
			break
		}
		if i == c.bytes && c.bytes > 0 {
			v, ok := decoders.Decimal(bytes.TrimPrefix(w, []byte("S"))) // meta set once had S before it
			if ok && v <= maxValue {
				length = v
			} else if s.hunting {
				return false
			}
		}
		r.flag(i, w, len(rest) == 0)
	}
	if c.bytes > 0 && length < 0 { // memcached answers ERROR to it
		d.complete(s)
		return true
	}
	s.hunting = false
	if length >= 0 {
		r.value = length
		s.framer.block(length)
		return true
	}
	d.complete(s)
	return true
}

const (
	// unknownName is the operation of what memcached does not have.
	unknownName = "unknown"

	// maxName is longer than a command's name.
	maxName = 32
)

// flag takes in a word behind a command that says how it is answered.
func (r *request) flag(i int, w []byte, last bool) {
	switch {
	case r.role == roleMeta && i > 1 && string(w) == "q":
		r.quiet = true
	case r.role == roleMeta && i > 1 && w[0] == 'O':
		r.mark = append(r.mark[:0], w[1:]...)
	case r.role != roleMeta && last && i > 1 && string(w) == "noreply":
		r.silent = true
	}
}

// complete is where all of a command was sent.
func (d *decoder) complete(s *side) {
	r := d.cur
	d.cur = nil
	r.sent = s.span
	s.span = decoders.Span{}
	s.hunting = false
	switch {
	case r.silent:
		d.out(r, decoders.OK, "noreply", 1)
		d.put(r)
	case r.role == roleQuit:
		d.out(r, decoders.OK, "", 0)
		d.put(r)
	case d.doubt:
		d.out(r, decoders.Unanswered, "gap", 0)
		d.put(r)
	default:
		if d.pending() == maxPending {
			d.out(d.queue[d.head], decoders.Unanswered, "overflow", maxPending)
			d.pop()
			d.skip++
		}
		d.queue = append(d.queue, r)
	}
}

// serverItem takes in an item of the server and says whether it can be.
func (d *decoder) serverItem(s *side) bool {
	t, r := &s.framer.item, &d.reply
	switch t.kind {
	case kindLine:
		return d.line(s, t.data)
	case kindPacket:
		return d.packetReply(s, t.data)
	case kindBlock:
		r.value += int64(len(t.data))
		if r.packet && len(r.begin) < maxBegin {
			r.begin = append(r.begin, t.data[:min(len(t.data), maxBegin-len(r.begin))]...)
		}
		if s.framer.ended() {
			d.packetEnds(s)
		}
	case kindEnd:
		if r.inMeta {
			return d.replied(s)
		}
	}
	return true
}

// line takes in a line of an answer.
func (d *decoder) line(s *side, line []byte) bool {
	r := &d.reply
	word, rest := nextWord(line)
	if !isText(line) || len(word) == 0 {
		return false
	}
	if !r.open {
		if s.hunting && !plausible(word) {
			return false
		}
		d.silentBefore(word, rest)
	}
	first := d.first()
	if first != nil && (first.binary || !r.open && !first.role.fits(word)) {
		return false
	}
	s.hunting = s.hunting && first == nil
	r.open = true
	r.line = append(r.line[:0], line[:min(len(line), maxResult)]...)
	length := -1
	switch string(word) {
	case "VALUE": // VALUE <key> <flags> <bytes> [<cas unique>]
		_, rest = nextWord(rest)
		_, rest = nextWord(rest)
		length = 0
		r.rows++
	case "VA": // VA <size> <flags>*
		length = 0
		r.inMeta = true
		r.rows++
	case "STAT", "ITEM", "PREFIX":
		r.rows++
		return true
	}
	if length == 0 {
		w, _ := nextWord(rest)
		n, ok := decoders.Decimal(w)
		if !ok || n > maxValue {
			return false
		}
		s.framer.block(n)
		return true
	}
	if first != nil && first.role == roleDump && (string(word) == "mg" || bytes.HasPrefix(word, []byte("key="))) {
		r.rows++
		return true
	}
	return d.replied(s)
}

// plausible says whether an answer may begin with a word.
func plausible(word []byte) bool {
	switch string(word) {
	case "VALUE", "END", "STORED", "NOT_STORED", "EXISTS", "NOT_FOUND", "DELETED", "TOUCHED", "OK", "STAT", "VERSION", "ERROR",
		"CLIENT_ERROR", "SERVER_ERROR", "RESET", "HD", "VA", "EN", "NF", "NS", "EX", "MN", "ME":
		return true
	}
	_, number := decoders.Decimal(word)
	return number
}

// silentBefore lets quiet commands come out that the server had nothing to say
// to, as the answer to a later one shows.
func (d *decoder) silentBefore(word, rest []byte) {
	var mark, key []byte
	if string(word) == "VA" {
		_, rest = nextWord(rest) // the length
	}
	for w, more := nextWord(rest); len(w) > 0; w, more = nextWord(more) {
		switch w[0] {
		case 'O':
			mark = w[1:]
		case 'k':
			key = w[1:]
		}
	}
	for r := d.first(); r != nil && r.quiet && r.role == roleMeta; r = d.first() {
		_, asked := nextWord(r.text)
		asked, _ = nextWord(asked)
		other := len(mark) > 0 && !bytes.Equal(mark, r.mark) || len(key) > 0 && !bytes.Equal(key, asked)
		if !other && !suppressed(r.op, word) && string(word) != "MN" {
			return
		}
		d.silent(r)
	}
}

// silent lets a quiet command come out when the answer to a later one begins.
func (d *decoder) silent(r *request) {
	x := d.begin(r)
	at := d.server().span.First
	x.Answered = decoders.Span{First: at, Last: d.server().span.Last}
	if r.op == "mg" || r.binary && opcodes[r.code].get {
		x.Rows = 0
	}
	d.x.AddInt("quiet", 1)
	d.emit(x)
	d.pop()
}

// suppressed says whether a quiet meta command is not answered that.
func suppressed(op string, word []byte) bool {
	switch string(word) {
	case "EN":
		return op == "mg"
	case "HD":
		return op == "ms" || op == "md" || op == "ma"
	case "NF":
		return op == "md" || op == "ma"
	}
	return false
}

// replied is where an answer is complete.
func (d *decoder) replied(s *side) bool {
	r := &d.reply
	span := s.span
	s.span = decoders.Span{}
	first := d.first()
	switch {
	case d.skip > 0 && !d.doubt:
		d.skip--
	case first != nil:
		d.answer(first, span)
		d.pop()
		if first.role == roleWatch {
			d.abandon("", 0)
			d.opaque = true
		}
	}
	r.reset()
	return true
}

// answer emits a command with its answer in the text protocol.
func (d *decoder) answer(q *request, span decoders.Span) {
	x, r := d.begin(q), &d.reply
	x.Answered = span
	if q.role == roleRetrieve || q.op == "mg" || q.role == roleStats || q.role == roleDump {
		x.Rows = r.rows
	}
	if r.value > 0 {
		d.x.AddInt("response_value_bytes", r.value)
	}
	if r.missing > 0 {
		d.x.AddInt("response_missing_bytes", r.missing)
	}
	word, rest := nextWord(r.line)
	switch string(word) {
	case "ERROR", "CLIENT_ERROR", "SERVER_ERROR":
		x.Status = decoders.Error
		x.ErrorCode = errorCodes[string(word)]
		x.Error = append(x.Error, bytes.TrimLeft(rest, " ")...)
	case "VALUE", "VA", "END", "STAT":
	default:
		if q.op == "mg" && string(word) == "HD" {
			x.Rows = 1
		}
		if q.role == roleOther || q.role == roleCount { // a number, or what version says
			word = bytes.TrimPrefix(r.line, []byte("VERSION "))
		}
		x.Add("result", decoders.TextValue(word))
	}
	d.emit(x)
}

var errorCodes = map[string]string{"ERROR": "ERROR", "CLIENT_ERROR": "CLIENT_ERROR", "SERVER_ERROR": "SERVER_ERROR"}
