package main

import (
	"bufio"
	"fmt"
	"strings"

	"unixcap/decoders"
)

// A rawWriter takes the place of the decoders: what they would be fed of one
// end it writes, in the order of the stream, and notes what is missing.
type rawWriter struct {
	out          *bufio.Writer
	from         decoders.End
	since, until decoders.Time

	written int64
	gaps    []rawGap
	more    int // gaps that are not in gaps
	err     error
}

// A rawGap is a place where bytes are missing.
type rawGap struct {
	at, n int64 // n is 0 if it is not known how many
}

// maxGaps is how many gaps are told one by one.
const maxGaps = 8

// protocol is one that every conversation speaks. Which end is the server the
// others say: where they recognise the bytes the other way round, so does it.
func (w *rawWriter) protocol(others []*decoders.Protocol) *decoders.Protocol {
	speaks := func(client, server []byte, hinted bool) bool {
		for _, p := range others {
			if p.Detect(client, server, hinted) == decoders.Yes {
				return true
			}
		}
		return false
	}
	return &decoders.Protocol{
		Name: "raw",
		Detect: func(client, server []byte, hinted bool) decoders.Verdict {
			if !speaks(client, server, hinted) && speaks(server, client, hinted) {
				return decoders.No
			}
			return decoders.Yes
		},
		New: func(func(*decoders.Exchange)) decoders.Decoder { return w },
	}
}

func (w *rawWriter) Data(from decoders.End, at decoders.Mark, p []byte) {
	if from != w.from || w.err != nil || at.Time < w.since || !w.until.IsZero() && at.Time >= w.until {
		return
	}
	w.written += int64(len(p))
	_, w.err = w.out.Write(p)
}

func (w *rawWriter) Gap(from decoders.End, n int64) {
	switch {
	case from != w.from:
	case len(w.gaps) == maxGaps:
		w.more++
	default:
		w.gaps = append(w.gaps, rawGap{w.written, n})
	}
}

func (w *rawWriter) Close(decoders.Mark) {}

// missing says which bytes are missing, if any are.
func (w *rawWriter) missing() error {
	if len(w.gaps) == 0 {
		return nil
	}
	var b strings.Builder
	for i, g := range w.gaps {
		if i > 0 {
			b.WriteString(", ")
		}
		if g.n == 0 {
			fmt.Fprintf(&b, "an unknown number before offset %d", g.at)
		} else {
			fmt.Fprintf(&b, "%d before offset %d", g.n, g.at)
		}
	}
	if w.more > 0 {
		fmt.Fprintf(&b, " and %d more", w.more)
	}
	return fmt.Errorf("bytes of the %s are missing: %s (nothing stands in their place)", w.from, b.String())
}
