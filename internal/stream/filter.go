package stream

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"unixcap/internal/capture"
	"unixcap/internal/glob"
)

// A Filter chooses conversations. Of each kind that is given, one value must
// fit one of the two ends; the zero Filter lets everything pass.
type Filter struct {
	PIDs   []uint32
	Comms  []string // globs, as Match has them
	Paths  []string // globs, as glob.MatchPath has them
	SKs    []uint64
	Protos []string
	Flows  []string // ids
	// Since and Until bound the time. Until itself is outside.
	Since, Until Moment
}

// Flow reports whether f passes. A flow whose protocol is undecided passes
// only if none is asked for.
func (x *Filter) Flow(f *Flow) bool {
	a, b := &f.Ends[0], &f.Ends[1]
	return x.processes(&a.Process, &b.Process) && x.sockets(&a.Socket, &b.Socket) &&
		(len(x.Protos) == 0 || slices.Contains(x.Protos, f.Proto)) &&
		(len(x.Flows) == 0 || slices.Contains(x.Flows, f.ID))
}

// Message reports whether m passes, but for protocol, conversation and time,
// which it cannot tell.
func (x *Filter) Message(m *capture.Message) bool {
	return x.processes(&m.Sender, &m.Peer) && x.sockets(m.From, m.To)
}

func (x *Filter) processes(a, b *capture.Process) bool {
	pid := len(x.PIDs) == 0
	for _, n := range x.PIDs {
		pid = pid || a.PID == n || b.PID == n
	}
	comm := len(x.Comms) == 0
	for _, pattern := range x.Comms {
		comm = comm || glob.Match(pattern, a.Comm) || glob.Match(pattern, b.Comm)
	}
	return pid && comm
}

func (x *Filter) sockets(a, b *capture.Socket) bool {
	sk, name := len(x.SKs) == 0, len(x.Paths) == 0
	for _, s := range [2]*capture.Socket{a, b} {
		if !s.Known() {
			continue
		}
		sk = sk || slices.Contains(x.SKs, s.SK)
		if name || s.Path == "" {
			continue
		}
		for _, pattern := range x.Paths {
			name = name || glob.MatchPath(pattern, s.Path)
		}
	}
	return sk && name
}

// A Moment is a point in time, or a distance from the beginning of the
// capture.
type Moment struct {
	at    time.Time
	after time.Duration
	set   bool
}

// momentLayouts are the ways to write a moment besides RFC 3339. What has no
// zone is UTC, as in all output.
var momentLayouts = []string{
	time.RFC3339Nano,
	"2006-01-02T15:04:05.999999999",
	"2006-01-02 15:04:05.999999999",
	"2006-01-02T15:04",
	"2006-01-02 15:04",
	"2006-01-02",
}

// ParseMoment reads a date and time, seconds since 1970, or a duration since
// the beginning of the capture with a plus sign: +90s.
func ParseMoment(s string) (Moment, error) {
	if rest, ok := strings.CutPrefix(s, "+"); ok {
		d, err := time.ParseDuration(rest)
		if err != nil || d < 0 {
			return Moment{}, fmt.Errorf("%q is no duration (such as +90s or +1h30m)", s)
		}
		return Moment{after: d, set: true}, nil
	}
	for _, layout := range momentLayouts {
		if t, err := time.Parse(layout, s); err == nil {
			return Moment{at: t, set: true}, nil
		}
	}
	if sec, frac, _ := strings.Cut(s, "."); len(frac) <= 9 {
		n, err := strconv.ParseInt(sec, 10, 64)
		ns, err2 := strconv.ParseUint((frac + "000000000")[:9], 10, 64)
		if err == nil && err2 == nil && n >= 0 {
			return Moment{at: time.Unix(n, int64(ns)).UTC(), set: true}, nil
		}
	}
	return Moment{}, fmt.Errorf("%q is no time (such as 2026-01-31T12:00:00Z, 2026-01-31 12:00 or +90s)", s)
}

// Time returns the moment in a capture that begins at start; the zero time if
// none was given.
func (m Moment) Time(start time.Time) time.Time {
	if m.set && m.at.IsZero() {
		return start.Add(m.after)
	}
	return m.at
}
