package foreign

import (
	"time"

	"unixcap/internal/capture"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
)

// DefaultMaxConnections is how many connections a Dissector remembers unless
// it is told otherwise; each takes less than a kilobyte. One that was forgotten
// is a new one, whose beginning is missing, should it go on.
const DefaultMaxConnections = 1 << 17

// maxMessages is how many messages a packet can make: the old connection's two
// ends close, the new one opens, sends, and closes at both ends.
const maxMessages = 6

// A Dissector makes messages of packets with TCP or UDP in them. It allocates
// nothing for a packet of a connection it knows. Use New to make one.
type Dissector struct {
	conns table
	parts fragments

	// Of the current packet.
	at       time.Time
	number   uint64
	gram     datagram
	messages [maxMessages]capture.Message
	first, n int  // of messages: the next one to return, and how many there are
	joined   bool // its payload was put together of fragments

	loopback layers.Loopback
	ethernet layers.Ethernet
	tag      layers.Dot1Q
	ipv4     layers.IPv4
	tcp      layers.TCP
	udp      layers.UDP
}

// New returns a Dissector that remembers maxConnections connections at the most,
// DefaultMaxConnections if that is 0.
func New(maxConnections int) *Dissector {
	if maxConnections <= 0 {
		maxConnections = DefaultMaxConnections
	}
	return &Dissector{conns: table{limit: maxConnections}}
}

// Packet takes a packet; see capture.Dissector.
func (d *Dissector) Packet(p *capture.Packet) bool {
	d.first, d.n = 0, 0
	d.at, d.number = p.Time, p.Number
	if !readable(p.Link) {
		return false
	}
	ip, length := d.network(p.Link, p.Data, p.Length)
	if !d.parse(ip, length, &d.gram) {
		return true
	}
	d.joined = d.gram.fragment
	if d.joined && !d.parts.add(&d.gram, d.at) {
		return true
	}
	switch d.gram.proto {
	case layers.IPProtocolTCP:
		d.segment()
	case layers.IPProtocolUDP:
		d.datagram()
	}
	return true
}

// Next returns the next message; see capture.Dissector.
func (d *Dissector) Next() *capture.Message {
	if d.first == d.n {
		return nil
	}
	d.first++
	return &d.messages[d.first-1]
}

// Reassembled reports where the last message's payload is; see capture.Dissector.
func (d *Dissector) Reassembled() bool { return d.joined }

// message adds a message of end i of c.
func (d *Dissector) message(c *conn, i int, op capture.Op, offset uint64) *capture.Message {
	m := &d.messages[d.n]
	d.n++
	*m = capture.Message{
		Op: op, Packet: d.number, Time: d.at,
		From: &c.sock[i], To: &c.sock[1-i],
		Offset: offset, Late: c.over(),
	}
	return m
}

// datagram handles the packet's UDP.
func (d *Dissector) datagram() {
	g := &d.gram
	if d.udp.DecodeFromBytes(g.payload, gopacket.NilDecodeFeedback) != nil {
		return
	}
	const header = 8
	c, i := d.conns.find(g, uint16(d.udp.SrcPort), uint16(d.udp.DstPort))
	if c == nil {
		c = d.conns.add(i, g, capture.Datagram, -1, 0)
	}
	n := g.length - header
	if d.udp.Length >= header {
		n = min(n, int(d.udp.Length)-header)
	}
	e := &c.end[i]
	m := d.message(c, i, capture.Send, e.next)
	m.Length, m.Payload = uint64(max(n, 0)), d.udp.Payload[:min(max(n, 0), len(d.udp.Payload))]
	e.next += m.Length
}

// tcpHeader is the length of a TCP header without options.
const tcpHeader = 20

// readTCP reads the packet's TCP header into d.tcp. It returns the payload's
// length before it was cut, and whether there is a header. One that was cut
// within its options, or has wrong ones, is good enough.
func (d *Dissector) readTCP() (length int, ok bool) {
	b := d.gram.payload
	d.tcp.Payload = nil
	if len(b) < tcpHeader {
		return 0, false
	}
	if err := d.tcp.DecodeFromBytes(b, gopacket.NilDecodeFeedback); err != nil && d.tcp.DataOffset < tcpHeader/4 {
		return 0, false
	}
	length = d.gram.length - int(b[12]>>4)*4
	if length < 0 {
		return 0, false
	}
	if len(d.tcp.Payload) > length {
		d.tcp.Payload = d.tcp.Payload[:length]
	}
	return length, true
}
