package recorder

import (
	"cmp"
	"slices"

	"unixcap/bpf"
	"unixcap/internal/capture"
	"unixcap/internal/sockets"

	"golang.org/x/sys/unix"
)

// tableMax bounds the sockets remembered, at about 400 bytes each. Beyond it
// the quarter that was silent for longest is forgotten, with its paths and the
// losses just before it speaks again.
const tableMax = 1 << 18

// A socket is what the recorder knows of one.
type socket struct {
	capture.Socket // as the files show it: fixed once written

	inode   uint32 // as the kernel has it now, even if it was written without
	peer    *socket
	process capture.Process  // who last used it, or is believed to hold it
	guessed bool             // process is not from an event, and /proc did not tell more yet
	who     *sockets.Inquiry // about process, nil if it is not asked for yet
	written bool
	closed  bool
	used    uint64 // time of the last event, for forgetting
	watched bool   // the kernel side remembers it: it acted since it is watched
	listed  uint32 // the table's round in which it was listed last

	old bool // it may have sent before it was watched

	// What the next message of an unbroken recording has.
	offset uint64
	seq    uint32
	begun  uint32 // seq+1 of the message that came last, whole or in part
	exit   uint64 // when the last message had been sent

	// Of what its peer sent: see acked.
	unseen  int64  // bytes that were received and not sent while it was watched
	seesAll bool   // unseen is known
	read    uint64 // the greatest so far
}

// acked returns how much of what the peer sent while it was watched s has
// received, when the kernel says that it received so much since s is watched. It
// is not known for a connection of before, of which something may have been on
// its way, until s has received all there is while the peer was not sending.
func (s *socket) acked(received, at uint64, emptied bool) (n uint64, ok bool) {
	p := s.peer
	if !s.seesAll && !p.old {
		s.seesAll = true // nothing was sent before
	}
	if emptied && p.exit < at {
		s.seesAll, s.unseen = true, int64(received-p.offset)
	}
	if !s.seesAll || int64(received) < s.unseen {
		return 0, false
	}
	// A message that is lost can be received before it is known.
	s.read = max(s.read, min(received-uint64(s.unseen), p.offset))
	return s.read, true
}

// account sets what m's socket lost before it and moves on. A message of which a
// part was lost can be late; then the next one has told of it already.
func (s *socket) account(m *capture.Message, seq uint32, exit uint64) {
	if int32(seq-s.seq) < 0 {
		return
	}
	if m.Offset > s.offset {
		m.LostBytes = m.Offset - s.offset
	}
	m.LostMessages = uint64(seq - s.seq)
	s.offset = m.Offset + m.Length
	s.seq = seq + 1
	s.exit = exit
}

// A table finds the socket that an event speaks of. Kernel addresses are used
// again, so an address with another inode is another socket.
type table struct {
	bySK map[uint64]*socket
	// replaced are those whose address is another's, and so are closed.
	replaced []*socket
	// round counts the lists of living sockets; listing says that one is being
	// made, partial that it lacks sockets that no descriptor refers to.
	round     uint32
	listing   bool
	partial   bool
	inspector *sockets.Inspector
	asked     map[uint32]*sockets.Inquiry // by pid, the last
	hold      hold
	// forgot says that sockets were forgotten, which go on counting.
	forgot bool
}

func newTable(list []*sockets.Socket) *table {
	t := &table{
		bySK:      make(map[uint64]*socket, len(list)),
		inspector: sockets.NewInspector("/"),
		asked:     make(map[uint32]*sockets.Inquiry),
		hold:      hold{limit: holdLimit},
	}
	for _, l := range list {
		s := &socket{Socket: l.Socket, inode: l.Inode, old: true}
		if len(l.Holders) > 0 {
			s.process = l.Holders[0]
			s.guessed = true
		}
		t.bySK[l.SK] = s
	}
	for _, l := range list {
		t.bySK[l.SK].peer = t.bySK[l.PeerSK]
	}
	return t
}

// socket returns the socket at an address. inode is 0 for a socket that was
// not accepted yet; such a one is known by the socket that connected to it, at
// peer, since its address may be another's soon without a word of its end.
func (t *table) socket(sk uint64, inode uint32, peer uint64, kind capture.Kind) *socket {
	s := t.bySK[sk]
	switch {
	case s == nil || s.closed,
		s.inode != 0 && s.inode != inode,
		s.inode == 0 && s.peer != nil && s.peer.SK != peer:
		if s != nil && !s.closed && s.watched {
			t.replaced = append(t.replaced, s)
		}
		if len(t.bySK) >= tableMax {
			t.forget()
		}
		s = &socket{Socket: capture.Socket{SK: sk, Inode: inode, Kind: kind}, inode: inode, old: t.forgot}
		t.bySK[sk] = s
	default:
		s.accept(inode)
	}
	return s
}

// accept notes the inode of a socket that had none before.
func (s *socket) accept(inode uint32) {
	if s.inode != 0 {
		return
	}
	s.inode = inode
	if !s.written {
		s.Inode = inode
	}
}

// peerOf returns the socket at the other end of s. The kernel shows no inode of
// a peer that is not accepted yet, nor of one that is closed already.
func (t *table) peerOf(s *socket, sk uint64, inode uint32, kind capture.Kind) *socket {
	if sk == 0 {
		return nil
	}
	if p := s.peer; p != nil && p.SK == sk && (inode == 0 || inode == p.inode || p.inode == 0) {
		p.accept(inode)
		return p
	}
	if p := t.bySK[sk]; p != nil && p.inode == 0 && p.peer != nil && p.peer != s {
		delete(t.bySK, sk) // another's, at an address that s's peer has now
	}
	p := t.socket(sk, inode, s.SK, kind)
	if kind != capture.Datagram { // connected for good, both ways
		s.peer = p
		p.peer = s
	}
	return p
}

// ends returns both ends of a sent message.
func (t *table) ends(e *bpf.Event) (from, to *socket) {
	kind := sockets.Kind(e.Kind)
	from = t.socket(e.SK, e.Inode, e.Peer, kind)
	if from.used == 0 && t.forgot { // what it sent before is not lost
		from.offset, from.seq = e.Offset, e.Seq
	}
	from.used = e.Exit
	t.act(from)
	from.Kind = kind
	from.setProcess(e)
	to = t.peerOf(from, e.Peer, e.PeerInode, kind)
	if from.who == nil || to != nil && to.who == nil && to.process.PID != 0 {
		t.identifyEnds(e, from, to)
	}
	return from, to
}

// receiver returns both ends of what was received, the receiver first.
func (t *table) receiver(e *bpf.Event) (s, from *socket) {
	kind := sockets.Kind(e.Kind)
	if s = t.halfClosed(e); s == nil {
		s = t.socket(e.SK, e.Inode, e.Peer, kind)
	}
	t.act(s)
	s.setProcess(e)
	from = t.peerOf(s, e.Peer, e.PeerInode, kind)
	if s.who == nil {
		t.identifyEnds(e, s, from)
	}
	return s, from
}

// halfClosed returns the socket that an event is of if that will send no more but
// goes on receiving; else nil.
func (t *table) halfClosed(e *bpf.Event) *socket {
	if t.bySK[e.SK] != nil {
		return nil
	}
	if p := t.bySK[e.Peer]; p != nil && p.peer != nil && p.peer.SK == e.SK && p.peer.inode == e.Inode {
		return p.peer
	}
	return nil
}

func (s *socket) setProcess(e *bpf.Event) {
	name := e.Comm[:]
	if i := slices.Index(name, 0); i >= 0 {
		name = name[:i]
	}
	if string(name) != s.process.Comm { // the usual case costs no new string
		s.process.Comm = string(name)
		if e.TID == e.PID {
			s.who = nil // it may be another program now
		}
	}
	if s.who != nil && !(e.PID == s.process.PID && e.Cgroup == s.process.Cgroup) && !s.who.IsOf(e.PID, e.Cgroup) {
		s.who = nil
	}
	s.process.PID, s.process.TID, s.process.UID = e.PID, e.TID, e.UID
	s.process.Cgroup = e.Cgroup
	s.guessed = false
}

// describe takes in what the kernel says of a socket.
func (t *table) describe(e *bpf.Event) {
	kind := sockets.Kind(e.Kind)
	s := t.socket(e.SK, e.Inode, e.Peer, kind)
	t.act(s)
	s.Kind, s.Cookie, s.NetNS = kind, e.Cookie, uint64(e.NetNS)
	s.Path = sockets.Path(e.Path)
	if e.PID != 0 {
		s.setProcess(e)
		t.identifyHolder(s)
	}
	p := t.peerOf(s, e.Peer, e.PeerInode, kind)
	if p == nil {
		return
	}
	if p.Path == "" {
		p.Path = sockets.Path(e.PeerPath)
	}
	if p.NetNS == 0 {
		p.NetNS = uint64(e.NetNS)
	}
	if p.process.PID == 0 && e.PeerPID != 0 {
		p.process.PID = e.PeerPID
		p.guessed = true
	}
}

// close returns the socket that an event says is closed, nil if nothing was
// recorded of it or its end is known already.
func (t *table) close(e *bpf.Event) *socket {
	s := t.bySK[e.SK]
	if s == nil || s.closed || e.Inode != 0 && s.inode != 0 && e.Inode != s.inode {
		return nil
	}
	delete(t.bySK, e.SK)
	if !s.end() {
		return nil
	}
	return s
}

// end closes a socket, and reports whether that is worth telling.
func (s *socket) end() bool {
	s.closed = true
	// A datagram socket has no connection that could end.
	return s.Kind != capture.Datagram && (s.used > 0 || s.peer != nil && s.peer.used > 0)
}

// list begins another round of listing the sockets that exist.
func (t *table) list() {
	t.round++
	t.listing = true
}

// living notes that a socket exists.
func (t *table) living(sk uint64, inode uint32) {
	if s := t.bySK[sk]; s != nil && (s.inode == inode || s.inode == 0 || inode == 0) {
		s.listed = t.round
	}
}

// gone ends the round and returns the sockets that are watched and do not exist,
// as far as the list tells.
func (t *table) gone() (list []*socket) {
	if !t.listing {
		return nil
	}
	t.listing = false
	for _, s := range t.bySK {
		if s.watched && s.listed != t.round && (s.inode != 0 || !t.partial) {
			list = append(list, s)
		}
	}
	return list
}

// act notes that s did something: the kernel side remembers it from now on, and
// it existed not long ago.
func (t *table) act(s *socket) {
	s.watched = true
	s.listed = t.round
}

func (t *table) forget() {
	t.forgot = true
	all := make([]*socket, 0, len(t.bySK))
	for _, s := range t.bySK {
		all = append(all, s)
	}
	slices.SortFunc(all, func(a, b *socket) int { return cmp.Compare(a.used, b.used) })
	for _, s := range all[:len(all)/4] {
		delete(t.bySK, s.SK)
	}
}

// errnoName returns the name that a packet's comment has for a failed send.
func errnoName(ret int32) string {
	if name := unix.ErrnoName(unix.Errno(-ret)); name != "" {
		return name
	}
	return "E" // a number without a name is a kernel's own, such as ERESTARTSYS
}
