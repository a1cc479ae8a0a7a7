package report

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"unixcap/decoders"
	"unixcap/internal/stream"
)

// testExchanges makes exchanges of several classes and conversations, many of
// them at the same time and as slow as others.
func testExchanges(n int) (list []*Entry, flows []*stream.Flow) {
	r := rand.New(rand.NewPCG(3, 4))
	for i := range 8 {
		f := &stream.Flow{ID: fmt.Sprint("flow", i), Proto: "toy", Packet: uint64(i), Exchanges: int64(i)}
		f.First = decoders.TimeOf(time.Unix(int64(1000+i%3), 0))
		f.Last = f.First.Add(time.Hour)
		f.Ends[decoders.Client].Process.Comm = fmt.Sprint("client", i%3)
		flows = append(flows, f)
	}
	for range n {
		x := exchange("get", fmt.Sprint("class ", r.IntN(20)), time.Duration(1+r.IntN(50))*time.Millisecond)
		at := x.Sent.First.Time.Add(time.Duration(r.IntN(10)) * time.Second)
		x.Answered.First.Time = x.Answered.First.Time.Add(at.Sub(x.Sent.First.Time))
		x.Answered.Last = x.Answered.First
		x.Sent.First.Time, x.Sent.Last.Time = at, at
		switch {
		case r.IntN(4) == 0:
			x.Status, x.ErrorCode, x.Error = decoders.Error, fmt.Sprint(r.IntN(3)), fmt.Append(nil, "message ", r.IntN(9))
		case r.IntN(50) == 0:
			x.Op, x.Status = "connect", decoders.Unanswered
		}
		list = append(list, &Entry{Flow: flows[r.IntN(len(flows))], Exchange: x, Packet: uint64(r.IntN(n))})
	}
	return list, flows
}

func sumUp(list []*Entry, flows []*stream.Flow) *Summary {
	s := NewSummary([]string{"x"}, AllDimensions()...)
	for _, e := range list {
		s.Exchange(e)
	}
	for _, f := range flows {
		s.Flow(f)
	}
	return s
}

func textOf(t *testing.T, s *Summary) string {
	t.Helper()
	var b bytes.Buffer
	for _, format := range SummaryFormats {
		for by := range dimensions {
			if err := s.Write(&b, format, Layout{Sort: "time", By: by, Details: 100}); err != nil {
				t.Fatal(err)
			}
		}
	}
	return b.String()
}

// However conversations are dealt out to parts, and in whatever
// order the parts are merged, the report is that of the whole.
func TestMerge(t *testing.T) {
	list, flows := testExchanges(2000)
	want := textOf(t, sumUp(list, flows))
	for seed := range uint64(20) {
		r := rand.New(rand.NewPCG(seed, 5))
		parts := make([]*Summary, 1+r.IntN(6))
		for i := range parts {
			parts[i] = NewSummary([]string{"x"}, AllDimensions()...)
		}
		part := make(map[*stream.Flow]*Summary)
		for _, f := range flows {
			part[f] = parts[r.IntN(len(parts))]
		}
		for _, e := range list {
			part[e.Flow].Exchange(e)
		}
		for _, f := range flows {
			part[f].Flow(f)
		}
		for len(parts) > 1 {
			r.Shuffle(len(parts), func(i, j int) { parts[i], parts[j] = parts[j], parts[i] })
			parts[0].Merge(parts[1])
			parts = append(parts[:1], parts[2:]...)
		}
		if got := textOf(t, parts[0]); got != want {
			t.Fatalf("seed %d: got\n%s\nwant\n%s", seed, got, want)
		}
	}
}

// Beyond the limit those that began last are counted together.
func TestMergeIsBounded(t *testing.T) {
	flow := &stream.Flow{Proto: "toy"}
	begin := exchange("", "", 0).Sent.First.Time
	part := func(from, to int) *Summary {
		s := NewSummary([]string{"x"})
		for i := from; i < to; i++ {
			x := exchange("get", fmt.Sprint(i), time.Second)
			x.Sent.First.Time = begin.Add(time.Duration(i))
			s.Exchange(&Entry{Flow: flow, Exchange: x})
		}
		return s
	}
	const more = 7
	s := part(maxClasses/2, maxClasses+more)
	s.Merge(part(0, maxClasses/2+1))
	classes := s.sortedGroups(ByClass, "time")
	last := classes[len(classes)-1]
	if len(classes) != maxClasses+1 || last.Class != other || last.Count != more {
		t.Errorf("%d classes, the last %s with %d; want %d, %s with %d", len(classes), last.Class, last.Count, maxClasses+1, other, more)
	}
	if c := s.groups[ByClass][groupKey{Proto: "toy", Op: "get", Class: fmt.Sprint(maxClasses / 2)}]; c == nil || c.Count != 2 {
		t.Errorf("what both parts have is %v, want it twice", c)
	}
	for i := maxClasses; i < maxClasses+more; i++ {
		if s.groups[ByClass][groupKey{Proto: "toy", Op: "get", Class: fmt.Sprint(i)}] != nil {
			t.Errorf("class %d is kept", i)
		}
	}
}
