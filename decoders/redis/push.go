package redis

import (
	"bytes"

	"unixcap/decoders"
)

// What a server sends unasked is an exchange without a request of the client:
// messages and invalidations, and the lines of MONITOR.

// isMessage says whether an array of n elements that begins with word can be
// one that RESP2 sends to subscribers.
func isMessage(word []byte, n int64) bool {
	switch string(word) {
	case "pmessage":
		return n == 4
	case "message", "smessage", "subscribe", "psubscribe", "ssubscribe", "unsubscribe", "punsubscribe", "sunsubscribe":
		return n == 3
	}
	return false
}

// looksPushed says whether p begins with something that a server sends
// unasked.
func looksPushed(p []byte) bool {
	switch p[0] {
	case '>':
		return len(p) < 2 || p[1] >= '0' && p[1] <= '9'
	case '+':
		return isMonitorLine(p[1:])
	}
	for _, s := range []string{"*3\r\n$7\r\nmessage\r\n", "*4\r\n$8\r\npmessage\r\n", "*3\r\n$8\r\nsmessage\r\n"} {
		if bytes.HasPrefix(p, []byte(s)) {
			return true
		}
	}
	return false
}

// pushed takes in what is no answer to first, and says whether it was that.
func (d *decoder) pushed(first *request) bool {
	r := &d.reply
	switch {
	case r.kind == '+':
		if (d.mode.monitor || first == nil) && isMonitorLine(r.text) {
			d.monitored()
			return true
		}
		return false
	case r.kind != '>' && !r.unasked:
		return false
	case first != nil && first.op == string(r.at(0)):
		return false
	case r.unasked && first != nil && !d.mode.subscribed && first.known.role != roleSubscribe &&
		first.known.role != rolePing && first.known.role != roleQuit:
		return false // an array that happens to look like one
	}
	// What confirms a command that was lost, or another channel of one without
	// a list of them, is no message.
	if !d.subscribed() {
		d.message()
	}
	return true
}

// subscribed follows the number of channels, which the server tells at every
// change, and says whether the reply is such news.
func (d *decoder) subscribed() bool {
	r := &d.reply
	if !bytes.HasSuffix(r.at(0), []byte("subscribe")) {
		return false
	}
	d.mode.subscribed = string(r.at(2)) != "0"
	return true
}

// message emits an unasked value: its first element is the operation.
func (d *decoder) message() {
	r := &d.reply
	m := &d.unasked.request
	m.text = m.text[:0]
	room := maxRequest
	cut := r.wordCut
	known := &unknownCommand
	if k := pushes[string(r.at(0))]; k != nil {
		known = k
	}
	var hide mask
	for i := range r.ends {
		if i > 0 {
			m.text = append(m.text, ' ')
		}
		w := r.at(i)
		n := min(len(w), room)
		before := len(m.text)
		_, how := hide.sees(known, nil, i, len(r.ends), w)
		if how == textOnly && r.missing > 0 { // the name of a secret may be what is missing
			how = notAtAll
		}
		switch how {
		case notAtAll:
			m.text = append(m.text, decoders.Secret...)
			n = len(w)
		case textOnly:
			m.text = hide.appendText(m.text, w, n, room, &d.masked)
		default:
			m.text = appendWord(m.text, w[:n])
		}
		room = max(room-(len(m.text)-before), 0)
		cut += int64(len(w) - n)
	}
	m.op, m.cut = "push", cut
	if word := appendLower(d.unasked.lower[:0], r.at(0)); plausibleName(word) && len(r.at(0)) <= maxName {
		m.op = d.intern(&d.names, word)
	}
	x := d.begin(m)
	x.Answered = r.span
	if r.seen > 0 {
		d.x.AddInt("truncated_elements", r.seen)
	}
	if r.missing > 0 {
		d.x.AddInt("missing_bytes", r.missing)
	}
	d.emit(x)
}

// isMonitorLine says whether text is a line of MONITOR:
//
//	1339518083.107412 [0 127.0.0.1:60866] "keys" "*"
func isMonitorLine(text []byte) bool {
	stamp, rest, ok := bytes.Cut(text[:min(len(text), 64)], []byte{' '})
	seconds, micros, dot := bytes.Cut(stamp, []byte{'.'})
	_, whole := decoders.Decimal(seconds)
	_, part := decoders.Decimal(micros)
	return ok && dot && whole && part && len(micros) == 6 && len(rest) > 2 && rest[0] == '[' && rest[1] >= '0' && rest[1] <= '9'
}

// monitored emits a command that another client sent, as MONITOR shows it.
func (d *decoder) monitored() {
	r := &d.reply
	stamp, rest, _ := bytes.Cut(r.text, []byte(" ["))
	where, list, _ := bytes.Cut(rest, []byte("] "))
	database, client, _ := bytes.Cut(where, []byte{' '})
	m := &d.unasked.request
	m.text = append(m.text[:0], "monitored"...)
	m.op, m.cut = "monitored", r.textCut
	d.appendMonitored(m, list)
	x := d.begin(m)
	x.Answered = r.span
	x.Add("server_time", decoders.TextValue(stamp))
	x.Add("monitored_database", decoders.TextValue(database))
	x.Add("monitored_client", decoders.TextValue(client))
	d.emit(x)
}

// appendMonitored appends the words of a list in quotes without secrets, which
// older servers have there, and all of them those in values.
func (d *decoder) appendMonitored(m *request, list []byte) {
	var hide mask
	known, sub := &unknownCommand, []byte(nil)
	buf := d.unasked.word[:0]
	total := 0
	for rest, ok := list, true; ok; {
		if buf, rest, ok, _ = nextWord(buf[:0], rest); ok {
			total++
		}
	}
	for i := range total {
		var word []byte
		if word, list, _, _ = nextWord(buf[:0], list); cap(word) > cap(buf) {
			buf = word
		}
		switch i {
		case 0:
			d.unasked.lower = appendLower(d.unasked.lower[:0], word)
			known = commandOf(d.unasked.lower)
		case 1:
			sub = appendLower(d.unasked.lower[:0], word)
			d.unasked.lower = sub
		}
		m.text = append(m.text, ' ')
		switch show, how := hide.sees(known, sub, i, total, word); how {
		case notAtAll:
			m.text = append(append(m.text, word[:show]...), decoders.Secret...)
		case textOnly:
			m.text = hide.appendText(m.text, word, len(word), maxRequest, &d.masked)
		default:
			m.text = appendWord(m.text, word)
		}
	}
	d.unasked.word = buf[:0]
}
