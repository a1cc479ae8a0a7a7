package stream

import (
	"unixcap/decoders"
)

const (
	// detectBytes bounds what is kept of a conversation whose protocol is
	// undecided, both ends together. A protocol sees only
	// decoders.DetectBytes of each end, but all must be replayed once it
	// says yes, and one end may send a lot before the other says a word.
	detectBytes = 64 << 10
	// detectEvents bounds the same in messages and gaps.
	detectEvents = 1024
	// detectTurns is how often the search begins again, at a change of
	// speakers, when the capture starts in the middle or its path speaks for
	// a protocol: the first bytes may well be the inside of a long answer,
	// and what follows is as good a beginning as any.
	detectTurns = 16
)

// A candidate is a protocol that may be the one.
type candidate struct {
	*decoders.Protocol
	hinted bool
}

// A finding is the search for a flow's protocol.
type finding struct {
	candidates []candidate // the hinted ones first
	sure       bool        // which end is the server is known
	turns      int         // searches begun anew
	waiting    bool        // for a change of speakers
	speaker    decoders.End

	prefix [2][]byte // what each end sent first
	events []event
	bytes  []byte // of all events
	weak   choice // says yes, but is not hinted at
}

// An event is a call to be replayed to the decoder.
type event struct {
	from decoders.End
	at   decoders.Mark
	gap  bool
	n    int64 // bytes, of data or missing
	cut  int64 // bytes missing of a message
	fds  int
}

// A choice is a protocol that said yes, and whether it did so with the ends
// the other way round.
type choice struct {
	protocol *decoders.Protocol
	swapped  bool
}

// data adds bytes and asks again. The current bytes are copied only if the
// answer is not a clear one. It returns which end they are from once the ends
// have been swapped, should that be necessary.
func (d *finding) data(f *Flow, from decoders.End, at decoders.Mark, p decoders.Packet) decoders.End {
	if d.waiting {
		if from == d.speaker {
			return from
		}
		d.again(f)
	}
	d.speaker = from
	if room := decoders.DetectBytes - len(d.prefix[from]); room > 0 {
		d.prefix[from] = append(d.prefix[from], p.Data[:min(room, len(p.Data))]...)
		c, open := d.ask()
		if c.protocol != nil {
			from ^= d.accept(f, c)
			f.feed(from, at, p)
			return from
		}
		if !open {
			d.fail(f)
			return from
		}
	}
	d.events = append(d.events, event{from: from, at: at, n: int64(len(p.Data)), cut: p.Missing, fds: p.FDs})
	d.bytes = append(d.bytes, p.Data...)
	if len(d.bytes) > detectBytes || len(d.events) > detectEvents {
		from ^= d.settle(f)
	}
	return from
}

// gap notes missing bytes. What an end sends after them does not continue
// what it sent before, so the protocols get to see only the former.
func (d *finding) gap(f *Flow, from decoders.End, n int64) {
	if d.waiting {
		return
	}
	d.prefix[from] = d.prefix[from][:0]
	d.events = append(d.events, event{from: from, gap: true, n: n})
	if len(d.events) > detectEvents {
		d.settle(f)
	}
}

// ask puts what there is to all candidates. A hinted protocol that says yes
// is taken at once, another one unless a hinted one waits for more. open says
// that more bytes may help.
func (d *finding) ask() (c choice, open bool) {
	d.weak = choice{}
	hope := false
	for _, p := range d.candidates {
		v, swapped := d.verdict(p)
		switch {
		case v == decoders.Yes && p.hinted:
			return choice{p.Protocol, swapped}, false
		case v == decoders.Yes && d.weak.protocol == nil:
			d.weak = choice{p.Protocol, swapped}
		case v == decoders.Maybe:
			open = true
			hope = hope || p.hinted
		}
	}
	if d.weak.protocol != nil && !hope {
		return d.weak, false
	}
	return choice{}, open || hope
}

// verdict asks one protocol, with the ends both ways round unless it is known
// which one is the server.
func (d *finding) verdict(p candidate) (v decoders.Verdict, swapped bool) {
	v = p.Detect(d.prefix[decoders.Client], d.prefix[decoders.Server], p.hinted)
	if v == decoders.Yes || d.sure {
		return v, false
	}
	w := p.Detect(d.prefix[decoders.Server], d.prefix[decoders.Client], p.hinted)
	if w == decoders.Yes {
		return w, true
	}
	return max(v, w), false
}

// accept starts the decoder and replays the conversation to it. It returns 1
// if the ends were swapped, 0 if not.
func (d *finding) accept(f *Flow, c choice) (swapped decoders.End) {
	if c.swapped {
		f.swap()
		swapped = 1
	}
	f.line.found = nil
	f.start(c.protocol)
	rest := d.bytes
	for _, e := range d.events {
		if e.gap {
			f.line.decoder.Gap(e.from^swapped, e.n)
			continue
		}
		f.feed(e.from^swapped, e.at, decoders.Packet{Data: rest[:e.n], Missing: e.cut, FDs: e.fds})
		rest = rest[e.n:]
	}
	return swapped
}

// settle ends the search with what is known now. It returns 1 if the ends were
// swapped, 0 if not.
func (d *finding) settle(f *Flow) (swapped decoders.End) {
	if d.weak.protocol != nil && !d.waiting {
		return d.accept(f, d.weak)
	}
	if p := d.onlyDescriptors(); p != nil {
		return d.accept(f, choice{protocol: p})
	}
	d.fail(f)
	return 0
}

// onlyDescriptors returns the protocol that a hint speaks for, if that passes
// descriptors instead of content, and nothing but those was seen.
func (d *finding) onlyDescriptors() *decoders.Protocol {
	if len(d.events) == 0 || len(d.bytes) > 0 || len(d.candidates) == 0 || !d.candidates[0].hinted || !d.candidates[0].Descriptors {
		return nil
	}
	for _, e := range d.events {
		if e.gap || e.cut > 0 || e.fds == 0 {
			return nil
		}
	}
	return d.candidates[0].Protocol
}

// fail gives up, for good or until the speaker changes.
func (d *finding) fail(f *Flow) {
	hinted := len(d.candidates) > 0 && d.candidates[0].hinted
	broken := f.Middle || f.Ends[0].LostBytes+f.Ends[1].LostBytes > 0
	if !hinted && !broken || d.turns >= detectTurns {
		f.line.found = nil
		f.Proto = Unknown
		return
	}
	d.turns++
	d.waiting = true
	d.bytes, d.events, d.weak = nil, nil, choice{}
}

// again begins the search anew, from the middle.
func (d *finding) again(f *Flow) {
	d.waiting = false
	for i := range d.prefix {
		d.prefix[i] = d.prefix[i][:0]
		d.events = append(d.events, event{from: decoders.End(i), gap: true})
	}
}
