package decodertest

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"unixcap/decoders"
)

// maxBytes bounds how many bytes are fed in all to try a conversation at many
// places: one of up to 4 KiB is tried at every byte, a longer one in the first
// bytes of each message, where headers are, and behind them at places that are
// evenly spread.
const (
	maxBytes = 16 << 20
	headers  = 8
)

// Splits tests that the exchanges do not depend on how the bytes are split:
// in two at every point, at every byte, in pieces of random lengths, and not
// at all. To try every point of every message takes as many rounds as the
// longest message has bytes: each splits all messages that are long enough.
func Splits(t *testing.T, p decoders.Protocol, c Conversation) {
	t.Helper()
	want := Whole(p, c)
	compare(t, "byte by byte", want, split(p, c, func() int { return 1 }))
	for seed := range uint64(8) {
		r := rand.New(rand.NewPCG(seed, 1))
		got := split(p, c, func() int { return 1 + r.IntN(1<<r.IntN(16)) })
		compare(t, fmt.Sprintf("random split %d", seed), want, got)
	}
	step := c.step(c.longest())
	for at := 1; at < c.longest(); at += step {
		if !same(p, want, func(d decoders.Decoder) { c.splitAt(d, at) }) {
			compare(t, fmt.Sprintf("messages split at %d", at), want, decode(p, func(d decoders.Decoder) { c.splitAt(d, at) }))
			return
		}
	}
}

// longest is the length of the longest message.
func (c Conversation) longest() (n int) {
	for _, m := range c {
		n = max(n, len(m.Data))
	}
	return n
}

// step is how far the places are from each other of which a conversation is
// tried at n if there were no bound.
func (c Conversation) step(n int) int {
	total := 0
	for _, m := range c {
		total += len(m.Data)
	}
	return max(1, (total*n+maxBytes-1)/maxBytes)
}

// eachPoint calls f with places in the messages' bytes, until it returns false.
func (c Conversation) eachPoint(f func(message, at int) bool) {
	total := 0
	for _, m := range c {
		total += len(m.Data)
	}
	step, next := c.step(total), 0
	for i, m := range c {
		for at := range m.Data {
			if at != next && at >= headers {
				continue
			}
			if !f(i, at) {
				return
			}
			if at == next {
				next += step
			}
		}
		next = max(next-len(m.Data), 0)
	}
}

// splitAt feeds a conversation with each message that has more than at bytes
// in two pieces.
func (c Conversation) splitAt(d decoders.Decoder, at int) {
	for i, m := range c {
		if at < len(m.Data) {
			// Copies of their own, so that what is kept of them is found out.
			feedAndSpoil(d, m.From, c.mark(i), m.Data[:at])
			feedAndSpoil(d, m.From, c.mark(i), m.Data[at:])
		} else {
			d.Data(m.From, c.mark(i), m.Data)
		}
	}
	d.Close(c.end())
}

// feedAndSpoil feeds bytes and overwrites them when the call is over.
func feedAndSpoil(d decoders.Decoder, from decoders.End, at decoders.Mark, b []byte) {
	piece := bytes.Clone(b)
	d.Data(from, at, piece)
	for k := range piece {
		piece[k] = 0xaa
	}
}

func split(p decoders.Protocol, c Conversation, length func() int) []decoders.Exchange {
	return decode(p, func(d decoders.Decoder) {
		for i, m := range c {
			for b := m.Data; len(b) > 0; {
				n := min(length(), len(b))
				feedAndSpoil(d, m.From, c.mark(i), b[:n])
				b = b[n:]
			}
		}
		d.Close(c.end())
	})
}

// same says whether a new decoder makes the exchanges want of what it is fed.
// It is compare for thousands of times.
func same(p decoders.Protocol, want []decoders.Exchange, feed func(decoders.Decoder)) bool {
	n, equal := 0, true
	feed(p.New(func(x *decoders.Exchange) {
		equal = equal && n < len(want) && equalExchanges(x, &want[n])
		n++
	}))
	return equal && n == len(want)
}

func equalExchanges(a, b *decoders.Exchange) bool {
	return a.Op == b.Op && a.Status == b.Status && a.ErrorCode == b.ErrorCode && a.Rows == b.Rows &&
		a.User == b.User && a.Database == b.Database && a.Sent == b.Sent && a.Answered == b.Answered &&
		a.FirstRow == b.FirstRow && a.LastRow == b.LastRow &&
		bytes.Equal(a.Request, b.Request) && bytes.Equal(a.Error, b.Error) &&
		slices.EqualFunc(a.Args, b.Args, equalValues) &&
		slices.EqualFunc(a.Attrs, b.Attrs, func(x, y decoders.Attr) bool { return x.Key == y.Key && equalValues(x.Value, y.Value) })
}

func equalValues(a, b decoders.Value) bool {
	return a.Kind == b.Kind && a.Uint() == b.Uint() && bytes.Equal(a.Bytes, b.Bytes)
}
