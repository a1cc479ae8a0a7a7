package capture

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"unixcap/pcapng"
)

// ErrForeign means that the input is a pcapng file, but not one of unixcap's: its
// first packet is not IPv6 with addresses under fd75:6e78::/32, or with a
// Dissector, all packets are of link types that it cannot read.
var ErrForeign = errors.New("not a capture of UNIX sockets")

const (
	// DefaultMaxMessage is the default of ReaderOptions.MaxMessage.
	DefaultMaxMessage = 256 << 20
	// maxSockets is how many sockets a Reader remembers for each connection it may.
	maxSockets = 4
	// maxErrors bounds the set of errors' names. Linux has about 130.
	maxErrors = 256
)

// ReaderOptions are the settings of a Reader. The zero value means the
// defaults.
type ReaderOptions struct {
	// MaxMessage bounds the memory for messages of more than one packet. What
	// does not fit is cut from the payload, never from Length.
	MaxMessage int
	// MaxConnections is how many connections are remembered; the default is
	// DefaultMaxConnections. Of one that was forgotten, the messages up to its next
	// description lack what only that says.
	MaxConnections int
	// Network, if not nil, gets the packets that are not of UNIX sockets, and
	// its messages come between the others. Without it they are left out, and
	// an input that begins with one is ErrForeign.
	Network Dissector
}

// A Source gives a Reader its packets. *pcapng.Reader is one.
type Source interface {
	Next() (pcapng.Block, error)
	Section() *pcapng.SectionHeader
	// Buffer is what the last block points into.
	Buffer() *pcapng.Buffer
	// Ready reports whether the next block is in memory.
	Ready() bool
}

// A Reader reads messages from a capture, also from what editcap, mergecap,
// reordercap and tshark have made of one. It allocates nothing for a
// message of one packet on a connection it knows.
//
// The Sockets of its Messages stay valid and do not change. There is one for each
// socket, until more is learnt of that, and then another.
type Reader struct {
	opt     ReaderOptions
	src     Source
	packets uint64
	foreign uint64
	network Packet
	unread  uint64 // packets of link types that cannot be read
	ours    bool   // the input is a capture of UNIX sockets
	stats   Stats

	flows   cache[flowKey, *flow]
	sockets cache[socketKey, *socketRef]
	errors  map[string]string
	origins map[Origin]*Origin

	// Of the current packet.
	facts     facts
	seg       segment
	recent    [recentFlows]recentFlow
	last      *recentFlow // of the packet
	iface     *pcapng.InterfaceDescription
	ifaceRaw  bool // it has LinkType
	ifaceOurs bool // its name tells a kind
	ifaceKind Kind
	again     *pcapng.EnhancedPacket // to be looked at again by the next call of Next

	msg        Message
	buffer     *pcapng.Buffer // has the message's payload; nil if r has it
	assemblies []*assembly    // in the order they began
	held       int            // bytes in their buffers
	spare      *assembly
	scratch    []byte
	end        error
}

// NewReader returns a Reader of a pcapng file.
func NewReader(src io.Reader, o ReaderOptions) (*Reader, error) {
	p, err := pcapng.NewReader(src)
	if err != nil {
		return nil, err
	}
	return NewSourceReader(p, o), nil
}

// NewSourceReader returns a Reader of packets that come from src.
func NewSourceReader(src Source, o ReaderOptions) *Reader {
	if o.MaxMessage <= 0 {
		o.MaxMessage = DefaultMaxMessage
	}
	if o.MaxConnections <= 0 {
		o.MaxConnections = DefaultMaxConnections
	}
	r := &Reader{opt: o, src: src, errors: map[string]string{}, scratch: make([]byte, 0, maxPath)}
	r.flows.limit = o.MaxConnections
	r.sockets.limit = maxSockets * o.MaxConnections
	return r
}

// Recognize reports whether a file that begins with head is a capture of UNIX
// sockets. A few kilobytes are enough.
func Recognize(head []byte) bool {
	r, err := NewReader(bytes.NewReader(head), ReaderOptions{})
	if err != nil {
		return false
	}
	for {
		_, err := r.Next()
		if r.ours {
			return true
		}
		if err != nil {
			return false
		}
	}
}

// Next returns the next message. It and its payload are valid until the next
// call, its Sockets for good.
//
// The error is io.EOF at the end, and ErrForeign if the input is not a capture of
// UNIX sockets. An input that ends within a packet is io.ErrUnexpectedEOF, after
// all that came before. After a *pcapng.Error with Skipped set, Next may be
// called again.
func (r *Reader) Next() (*Message, error) {
	for {
		if r.opt.Network != nil {
			if m := r.opt.Network.Next(); m != nil {
				r.buffer = nil
				if !r.opt.Network.Reassembled() {
					r.buffer = r.src.Buffer()
				}
				return m, nil
			}
		}
		if p := r.again; p != nil {
			r.again = nil
			payload, _ := parseHeaders(p.Data, &r.seg)
			if m := r.message(p, payload); m != nil {
				return m, nil
			}
			continue
		}
		if r.end != nil {
			if len(r.assemblies) > 0 {
				return r.deliver(r.assemblies[0]), nil
			}
			return nil, r.end
		}
		b, err := r.src.Next()
		if err != nil {
			if err := r.failed(err); err != nil {
				return nil, err
			}
			continue
		}
		m, err := r.block(b)
		if m != nil || err != nil {
			return m, err
		}
	}
}

// block takes in a block and returns the message it completes, if any.
func (r *Reader) block(b pcapng.Block) (*Message, error) {
	switch b := b.(type) {
	case *pcapng.SectionHeader:
		r.ours = r.ours || strings.HasPrefix(b.UserAppl, "unixcap")
		r.iface = nil
	case *pcapng.InterfaceDescription:
		r.ours = r.ours || r.isOurs(b)
	case *pcapng.InterfaceStatistics:
		r.addStatistics(b)
	case *pcapng.SimplePacket:
		// No tool makes these two of a packet with a comment.
		r.packets++
		return nil, r.skip(b.Interface(), time.Unix(0, 0), b.Data, b.OriginalLength)
	case *pcapng.ObsoletePacket:
		r.packets++
		return nil, r.skip(b.Interface(), b.Time(), b.Data, b.OriginalLength)
	case *pcapng.EnhancedPacket:
		r.packets++
		r.useInterface(b.Interface())
		var payload []byte
		ok := r.ifaceRaw
		if ok {
			payload, ok = parseHeaders(b.Data, &r.seg)
		}
		if !ok {
			return nil, r.skip(b.Interface(), time.Unix(0, b.UnixNano()).UTC(), b.Data, b.OriginalLength)
		}
		r.ours = true
		return r.message(b, payload), nil
	}
	return nil, nil
}

// failed turns an error of the blocks into what Next returns: nil if
// incomplete messages have to be returned before it.
func (r *Reader) failed(err error) error {
	var e *pcapng.Error
	if errors.As(err, &e) && e.Skipped {
		return err
	}
	if err == io.EOF {
		err = r.unreadable()
	}
	if errors.Is(err, io.ErrUnexpectedEOF) {
		err = fmt.Errorf("the file was cut off after packet %d; what came before has been read: %w", r.packets, err)
	}
	r.end = err
	return nil
}

// isOurs reports whether an interface has one of the profile's names.
func (r *Reader) isOurs(d *pcapng.InterfaceDescription) bool {
	for _, n := range interfaceNames {
		if d.Name == n.name && d.LinkType == LinkType {
			return true
		}
	}
	return false
}

// useInterface makes d the interface of the current packet.
func (r *Reader) useInterface(d *pcapng.InterfaceDescription) {
	if d == r.iface {
		return
	}
	const linkTypeIPv6 = 229
	r.iface = d
	r.ifaceRaw = d.LinkType == LinkType || d.LinkType == linkTypeIPv6
	r.ifaceOurs = false
	for k, n := range interfaceNames {
		if d.Name == n.name {
			r.ifaceOurs, r.ifaceKind = true, Kind(k)
		}
	}
}

// addStatistics adds up the interface statistics of all files that the input was
// put together from.
func (r *Reader) addStatistics(b *pcapng.InterfaceStatistics) {
	if b.Interface() == nil {
		return
	}
	for k, n := range interfaceNames {
		if b.Interface().Name != n.name {
			continue
		}
		s := &r.stats.Interfaces[k]
		s.Received += b.IfRecv.Value
		s.Dropped += b.IfDrop.Value
		s.Accepted += b.FilterAccept.Value
		s.OSDropped += b.OSDrop.Value
		s.Delivered += b.UsrDeliv.Value
		for _, about := range b.Comments {
			r.stats.Losses[k] = addLosses(r.stats.Losses[k], about)
		}
		if t := b.StartTime; t.Valid {
			if at := b.Interface().Time(t.Value); r.stats.Start.IsZero() || at.Before(r.stats.Start) {
				r.stats.Start = at
			}
		}
		if t := b.EndTime; t.Valid {
			if at := b.Interface().Time(t.Value); at.After(r.stats.End) {
				r.stats.End = at
			}
		}
	}
}

// Stats returns the statistics read so far. A file has them at its end.
func (r *Reader) Stats() Stats { return r.stats }

// Section returns the header of the current section, which says where the capture
// comes from.
func (r *Reader) Section() *pcapng.SectionHeader { return r.src.Section() }

// Packets returns how many packets have been read, and how many of them were
// not of UNIX sockets.
func (r *Reader) Packets() (read, foreign uint64) { return r.packets, r.foreign }

// Buffer returns the memory that has the last message's payload. Whoever retains
// it may use the payload after the next call of Next. It is nil if the payload is
// elsewhere, and so valid until then only.
func (r *Reader) Buffer() *pcapng.Buffer { return r.buffer }

// Ready reports whether the next packet is in memory. Next reads all the same if that
// makes no message, or does not complete one.
func (r *Reader) Ready() bool { return r.again != nil || r.end != nil || r.src.Ready() }

// message makes a message of a packet, or adds the packet to one. It returns
// the message that is complete now, if any.
func (r *Reader) message(p *pcapng.EnhancedPacket, payload []byte) *Message {
	s, x := &r.seg, &r.facts
	f, d := r.flowOf(s)
	known := f != nil && r.recall(f, d, p)
	if !known {
		r.facts = facts{}
		for _, c := range p.Comments {
			if x.parse(c); x.ours {
				break
			}
		}
		if f == nil {
			f = r.newFlow(s)
		}
	}
	dir := &f.dir[d]
	n := uint64(s.length)
	if a := dir.open; a != nil && !r.isSynthetic() {
		if x.hasAt && a.continues(p.PacketID.Value, x) {
			r.extend(a, payload, n)
			if a.next >= a.total {
				return r.deliver(a)
			}
			return nil
		}
		if a.isOf(p.PacketID.Value, x) && x.at > a.next {
			a.msg.Length = x.at - a.start // the rest is a message of its own
		}
		r.again = p
		return r.deliver(a)
	}
	r.role(f, d, p)
	r.based(f)
	if !known {
		r.learn(f, d, p)
	}
	if r.isSynthetic() || f.sock[d] == nil {
		return nil
	}
	r.fill(f, d, p, n)
	if x.hasAt && x.hasLength && x.at < x.length && !r.msgIsBare() {
		if len(r.assemblies) >= maxOpen {
			r.again = p
			return r.deliver(r.assemblies[0])
		}
		r.open(f, d, payload, n)
		if a := dir.open; a.next >= a.total {
			return r.deliver(a)
		}
		return nil
	}
	r.msg.Payload = payload
	if r.msg.Op == Close {
		dir.closed = true
		if f.dir[1-d].closed {
			r.forget(f)
		}
	}
	r.buffer = r.src.Buffer()
	return &r.msg
}

// msgIsBare reports whether the message is one that has no bytes.
func (r *Reader) msgIsBare() bool { return r.msg.Op != Send || r.msg.Error != "" }

// deliver ends an assembly and returns its message.
func (r *Reader) deliver(a *assembly) *Message {
	r.buffer = nil
	return r.finish(a)
}

// forget gives up a connection both ends of which are closed.
func (r *Reader) forget(f *flow) {
	if r.last.flow == f {
		r.flows.remove(r.last.key)
		r.last.flow = nil
	}
}

// isSynthetic reports whether the current packet is one that TCP needs and
// nobody sent.
func (r *Reader) isSynthetic() bool {
	x, s := &r.facts, &r.seg
	if x.synthetic {
		return true
	}
	if s.proto != protoTCP || s.length > 0 || s.flags&flagFIN != 0 {
		return false
	}
	return s.flags&(flagSYN|flagRST) != 0 || len(x.err.value) == 0 && !x.hasLength && !x.close && !x.hasRead
}

// role notes which end is the server: the direction of every packet says it, and
// so does a handshake.
func (r *Reader) role(f *flow, d int, p *pcapng.EnhancedPacket) {
	s := &r.seg
	switch {
	case p.Direction() == pcapng.Outbound:
		f.server = d
	case p.Direction() == pcapng.Inbound:
		f.server = 1 - d
	case s.proto == protoTCP && s.flags&(flagSYN|flagACK) == flagSYN|flagACK:
		f.server = d
	case s.proto == protoTCP && s.flags&flagSYN != 0:
		f.server = 1 - d
	}
}

// based takes in where a connection's sequence numbers begin: at sockets whose addresses
// were those of others before, a Writer begins some times newEpoch higher, and at offset 0
// for both ends. The comments say the offset, but classic pcap has none.
func (r *Reader) based(f *flow) {
	s := &r.seg
	if s.proto != protoTCP || s.flags&flagSYN == 0 || f.shaken {
		return
	}
	if s.flags&flagACK == 0 {
		f.isn = s.seq
		return
	}
	f.shaken = true
	if s.seq == f.isn && s.seq%newEpoch == 0 {
		f.base = s.seq
	}
}

// fill makes r.msg of everything but the payload.
func (r *Reader) fill(f *flow, d int, p *pcapng.EnhancedPacket, n uint64) {
	x, s := &r.facts, &r.seg
	m := &r.msg
	*m = Message{
		Number: p.PacketID.Value,
		Packet: r.packets,
		Time:   time.Unix(0, p.UnixNano()).UTC(),
		Took:   x.took,
		From:   f.sock[d].now, To: f.sock[1-d].socket(),
		Role: f.role(d), FromPort: s.srcPort, ToPort: s.dstPort,
		Sender: f.dir[d].sender, Peer: f.peerOf(d),
		Length:    n,
		LostBytes: x.lost, LostMessages: max(x.lostMessages, p.DropCount.Value),
		FDs: x.fds, FDTypes: x.fdTypes, Creds: x.creds,
		Error: r.errorName(),
	}
	if x.close || s.proto == protoTCP && s.flags&flagFIN != 0 {
		m.Op = Close
	} else if x.hasRead && s.proto == protoTCP && n == 0 {
		m.Op, m.Length, m.Acked = Receive, x.read, uint64(s.ack-1-f.base)
		if x.hasAcked {
			m.Acked = x.acked
		}
	}
	switch {
	case x.hasOffset:
		m.Offset = x.offset
	case s.proto == protoTCP:
		// The sequence number of offset 0 is 1, unless the comment says otherwise.
		m.Offset = uint64(s.seq - 1 - f.base)
	}
}

// errorName returns the name of the error of a failed send. There are few, so
// they are kept.
func (r *Reader) errorName() string {
	f := &r.facts.err
	if len(f.value) == 0 {
		return ""
	}
	r.scratch = f.text(r.scratch)
	if s, ok := r.errors[string(r.scratch)]; ok {
		return s
	}
	if len(r.errors) >= maxErrors {
		clear(r.errors)
	}
	s := string(r.scratch)
	r.errors[s] = s
	return s
}
