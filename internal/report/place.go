package report

import (
	"cmp"
	"time"

	"unixcap/decoders"
	"unixcap/internal/stream"
)

// A stamp is a time that JSON has with all nine digits.
type stamp struct{ decoders.Time }

// MarshalJSON writes the time in UTC.
func (t stamp) MarshalJSON() ([]byte, error) {
	var c Cell
	c.Time(t.UTC())
	return c.appendJSON(nil), nil
}

// UnmarshalJSON takes over the time.
func (t *stamp) UnmarshalJSON(p []byte) error {
	var v time.Time
	if err := v.UnmarshalJSON(p); err != nil {
		return err
	}
	t.Time = decoders.TimeOf(v)
	return nil
}

// A text is bytes that JSON has as a string.
type text []byte

func (t text) MarshalJSON() ([]byte, error) { return decoders.AppendJSONString(nil, t), nil }

// UnmarshalText takes over the string.
func (t *text) UnmarshalText(p []byte) error {
	*t = append((*t)[:0], p...)
	return nil
}

// A place says when and where in the captures something was. The zero place is
// nowhere.
type place struct {
	Time   stamp  `json:"ts"`
	File   string `json:"file,omitempty"`   // "" if there is only one
	Packet uint64 `json:"packet,omitempty"` // 0 if unknown
}

// placeOf is where an exchange begins.
func placeOf(e *Entry) place {
	return place{stamp{stream.At(e.Exchange)}, e.File, e.Packet}
}

// compare orders places by time. Nothing but the captures decides, so that
// what was first is the same however they were read.
func (p place) compare(q place) int {
	return cmp.Or(cmp.Compare(p.Time.Time, q.Time.Time), cmp.Compare(p.Packet, q.Packet), cmp.Compare(p.File, q.File))
}

// earlier returns the earlier of two places.
func earlier(p, q place) place {
	if p.Time.IsZero() || !q.Time.IsZero() && q.compare(p) < 0 {
		return q
	}
	return p
}
