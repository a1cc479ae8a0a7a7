package foreign

import (
	"net/netip"
	"time"

	"github.com/google/gopacket/layers"
)

const (
	// maxDatagram is the largest payload that IP fragments can make up: offsets
	// have 13 bits and count 8 bytes (RFC 791, RFC 8200 section 4.5).
	maxDatagram = 1 << 16
	// maxFragmented is how many datagrams may be incomplete at once, so that
	// they take at most 16 MiB. Those begun first are given up.
	maxFragmented = 256
	// fragmentTime is how long the rest of a datagram is waited for (RFC 8200
	// section 4.5; RFC 1122 section 3.3.2 allows 60 to 120 seconds).
	fragmentTime = 60 * time.Second
	// maxHoles bounds the holes in a datagram: in one of 64 KiB sent in the
	// smallest packets that IPv4 knows there can be no more.
	maxHoles = 128
)

// fragments puts IP datagrams together.
//
// It is used in place of gopacket/ip4defrag, which knows no IPv6, takes every
// IPv4 header for one without options, mixes up protocols, and bounds neither
// bytes nor datagrams.
type fragments struct {
	open  map[fragmentKey]*partial
	order []fragmentKey // as they began; may have some that are complete
	spare []byte
}

// A fragmentKey is what fragments of one datagram have in common (RFC 791
// section 3.2; RFC 8200 section 4.5, which leaves out the protocol, since only the
// first fragment's counts).
type fragmentKey struct {
	src, dst netip.Addr
	id       uint32
	proto    layers.IPProtocol // IPv4
}

// A partial is a datagram some of whose fragments have come.
type partial struct {
	begun time.Time
	proto layers.IPProtocol
	buf   []byte
	have  []span // in order, apart from each other
	total int    // the payload's length, -1 while the last fragment is missing
	cut   int    // from here on, bytes were cut off at the snap length
}

type span struct{ from, to int }

// add takes a fragment. It reports whether g is now the whole datagram, whose
// payload is valid until the next call.
func (f *fragments) add(g *datagram, at time.Time) bool {
	end := g.offset + g.length
	if end > maxDatagram || g.length == 0 {
		return false
	}
	k := fragmentKey{src: g.src, dst: g.dst, id: g.id}
	if g.src.Is4() {
		k.proto = g.proto
	}
	p := f.open[k]
	if p == nil || at.Sub(p.begun) > fragmentTime {
		p = f.begin(k, at)
	}
	if g.offset == 0 {
		p.proto = g.proto
	}
	if !g.more && p.total < 0 {
		p.total = end
	}
	if len(p.buf) < end {
		p.buf = append(p.buf, make([]byte, end-len(p.buf))...)
	}
	copy(p.buf[g.offset:end], g.payload)
	if len(g.payload) < g.length {
		p.cut = min(p.cut, g.offset+len(g.payload))
	}
	if !p.fill(span{g.offset, end}) {
		f.drop(k)
		return false
	}
	if p.total < 0 || len(p.have) != 1 || p.have[0].from != 0 || p.have[0].to < p.total {
		return false
	}
	g.proto, g.length, g.fragment = p.proto, p.total, false
	g.payload = p.buf[:min(p.total, p.cut)]
	f.drop(k)
	f.spare = p.buf
	return true
}

// begin makes room for a datagram and begins it.
func (f *fragments) begin(k fragmentKey, at time.Time) *partial {
	if f.open == nil {
		f.open = make(map[fragmentKey]*partial)
	}
	delete(f.open, k)
	if len(f.order) >= maxFragmented {
		f.drop(f.order[0])
	}
	p := &partial{begun: at, buf: f.spare[:0], total: -1, cut: maxDatagram}
	f.spare = nil
	f.open[k] = p
	f.order = append(f.order, k)
	return p
}

// drop forgets a datagram.
func (f *fragments) drop(k fragmentKey) {
	delete(f.open, k)
	for i := range f.order {
		if f.order[i] == k {
			f.order = append(f.order[:i], f.order[i+1:]...)
			return
		}
	}
}

// fill notes that bytes have come. It reports false if there are too many
// holes.
func (p *partial) fill(s span) bool {
	kept := p.have[:0:0]
	done := false
	for _, h := range p.have {
		switch {
		case h.to < s.from:
			kept = append(kept, h)
		case s.to < h.from:
			if !done {
				kept, done = append(kept, s), true
			}
			kept = append(kept, h)
		default:
			s = span{min(s.from, h.from), max(s.to, h.to)}
		}
	}
	if !done {
		kept = append(kept, s)
	}
	p.have = kept
	return len(kept) <= maxHoles
}
