package report

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"unixcap/decoders"
	"unixcap/internal/stream"
)

func exchange(op, request string, took time.Duration) *decoders.Exchange {
	begin := decoders.TimeOf(time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC))
	x := &decoders.Exchange{Op: op, Request: []byte(request), Rows: -1}
	x.Sent = decoders.Span{First: decoders.Mark{Time: begin}, Last: decoders.Mark{Time: begin}}
	end := decoders.Mark{Time: begin.Add(took)}
	x.Answered = decoders.Span{First: end, Last: end}
	return x
}

// Beyond the limit all that is new is counted as one class, which comes last.
func TestClassesAreBounded(t *testing.T) {
	s := NewSummary([]string{"x"})
	f := &stream.Flow{Proto: "toy"}
	for i := range maxClasses + 5 {
		s.Exchange(&Entry{Flow: f, Exchange: exchange("get", fmt.Sprint(i), time.Second)})
	}
	s.Exchange(&Entry{Flow: f, Exchange: exchange("get", "7", time.Minute)})
	list := s.sortedGroups(ByClass, "time")
	first, last := list[0], list[len(list)-1]
	if first.Class != "7" || first.Count != 2 {
		t.Errorf("first is %s with %d, want 7 with 2", first.Class, first.Count)
	}
	if len(list) != maxClasses+1 || last.Class != other || last.Count != 5 {
		t.Errorf("%d classes, the last %s with %d; want %d, %s with 5", len(list), last.Class, last.Count, maxClasses+1, other)
	}
}

func TestSummaryFormats(t *testing.T) {
	s := NewSummary([]string{"a|b\x1b"})
	f := &stream.Flow{Proto: "toy", First: decoders.TimeOf(time.Unix(1, 0)), Last: decoders.TimeOf(time.Unix(5, 0)), Exchanges: 2}
	f.Ends[decoders.Client].Process.Comm = "cl|i\x1bent"
	s.Exchange(&Entry{Flow: f, Exchange: exchange("get", "a|`b` <b>\x1b[2J", time.Second)})
	s.Exchange(&Entry{Flow: f, Exchange: exchange("get", "fast", time.Millisecond)})
	s.Flow(f)
	for _, order := range Sorts {
		for _, format := range SummaryFormats {
			var b bytes.Buffer
			if err := s.Write(&b, format, Layout{Width: 80, Limit: 10, Details: 3, Sort: order}); err != nil {
				t.Errorf("%s by %s: %v", format, order, err)
			}
			if strings.Contains(b.String(), "\x1b") {
				t.Errorf("%s: an escape sequence: %q", format, b.String())
			}
			if format == JSON && !json.Valid(b.Bytes()) {
				t.Errorf("not JSON:\n%s", b.String())
			}
		}
	}
	if err := s.Write(&bytes.Buffer{}, Text, Layout{Sort: "size"}); err == nil {
		t.Error("no error for an order that does not exist")
	}
}

func TestFlowSorter(t *testing.T) {
	var got []int64
	s := FlowSorter{Next: func(f *stream.Flow) error {
		got = append(got, f.First.UTC().Unix())
		return nil
	}}
	for _, at := range []int64{5, 3, 9, 1} {
		if err := s.Add(&stream.Flow{First: decoders.TimeOf(time.Unix(at, 0))}); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if fmt.Sprint(got) != "[1 3 5 9]" {
		t.Errorf("got %v", got)
	}
}

// What a protocol does not have is not said of each class.
func TestNoUsersNoLine(t *testing.T) {
	for user, want := range map[string]bool{none: false, "root": true} {
		d := detail{group: &group{Users: names{{user, 3}}}}
		got := slices.ContainsFunc(d.facts(), func(f fact) bool { return f.label == "users" })
		if got != want {
			t.Errorf("%s: line of users %v, want %v", user, got, want)
		}
	}
}
