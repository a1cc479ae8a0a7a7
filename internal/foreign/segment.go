package foreign

import (
	"unixcap/internal/capture"
)

const (
	// Middle is the offset of the first byte seen of an end whose handshake is
	// not in the capture, so that bytes that come late have a place before it.
	Middle = 1 << 32
	// maxJump is how far a sequence number may be from those before it. A window
	// has at most 1 GiB (RFC 7323 section 2.2) but hardly ever more than some
	// megabytes; what is farther away is another connection of the same addresses
	// whose handshake is not in the capture.
	maxJump = 1 << 28
	// lateSYN is how far the SYN of a connection that was joined in the middle
	// may be from what has been seen of it. In a capture that is out of order a
	// handshake can come after what it opens.
	lateSYN = 1 << 20
)

// segment handles the packet's TCP (RFC 9293).
func (d *Dissector) segment() {
	n, ok := d.readTCP()
	if !ok {
		return
	}
	t := &d.tcp
	c, i := d.conns.find(&d.gram, uint16(t.SrcPort), uint16(t.DstPort))
	again := uint32(0)
	if c != nil {
		stray := c.end[i].astray(t.Seq)
		switch {
		case t.SYN && c.reopened(i, t.Seq), !t.SYN && stray && n > 0 && !t.RST:
			again = c.info.Again + 1
			d.close(c, i)
			d.close(c, 1-i)
			c = nil
		case stray:
			return // of a connection before this one
		}
	}
	if c == nil {
		c = d.open(i, again)
	}
	d.synchronise(c, i)
	d.deliver(c, i, n)
	if t.RST {
		d.close(c, i)
		d.close(c, 1-i)
	}
}

// open begins a connection with a packet that end i sent.
func (d *Dissector) open(i int, again uint32) *conn {
	server := -1
	client := i
	if d.tcp.SYN {
		server = 1 - i
		if d.tcp.ACK {
			server, client = i, 1-i
		}
	}
	c := d.conns.add(i, &d.gram, capture.Stream, server, again)
	d.message(c, client, capture.Open, 0)
	return c
}

// astray reports whether a sequence number cannot be one of this connection.
func (e *end) astray(seq uint32) bool {
	diff := int32(seq - e.seq)
	return e.known && (diff > maxJump || diff < -maxJump)
}

// reopened reports whether a SYN of end i opens another connection than c.
func (c *conn) reopened(i int, seq uint32) bool {
	e := &c.end[i]
	switch {
	case e.handshake:
		return seq != e.isn
	case c.over() || !e.known:
		return c.over()
	}
	diff := int32(seq + 1 - e.seq)
	return diff > lateSYN || diff < -lateSYN
}

// synchronise takes the numbers that the offsets of both ends begin at from
// the first packet that tells them.
func (d *Dissector) synchronise(c *conn, i int) {
	t, e, peer := &d.tcp, &c.end[i], &c.end[1-i]
	if t.SYN {
		if !e.known {
			e.known, e.seq = true, t.Seq+1
		}
		e.handshake, e.isn = true, t.Seq
		if t.ACK && !peer.known {
			peer.known, peer.seq = true, t.Ack
			peer.handshake, peer.isn = true, t.Ack-1
		}
		return
	}
	if !e.known && !t.RST {
		e.known, e.seq, e.next = true, t.Seq, Middle
	}
}

// deliver makes messages of a segment's n bytes and its FIN.
func (d *Dissector) deliver(c *conn, i, n int) {
	t, e := &d.tcp, &c.end[i]
	if !e.known || t.RST {
		return // what a RST carries is a text about itself (RFC 9293 section 3.5.3)
	}
	seq := t.Seq
	if t.SYN {
		seq++
	}
	at, payload := e.offset(seq), t.Payload
	if at < 0 {
		old := min(int(-at), n)
		at, n, seq = at+int64(old), n-old, seq+uint32(old)
		payload = payload[min(old, len(payload)):]
	}
	if at < 0 {
		return
	}
	// A probe for whether the other end is still there repeats the last byte, or one of
	// nobody's (RFC 9293 section 3.8.4).
	if n > 1 || n == 1 && uint64(at)+1 != e.next {
		m := d.message(c, i, capture.Send, uint64(at))
		m.Length, m.Payload = uint64(n), payload
		if peer := &c.end[1-i]; t.ACK && peer.known {
			m.Acked = uint64(max(peer.offset(t.Ack), 0))
		}
	}
	if last := uint64(at) + uint64(n); last > e.next {
		e.next, e.seq = last, seq+uint32(n)
	}
	if t.FIN && !e.fin {
		d.message(c, i, capture.Close, uint64(at)+uint64(n))
		e.fin = true
	}
}

// close ends what end i sends, if nothing did before.
func (d *Dissector) close(c *conn, i int) {
	if e := &c.end[i]; !e.fin {
		d.message(c, i, capture.Close, e.next)
		e.fin = true
	}
}
