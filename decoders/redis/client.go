package redis

import "unixcap/decoders"

// An incoming is a command that the client is sending.
type incoming struct {
	request
	open  bool
	total int // arguments, the name included
	at    int // index of the next argument
	room  int // bytes that may still be kept
	mask  mask
	sub   []byte // the first argument, cut
	first []byte // of a role that needs it: see decoder.effect
	name  []byte // in lower case, for a container with the first argument

	part  []byte // of an argument that comes in parts
	whole int64  // its length
}

// recentCommands are known commands by the names that a client used for them, in
// its own case. Most clients use few.
type recentCommands [16]struct {
	name   [16]byte
	length int
	known  *command
}

// place is where a name is, if it is there.
func (*recentCommands) place(name []byte) int { return (int(name[0]) + len(name)) & 15 }

// command returns the command of a name, nil if it was not used lately.
func (l *recentCommands) command(name []byte) *command {
	if len(name) == 0 {
		return nil
	}
	e := &l[l.place(name)]
	if string(e.name[:e.length]) != string(name) {
		return nil
	}
	return e.known
}

func (l *recentCommands) add(name []byte, known *command) {
	e := &l[l.place(name)]
	if len(name) <= len(e.name) {
		e.length, e.known = copy(e.name[:], name), known
	}
}

// reset empties c and keeps its memory.
func (c *incoming) reset() {
	if cap(c.part) > 4<<10 {
		c.part = nil
	}
	c.request.reset()
	c.open, c.total, c.at, c.room, c.whole = false, 0, 0, 0, 0
	c.mask = mask{}
	c.sub, c.first, c.name, c.part = c.sub[:0], c.first[:0], c.name[:0], c.part[:0]
}

// commands reads commands from what the client sends.
func (d *decoder) commands(s *side, at decoders.Mark, p []byte) {
	for len(p) > 0 && !d.opaque {
		if s.hunting && (!s.candidate || d.broken && !d.cur.open && !s.framer.inside() && p[0] != '*') {
			s.candidate = false
			return // no line of text is believed here
		}
		if !d.cur.open && !s.framer.inside() && d.cur.sent.Bytes == 0 {
			d.cur.sent.First = at
		}
		rest, got := s.framer.next(p)
		d.cur.sent.Bytes += int64(len(p) - len(rest))
		d.cur.sent.Last = at
		switch {
		case got == malformed, got == found && !d.clientItem(&s.framer.item):
			d.cutRequest(decoders.Client, "gap", 0)
			d.lose(s, "gap")
			return
		}
		p = rest
	}
}

// clientItem takes in an item and says whether it can be.
func (d *decoder) clientItem(t *item) bool {
	c := &d.cur
	switch {
	case c.open && t.kind == '$' && t.n >= 0 && t.whole:
		return d.argument(t.data, t.n)
	case c.open && t.kind == '$' && t.n >= 0:
		c.whole = t.n
	case c.open && t.kind == kindPart:
		n := min(len(t.data), max(c.room, maxName)+lookahead-len(c.part))
		c.part = append(c.part, t.data[:max(n, 0)]...)
	case c.open && t.kind == kindEnd:
		ok := d.argument(c.part, c.whole)
		c.part = c.part[:0]
		return ok
	case c.open:
		return false
	case t.kind == '*':
		if t.n <= 0 { // Redis passes over commands without a name
			c.reset()
			return t.n != streamed
		}
		d.start(int(t.n))
	case t.kind == kindInline:
		return d.inline(t.data, t.cut)
	default:
		return false
	}
	return true
}

func (d *decoder) start(total int) {
	c := &d.cur
	c.open, c.total, c.at = true, total, 0
	c.room = d.queue.room()
}

// inline takes in a command in the form that people type. While the place in
// the stream is not known, a line is one only if Redis has such a command, and
// after a loss none is: it may be any text.
func (d *decoder) inline(line []byte, cut int64) bool {
	c := &d.cur
	total := 0
	for rest := line; ; total++ {
		var ok, bad bool
		if c.part, rest, ok, bad = nextWord(c.part[:0], rest); bad {
			total = 0
			break
		} else if !ok {
			break
		}
		if total == 0 && !d.plausibleInline(c.part) {
			return false
		}
	}
	if total == 0 { // Redis passes over empty lines; it hangs up on wrong quotes
		c.reset()
		return true
	}
	d.start(total)
	c.cut += cut
	for range total {
		c.part, line, _, _ = nextWord(c.part[:0], line)
		if !d.argument(c.part, int64(len(c.part))) {
			return false
		}
	}
	c.part = c.part[:0]
	return true
}

func (d *decoder) plausibleInline(name []byte) bool {
	if !plausibleName(name) {
		return false
	}
	if !d.client().hunting {
		return true
	}
	var b [maxName]byte
	return !d.broken && commands[string(appendLower(b[:0], name))] != nil
}

// argument takes in the next argument, of which data may be a beginning only.
func (d *decoder) argument(data []byte, length int64) bool {
	c := &d.cur
	if c.at == 0 {
		if s := d.client(); !plausibleName(data) && (s.hunting || length > maxRequest) {
			return false
		} else if s.hunting {
			s.hunting = false
		}
		c.known = d.recent.command(data)
		if c.known == nil {
			c.name = appendLower(c.name[:0], data)
			if c.known = commandOf(c.name); c.known.name != "" {
				d.recent.add(data, c.known)
			}
		}
	}
	if c.at == 1 && c.known.container {
		c.sub = appendLower(c.sub[:0], data)
	}
	d.effectOf(data)
	d.show(data, length)
	c.at++
	if c.at == c.total {
		d.complete()
	}
	return true
}

// show appends an argument to the text of the command, if it is no secret.
func (d *decoder) show(data []byte, length int64) {
	c := &d.cur
	if c.at > 0 && c.room > 0 {
		c.text = append(c.text, ' ')
		c.room--
	}
	show, how := 0, asIs
	if c.known.hides {
		show, how = c.mask.sees(c.known, c.sub, c.at, c.total, data)
	}
	if how == notAtAll {
		c.text = append(c.text, data[:show]...)
		c.text = append(c.text, decoders.Secret...)
		return
	}
	n := min(len(data), max(c.room, 0))
	if n > 0 || length == 0 && c.room > 0 {
		before := len(c.text)
		if how == textOnly {
			c.text = c.mask.appendText(c.text, data, n, c.room, &d.masked)
		} else {
			c.text = appendWord(c.text, data[:n])
		}
		c.room -= len(c.text) - before
	}
	c.cut += length - int64(n)
}

// effectOf keeps the argument that says what the command will do to the
// connection.
func (d *decoder) effectOf(data []byte) {
	c := &d.cur
	switch c.known.role {
	case roleSelect, roleAuth:
		if c.at == 1 {
			c.first = append(c.first[:0], data[:min(len(data), maxName)]...)
		}
	case roleHello:
		if c.at > 1 && c.mask.at == c.at+1 && len(c.first) == 0 {
			c.first = append(c.first[:0], data[:min(len(data), maxName)]...)
		}
	case roleClient:
		if c.at == 2 {
			c.first = appendLower(c.first[:0], data)
		}
	}
}

// name finds the command's name as far as it is known.
func (d *decoder) name() {
	c := &d.cur
	if c.known.container && c.at > 1 {
		c.name = append(append(append(c.name[:0], c.known.name...), '|'), c.sub...)
		if k := commands[string(c.name)]; k != nil {
			c.known = k
		} else { // the container's name will do
			c.name = append(c.name[:0], c.known.name...)
		}
	}
	switch {
	case c.known.name != "":
		c.op = c.known.name
	case plausibleName(c.name):
		c.op = d.intern(&d.names, c.name)
	default:
		c.op = unnamed
	}
	c.hidden = c.mask.some
}

// maxInterned bounds the names and codes that are remembered.
const maxInterned = 256

// intern returns b as a string that is made only once.
func (d *decoder) intern(m *map[string]string, b []byte) string {
	if s, ok := (*m)[string(b)]; ok {
		return s
	}
	if *m == nil || len(*m) >= maxInterned {
		*m = make(map[string]string)
	}
	s := string(b)
	(*m)[s] = s
	return s
}

// complete puts a whole command into the queue.
func (d *decoder) complete() {
	c := &d.cur
	d.spoken = true
	d.name()
	d.promise()
	switch {
	case d.doubt:
		d.out(&c.request, decoders.Unanswered, "gap", 0)
	case c.silent:
		d.out(&c.request, decoders.OK, "", 0)
	default:
		if d.queue.n == maxPending {
			d.out(d.queue.first(), decoders.Unanswered, "overflow", maxPending)
			d.queue.pop()
			d.skip++
			d.mode.multi = false
		}
		d.queue.push(&c.request)
	}
	c.reset()
}

// promise notes what the command will do once the server agrees, and whether
// it answers at all.
func (d *decoder) promise() {
	c := &d.cur
	c.silent = d.mode.silent || d.mode.silentNext
	d.mode.silentNext = false
	switch c.known.role {
	case roleSubscribe:
		c.want = max(c.total-1, 1)
	case roleAuth:
		c.user = "default"
		if c.total == 3 {
			c.user = d.intern(&d.names, c.first)
		}
	case roleHello:
		if len(c.first) > 0 {
			c.user = d.intern(&d.names, c.first)
		}
	case roleSelect:
		c.database = d.intern(&d.names, c.first)
	case roleClient:
		if c.known.name == "client|reply" {
			d.replyMode(string(c.first))
		}
	}
}

// replyMode follows CLIENT REPLY.
func (d *decoder) replyMode(mode string) {
	switch mode {
	case "off":
		d.mode.silent, d.cur.silent = true, true
	case "skip":
		d.mode.silentNext, d.cur.silent = !d.mode.silent, true
	case "on":
		d.mode.silent, d.cur.silent = false, false
	}
}
