package capture

import "time"

// facts are what a comment says. The names point into the comment.
type facts struct {
	comment   []byte // all of it
	line      int    // how much of it is the line about who sends, -1 if there is more than that and the event
	ours      bool   // the comment is one of the profile's: it has an sk
	described bool   // it has the description, which is complete: see appendDescription

	pid, tid, uid uint32
	inode         uint32
	sk            uint64
	cookie, netns uint64
	cgroup        uint64
	comm, path    field

	peerPID, peerTID, peerUID uint32
	peerInode                 uint32
	peerSK                    uint64
	peerCookie, peerNetNS     uint64
	peerCgroup                uint64
	peerComm, peerPath        field

	kind field
	event
}

// An event is what a comment says of the message alone, and not of who sends
// it.
type event struct {
	close     bool
	creds     bool
	synthetic bool

	hasOffset, hasLength, hasAt bool
	hasRead, hasAcked           bool

	err                field
	offset, length, at uint64
	lost, lostMessages uint64
	read, acked        uint64
	took               time.Duration
	fds                int
	fdTypes            FDTypes
}

// parse reads a comment. It takes any bytes.
func (x *facts) parse(comment []byte) {
	*x = facts{comment: comment}
	events := false
	for rest := comment; ; {
		f, next, ok := nextField(rest)
		if !ok {
			return
		}
		rest = next
		switch {
		case x.parseSender(&f):
			if x.line = len(comment) - len(rest); events {
				x.line = -1
			}
		case x.parse1(&f):
			events = true
		default:
			x.parseDescription(&f)
			x.line, events = -1, true
		}
	}
}

// parseOnly reads what is left of a comment whose line is known. It reports
// false if there is more than the event.
func (x *event) parseOnly(rest []byte) bool {
	*x = event{}
	if x.parseTook(rest) {
		return true
	}
	for {
		f, next, ok := nextField(rest)
		if !ok {
			return true
		}
		if !x.parse1(&f) {
			return false
		}
		rest = next
	}
}

func (x *facts) parseSender(f *field) bool {
	switch string(f.key) {
	case keyPID:
		x.pid = f.uint32()
	case keyTID:
		x.tid = f.uint32()
	case keyComm:
		x.comm = *f
	case keySK:
		x.sk = f.uint()
		x.ours = x.sk != 0
	case keyInode:
		x.inode = f.uint32()
	case keyPeerSK:
		x.peerSK = f.uint()
	case keyPeerInode:
		x.peerInode = f.uint32()
	default:
		return false
	}
	return true
}

// parseTook is the short way for what most comments end with, and reports
// whether there is no more than that.
func (x *event) parseTook(rest []byte) bool {
	const before, after = " " + keyTook + "=", "ns"
	if len(rest) <= len(before)+len(after) || string(rest[:len(before)]) != before || string(rest[len(rest)-len(after):]) != after {
		return false
	}
	digits := rest[len(before) : len(rest)-len(after)]
	if len(digits) > 18 { // 19 may be too many for 64 bits
		return false
	}
	n := int64(0)
	for _, c := range digits {
		if c < '0' || c > '9' {
			return false
		}
		n = n*10 + int64(c-'0')
	}
	x.took = time.Duration(n)
	return true
}

// parse1 reads one field. It reports false if it is not about the event.
func (x *event) parse1(f *field) bool {
	switch string(f.key) {
	case keyOffset:
		x.offset, x.hasOffset = f.uint(), true
	case keyLength:
		x.length, x.hasLength = f.uint(), true
	case keyAt:
		x.at, x.hasAt = f.uint(), true
	case keyTook:
		x.took = time.Duration(min(f.uint(), 1<<63-1))
	case keyFDs:
		x.fds = int(min(f.uint(), 1<<31-1))
	case keyFDTypes:
		x.fdTypes = parseFDTypes(f.value)
	case keyCreds:
		x.creds = true
	case keyError:
		x.err = *f
	case keyLost:
		x.lost = f.uint()
	case keyLostMessages:
		x.lostMessages = f.uint()
	case keyClose:
		x.close = true
	case keyRead:
		x.read, x.hasRead = f.uint(), true
	case keyAcked:
		x.acked, x.hasAcked = f.uint(), true
	case keySynthetic:
		x.synthetic = true
	default:
		return false
	}
	return true
}

func (x *facts) parseDescription(f *field) {
	switch string(f.key) {
	case keyKind:
		x.kind, x.described = *f, true
	case keyCookie:
		x.cookie = f.uint()
	case keyNetNS:
		x.netns = f.uint()
	case keyPath:
		x.path = *f
	case keyUID:
		x.uid = f.uint32()
	case keyCgroup:
		x.cgroup = f.uint()
	case keyPeerCookie:
		x.peerCookie = f.uint()
	case keyPeerNetNS:
		x.peerNetNS = f.uint()
	case keyPeerPath:
		x.peerPath = *f
	case keyPeerPID:
		x.peerPID = f.uint32()
	case keyPeerTID:
		x.peerTID = f.uint32()
	case keyPeerComm:
		x.peerComm = *f
	case keyPeerUID:
		x.peerUID = f.uint32()
	case keyPeerCgroup:
		x.peerCgroup = f.uint()
	}
}

// kindOf returns the kind a word stands for.
func kindOf(word []byte) (Kind, bool) {
	for k := Stream; k < kinds; k++ {
		if k.String() == string(word) {
			return k, true
		}
	}
	return Stream, false
}
