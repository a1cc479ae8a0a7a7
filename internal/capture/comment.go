package capture

import "time"

// Limits of names in comments: an option of pcapng has at most 65,535 bytes, and
// escapes make four of one.
const (
	maxPath  = 4096 // PATH_MAX
	maxComm  = 64   // TASK_COMM_LEN is 16, of kernel threads' full names 64
	maxError = 64
)

// describeEvery is how often a busy connection's description is repeated, so that
// a piece cut out of the middle of a file has it.
const describeEvery = 10 * time.Second

// The keys of a comment. docs/format.md explains them.
const (
	keyPID    = "pid"
	keyTID    = "tid"
	keyComm   = "comm"
	keySK     = "sk"
	keyInode  = "inode"
	keyCookie = "cookie"
	keyNetNS  = "netns"
	keyPath   = "path"
	keyUID    = "uid"
	keyCgroup = "cgroup"
	keyKind   = "kind"

	keyExe           = "exe"
	keyCgroupPath    = "cgroup_path"
	keyContainer     = "container"
	keyContainerName = "container_name"

	keyPeerSK     = "peer_sk"
	keyPeerInode  = "peer_inode"
	keyPeerCookie = "peer_cookie"
	keyPeerNetNS  = "peer_netns"
	keyPeerPath   = "peer_path"
	keyPeerPID    = "peer_pid"
	keyPeerTID    = "peer_tid"
	keyPeerComm   = "peer_comm"
	keyPeerUID    = "peer_uid"
	keyPeerCgroup = "peer_cgroup"

	keyPeerExe           = "peer_exe"
	keyPeerCgroupPath    = "peer_cgroup_path"
	keyPeerContainer     = "peer_container"
	keyPeerContainerName = "peer_container_name"

	keyLost         = "lost"
	keyLostMessages = "lost_messages"
	keyOffset       = "offset"
	keyLength       = "length"
	keyAt           = "at"
	keyTook         = "took"
	keyFDs          = "fds"
	keyFDTypes      = "fd_types"
	keyCreds        = "creds"
	keyError        = "error"
	keyClose        = "close"
	keyRead         = "read"
	keyAcked        = "acked"
	keySynthetic    = "synthetic"
)

// line returns the beginning of the comment of every packet from end i: who
// sends, on which socket, and of the two sockets' identities what the addresses
// do not show. It is made anew only when something in it changes.
func (c *connection) line(i int, p *Process) []byte {
	e, peer := &c.end[i], &c.end[1-i]
	t := &e.told
	if len(t.line) > 0 && t.lineVersion == c.version && t.lineProc == *p {
		return t.line
	}
	b := t.line[:0]
	if p.PID != 0 {
		b = appendUint(b, keyPID, uint64(p.PID))
	}
	if p.TID != 0 {
		b = appendUint(b, keyTID, uint64(p.TID))
	}
	if p.Comm != "" {
		b = appendName(b, keyComm, p.Comm, maxComm)
	}
	b = appendHex(b, keySK, e.sock.SK)
	if e.addr.inode() != e.sock.Inode {
		b = appendUint(b, keyInode, uint64(e.sock.Inode))
	}
	if peer.addr.sk() != peer.sock.SK {
		b = appendHex(b, keyPeerSK, peer.sock.SK)
	}
	if peer.addr.inode() != peer.sock.Inode {
		b = appendUint(b, keyPeerInode, uint64(peer.sock.Inode))
	}
	t.line, t.lineVersion, t.lineProc = b, c.version, *p
	return b
}

// mustDescribe reports whether a packet from end i has to carry the description:
// the first one in a file, the first one after something in it changed, and one
// every so often.
func (c *connection) mustDescribe(i int, at int64) bool {
	t := &c.end[i].told
	return !t.yes || t.version != c.version ||
		t.sender != described(c.end[i].sender) || t.peer != c.end[1-i].holder ||
		at-t.at >= int64(describeEvery)
}

// described is the part of a sender that only descriptions say.
func described(p Process) Process {
	return Process{PID: p.PID, UID: p.UID, Cgroup: p.Cgroup, Origin: p.Origin}
}

// noteDescribed notes that a packet from end i had the description.
func (c *connection) noteDescribed(i int, at int64) {
	t := &c.end[i].told
	t.yes, t.at, t.version = true, at, c.version
	t.sender, t.peer = described(c.end[i].sender), c.end[1-i].holder
}

// appendDescription appends all that is known of both ends as end i sees them.
// It is complete: what it does not say is not known. kind is always in it.
func (c *connection) appendDescription(b []byte, i int) []byte {
	e, peer := &c.end[i], &c.end[1-i]
	p := e.process()
	b = append(append(appendKey(b, keyKind), '='), c.kind.String()...)
	if e.sock.Inode != 0 && e.addr.inode() == e.sock.Inode {
		b = appendUint(b, keyInode, uint64(e.sock.Inode))
	}
	b = appendSocket(b, &e.sock, keyCookie, keyNetNS, keyPath)
	if p.PID != 0 || p.UID != 0 {
		b = appendUint(b, keyUID, uint64(p.UID))
	}
	if p.Cgroup != 0 {
		b = appendUint(b, keyCgroup, p.Cgroup)
	}
	b = p.Origin.append(b, &ownOrigin)
	if peer.sock.Known() {
		if peer.addr.sk() == peer.sock.SK {
			b = appendHex(b, keyPeerSK, peer.sock.SK)
		}
		if peer.sock.Inode != 0 && peer.addr.inode() == peer.sock.Inode {
			b = appendUint(b, keyPeerInode, uint64(peer.sock.Inode))
		}
		b = appendSocket(b, &peer.sock, keyPeerCookie, keyPeerNetNS, keyPeerPath)
	}
	p = &peer.holder
	if p.PID != 0 {
		b = appendUint(b, keyPeerPID, uint64(p.PID))
	}
	if p.TID != 0 {
		b = appendUint(b, keyPeerTID, uint64(p.TID))
	}
	if p.Comm != "" {
		b = appendName(b, keyPeerComm, p.Comm, maxComm)
	}
	if p.PID != 0 || p.UID != 0 {
		b = appendUint(b, keyPeerUID, uint64(p.UID))
	}
	if p.Cgroup != 0 {
		b = appendUint(b, keyPeerCgroup, p.Cgroup)
	}
	return p.Origin.append(b, &peerOrigin)
}

func appendSocket(b []byte, s *Socket, cookie, netns, path string) []byte {
	if s.Cookie != 0 {
		b = appendUint(b, cookie, s.Cookie)
	}
	if s.NetNS != 0 {
		b = appendUint(b, netns, s.NetNS)
	}
	if s.Path != "" {
		b = appendName(b, path, s.Path, maxPath)
	}
	return b
}

// appendEvent appends what a message has besides its bytes. seq is the
// sequence number of its first byte.
func appendEvent(b []byte, m *Message, seq uint32) []byte {
	switch {
	case m.From.Kind == Stream:
		if m.Offset != uint64(seq-1) {
			b = appendUint(b, keyOffset, m.Offset)
		}
	case m.Offset != 0:
		b = appendUint(b, keyOffset, m.Offset)
	}
	if m.Took > 0 {
		b = append(appendUint(b, keyTook, uint64(m.Took)), "ns"...)
	}
	if m.FDs > 0 {
		b = appendUint(b, keyFDs, uint64(m.FDs))
		b = m.FDTypes.Append(append(appendKey(b, keyFDTypes), '='), m.FDs)
	}
	if m.Creds {
		b = appendKey(b, keyCreds)
	}
	if m.Error != "" {
		b = appendName(b, keyError, m.Error, maxError)
	}
	if m.Op == Close {
		b = appendKey(b, keyClose)
	}
	return b
}

// appendLoss appends what was lost before a message.
func appendLoss(b []byte, m *Message) []byte {
	if m.LostBytes > 0 {
		b = appendUint(b, keyLost, m.LostBytes)
	}
	if m.LostMessages > 0 {
		b = appendUint(b, keyLostMessages, m.LostMessages)
	}
	return b
}
