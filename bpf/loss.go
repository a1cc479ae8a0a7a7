package bpf

import (
	"fmt"
	"strings"
)

// A Loss says what the kernel side did not record of one kind of socket, by
// reason.
type Loss struct {
	// Not recorded, or for RingBytes also cut: the ring buffer was full.
	RingMessages, RingBytes uint64
	// Recorded without some of the payload: its memory could not be read.
	FaultMessages, FaultBytes uint64
	// Recorded without the payload: it is not known where it is.
	NoBufferMessages, NoBufferBytes uint64
	// Not recorded: no memory to remember the socket.
	StateMessages uint64
	// Not recorded: beyond what Options let a socket have.
	CapMessages, CapBytes uint64
	// Not recorded: only the beginning or only the end of the call was seen.
	MissedMessages uint64
}

// Losses says what the kernel side did not record.
type Losses struct {
	Kinds [3]Loss // stream, dgram, seqpacket
	// Missed is how many messages at the most were not seen, since the
	// programs that would have were kept from running.
	Missed uint64
}

// Total adds up the kinds.
func (l *Losses) Total() Loss {
	var t Loss
	for _, k := range l.Kinds {
		t.add(k)
	}
	return t
}

// Dropped is how many messages are not in the recording at all.
func (l *Losses) Dropped() uint64 {
	t := l.Total()
	return t.RingMessages + t.StateMessages + l.Missed
}

func (l *Loss) add(k Loss) {
	l.RingMessages += k.RingMessages
	l.RingBytes += k.RingBytes
	l.FaultMessages += k.FaultMessages
	l.FaultBytes += k.FaultBytes
	l.NoBufferMessages += k.NoBufferMessages
	l.NoBufferBytes += k.NoBufferBytes
	l.StateMessages += k.StateMessages
	l.CapMessages += k.CapMessages
	l.CapBytes += k.CapBytes
	l.MissedMessages += k.MissedMessages
}

// recording has the programs without which a send is not recorded.
var recording = map[string]bool{
	"stream_entry": true, "stream_exit": true,
	"dgram_entry": true, "dgram_exit": true,
	"page_entry": true, "page_exit": true,
	"sock_send_length": true,
}

// Losses adds up the counters of all CPUs.
func (t *Tap) Losses() (Losses, error) {
	var l Losses
	for kind := range l.Kinds {
		var cpus []Loss // struct loss in event.h has the same layout
		if err := t.coll.Maps["losses"].Lookup(uint32(kind), &cpus); err != nil {
			return l, fmt.Errorf("read the loss counters: %w", err)
		}
		for _, c := range cpus {
			l.Kinds[kind].add(c)
		}
	}
	l.Missed = l.Total().MissedMessages
	missed := make(map[string]uint64) // by all of a program's copies
	for name, p := range t.coll.Programs {
		base, _ := copyOf(name)
		if !recording[base] || t.backend == Kprobe && strings.HasSuffix(base, "_exit") {
			continue // a kprobe's end is missed with its beginning, or known
		}
		s, err := p.Stats()
		if err != nil {
			return l, fmt.Errorf("read the statistics of %s: %w", name, err)
		}
		n, ok := missed[base]
		if !ok || s.RecursionMisses < n {
			missed[base] = s.RecursionMisses
		}
	}
	for _, n := range missed {
		l.Missed += n
	}
	return l, nil
}
