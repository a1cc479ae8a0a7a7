package stream

import (
	"sync/atomic"

	"unixcap/internal/capture"
	"unixcap/pcapng"
)

const (
	// A batch is full with so many messages, buffers of input, or bytes of
	// messages that had to be put together. It is large enough that handing it over costs
	// little for a message, and small enough to stay in the processor's cache.
	batchMessages = 1024
	batchBuffers  = 2
	batchCopies   = 1 << 20
	// maxBatches is how many there are: being filled, worked on, and written.
	maxBatches = 6
)

// A batch is a stretch of the input on its way: its messages by lane, the memory
// they point into, and what the lanes made of them.
type batch struct {
	items   [lanes][]item
	count   int
	buffers []*pcapng.Buffer
	copies  []byte
	closing bool // no messages: the input has ended

	left atomic.Int32 // who has not done their part
	done chan struct{}
	out  [lanes]printed
}

// An item is a message and its number in the input.
type item struct {
	number uint64
	m      capture.Message
}

func newBatch() *batch { return &batch{done: make(chan struct{}, 1)} }

// add copies a message, but of its payload only what is in no buffer.
func (b *batch) add(lane uint8, number uint64, m *capture.Message, buffer *pcapng.Buffer) {
	b.items[lane] = append(b.items[lane], item{number, *m})
	b.count++
	switch {
	case len(m.Payload) == 0:
	case buffer == nil:
		from := len(b.copies)
		b.copies = append(b.copies, m.Payload...)
		b.items[lane][len(b.items[lane])-1].m.Payload = b.copies[from:len(b.copies):len(b.copies)]
	case len(b.buffers) == 0 || b.buffers[len(b.buffers)-1] != buffer:
		buffer.Retain()
		b.buffers = append(b.buffers, buffer)
	}
}

// finish says that somebody has done their part, and does not look at the batch
// any more.
func (b *batch) finish() {
	if b.left.Add(-1) == 0 {
		b.done <- struct{}{}
	}
}

func (b *batch) full() bool {
	return b.count >= batchMessages || len(b.buffers) > batchBuffers || len(b.copies) >= batchCopies
}

// clear makes the batch ready to be filled again.
func (b *batch) clear() {
	for _, buffer := range b.buffers {
		buffer.Release()
	}
	b.buffers = b.buffers[:0]
	for i := range b.items {
		b.items[i] = b.items[i][:0]
		b.out[i].clear()
	}
	if b.copies = b.copies[:0]; cap(b.copies) > 2*batchCopies {
		b.copies = nil
	}
	b.count, b.closing = 0, false
}

// printed is what a lane has to say about a batch's messages, in pieces that each
// belong to one.
type printed struct {
	text   []byte
	pieces []printing
}

// A printing is a piece of text, or a conversation that has ended.
type printing struct {
	number uint64
	end    int // in text
	flow   *Flow
}

// keepText is the size up to which a lane's buffer is kept for the next batch.
const keepText = 1 << 20

func (p *printed) clear() {
	if p.text = p.text[:0]; cap(p.text) > keepText {
		p.text = nil
	}
	clear(p.pieces)
	p.pieces = p.pieces[:0]
}

// merge calls text and flow for all that the lanes have printed, in the order of
// the messages.
func (b *batch) merge(text func([]byte) error, flow func(*Flow) error) error {
	var next, from [lanes]int
	for {
		first := -1
		for i := range b.out {
			if next[i] == len(b.out[i].pieces) {
				continue
			}
			if first < 0 || b.out[i].pieces[next[i]].number < b.out[first].pieces[next[first]].number {
				first = i
			}
		}
		if first < 0 {
			return nil
		}
		p := &b.out[first].pieces[next[first]]
		next[first]++
		var err error
		if p.flow != nil {
			err = flow(p.flow)
		} else {
			err = text(b.out[first].text[from[first]:p.end])
		}
		from[first] = p.end
		if err != nil {
			return err
		}
	}
}
