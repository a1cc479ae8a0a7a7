package stream

import (
	"unixcap/decoders"
	"unixcap/internal/capture"
)

// Unknown is the protocol's name when no decoder knows the bytes.
const Unknown = "unknown"

// A Peer is one of the two ends of a flow.
type Peer struct {
	Socket capture.Socket
	// Process is who held this end last: who sent, or before anything was
	// sent, who the recorder says holds it. A server that hands connections
	// to its children shows the child.
	Process capture.Process

	Bytes    int64 // as the kernel accepted them, whether or not they are in the capture
	Messages int64
	Failed   int64 // sends that failed
	FDs      int64 // file descriptors passed along

	LostBytes    int64 // sent, but not in the capture at all
	LostMessages int64 // as counted by the recorder
	CutBytes     int64 // of messages that are in the capture in part
	Repeated     int64 // bytes that the capture has more than once; used once

	Closed bool

	sent  bool            // Process comes from a send
	noted *capture.Socket // that Socket comes from
	seq   sequence
}

// A Flow is one conversation: what two sockets say to each other.
type Flow struct {
	// ID is the same in every run over the same recording.
	ID   string
	Kind capture.Kind
	// Proto is the protocol's name, Unknown, or "" while that is undecided.
	Proto string
	// Content says what a conversation of unknown protocol looks like, once it
	// has ended.
	Content string
	// Protocol is what decodes it, nil as long as nothing does.
	Protocol *decoders.Protocol
	// Ends is indexed by decoders.End. Until the protocol is known, which
	// end is the server may still change.
	Ends [2]Peer

	First, Last decoders.Time
	Packet      uint64 // of the first message
	Middle      bool   // the capture begins in the middle of the conversation
	Evicted     bool   // given up because too many others were open

	Exchanges  int64
	Errors     int64
	Unanswered int64

	port   uint16 // the service's, 0 if it has none
	opened bool   // network traffic: the capture has it from its first packet on
	line   line
}

// Path is the name that the server is bound to, or failing that the client.
func (f *Flow) Path() string {
	if p := f.Ends[decoders.Server].Socket.Path; p != "" {
		return p
	}
	return f.Ends[decoders.Client].Socket.Path
}

// network reports whether the flow is of network traffic, and not of UNIX sockets.
func (f *Flow) network() bool { return f.Ends[0].Socket.Conn != nil }

// Decided reports whether the flow's protocol is settled.
func (f *Flow) Decided() bool { return f.Proto != "" }

// Messages is how many messages both ends sent.
func (f *Flow) Messages() int64 { return f.Ends[0].Messages + f.Ends[1].Messages }

// note takes over what a message says about the two ends and who holds them.
func (f *Flow) note(from decoders.End, m *capture.Message) {
	a, b := &f.Ends[from], &f.Ends[from.Other()]
	if m.From != a.noted || m.To != b.noted { // a message's Socket does not change
		learnSocket(&a.Socket, m.From)
		learnSocket(&b.Socket, m.To)
		a.noted, b.noted = m.From, m.To
	}
	if m.Sender.PID != 0 && !(a.sent && a.Process == m.Sender) {
		learnProcess(&a.Process, &m.Sender)
		a.sent = true
	}
	if m.Peer.PID != 0 && !b.sent {
		learnProcess(&b.Process, &m.Peer)
	}
}

// count adds a message to the flow's statistics.
func (f *Flow) count(from decoders.End, at decoders.Time, m *capture.Message) {
	if f.First.IsZero() {
		f.First, f.Packet = at, m.Packet
	}
	f.Last = max(f.Last, at)
	p := &f.Ends[from]
	p.LostMessages += int64(m.LostMessages)
	if m.Op != capture.Send {
		return
	}
	if m.Error != "" {
		p.Failed++
		return
	}
	p.Messages++
	p.Bytes += int64(m.Length)
	p.FDs += int64(m.FDs)
}

// learnSocket fills in what was not known of a socket before.
func learnSocket(s, from *capture.Socket) {
	if !from.Known() {
		return
	}
	if !s.Known() {
		*s = *from
		return
	}
	if s.Inode == 0 {
		s.Inode = from.Inode
	}
	if s.Cookie == 0 {
		s.Cookie = from.Cookie
	}
	if s.NetNS == 0 {
		s.NetNS = from.NetNS
	}
	if s.Path == "" {
		s.Path = from.Path
	}
}

// learnProcess replaces p, but keeps what the new word of the same process
// leaves out.
func learnProcess(p, from *capture.Process) {
	old := *p
	*p = *from
	if old.PID != from.PID {
		return
	}
	if p.Comm == "" {
		p.Comm = old.Comm
	}
	if p.UID == 0 {
		p.UID = old.UID
	}
	if p.Cgroup == 0 {
		p.Cgroup = old.Cgroup
	}
	if p.Origin == nil {
		p.Origin = old.Origin
	}
}
