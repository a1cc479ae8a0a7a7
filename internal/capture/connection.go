package capture

// An end is what a Writer knows of one end of a connection. What it said in
// the current file is in the second half.
type end struct {
	sock   Socket  // all that was learnt of it
	sender Process // who sent last on it
	holder Process // who holds it, as the other end's messages say

	next   uint64 // offset after the last byte it sent
	known  bool   // next is; otherwise the end has not sent yet
	closed bool
	read   uint64 // how much of what the other end sent it received

	addr  address
	port  uint16
	seq   uint32 // of its next byte
	isn   uint32 // sequence number of its last SYN
	fin   bool   // seq counts a FIN
	unack int    // its packets since the other end last acknowledged
	acked uint32 // sequence number of the other end it acknowledged last
	told  told
}

// told is what the packets of one end have said in this file.
type told struct {
	yes         bool
	at          int64 // when, Unix ns
	version     uint32
	sender      Process // without TID and Comm, which every packet says
	peer        Process
	line        []byte // the beginning of every comment, see line
	lineProc    Process
	lineVersion uint32
	process     processRef // blocks of sender and peer
	peerProcess processRef
}

// A connection is two sockets that talk to each other. Datagram sockets
// without a connection have one for each socket they send to.
type connection struct {
	kind    Kind
	end     [2]end
	server  int    // which end
	version uint32 // counts what was learnt of the sockets
	sum     uint64 // of both addresses, for checksums
	file    uint32 // the file in which it last had a packet
	base    uint32 // where sequence numbers begin, besides the offset
	last    int    // which end sent last, -1 at first
	resync  bool   // begin again at the server's next request; see Writer.resync

	key          pairKey
	newer, older *connection
}

// A pairKey names two datagram sockets, in either order.
type pairKey struct {
	sk    [2]uint64
	inode [2]uint32
}

func pairOf(from, to *Socket) (k pairKey) {
	k.sk[0], k.inode[0] = from.SK, from.Inode
	if to.Known() {
		k.sk[1], k.inode[1] = to.SK, to.Inode
	}
	if k.sk[0] > k.sk[1] || k.sk[0] == k.sk[1] && k.inode[0] > k.inode[1] {
		k.sk[0], k.sk[1] = k.sk[1], k.sk[0]
		k.inode[0], k.inode[1] = k.inode[1], k.inode[0]
	}
	return k
}

// sameSocket reports whether two descriptions can be of one socket. An inode is
// unknown before accept and after close.
func sameSocket(a, b *Socket) bool {
	return a.SK == b.SK &&
		(a.Inode == b.Inode || a.Inode == 0 || b.Inode == 0) &&
		(a.Cookie == b.Cookie || a.Cookie == 0 || b.Cookie == 0)
}

// A table holds the connections, the least recently used of which it gives up
// when there are too many. Connected sockets have one peer and are found by their
// address, datagram sockets by the pair.
type table struct {
	limit          int
	count          int
	evicted        uint32 // how many connections were given up for others
	bySK           map[uint64]*connection
	byPair         map[pairKey]*connection
	newest, oldest *connection
}

func newTable(limit int) table {
	return table{limit: limit, bySK: map[uint64]*connection{}, byPair: map[pairKey]*connection{}}
}

// find returns the connection of a message and which of its ends sends. If there
// is none, or the addresses now are those of other sockets, it makes a new one;
// but for the end of one that is not known any more it returns nil.
func (t *table) find(m *Message) (*connection, int) {
	if m.From.Kind == Datagram {
		return t.findPair(m)
	}
	if c := t.bySK[m.From.SK]; m.Op == Close && (c == nil || !c.isOf(c.endOf(m), m)) {
		return nil, 0
	}
	c, old := t.bySK[m.From.SK], (*connection)(nil)
	if c != nil {
		if i := c.endOf(m); c.isOf(i, m) {
			t.touch(c)
			return c, i
		}
		t.drop(c)
		old = c
	}
	if m.To.Known() {
		if other := t.bySK[m.To.SK]; other != nil {
			t.drop(other)
			old = other
		}
	}
	c = t.add(m)
	c.inherit(old)
	t.bySK[m.From.SK] = c
	if m.To.Known() {
		t.bySK[m.To.SK] = c
	}
	return c, 0
}

// endOf returns which end of a connection sends.
func (c *connection) endOf(m *Message) int {
	if c.end[0].sock.SK == m.From.SK {
		return 0
	}
	return 1
}

func (t *table) findPair(m *Message) (*connection, int) {
	key := pairOf(m.From, m.To)
	c := t.byPair[key]
	if c != nil {
		i := 0
		if c.end[0].sock.SK != m.From.SK || c.end[0].sock.Inode != m.From.Inode {
			i = 1
		}
		if c.isOf(i, m) {
			t.touch(c)
			return c, i
		}
		t.drop(c)
	}
	c = t.add(m)
	c.key = key
	t.byPair[key] = c
	return c, 0
}

// isOf reports whether the message is one of the connection's, from end i. A
// peer that was unknown and no longer is makes another connection: its address
// shows in every packet.
func (c *connection) isOf(i int, m *Message) bool {
	if c.kind != m.From.Kind || !sameSocket(&c.end[i].sock, m.From) {
		return false
	}
	if c.end[i].closed && m.Op == Send && m.Error == "" {
		return false
	}
	return !m.To.Known() || sameSocket(&c.end[1-i].sock, m.To)
}

// inherit takes over where the sockets' streams stood in a connection of theirs
// that had to be given up.
func (c *connection) inherit(old *connection) {
	if old == nil {
		return
	}
	c.base = old.base + newEpoch
	for i := range c.end {
		for j := range old.end {
			e, o := &c.end[i], &old.end[j]
			if e.sock.Known() && !o.closed && sameSocket(&e.sock, &o.sock) {
				e.next, e.known = o.next, o.known
			}
		}
	}
}

// add makes a connection for the two sockets of a message, the sender first.
func (t *table) add(m *Message) *connection {
	if t.count >= t.limit {
		t.drop(t.oldest)
		t.evicted++
	}
	// One that was given up and returns has its old addresses and ports, and must
	// not have its old sequence numbers.
	c := &connection{kind: m.From.Kind, last: -1, base: t.evicted * 0x10001}
	c.end[0].sock = *m.From
	if m.To.Known() {
		c.end[1].sock = *m.To
	}
	t.count++
	t.link(c)
	return c
}

func (t *table) touch(c *connection) {
	if c != t.newest {
		t.unlink(c)
		t.link(c)
	}
}

func (t *table) link(c *connection) {
	c.newer, c.older = nil, t.newest
	if t.newest != nil {
		t.newest.newer = c
	} else {
		t.oldest = c
	}
	t.newest = c
}

func (t *table) unlink(c *connection) {
	if c.newer != nil {
		c.newer.older = c.older
	} else {
		t.newest = c.older
	}
	if c.older != nil {
		c.older.newer = c.newer
	} else {
		t.oldest = c.newer
	}
}

// drop forgets a connection.
func (t *table) drop(c *connection) {
	t.unlink(c)
	t.count--
	if c.kind == Datagram {
		delete(t.byPair, c.key)
		return
	}
	for i := range c.end {
		if sk := c.end[i].sock.SK; t.bySK[sk] == c {
			delete(t.bySK, sk)
		}
	}
}

// learn takes what a message knows of its two ends. i is the sender's.
func (c *connection) learn(i int, m *Message) {
	from, to := &c.end[i], &c.end[1-i]
	if from.sock != *m.From && from.sock.learn(m.From) {
		c.version++
	}
	if m.To.Known() && to.sock != *m.To && to.sock.learn(m.To) {
		c.version++
	}
	from.sender = m.Sender
	if from.holder.PID == 0 {
		from.holder = m.Sender
		from.holder.TID = 0
	}
	if m.Peer != (Process{}) {
		to.holder = m.Peer
	}
}

// receive takes in how much end i received, and reports whether that is more
// than before.
func (c *connection) receive(i int, m *Message) bool {
	e := &c.end[i]
	if m.Acked <= e.read {
		return false
	}
	e.read = m.Acked
	return true
}

// unread is how many bytes of what e sent since its last SYN the other end has
// not received.
func (e *end) unread(other *end) uint32 {
	if other.read >= e.next {
		return 0
	}
	n := e.seq - (e.isn + 1)
	if e.fin {
		n--
	}
	return uint32(min(e.next-other.read, uint64(n)))
}

// process is who to name for a packet of the end that nobody sent.
func (e *end) process() *Process {
	if e.sender.PID != 0 {
		return &e.sender
	}
	return &e.holder
}

// learn adds what n knows and s does not know, or has otherwise, and reports
// whether there was any.
func (s *Socket) learn(n *Socket) bool {
	old := *s
	if n.Inode != 0 {
		s.Inode = n.Inode
	}
	if n.Cookie != 0 {
		s.Cookie = n.Cookie
	}
	if n.NetNS != 0 {
		s.NetNS = n.NetNS
	}
	if n.Path != "" {
		s.Path = n.Path
	}
	return *s != old
}
