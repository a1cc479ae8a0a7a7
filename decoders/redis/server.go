package redis

import (
	"bytes"

	"unixcap/decoders"
)

// replies reads replies from what the server sends.
func (d *decoder) replies(s *side, at decoders.Mark, p []byte) {
	r := &d.reply
	for len(p) > 0 && !d.opaque {
		if s.hunting && !s.candidate {
			return
		}
		first := d.queue.first()
		if r.span.Bytes == 0 {
			r.span.First = at
			if first != nil && first.known.role == roleReplicate && p[0] == '\n' {
				p = p[1:] // a master that is busy says that it is there
				continue
			}
			r.replica = first != nil && first.known.role == roleReplicate && p[0] != '-'
		}
		if r.replica {
			d.replicate(first, at, p)
			return
		}
		rest, got := s.framer.next(p)
		r.span.Bytes += int64(len(p) - len(rest))
		r.span.Last = at
		done, ok := false, got != malformed
		if got == found {
			done, ok = r.take(&s.framer.item, first != nil && first.known.role == roleHello)
		}
		if !ok {
			d.noReply(s)
			return
		}
		if done {
			d.replied(s)
			r.reset()
		}
		p = rest
	}
}

// noReply is where the server's bytes are no reply.
func (d *decoder) noReply(s *side) {
	if s.hunting && (d.doubt || d.queue.n == 0) {
		s.framer.reset()
		d.reply.reset()
		s.candidate = false
		return
	}
	d.lose(s, "gap")
}

// replicate ends with the line that begins a replica's stream: behind it comes a
// file without a length that RESP has, and then commands without answers.
func (d *decoder) replicate(first *request, at decoders.Mark, p []byte) {
	r := &d.reply
	end := bytes.IndexByte(p, '\n')
	r.span.Last = at
	if end < 0 {
		r.span.Bytes += int64(len(p))
		return
	}
	r.span.Bytes += int64(end + 1)
	x := d.begin(first)
	x.Answered = r.span
	d.x.AddText("stream", replicationWord)
	d.emit(x)
	d.queue.pop()
	d.abandon("", 0)
	d.opaque = true
}

var replicationWord = []byte("replication")

// replied takes in a whole reply.
func (d *decoder) replied(s *side) {
	r, first := &d.reply, d.queue.first()
	if d.pushed(first) {
		s.hunting = s.hunting && d.doubt
		return
	}
	switch {
	case d.doubt:
	case d.skip > 0:
		d.skip--
	case first == nil:
		d.refused()
	case !fits(first.known.reply, r):
		d.lose(s, "out_of_step")
	default:
		s.hunting = false
		d.answer(first)
	}
}

// refused takes in what a server says before any command when it does not want
// the client.
func (d *decoder) refused() {
	r := &d.reply
	if d.spoken || d.broken || r.kind != '-' ||
		!bytes.HasPrefix(r.text, []byte("ERR max number of clients")) && !bytes.HasPrefix(r.text, []byte("DENIED ")) {
		return
	}
	x := d.begin(&request{op: "connect"})
	x.Answered = r.span
	d.fail(x, r.text, false)
	d.emit(x)
}

// fits says whether a command can be answered so.
func fits(want uint8, r *reply) bool {
	if want == anyReply || r.null {
		return true
	}
	switch r.kind {
	case '-', '!':
		return true
	case '+':
		return want&simpleReply != 0 || string(r.text) == "QUEUED"
	case ':', '#':
		return want&integerReply != 0
	case '*', '%', '~':
		return want&manyReply != 0
	}
	return want&bulkReply != 0
}

// answer takes in the answer, or one of the answers, to a request.
func (d *decoder) answer(first *request) {
	r := &d.reply
	if first.answered.Bytes == 0 {
		first.answered.First = r.span.First
	}
	first.answered.Last = r.span.Last
	first.answered.Bytes += r.span.Bytes
	if first.want > 1 && (r.kind == '>' || r.kind == '*') {
		first.want--
		return
	}
	x := d.begin(first)
	x.Answered = first.answered
	d.result(x, first)
	if r.kind != '-' && r.kind != '!' {
		d.effect(first)
		x.User, x.Database = d.mode.user, d.mode.database
	} else if first.known.role == roleExec {
		d.mode.endTransaction()
	}
	d.emit(x)
	d.queue.pop()
}

// result says what the answer is.
func (d *decoder) result(x *decoders.Exchange, first *request) {
	r := &d.reply
	switch {
	case r.null:
		x.Rows = 0
	case r.kind == '-' || r.kind == '!':
		d.fail(x, r.text, first.hidden || first.known.role == roleExec && d.mode.mayHide())
	case r.kind == '+':
		if s := string(r.text); s != "OK" {
			d.x.Add("result", decoders.TextValue(r.text))
		}
	case r.kind == ':':
		d.x.AddInt("result", r.n)
	case r.kind == '$' || r.kind == '=':
		x.Rows = 1
	case r.kind == '*' || r.kind == '%' || r.kind == '~':
		if x.Rows = r.n; r.n < 0 || first.known.role == roleSubscribe {
			x.Rows = -1
		}
	}
	if r.failed > 0 {
		if first.known.role == roleExec {
			d.fail(x, r.failure, d.mode.mayHide())
		}
		d.x.AddInt("failed", int64(r.failed))
	}
	if r.missing > 0 {
		d.x.AddInt("missing_bytes", r.missing)
	}
}

// fail takes over an error: its first word, if that is in capitals, is the
// code.
func (d *decoder) fail(x *decoders.Exchange, text []byte, hidden bool) {
	x.Status = decoders.Error
	code, message, _ := bytes.Cut(text, []byte{' '})
	if !isCode(code) {
		code, message = []byte("ERR"), text
	}
	x.ErrorCode = d.intern(&d.names, code)
	if hidden || bytes.HasPrefix(message, []byte("Error in ACL SETUSER")) {
		x.Error = appendErrorWithoutSecrets(x.Error[:0], message)
	} else {
		x.Error = appendErrorWithoutArguments(x.Error[:0], message)
	}
}

func isCode(b []byte) bool {
	for _, c := range b {
		if (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '_' {
			return false
		}
	}
	return len(b) > 0 && len(b) <= maxName
}

// effect follows what a command did to the connection.
func (d *decoder) effect(first *request) {
	r, m := &d.reply, &d.mode
	if r.kind == '+' && string(r.text) == "QUEUED" {
		if first.known.role == roleSelect {
			m.queuedDatabase = first.database
		}
		m.hidden = m.hidden || first.hidden
		return
	}
	switch first.known.role {
	case roleAuth, roleHello:
		if first.user != "" {
			m.user = first.user
		}
		if first.known.role == roleHello {
			d.hello()
		}
	case roleSelect:
		m.database = first.database
	case roleExec, roleDiscard:
		if first.known.role == roleExec && !r.null && m.queuedDatabase != "" {
			m.database = m.queuedDatabase
		}
		m.endTransaction()
	case roleMulti:
		m.endTransaction()
		m.multi = true
	case roleMonitor:
		m.monitor = true
	case roleSubscribe:
		d.subscribed()
	case roleReset:
		*m = mode{user: "default", database: "0"}
	}
}

// hello adds what the server says of itself.
func (d *decoder) hello() {
	r := &d.reply
	for i := 0; i+1 < len(r.ends); i++ {
		v := r.at(i + 1)
		switch string(r.at(i)) {
		case "version":
			d.x.Add("server_version", decoders.TextValue(v))
		case "proto", "id":
			key := "resp"
			if r.at(i)[0] == 'i' {
				key = "connection_id"
			}
			if n, ok := decoders.Decimal(v); ok {
				d.x.AddInt(key, n)
			}
		default:
			continue
		}
		i++
	}
}
