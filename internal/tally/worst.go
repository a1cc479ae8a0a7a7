package tally

import (
	"cmp"
	"slices"

	"unixcap/internal/capture"
)

// A Socket lost messages, or some of their bytes.
type Socket struct {
	SK             uint64
	Inode          uint32
	Path, PeerPath string
	Process, Peer  capture.Process // who sent last, and who is at the other end
	Lost           Count
}

// worstMax bounds the sockets whose losses are known one by one. Beyond it, those
// that lost least are forgotten: what they lost is in the totals only.
const worstMax = 1024

// worstShown is how many of them a Snapshot has.
const worstShown = 10

type socketKey struct {
	sk    uint64
	inode uint32
}

// A worst is a table of the sockets that lost most.
type worst struct {
	sockets map[socketKey]*Socket
	unknown int // of which only the address is known
}

func (w *worst) at(key socketKey) *Socket {
	s := w.sockets[key]
	if s == nil {
		if w.sockets == nil {
			w.sockets = make(map[socketKey]*Socket)
		}
		if len(w.sockets) >= worstMax {
			w.forget()
		}
		s = &Socket{SK: key.sk, Inode: key.inode}
		w.sockets[key] = s
		w.unknown++
	}
	return s
}

// add counts what a socket lost of which a message tells.
func (w *worst) add(m *capture.Message, n Count) {
	key := socketKey{m.From.SK, m.From.Inode}
	s := w.at(key)
	s.Lost = s.Lost.plus(n)
	w.describe(s, m)
}

// addUnseen counts what a socket lost that is known by its address.
func (w *worst) addUnseen(sk uint64, inode uint32, n Count) {
	s := w.at(socketKey{sk, inode})
	s.Lost = s.Lost.plus(n)
}

// meet describes the sender of a message if it lost something.
func (w *worst) meet(m *capture.Message) {
	if w.unknown == 0 {
		return
	}
	if s := w.sockets[socketKey{m.From.SK, m.From.Inode}]; s != nil && s.Process.PID == 0 {
		w.describe(s, m)
	}
}

func (w *worst) describe(s *Socket, m *capture.Message) {
	if s.Process.PID == 0 && m.Sender.PID != 0 {
		w.unknown--
	}
	s.Process, s.Peer, s.Path = m.Sender, m.Peer, m.From.Path
	if m.To != nil {
		s.PeerPath = m.To.Path
	}
}

// most returns the sockets that lost most.
func (w *worst) most(n int) []Socket {
	all := w.sorted()
	list := make([]Socket, min(n, len(all)))
	for i := range list {
		list[i] = *all[i]
	}
	return list
}

func (w *worst) sorted() []*Socket {
	all := make([]*Socket, 0, len(w.sockets))
	for _, s := range w.sockets {
		all = append(all, s)
	}
	slices.SortFunc(all, func(a, b *Socket) int {
		return cmp.Or(cmp.Compare(b.Lost.Bytes, a.Lost.Bytes), cmp.Compare(b.Lost.Messages, a.Lost.Messages),
			cmp.Compare(a.SK, b.SK), cmp.Compare(a.Inode, b.Inode))
	})
	return all
}

// forget makes room by forgetting the half that lost least.
func (w *worst) forget() {
	for _, s := range w.sorted()[len(w.sockets)/2:] {
		if s.Process.PID == 0 {
			w.unknown--
		}
		delete(w.sockets, socketKey{s.SK, s.Inode})
	}
}
