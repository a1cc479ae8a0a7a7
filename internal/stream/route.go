package stream

import (
	"unixcap/decoders"
	"unixcap/internal/capture"
)

// same reports whether a and b, which have the same address, can be one
// socket. What is not known of one of them does not count against it.
func same(a, b *capture.Socket) bool {
	return (a.Inode == 0 || b.Inode == 0 || a.Inode == b.Inode) &&
		(a.Cookie == 0 || b.Cookie == 0 || a.Cookie == b.Cookie) &&
		a.Kind == b.Kind
}

func kindOf(m *capture.Message) capture.Kind {
	if m.From.Known() {
		return m.From.Kind
	}
	return m.To.Kind
}

// pairKey is the key of a datagram flow, whichever end sends.
func pairKey(a, b uint64) [2]uint64 {
	return [2]uint64{min(a, b), max(a, b)}
}

func key(s *capture.Socket) uint64 {
	if s == nil {
		return 0
	}
	return s.SK
}

// find returns the flow that a message belongs to, nil if it is a new one.
// Flows of sockets whose address has been reused since end here.
func (e *Engine) find(m *capture.Message) *Flow {
	if c := connOf(m); c != nil {
		return e.conns[c]
	}
	if kindOf(m) == capture.Datagram {
		f := e.pairs[pairKey(key(m.From), key(m.To))]
		if f != nil && !f.fits(m.From, m.To) {
			e.finish(f)
			return nil
		}
		return f
	}
	from := e.followed(m.From)
	fits := from != nil && from.fits(m.From, m.To)
	if fits && (!m.To.Known() || from.has(m.To.SK)) {
		return from
	}
	e.reuse(m)
	switch {
	case fits:
		return from
	case from != nil:
		e.finish(from)
	}
	return e.followed(m.To)
}

// reuse ends the conversation that a message's receiver had under its address
// before, if there is one.
func (e *Engine) reuse(m *capture.Message) {
	if f := e.followed(m.To); f != nil && !f.fits(m.From, m.To) && f != e.followed(m.From) {
		e.finish(f)
	}
}

// followed returns the flow of a connected socket, nil if there is none.
func (e *Engine) followed(s *capture.Socket) *Flow {
	if !s.Known() {
		return nil
	}
	return e.socks[s.SK]
}

// has reports whether one of the flow's sockets is known to have this address.
func (f *Flow) has(sk uint64) bool {
	return f.Ends[0].Socket.SK == sk || f.Ends[1].Socket.SK == sk
}

// fits reports whether a and b can be the flow's two sockets.
func (f *Flow) fits(a, b *capture.Socket) bool {
	x, y := &f.Ends[0].Socket, &f.Ends[1].Socket
	if !a.Known() {
		a, b = b, a
	}
	if x.SK != a.SK && (y.SK == a.SK || x.SK != 0) {
		x, y = y, x
	}
	return agree(x, a) && agree(y, b)
}

// agree reports whether s, as a message has it, can be the socket known as x.
func agree(x, s *capture.Socket) bool {
	if x.SK == 0 || !s.Known() {
		return true
	}
	return x.SK == s.SK && same(x, s)
}

// side returns which end of f sent m.
func (f *Flow) side(m *capture.Message) decoders.End {
	if f.network() {
		if m.From.Addr == f.Ends[decoders.Client].Socket.Addr {
			return decoders.Client
		}
		return decoders.Server
	}
	a, b := key(m.From), key(m.To)
	x, y := f.Ends[decoders.Client].Socket.SK, f.Ends[decoders.Server].Socket.SK
	switch {
	case a != 0 && a == x:
		return decoders.Client
	case a != 0 && a == y:
		return decoders.Server
	case b != 0 && b == x:
		return decoders.Server
	case b != 0 && b == y:
		return decoders.Client
	case x == 0:
		return decoders.Client
	}
	return decoders.Server
}

// register makes both ends of f, as far as they are known, lead to it.
func (e *Engine) register(f *Flow) {
	if f.network() {
		return // create did, for good
	}
	x, y := f.Ends[0].Socket.SK, f.Ends[1].Socket.SK
	if l := &f.line; l.routed == [2]uint64{x, y} {
		return
	}
	e.unregister(f)
	f.line.routed = [2]uint64{x, y}
	if f.Kind == capture.Datagram {
		e.pairs[pairKey(x, y)] = f
		return
	}
	for _, sk := range f.line.routed {
		// An end whose flow is already followed stays with it: two halves
		// of one conversation can no longer be put together.
		if sk != 0 && e.socks[sk] == nil {
			e.socks[sk] = f
		}
	}
}

func (e *Engine) unregister(f *Flow) {
	delete(e.conns, f.Ends[0].Socket.Conn)
	r := f.line.routed
	if f.Kind == capture.Datagram {
		if k := pairKey(r[0], r[1]); e.pairs[k] == f {
			delete(e.pairs, k)
		}
		return
	}
	for _, sk := range r {
		if sk != 0 && e.socks[sk] == f {
			delete(e.socks, sk)
		}
	}
}
