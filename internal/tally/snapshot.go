package tally

import (
	"unixcap/bpf"
	"unixcap/internal/capture"
)

// Kinds is how many kinds of sockets there are.
const Kinds = 3

// A Snapshot is what was counted since the recording began.
type Snapshot struct {
	Taken   [Kinds]Count // taken from the kernel, by capture.Kind
	Written uint64       // messages in the output
	ByKind  [Kinds][len(Reasons)]Count
	// Incomplete are the messages taken that lack some of their bytes without
	// being asked to, and those bytes.
	Incomplete Count
	Worst      []Socket // those that lost most, the first the worst

	RingUsed, RingSize int // bytes
	File               string
	Files              int
	Connections        int
}

// By returns what is not in the output for a reason, by its place in Reasons.
func (s *Snapshot) By(reason int) Count {
	var n Count
	for kind := range s.ByKind {
		n = n.plus(s.ByKind[kind][reason])
	}
	return n
}

// At returns what is lost at some stages.
func (s *Snapshot) At(stages ...Stage) Count {
	var n Count
	for i := range Reasons {
		for _, stage := range stages {
			if Reasons[i].Stage == stage {
				n = n.plus(s.By(i))
			}
		}
	}
	return n
}

// Dropped is how many messages did not come as far as to the recorder.
func (s *Snapshot) Dropped() uint64 { return s.At(NoRoom, Kernel).Messages }

// Lost is everything that is not in the output and was not to be left out.
func (s *Snapshot) Lost() Count { return s.At(NoRoom, Kernel, Payload, Output) }

// Complete reports whether nothing at all was lost.
func (s *Snapshot) Complete() bool { return s.Lost() == Count{} && s.Incomplete == Count{} }

// reasons fills in what is not in the output, by kind and reason.
func (s *Snapshot) reasons(kernel *bpf.Losses, c *counts) {
	for kind := range s.ByKind {
		from := source{kernel: kernel.Kinds[kind], cut: c.cut[kind]}
		if kind == int(capture.Stream) {
			// Of which kind these were is not known; nearly all sockets are streams.
			from.missed = kernel.Missed
		}
		for cause := range from.output {
			from.output[cause] = c.output[cause][kind]
		}
		for i := range Reasons {
			s.ByKind[kind][i] = Reasons[i].of(&from)
		}
	}
}

// stats are what the statistics of a file have of it, except what concerns the
// files themselves.
func (s *Snapshot) stats() capture.Stats {
	var stats capture.Stats
	for kind := range s.ByKind {
		x := &stats.Interfaces[kind]
		for i, n := range s.ByKind[kind] {
			switch r := &Reasons[i]; r.Stage {
			case Output:
				continue
			case NoRoom:
				x.Dropped += n.Messages
			case Kernel:
				x.OSDropped += n.Messages
			}
			stats.Losses[kind] = append(stats.Losses[kind], capture.Loss{Reason: Reasons[i].Name, Messages: n.Messages, Bytes: n.Bytes})
		}
	}
	return stats
}
