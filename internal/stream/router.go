package stream

import "unixcap/internal/capture"

const (
	// lanes is over how many engines conversations are spread. It does not
	// depend on the number of cores, so that nothing that is found does: not which
	// conversation is given up for another, nor what counts as (other).
	lanes = 8
	// maxRouted is how many sockets' lanes are remembered at least, and half of
	// how many at most: several for each conversation that all engines
	// follow. One that was forgotten begins anew in another lane.
	maxRouted = 4 * MaxFlows
	// recentRoutes is a power of two.
	recentRoutes = 256
)

// A router says which lane a message is for: all of one conversation to one, and
// new ones to each in turn. What it says depends on the input alone.
type router struct {
	next       uint8
	left       uint8 // the lane that the last message's receiver was in before, if moved
	moved      bool
	young, old map[uint64]uint8 // by socket address; of connected sockets
	recent     [recentRoutes]route
}

type route struct {
	from, to uint64
	lane     uint8
}

// lane returns the lane of a message. If the address of its receiver is in use
// again, and was in another lane until now, r.moved says so and r.left which.
func (r *router) lane(m *capture.Message) uint8 {
	r.moved = false
	if c := connOf(m); c != nil {
		return uint8(c.Number % lanes)
	}
	from, to := key(m.From), key(m.To)
	if from == 0 && to == 0 {
		return 0
	}
	if kindOf(m) == capture.Datagram {
		k := pairKey(from, to)
		return uint8(mix(k[0]^mix(k[1])) % lanes)
	}
	last := &r.recent[mix(from)%recentRoutes]
	if last.from == from && last.to == to {
		return last.lane
	}
	*last = route{from, to, r.find(from, to)}
	return last.lane
}

// mix spreads the bits of an address, whose lowest are always the same.
func mix(x uint64) uint64 {
	x = (x ^ x>>33) * 0xff51afd7ed558ccd
	return x ^ x>>33
}

// find returns the lane of two sockets' conversation. When the address of one is in
// use again, and their lanes differ, the sender's is right.
func (r *router) find(from, to uint64) uint8 {
	lane, ok := r.get(from)
	left, known := r.get(to)
	switch {
	case ok && known && lane != left:
		r.left, r.moved = left, true
		r.recent = [recentRoutes]route{} // of which some lead to where it was
	case !ok && known:
		lane = left
	case !ok:
		lane = r.next
		r.next = (r.next + 1) % lanes
	}
	r.put(from, lane)
	r.put(to, lane)
	return lane
}

func (r *router) get(sk uint64) (lane uint8, ok bool) {
	if sk == 0 {
		return 0, false
	}
	if lane, ok = r.young[sk]; !ok {
		lane, ok = r.old[sk]
	}
	return lane, ok
}

func (r *router) put(sk uint64, lane uint8) {
	if sk == 0 {
		return
	}
	if was, ok := r.young[sk]; ok && was == lane {
		return
	}
	if len(r.young) >= maxRouted {
		r.old, r.young = r.young, nil
		r.recent = [recentRoutes]route{} // so that what is in use is put into the young ones
	}
	if r.young == nil {
		r.young = make(map[uint64]uint8)
	}
	r.young[sk] = lane
}
