package stream

import (
	"math"

	"unixcap/internal/capture"
	"unixcap/pcapng"
)

const (
	// A batch is what was in so many buffers of input, in one if nobody else takes
	// turns, and of a stream what is there, unless it is full with so many messages, or
	// bytes of messages that had to be put together. It is large enough that waiting
	// for a turn, and perhaps sleeping, costs little for a message, and small enough
	// to stay in the cache of the core that has read it.
	batchBuffers  = 4
	batchMessages = 4096
	batchCopies   = 1 << 20
)

// A batch is a stretch of the input: its messages by lane, the memory they point
// into, and what the lanes made of them.
type batch struct {
	lane    uint8 // for messages that any lane may take
	items   [lanes][]item
	count   int
	buffers []*pcapng.Buffer // retained
	copies  []byte
	closing bool // no messages: the input has ended

	turns [places]uint64 // how many batches come before it, by place
	out   [lanes]printed
}

// The places where batches take turns: each lane that one has messages for, and
// where it is written.
const (
	writing = lanes
	places  = lanes + 1
)

// An item is a message and its number in the input.
type item struct {
	number uint64
	m      capture.Message
	// reused says that the message is another lane's. Its receiver has the
	// address of a socket that was in this one.
	reused bool
}

// add copies a message, but of its payload only what is in no buffer.
func (b *batch) add(lane uint8, number uint64, m *capture.Message, buffer *pcapng.Buffer) {
	b.items[lane] = append(b.items[lane], item{number: number, m: *m})
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

// reuse tells a lane of a message to an address that was in it.
func (b *batch) reuse(lane uint8, number uint64, m *capture.Message) {
	b.items[lane] = append(b.items[lane], item{number: number, m: *m, reused: true})
	b.items[lane][len(b.items[lane])-1].m.Payload = nil
}

func (b *batch) full() bool {
	return b.count >= batchMessages || len(b.copies) >= batchCopies
}

// clear makes the batch ready to be filled again.
func (b *batch) clear() {
	for _, buffer := range b.buffers {
		buffer.Release()
	}
	b.buffers = b.buffers[:0]
	room := keepText
	for i := range b.items {
		clear(b.items[i]) // which point into memory that may be large
		b.items[i] = b.items[i][:0]
		room -= b.out[i].clear(room)
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
	// How much has been merged.
	next, passed int
}

// A printing is a piece of text, or a conversation that has ended.
type printing struct {
	number uint64
	end    int // in text
	flow   *Flow
}

// keepText is how much memory for text is kept for the next batch. What is dumped
// of a batch takes some four times its size.
const keepText = 8 << 20

// clear returns how much memory it keeps, which is at most room.
func (p *printed) clear(room int) (kept int) {
	if p.text = p.text[:0]; cap(p.text) > room {
		p.text = nil
	}
	clear(p.pieces)
	p.pieces, p.next, p.passed = p.pieces[:0], 0, 0
	return cap(p.text)
}

// lanes returns those that it has something for, as bits.
func (b *batch) lanes() (set uint) {
	for i := range b.items {
		if len(b.items[i]) > 0 || b.closing {
			set |= 1 << i
		}
	}
	return set
}

// merge calls text and flow for all that the lanes have printed, in the order of
// the messages.
func (b *batch) merge(text func([]byte) error, flow func(*Flow) error) error {
	for {
		first, limit := b.first()
		if first == nil {
			return nil
		}
		for first.next < len(first.pieces) && first.pieces[first.next].number < limit {
			p := &first.pieces[first.next]
			first.next++
			if p.flow == nil {
				continue // more may follow
			}
			if err := first.pass(p.end, text); err != nil {
				return err
			}
			if err := flow(p.flow); err != nil {
				return err
			}
		}
		if err := first.pass(first.pieces[first.next-1].end, text); err != nil {
			return err
		}
	}
}

// first returns the lane whose next piece comes first, nil if there is none, and
// the number of the first piece of the others.
func (b *batch) first() (first *printed, limit uint64) {
	limit = math.MaxUint64
	for i := range b.out {
		out := &b.out[i]
		switch {
		case out.next == len(out.pieces):
		case first == nil:
			first = out
		case out.pieces[out.next].number < first.pieces[first.next].number:
			first, limit = out, first.pieces[first.next].number
		default:
			limit = min(limit, out.pieces[out.next].number)
		}
	}
	return first, limit
}

// pass hands over text up to end.
func (p *printed) pass(end int, text func([]byte) error) error {
	piece := p.text[p.passed:end]
	p.passed = end
	if len(piece) == 0 {
		return nil
	}
	return text(piece)
}
