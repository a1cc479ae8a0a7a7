package stream

import (
	"math"

	"unixcap/decoders"
	"unixcap/internal/capture"
)

// A line is what stands between a flow and its decoder: pieces held back until
// those before them come, and while the protocol is undecided, all that was
// said so far.
type line struct {
	held      []piece
	heldBytes int
	newest    decoders.Time // of what is held

	at      decoders.Mark // of the latest event
	decoder decoders.Decoder
	packets decoders.PacketDecoder // the same, if it is one
	found   *finding               // while the protocol is undecided
	set     *Options
	samples *[2]sample // while no decoder has the flow
	waits   [2]*waits  // by who sends; nil if the capture has no Receives

	older, newer *Flow     // in the order of their latest messages
	number       uint64    // of the latest one
	routed       [2]uint64 // the addresses that lead to the flow
}

// data passes bytes on to the decoder, or to the search for one. It returns
// which end they are from: the search may find that the ends must be swapped.
func (f *Flow) data(from decoders.End, at decoders.Mark, p decoders.Packet) decoders.End {
	l := &f.line
	l.at = at
	if l.decoder != nil {
		f.feed(from, at, p)
		return from
	}
	f.taste(from, p.Data)
	if l.found != nil {
		return l.found.data(f, from, at, p)
	}
	return from
}

// feed passes bytes on to the decoder, as a message if it wants to know
// which they are.
func (f *Flow) feed(from decoders.End, at decoders.Mark, p decoders.Packet) {
	l := &f.line
	if d := l.packets; d != nil && f.Kind != capture.Stream {
		d.Packet(from, at, p)
		return
	}
	if len(p.Data) > 0 || p.Missing == 0 {
		l.decoder.Data(from, at, p.Data)
	}
	if p.Missing > 0 {
		l.decoder.Gap(from, p.Missing)
	}
}

// gap passes on that n bytes are missing; 0 if it is not known how many.
func (f *Flow) gap(from decoders.End, n int64) {
	if n < 0 || n == math.MaxInt64 {
		n = 0
	}
	l := &f.line
	switch {
	case l.decoder != nil:
		l.decoder.Gap(from, n)
	case l.found != nil:
		l.found.gap(f, from, n)
	}
}

// start creates the flow's decoder.
func (f *Flow) start(p *decoders.Protocol) {
	f.Proto, f.Protocol = p.Name, p
	f.line.decoder = p.New(f.emit)
	f.line.packets, _ = f.line.decoder.(decoders.PacketDecoder)
	f.line.samples = nil
}

// emit takes an exchange from the decoder.
func (f *Flow) emit(x *decoders.Exchange) {
	set := f.line.set
	if !set.within(At(x)) {
		return
	}
	f.Exchanges++
	switch x.Status {
	case decoders.Error:
		f.Errors++
	case decoders.Unanswered:
		f.Unanswered++
	}
	f.queueing(x)
	if set.Exchange != nil {
		set.Exchange(f, x)
	}
}

// end closes the flow: what is held goes on, the protocol is settled, the
// decoder closed.
func (f *Flow) end() {
	l := &f.line
	f.release(true)
	if l.found != nil {
		l.found.settle(f)
	}
	if l.decoder != nil {
		l.decoder.Close(l.at)
		l.decoder, l.packets = nil, nil
	}
	if f.Proto == "" {
		f.Proto = Unknown
	}
	if f.Proto == Unknown && len(l.set.Protocols) > 0 {
		f.Content = f.characterise()
	}
	l.samples = nil
	l.found, l.held = nil, nil // the flow may be kept for its numbers
}

// swap exchanges the two ends: the content shows that the one taken for the
// client is the server.
func (f *Flow) swap() {
	f.Ends[0], f.Ends[1] = f.Ends[1], f.Ends[0]
	f.line.waits[0], f.line.waits[1] = f.line.waits[1], f.line.waits[0]
	if f.network() {
		f.port = f.Ends[decoders.Server].Socket.Addr.Port()
	}
	for i := range f.line.held {
		f.line.held[i].from ^= 1
	}
}
