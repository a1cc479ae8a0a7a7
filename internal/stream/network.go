package stream

import (
	"slices"
	"time"

	"unixcap/decoders"
	"unixcap/internal/capture"
	"unixcap/internal/foreign"
)

// On a network, what seems to be missing may be sent again: after a few
// packets by fast retransmission (RFC 5681 section 3.2), after a second or more by
// the timer (RFC 6298), while up to a window of other bytes passes. So there
// one waits longer than for a UNIX socket's messages, unless the other end
// acknowledges the bytes: it has them, so the capture has them soon or never.
const (
	maxKnownLost = 64
	maxLost      = 2048
	maxLostBytes = 4 << 20
	maxLostTime  = 3 * time.Second
	// maxHeldAll bounds what waits in all conversations together.
	maxHeldAll = 32 << 20
)

// A patience is how much may wait for what is missing.
type patience struct {
	pieces, bytes int
	time          time.Duration
}

// patience returns how much may wait behind head for what is missing before it.
func (f *Flow) patience(head *piece) patience {
	switch {
	case f.network() && !f.overtakes(head) && f.Ends[head.from].seq.acked < head.offset:
		return patience{maxLost, maxLostBytes, maxLostTime}
	case f.network():
		return patience{maxKnownLost, maxHeldBytes, maxHeldTime}
	}
	return patience{maxHeld, maxHeldBytes, maxHeldTime}
}

// overtakes reports whether p acknowledges bytes of the other end that are still
// to come: an answer before its question. A FIN counts as one byte.
func (f *Flow) overtakes(p *piece) bool {
	other := &f.Ends[p.from.Other()]
	return p.acked > other.seq.next+1 && other.seq.begun && !other.Closed
}

// acknowledge takes what a piece says about the other end's bytes. Both ends' begin
// where the connection did, if the capture does too: an end whose first bytes are
// late is not one that was joined in the middle.
func (f *Flow) acknowledge(p *piece) {
	own, other := &f.Ends[p.from].seq, &f.Ends[p.from.Other()].seq
	other.acked = max(other.acked, p.acked)
	if !f.opened {
		return
	}
	// Offsets of an end whose handshake is missing are about foreign.Middle.
	own.begun = own.begun || p.offset < foreign.Middle/2
	other.begun = other.begun || 0 < p.acked && p.acked < foreign.Middle/2
}

// repeated counts n bytes of p that the capture has more than once. On a
// network, they are not counted as sent by whoever sent them again.
func (f *Flow) repeated(p *piece, n uint64) {
	e := &f.Ends[p.from]
	e.Repeated += int64(n)
	if f.network() && f.Kind == capture.Stream && f.line.set.within(p.at.Time) {
		e.Bytes -= int64(n)
	}
}

// connOf returns the connection of a message of network traffic, nil for one of a
// UNIX socket.
func connOf(m *capture.Message) *capture.Conn {
	if m.From == nil {
		return nil
	}
	return m.From.Conn
}

// listener says which end of a connection is the server: the one that answered
// the handshake. If the capture has none, it is the one whose port some rule or
// protocol speaks for, or failing that the one with the lower port; then the
// content has the last word.
func (o *Options) listener(m *capture.Message) (server *capture.Socket, port uint16, sure bool) {
	a, b := m.From, m.To
	switch s := a.Conn.Server; {
	case s.IsValid() && s == a.Addr:
		return a, a.Addr.Port(), true
	case s.IsValid():
		return b, b.Addr.Port(), true
	}
	server = b
	x, y := a.Addr.Port(), b.Addr.Port()
	if knownX, knownY := o.knows(x), o.knows(y); knownX != knownY {
		if knownX {
			server = a
		}
	} else if x < y {
		server = a
	}
	return server, server.Addr.Port(), false
}

// knows reports whether a port is that of a service.
func (o *Options) knows(port uint16) bool {
	return slices.ContainsFunc(o.Rules, func(r Rule) bool { return r.Port == port && port != 0 }) ||
		slices.ContainsFunc(o.Protocols, func(p *decoders.Protocol) bool { return slices.Contains(p.Ports, port) })
}
