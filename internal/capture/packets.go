package capture

import "unixcap/pcapng"

// TCP shows an acknowledgement only when the other end sends, since a UNIX
// socket has none. Wireshark keeps every unacknowledged segment in a list and
// compares the bytes in flight with the window, so an end that only sends is
// acknowledged by a packet of its own after this many packets or bytes.
const (
	maxUnackPackets = 1000
	maxUnackBytes   = 1 << 28
)

// newEpoch is how far the sequence numbers of a new handshake are from the old
// ones. Wireshark takes a SYN for a new connection if its number is another; 16 MiB
// also keeps the numbers of the two apart for whoever looks at them.
const newEpoch = 1 << 24

// follow makes the TCP stream ready for a message of end i: with a handshake at the
// connection's first packet in the file, and with another one where bytes are missing.
//
// What follows a gap may be the rest of something whose beginning is lost, and
// then Wireshark's decoders wait for bytes that never come. The same is true where
// a file begins in the middle of a connection. So there is one more handshake
// at the next request, where both directions are at the beginning of something,
// unless the gap is right there.
func (w *Writer) follow(c *connection, i int, m *Message, ts uint64, first bool) error {
	e := &c.end[i]
	jump := m.LostBytes > 0 || e.known && m.Offset != e.next
	turn := i != c.server && c.last == c.server
	if first {
		e.seq += uint32(m.Offset) - uint32(e.next)
	}
	e.next, e.known = m.Offset, true
	switch {
	case first:
		c.resync = (jump || c.last >= 0) && !turn
		return w.handshake(c, ts)
	case jump:
		c.resync = !turn
	case c.resync && turn:
		c.resync = false
	default:
		return nil
	}
	for j := range c.end {
		x := &c.end[j]
		if x.seq += newEpoch; x.seq-1 == x.isn {
			x.seq += newEpoch
		}
	}
	return w.handshake(c, ts)
}

// handshake writes the three packets that open a TCP connection, all at the time
// of the message that needs it.
func (w *Writer) handshake(c *connection, ts uint64) error {
	client, server := 1-c.server, c.server
	for j := range c.end {
		e := &c.end[j]
		e.isn = e.seq - 1
		e.seq = e.isn
		e.fin = false
	}
	if err := w.synthetic(c, client, flagSYN, ts); err != nil {
		return err
	}
	c.end[client].seq++
	if err := w.synthetic(c, server, flagSYN|flagACK, ts); err != nil {
		return err
	}
	c.end[server].seq++
	return w.synthetic(c, client, flagACK, ts)
}

// synthetic writes a packet that TCP needs and nobody sent. A SYN has the
// description, but it does not count as told: handshakes are easily filtered away.
func (w *Writer) synthetic(c *connection, i int, flags uint8, ts uint64) error {
	e := &c.end[i]
	if err := w.prepare(c, i, ts); err != nil {
		return err
	}
	b := append(w.comment[:0], c.line(i, e.process())...)
	if flags&flagSYN != 0 {
		b = c.appendDescription(b, i)
	}
	w.comment = appendKey(b, keySynthetic)
	return w.send(c, i, flags, nil, 0)
}

// prepare fills in what all packets of a message have in common.
func (w *Writer) prepare(c *connection, i int, ts uint64) error {
	p, e := &w.packet, &c.end[i]
	var err error
	if p.ProcessIndex, err = w.process(&e.told.process, e.process()); err != nil {
		return err
	}
	if p.PeerProcessIndex, err = w.process(&e.told.peerProcess, &c.end[1-i].holder); err != nil {
		return err
	}
	p.InterfaceID = uint32(c.kind)
	p.Timestamp = ts
	direction := pcapng.Inbound
	if i == c.server {
		direction = pcapng.Outbound
	}
	p.Flags = pcapng.Some(pcapng.PacketFlags(0).WithDirection(direction))
	p.PacketID, p.DropCount = pcapng.Optional[uint64]{}, pcapng.Optional[uint64]{}
	return nil
}

// writeMessage writes the packets of a message: one for every MaxSegment bytes,
// or one without payload for what has none.
func (w *Writer) writeMessage(c *connection, i int, m *Message, ts uint64) error {
	if err := w.prepare(c, i, ts); err != nil {
		return err
	}
	e := &c.end[i]
	if m.Number != 0 {
		w.packet.PacketID = pcapng.Some(m.Number)
	}
	if m.LostMessages > 0 {
		w.packet.DropCount = pcapng.Some(m.LostMessages)
	}
	length, payload := m.Length, m.Payload
	if m.Error != "" || m.Op != Send {
		length, payload = 0, nil
	}
	describe := c.mustDescribe(i, int64(ts))
	start := e.seq
	for at := uint64(0); ; {
		n := min(length-at, MaxSegment)
		b := append(w.comment[:0], c.line(i, &m.Sender)...)
		b = appendEvent(b, m, start)
		if m.Op == Receive {
			b = appendUint(b, keyRead, m.Length)
			if ack := w.ackOf(c, i); m.Acked != uint64(ack-1) {
				b = appendUint(b, keyAcked, m.Acked)
			}
		}
		if length > MaxSegment || c.kind == Stream && length == 0 && m.Error == "" && m.Op == Send {
			b = appendUint(b, keyLength, length)
		}
		if length > MaxSegment {
			b = appendUint(b, keyAt, at)
		}
		if at == 0 {
			b = appendLoss(b, m)
			if describe {
				b = c.appendDescription(b, i)
				c.noteDescribed(i, int64(ts))
			}
		}
		w.comment = b
		last := at+n == length
		if err := w.send(c, i, messageFlags(m, last, n), payload[:min(n, uint64(len(payload)))], int(n)); err != nil {
			return err
		}
		payload = payload[min(n, uint64(len(payload))):]
		at += n
		if c.kind == Stream && m.Op != Receive {
			e.seq += uint32(n)
			if err := w.acknowledge(c, i, m, ts, last); err != nil {
				return err
			}
		}
		if last {
			e.next = m.Offset + length
			return nil
		}
		w.packet.DropCount = pcapng.Optional[uint64]{}
	}
}

// messageFlags are the TCP flags of a segment of n bytes.
func messageFlags(m *Message, last bool, n uint64) uint8 {
	switch {
	case m.Op == Close:
		return flagFIN | flagACK
	case last && n > 0:
		return flagPSH | flagACK
	}
	return flagACK
}

// acknowledge writes the other end's acknowledgement where one is due: after
// a FIN, and when too much is unacknowledged.
func (w *Writer) acknowledge(c *connection, i int, m *Message, ts uint64, last bool) error {
	e, peer := &c.end[i], &c.end[1-i]
	switch {
	case m.Op == Close:
		e.seq++
		e.fin = true
		if w.ackOf(c, 1-i) == peer.acked {
			return nil // the FIN is behind what is still to be received
		}
	case w.opt.Receives:
		return nil
	default:
		e.unack++
		if e.unack < maxUnackPackets && e.seq-peer.acked < maxUnackBytes {
			return nil
		}
	}
	saved := w.packet
	if err := w.synthetic(c, 1-i, flagACK, ts); err != nil {
		return err
	}
	if !last {
		w.packet = saved
	}
	return nil
}

// ackOf is what end i acknowledges.
func (w *Writer) ackOf(c *connection, i int) uint32 {
	e, peer := &c.end[i], &c.end[1-i]
	if !w.opt.Receives {
		return peer.seq
	}
	n := peer.unread(e)
	if n > 0 && peer.fin {
		n++
	}
	return peer.seq - n
}

// send writes one packet from end i: n bytes of payload, of which data was
// recorded. The comment is in w.comment, everything else in w.packet.
func (w *Writer) send(c *connection, i int, flags uint8, data []byte, n int) error {
	e, peer := &c.end[i], &c.end[1-i]
	s := segment{
		src: &e.addr, dst: &peer.addr, srcPort: e.port, dstPort: peer.port,
		proto: protoUDP, length: n,
	}
	if c.kind == Stream {
		s.proto, s.flags, s.seq = protoTCP, flags, e.seq
		if flags&flagACK != 0 {
			s.ack = w.ackOf(c, i)
			e.acked, peer.unack = s.ack, 0
		}
	}
	w.header = appendHeaders(w.header[:0], &s, c.sum, data)
	w.comments[0] = w.comment
	p := &w.packet
	p.Comments = w.comments[:]
	p.Headers, p.Data = w.header, data
	p.OriginalLength = uint32(len(w.header) + n)
	return w.out.WritePacket(p)
}
