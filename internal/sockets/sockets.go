// Package sockets knows which UNIX sockets exist, who holds them, and who is at
// the other end.
package sockets

import (
	"cmp"
	"slices"
	"strings"

	"unixcap/bpf"
	"unixcap/internal/capture"

	"github.com/cilium/ebpf/btf"
	"golang.org/x/sys/unix"
)

// A State is a socket's, as the kernel names it in enum tcp_states.
type State uint8

const (
	Established State = 1
	Unconnected State = 7 // TCP_CLOSE
	Listening   State = 10
)

func (s State) String() string {
	switch s {
	case Established:
		return "connected"
	case Listening:
		return "listening"
	case Unconnected:
		return "unconnected"
	}
	return "unknown"
}

// A Socket is a UNIX socket that some process has a descriptor of.
type Socket struct {
	capture.Socket
	State   State
	Peer    *Socket // nil if there is none, or it has no holder
	PeerSK  uint64  // 0 if there is none
	Addr    uint64  // of the kernel's copy of its name, 0 if it has none
	PeerPID uint32  // who connected or listened, 0 if unknown
	// Holders are the processes, each once, by pid. The first is the oldest
	// and often not the one that uses the socket.
	Holders []capture.Process
}

// HeldBy reports whether a process has a descriptor of s.
func (s *Socket) HeldBy(pid uint32) bool {
	return slices.ContainsFunc(s.Holders, func(p capture.Process) bool { return p.PID == pid })
}

// Type returns the kernel's SOCK_* number.
func (s *Socket) Type() uint8 {
	switch s.Kind {
	case capture.Datagram:
		return unix.SOCK_DGRAM
	case capture.SeqPacket:
		return unix.SOCK_SEQPACKET
	}
	return unix.SOCK_STREAM
}

// List returns the sockets of all processes in all network namespaces, by path,
// then inode. types is nil, or bpf.Options.Types.
func List(types *btf.Spec) ([]*Socket, error) {
	holders, err := bpf.Holders(types)
	if err != nil {
		return nil, err
	}
	return group(holders), nil
}

// group makes one Socket of all the descriptors that refer to it.
func group(holders []bpf.Holder) []*Socket {
	bySK := make(map[uint64]*Socket, len(holders))
	list := make([]*Socket, 0, len(holders))
	for i := range holders {
		h := &holders[i]
		s := bySK[h.SK]
		if s == nil {
			s = &Socket{
				Socket: capture.Socket{
					SK: h.SK, Inode: h.Inode, Cookie: h.Cookie, NetNS: uint64(h.NetNS),
					Kind: Kind(h.Kind), Path: Path([]byte(h.Path)),
				},
				State: State(h.State), PeerSK: h.Peer, Addr: h.Addr, PeerPID: h.PeerPID,
			}
			bySK[h.SK] = s
			list = append(list, s)
		}
		if !s.HeldBy(h.PID) {
			s.Holders = append(s.Holders, capture.Process{PID: h.PID, Comm: unix.ByteSliceToString(h.Comm[:])})
		}
	}
	for _, s := range list {
		s.Peer = bySK[s.PeerSK]
	}
	slices.SortFunc(list, func(a, b *Socket) int {
		return cmp.Or(strings.Compare(a.Path, b.Path), cmp.Compare(a.Inode, b.Inode))
	})
	return list
}

// Path turns a sun_path into the name that ss and /proc/net/unix show: an
// abstract name's NULs become @.
func Path(sun []byte) string {
	if len(sun) == 0 || sun[0] != 0 {
		return string(sun)
	}
	return strings.ReplaceAll(string(sun), "\x00", "@")
}

// Kind turns the kernel's SOCK_* number into a capture.Kind.
func Kind(sockType uint8) capture.Kind {
	switch sockType {
	case unix.SOCK_DGRAM:
		return capture.Datagram
	case unix.SOCK_SEQPACKET:
		return capture.SeqPacket
	}
	return capture.Stream
}
