package bpf

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"time"
)

// A Program is one of a Tap's, with what it costs.
type Program struct {
	Hook string // kprobe/unix_stream_sendmsg
	Name string
	// Verified is how many instructions the verifier went through, 0 if
	// Options.VerifierLog was not set.
	Verified int
	// How often it ran and for how long, while the kernel counted it
	// (kernel.bpf_stats_enabled).
	Runs    uint64
	Runtime time.Duration
}

var processed = regexp.MustCompile(`processed (\d+) insns`)

// Programs lists a Tap's programs by name.
func (t *Tap) Programs() ([]Program, error) {
	var list []Program
	for _, name := range slices.Sorted(maps.Keys(t.coll.Programs)) {
		p := t.coll.Programs[name]
		s, err := p.Stats()
		if err != nil {
			return nil, fmt.Errorf("read the statistics of %s: %w", name, err)
		}
		entry := Program{Hook: t.hooks[name], Name: name, Runs: s.RunCount, Runtime: s.Runtime}
		if m := processed.FindStringSubmatch(p.VerifierLog); m != nil {
			if entry.Verified, err = strconv.Atoi(m[1]); err != nil {
				return nil, fmt.Errorf("read the verifier's statistics of %s: %w", name, err)
			}
		}
		list = append(list, entry)
	}
	return list, nil
}
