package report

import (
	"cmp"
	"time"

	"unixcap/decoders"
	"unixcap/internal/stream"
)

// A place says when and where in the captures something was. The zero place is
// nowhere.
type place struct {
	Time   time.Time
	File   string // "" if there is only one
	Packet uint64 // 0 if unknown
}

// placeOf is where an exchange begins.
func placeOf(x *decoders.Exchange, e *Entry) place {
	return place{stream.At(x), e.File, e.Packet}
}

// compare orders places by time. Nothing but the captures decides, so that
// what was first is the same however they were read.
func (p place) compare(q place) int {
	return cmp.Or(p.Time.Compare(q.Time), cmp.Compare(p.Packet, q.Packet), cmp.Compare(p.File, q.File))
}

// earlier returns the earlier of two places.
func earlier(p, q place) place {
	if p.Time.IsZero() || !q.Time.IsZero() && q.compare(p) < 0 {
		return q
	}
	return p
}
