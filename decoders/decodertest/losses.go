package decodertest

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"testing"
	"time"

	"unixcap/decoders"
)

// Starts tests that a decoder that joins in the middle finds its place: from
// whatever message it starts, all requests after the first slack ones come out
// as they do from the beginning, and none that is not there.
func Starts(t *testing.T, p decoders.Protocol, c Conversation, slack int) {
	t.Helper()
	want := Whole(p, c)
	for start := 1; start < len(c); start++ {
		got := decode(p, func(d decoders.Decoder) { c.startAt(d, start, 0) })
		resumes(t, fmt.Sprintf("start at message %d", start+1), want, got, start, slack)
	}
}

// startAt feeds a conversation from somewhere in a message on.
func (c Conversation) startAt(d decoders.Decoder, message, at int) {
	for i := message; i < len(c); i++ {
		b := c[i].Data
		if i == message && at > 0 {
			d.Gap(c[i].From, 0)
			b = b[at:]
		}
		c.feed(d, i, b)
	}
	d.Close(c.end())
}

// feed feeds what there is of a message.
func (c Conversation) feed(d decoders.Decoder, i int, b []byte) {
	if k, ok := d.(packets); ok {
		k.Packet(c[i].From, c.mark(i), decoders.Packet{Data: b, FDs: c[i].FDs})
		return
	}
	d.Data(c[i].From, c.mark(i), b)
}

// Gaps tests that a decoder that misses a message finds its place again:
// whichever message is missing, what was complete before comes out as ever,
// all requests after the first slack ones behind the gap do, too, and none
// that is not there.
func Gaps(t *testing.T, p decoders.Protocol, c Conversation, slack int) {
	t.Helper()
	want := Whole(p, c)
	for gap := range c {
		got := decode(p, func(d decoders.Decoder) { c.cutAt(d, gap, 0) })
		what := fmt.Sprintf("gap at message %d", gap+1)
		for i := range want {
			last := max(want[i].Answered.Last.Packet, want[i].Sent.Last.Packet)
			if last > uint64(gap) || want[i].Status == decoders.Unanswered {
				continue
			}
			if !slices.ContainsFunc(got, func(x decoders.Exchange) bool { return equalExchanges(&x, &want[i]) }) {
				t.Errorf("%s: lost from before it: %s", what, JSON(&want[i]))
			}
		}
		resumes(t, what, want, got, gap+1, slack)
	}
}

// Truthful tests that no exchange comes out that is not there, from whatever
// byte the decoder starts, and wherever a message is cut, as a snap length
// does it.
func Truthful(t *testing.T, p decoders.Protocol, c Conversation) {
	t.Helper()
	known := essences(Whole(p, c))
	begin, cut := true, true // as long as nothing was found
	c.eachPoint(func(message, at int) bool {
		if at == 0 {
			return true
		}
		begin = begin && truthful(t, func() string { return fmt.Sprintf("start in message %d at byte %d", message+1, at) }, p, known,
			func(d decoders.Decoder) { c.startAt(d, message, at) })
		cut = cut && truthful(t, func() string { return fmt.Sprintf("message %d cut at byte %d", message+1, at) }, p, known,
			func(d decoders.Decoder) { c.cutAt(d, message, at) })
		return begin || cut
	})
}

// cutAt feeds a conversation without a message's bytes from at on.
func (c Conversation) cutAt(d decoders.Decoder, message, at int) {
	for i, m := range c {
		b := m.Data
		if i == message {
			b = b[:at]
		}
		if len(b) > 0 || m.FDs > 0 && i != message {
			c.feed(d, i, b)
		}
		if i == message {
			d.Gap(m.From, int64(len(m.Data)-at))
		}
	}
	d.Close(c.end())
}

// truthful says whether all exchanges that come out, and do not say themselves
// that they are not complete, are among the known ones.
func truthful(t *testing.T, what func() string, p decoders.Protocol, known map[essential]bool, feed func(decoders.Decoder)) bool {
	t.Helper()
	ok := true
	feed(p.New(func(x *decoders.Exchange) {
		if ok && !incomplete(x) && !known[essence(x)] {
			t.Errorf("%s: invented: %s", what(), JSON(x))
			ok = false
		}
	}))
	return ok
}

// Rows tests what a decoder says of when rows came. The server's answer to a
// conversation's last message comes in pieces; the first row begins in one of
// them and the last one ends in another, counted from 0, or there are none (-1).
func Rows(t *testing.T, p decoders.Protocol, c Conversation, answer []string, first, last int) {
	t.Helper()
	asked := time.Unix(1000, 0)
	c[len(c)-1].At = asked
	for i, piece := range answer {
		c = append(c, Message{From: decoders.Server, At: asked.Add(time.Duration(i+1) * time.Second), Data: []byte(piece)})
	}
	all := Whole(p, c)
	x := &all[len(all)-1]
	expect := func(what string, d time.Duration, ok bool, piece int) {
		t.Helper()
		if want := time.Duration(piece+1) * time.Second; ok != (piece >= 0) || ok && d != want {
			t.Errorf("%s row after %v (%v), want %v: %s", what, d, ok, want, JSON(x))
		}
	}
	d, ok := x.UntilFirstRow()
	expect("first", d, ok, first)
	d, ok = x.UntilLastRow()
	expect("last", d, ok, last)
	Splits(t, p, c)
}

// Bounded tests that a decoder that is fed a conversation again and again, from
// its middle and with parts missing, holds no more memory for it.
func Bounded(t *testing.T, p decoders.Protocol, c Conversation) {
	t.Helper()
	// What a decoder may hold for a conversation of which it knows no end.
	const allowed = 1 << 20
	total := 0
	for _, m := range c {
		total += len(m.Data)
	}
	r := rand.New(rand.NewPCG(5, 6))
	d := p.New(func(*decoders.Exchange) {})
	rounds := func(n int) {
		for range n {
			lost := r.IntN(len(c))
			for i := r.IntN(len(c)); i < len(c); i++ {
				if i == lost {
					d.Gap(c[i].From, int64(len(c[i].Data)))
				} else {
					c.feed(d, i, c[i].Data)
				}
			}
		}
	}
	rounds(20)
	before := heap()
	rounds(min(200, 1+(8<<20)/max(total, 1)))
	if grown := heap() - before; grown > allowed {
		t.Errorf("%d KiB more are held after a conversation of %d bytes was repeated", grown>>10, total)
	}
	d.Close(c.end())
}

func heap() int64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// resumes tests that got has all exchanges of want that begin at message from,
// a 0-based index, or later, but for the first slack of them, and that it has
// none that claims to be complete and differs.
func resumes(t *testing.T, what string, want, got []decoders.Exchange, from, slack int) {
	t.Helper()
	found := essences(got)
	skipped := 0
	for i := range want {
		if want[i].Sent.First.Packet <= uint64(from) || found[essence(&want[i])] {
			continue
		}
		if skipped++; skipped > slack {
			t.Errorf("%s: missing: %s", what, JSON(&want[i]))
			return
		}
	}
	known := essences(want)
	for i := range got {
		if !incomplete(&got[i]) && !known[essence(&got[i])] {
			t.Errorf("%s: invented: %s", what, JSON(&got[i]))
			return
		}
	}
}

// incomplete says whether an exchange says itself that not all of it was seen.
func incomplete(x *decoders.Exchange) bool {
	return x.Status == decoders.Unanswered ||
		slices.ContainsFunc(x.Attrs, func(a decoders.Attr) bool { return a.Key == "gap" })
}

// An essential is what of an exchange must be right whether or not the
// beginning of the conversation was seen: all but what was said earlier, such
// as the text of a prepared statement, the user and the database.
type essential struct {
	first, last uint64 // packets of the request's beginning and the answer's end
	op, code    string
	status      decoders.Status
	rows, bytes int64
}

func essence(x *decoders.Exchange) essential {
	return essential{x.Sent.First.Packet, x.Answered.Last.Packet, x.Op, x.ErrorCode, x.Status, x.Rows, x.Answered.Bytes}
}

func essences(all []decoders.Exchange) map[essential]bool {
	m := make(map[essential]bool, len(all))
	for i := range all {
		m[essence(&all[i])] = true
	}
	return m
}
