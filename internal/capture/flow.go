package capture

import (
	"bytes"

	"unixcap/pcapng"
)

// A cache keeps at least the last limit/2 values used, and at most limit. It is
// two maps: when the young one is full it becomes the old one, and what is used in
// that moves to the young one.
type cache[K comparable, V any] struct {
	limit      int
	young, old map[K]V
}

func (c *cache[K, V]) get(k K) (v V, ok bool) {
	if v, ok = c.young[k]; ok {
		return v, true
	}
	if v, ok = c.old[k]; ok {
		delete(c.old, k)
		c.put(k, v)
	}
	return v, ok
}

func (c *cache[K, V]) put(k K, v V) {
	if len(c.young) >= (c.limit+1)/2 {
		c.old, c.young = c.young, nil
	}
	if c.young == nil {
		c.young = map[K]V{}
	}
	c.young[k] = v
}

func (c *cache[K, V]) remove(k K) {
	delete(c.young, k)
	delete(c.old, k)
}

// A socketKey identifies a socket.
type socketKey struct {
	sk    uint64
	inode uint32
}

// A flowKey is the two addresses of a connection, the lower one first.
type flowKey [2]socketKey

// A flow is what a Reader knows of a connection.
type flow struct {
	kind   Kind
	sock   [2]*socketRef
	dir    [2]direction // by sending end
	server int          // which end is the server, -1 if no packet said
	// isn is the sequence number of the client's first SYN, and base what both ends'
	// are above their offsets: see Reader.based.
	isn, base uint32
	shaken    bool // the first handshake is over
}

// role returns what end d is.
func (f *flow) role(d int) Role {
	switch f.server {
	case d:
		return RoleServer
	case 1 - d:
		return RoleClient
	}
	return RoleUnknown
}

// A socketRef leads to what is known of a socket. A Socket that is in a Message
// does not change any more: what is learnt later makes another one.
type socketRef struct{ now *Socket }

func (s *socketRef) socket() *Socket {
	if s == nil {
		return nil
	}
	return s.now
}

// A direction is what the packets of one end said last.
type direction struct {
	// line is what the last packet's comment said of who sends, if it said no
	// more than that, and lineSock the sockets it made of it. Most packets say
	// the same as the one before.
	lined    bool
	line     []byte
	lineSock [2]*socketRef

	described bool
	closed    bool
	sender    Process // of the last packet, with what the description adds
	uid       uint32  // of the process pid
	cgroup    uint64
	origin    *Origin
	pid       uint32
	peer      Process
	open      *assembly // message of which segments are still to come
}

// flowOf finds the flow of a packet and which of its ends sends. The flow is
// nil if it is a new one.
func (r *Reader) flowOf(s *segment) (*flow, int) {
	src := socketKey{s.src.sk(), s.src.inode()}
	dst := socketKey{s.dst.sk(), s.dst.inode()}
	d := 0
	if dst.sk < src.sk || dst.sk == src.sk && dst.inode < src.inode {
		src, dst, d = dst, src, 1
	}
	last := &r.recent[(src.sk>>8^src.sk>>14^dst.sk>>7)%recentFlows]
	if k := &last.key; last.flow != nil && k[0].sk == src.sk && k[1].sk == dst.sk && k[0].inode == src.inode && k[1].inode == dst.inode {
		r.last = last
		return last.flow, d
	}
	r.last = last
	last.key = flowKey{src, dst}
	last.flow, _ = r.flows.get(last.key)
	return last.flow, d
}

// recentFlows is a power of two.
const recentFlows = 64

// A recentFlow is one that a packet was of not long ago, or is to be of.
type recentFlow struct {
	key  flowKey
	flow *flow
}

// newFlow makes the flow that flowOf did not find.
func (r *Reader) newFlow(s *segment) *flow {
	f := &flow{kind: r.kindOf(s), server: -1}
	r.flows.put(r.last.key, f)
	r.last.flow = f
	return f
}

// recall reads a packet's comment if it says the same of who sends as the last one
// from end d, and reports whether it does. There is nothing to learn then
// but the event.
func (r *Reader) recall(f *flow, d int, p *pcapng.EnhancedPacket) bool {
	dir := &f.dir[d]
	if !dir.lined || dir.lineSock != f.sock || len(p.Comments) > 1 {
		return false
	}
	if len(p.Comments) == 0 {
		r.facts.event = event{}
		return len(dir.line) == 0
	}
	rest, ok := bytes.CutPrefix(p.Comments[0], dir.line)
	return ok && (len(rest) == 0 || rest[0] <= ' ') && r.facts.parseOnly(rest)
}

// learn takes in what a packet's comment says that is not as it was.
func (r *Reader) learn(f *flow, d int, p *pcapng.EnhancedPacket) {
	r.identify(f, d, &r.seg)
	r.processes(f, d)
	dir := &f.dir[d]
	dir.lined = len(p.Comments) <= 1 && r.facts.line >= 0 && f.sock[d] != nil
	dir.line, dir.lineSock = dir.line[:0], f.sock
	if dir.lined {
		dir.line = append(dir.line, r.facts.comment[:r.facts.line]...)
	}
}

// kindOf tells the kind of socket a packet is from: the interface says it, or
// the description; if both are gone, the transport protocol has to do.
func (r *Reader) kindOf(s *segment) Kind {
	if r.ifaceOurs {
		return r.ifaceKind
	}
	if r.facts.described {
		if k, ok := kindOf(r.facts.kind.value); ok {
			return k
		}
	}
	if s.proto == protoUDP {
		return Datagram
	}
	return Stream
}

// identify brings the flow's sockets up to date with a packet from end d. The
// comment knows better than the addresses, which stay as they were at
// the connection's first packet in the file.
func (r *Reader) identify(f *flow, d int, s *segment) {
	x := &r.facts
	from := socketKey{s.src.sk(), s.src.inode()}
	to := socketKey{s.dst.sk(), s.dst.inode()}
	if x.ours {
		from.sk = x.sk
		if x.inode != 0 {
			from.inode = x.inode
		}
		if x.peerSK != 0 {
			to.sk = x.peerSK
		}
		if x.peerInode != 0 {
			to.inode = x.peerInode
		}
	}
	r.setSocket(f, d, from)
	r.setSocket(f, 1-d, to)
	if x.described {
		a, b := f.sock[d], f.sock[1-d]
		r.describe(a, x.cookie, x.netns, &x.path)
		r.describe(b, x.peerCookie, x.peerNetNS, &x.peerPath)
	}
}

// setSocket makes the flow's end the socket with the given identity, which
// it mostly is already.
func (r *Reader) setSocket(f *flow, d int, id socketKey) {
	s := f.sock[d].socket()
	switch {
	case id.sk == 0:
		return
	case s != nil && s.SK == id.sk && (s.Inode == id.inode || id.inode == 0):
		return
	case s != nil && s.SK == id.sk && s.Inode == 0:
		// The socket has got its inode. If it is known by that already, that is
		// the one to use.
		if known, ok := r.sockets.get(id); ok {
			f.sock[d] = known
			return
		}
		r.sockets.remove(socketKey{sk: id.sk})
		accepted := *s
		accepted.Inode = id.inode
		f.sock[d].now = &accepted
		r.sockets.put(id, f.sock[d])
		return
	}
	// Of connected sockets without an inode there may be several with one address,
	// one after the other: their flow tells them apart.
	shared := id.inode != 0 || f.kind == Datagram
	if shared {
		if known, ok := r.sockets.get(id); ok {
			f.sock[d] = known
			return
		}
	}
	f.sock[d] = &socketRef{&Socket{SK: id.sk, Inode: id.inode, Kind: f.kind}}
	if shared {
		r.sockets.put(id, f.sock[d])
	}
}

// describe takes what a description says of a socket. The description may be
// older than what is known already, if packets have been reordered, so nothing is
// taken back.
func (r *Reader) describe(ref *socketRef, cookie, netns uint64, path *field) {
	if ref == nil {
		return
	}
	s := *ref.now
	if cookie != 0 {
		s.Cookie = cookie
	}
	if netns != 0 {
		s.NetNS = netns
	}
	if p := path.text(r.scratch); len(p) > 0 && s.Path != string(p) {
		s.Path = string(p)
	}
	if s != *ref.now {
		ref.now = &s
	}
}

// processes brings the flow's processes up to date with a packet from end d.
func (r *Reader) processes(f *flow, d int) {
	x, dir := &r.facts, &f.dir[d]
	if !x.ours {
		return
	}
	if x.described {
		dir.described = true
		dir.pid, dir.uid, dir.cgroup = x.pid, x.uid, x.cgroup
		comm := r.name(dir.peer.Comm, &x.peerComm)
		dir.origin = r.origin(x.comment, &ownOrigin, dir.origin)
		dir.peer = Process{
			PID: x.peerPID, TID: x.peerTID, UID: x.peerUID, Comm: comm, Cgroup: x.peerCgroup,
			Origin: r.origin(x.comment, &peerOrigin, dir.peer.Origin),
		}
	}
	p := &dir.sender
	p.Comm = r.name(p.Comm, &x.comm)
	p.PID, p.TID, p.UID, p.Cgroup, p.Origin = x.pid, x.tid, 0, 0, nil
	if dir.described && dir.pid == x.pid {
		p.UID, p.Cgroup, p.Origin = dir.uid, dir.cgroup, dir.origin
	}
}

// peerOf returns who holds the other end, as far as packets said so far.
func (f *flow) peerOf(d int) Process {
	if f.dir[d].described {
		return f.dir[d].peer
	}
	p := f.dir[1-d].sender // its description may have been cut away
	p.TID = 0
	return p
}

// name returns a field's text as a string: old, if it is that.
func (r *Reader) name(old string, f *field) string {
	t := f.value
	if f.quoted {
		r.scratch = f.text(r.scratch)
		t = r.scratch
	}
	if string(t) == old {
		return old
	}
	return string(t)
}
