package stream

import (
	"sync"

	"unixcap/internal/capture"
)

// A lane is a part of the conversations, and the batches that wait for it. It is
// worked on by one worker at a time, which need not be the same one.
type lane struct {
	crew   *crew
	index  int
	engine *Engine // may be nil
	each   func(*capture.Message, *Flow) error

	now    *batch // being worked on
	number uint64 // of its current message

	mutex   sync.Mutex
	waiting []*batch
	busy    bool // in ready, or being worked on
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

// take adds a batch to those that wait.
func (l *lane) take(b *batch) {
	l.mutex.Lock()
	l.waiting = append(l.waiting, b)
	idle := !l.busy
	l.busy = true
	l.mutex.Unlock()
	if idle {
		l.crew.ready <- l
	}
}

// work works on the batches that wait.
func (l *lane) work() {
	for {
		l.mutex.Lock()
		if len(l.waiting) == 0 {
			l.busy = false
			l.mutex.Unlock()
			return
		}
		l.now = l.waiting[0]
		l.waiting = append(l.waiting[:0], l.waiting[1:]...)
		l.mutex.Unlock()
		l.follow()
		l.now.finish()
	}
}

// follow works on a batch. When anything has failed already, it only lets it pass.
func (l *lane) follow() {
	if l.crew.failed() != nil {
		return
	}
	list := l.now.items[l.index]
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
	if l.now.closing && l.engine != nil {
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
