// Package decodertest holds what every decoder must pass: the demands that
// decoders.Decoder makes of it, as tests over recorded conversations.
package decodertest

import (
	"bytes"
	"fmt"
	"slices"
	"testing"
	"time"

	"unixcap/decoders"
)

// A Message is what one end sent at once.
type Message struct {
	From decoders.End
	At   time.Time
	Data []byte
	FDs  int // file descriptors passed along
}

// A Conversation is the messages of both ends in order of time.
type Conversation []Message

// mark returns message i's mark: its time, and its number as the packet's.
func (c Conversation) mark(i int) decoders.Mark {
	return decoders.Mark{Time: decoders.TimeOf(c[i].At), Packet: uint64(i + 1)}
}

// end returns the mark for Close.
func (c Conversation) end() decoders.Mark {
	if len(c) == 0 {
		return decoders.Mark{}
	}
	return decoders.Mark{Time: decoders.TimeOf(c[len(c)-1].At)}
}

// Whole decodes a conversation message by message.
func Whole(p decoders.Protocol, c Conversation) []decoders.Exchange {
	return decode(p, func(d decoders.Decoder) {
		for i, m := range c {
			c.feed(d, i, m.Data)
		}
		d.Close(c.end())
	})
}

// decode runs a new decoder and returns copies of its exchanges.
func decode(p decoders.Protocol, feed func(decoders.Decoder)) []decoders.Exchange {
	var all []decoders.Exchange
	feed(p.New(func(x *decoders.Exchange) { all = append(all, Clone(x)) }))
	return all
}

// Clone returns a copy of x that outlives the call that x is valid in.
func Clone(x *decoders.Exchange) decoders.Exchange {
	c := *x
	c.Request = bytes.Clone(x.Request)
	c.Error = bytes.Clone(x.Error)
	c.Args = slices.Clone(x.Args)
	for i := range c.Args {
		c.Args[i].Bytes = bytes.Clone(c.Args[i].Bytes)
	}
	c.Attrs = slices.Clone(x.Attrs)
	for i := range c.Attrs {
		c.Attrs[i].Value.Bytes = bytes.Clone(c.Attrs[i].Value.Bytes)
	}
	return c
}

// Everything tests all that is demanded of a decoder over one conversation:
// Splits, Bounded, Starts, Gaps and Truthful. slack is how many requests may go
// unanswered before the decoder has found its place; negative if it cannot know
// that it has, as with a client that is always ahead of the answers: then the
// last three are left out.
func Everything(t *testing.T, p decoders.Protocol, c Conversation, slack int) {
	t.Helper()
	Splits(t, p, c)
	Bounded(t, p, c)
	if slack >= 0 {
		Starts(t, p, c, slack)
		Gaps(t, p, c, slack)
		Truthful(t, p, c)
	}
}

func compare(t *testing.T, what string, want, got []decoders.Exchange) {
	t.Helper()
	for i := range max(len(want), len(got)) {
		switch {
		case i >= len(got):
			t.Errorf("%s: exchange %d is missing: %s", what, i, JSON(&want[i]))
		case i >= len(want):
			t.Errorf("%s: exchange %d is one too many: %s", what, i, JSON(&got[i]))
		default:
			w, g := JSON(&want[i]), JSON(&got[i])
			if w == g {
				continue
			}
			t.Errorf("%s: exchange %d\n got %s\nwant %s", what, i, g, w)
		}
		return
	}
}

// JSON returns x as a line of JSON, times left out so that it can be compared
// with what was recorded earlier.
func JSON(x *decoders.Exchange) string {
	b := []byte(`{"op":`)
	text := func(key string, v []byte) {
		if len(v) > 0 {
			b = append(b, `,"`+key+`":`...)
			b = decoders.AppendJSONString(b, v)
		}
	}
	b = decoders.AppendJSONString(b, []byte(x.Op))
	text("request", x.Request)
	if len(x.Args) > 0 {
		b = append(b, `,"args":[`...)
		for i := range x.Args {
			if i > 0 {
				b = append(b, ',')
			}
			b = x.Args[i].AppendJSON(b)
		}
		b = append(b, ']')
	}
	text("status", []byte(x.Status.String()))
	text("error_code", []byte(x.ErrorCode))
	text("error", x.Error)
	if x.Rows >= 0 {
		b = fmt.Appendf(b, `,"rows":%d`, x.Rows)
	}
	text("user", []byte(x.User))
	text("database", []byte(x.Database))
	b = append(b, `,"sent":`+span(x.Sent)+`,"answered":`+span(x.Answered)...)
	if x.FirstRow.Packet != 0 || x.LastRow.Packet != 0 {
		b = fmt.Appendf(b, `,"returned":"%d-%d"`, x.FirstRow.Packet, x.LastRow.Packet)
	}
	for _, a := range x.Attrs {
		b = append(b, ',')
		b = decoders.AppendJSONString(b, []byte(a.Key))
		b = append(b, ':')
		b = a.Value.AppendJSON(b)
	}
	return string(append(b, '}'))
}

// span writes a span as "first packet-last packet/bytes".
func span(s decoders.Span) string {
	return fmt.Sprintf(`"%d-%d/%d"`, s.First.Packet, s.Last.Packet, s.Bytes)
}
