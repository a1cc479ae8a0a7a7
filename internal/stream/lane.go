package stream

import "unixcap/internal/capture"

// A lane is a part of the conversations. It is worked on by one worker at a time,
// which need not be the same one, batch after batch.
type lane struct {
	crew   *crew
	index  int
	engine *Engine // may be nil
	each   func(*capture.Message, *Flow) error

	now    *batch // being worked on
	number uint64 // of its current message
}

// begin makes the lane what Work wants it to be.
func (l *lane) begin(c *crew, index int) {
	l.crew, l.index = c, index
	w := c.work.Lane(l)
	l.each = w.Message
	if w.Engine == nil {
		return
	}
	o := *w.Engine
	if o.MaxFlows == 0 {
		o.MaxFlows = MaxFlows
	}
	o.MaxFlows = max(o.MaxFlows/lanes, 1)
	o.maxHeld = maxHeldAll / lanes
	if c.work.Done != nil {
		o.Done = func(f *Flow) { l.print(printing{flow: f}) }
	}
	l.engine = NewEngine(o)
}

// follow works on a batch. When anything has failed already, it only lets it pass.
func (l *lane) follow(b *batch) {
	l.now = b
	if l.crew.failed() != nil {
		return
	}
	list := b.items[l.index]
	for i := range list {
		m := &list[i].m
		l.number = list[i].number
		if list[i].reused {
			l.engine.number = l.number
			l.engine.reuse(m)
			continue
		}
		var f *Flow
		if l.engine != nil {
			l.engine.number = l.number - 1
			f = l.engine.Message(m)
		}
		if l.each == nil {
			continue
		}
		if err := l.each(m, f); err != nil {
			l.crew.fail(err)
			return
		}
	}
	if b.closing && l.engine != nil {
		l.engine.Close()
	}
}

// Write takes what the lane prints about the current message.
func (l *lane) Write(p []byte) (int, error) {
	out := &l.now.out[l.index]
	out.text = append(out.text, p...)
	l.print(printing{})
	return len(p), nil
}

// print adds a piece, or makes the last one longer.
func (l *lane) print(p printing) {
	out := &l.now.out[l.index]
	p.end, p.number = len(out.text), l.number
	if l.engine != nil {
		p.number = l.engine.number
	}
	if n := len(out.pieces); n > 0 && p.flow == nil {
		if last := &out.pieces[n-1]; last.flow == nil && last.number == p.number {
			last.end = p.end
			return
		}
	}
	out.pieces = append(out.pieces, p)
}
