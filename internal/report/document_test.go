package report

import (
	"bytes"
	"encoding/json"
	"io"
	"math"
	"strings"
	"testing"
)

func documentOf(t *testing.T, s *Summary) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := s.Write(&b, JSON, Layout{Sort: "time"}); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// A report that is written as JSON and read again is the same in every format.
func TestReadSummary(t *testing.T) {
	list, flows := testExchanges(2000)
	list[7].Exchange.Request = []byte("not UTF-8 \xff, \x7f")
	list[8].Exchange.Error = []byte("not UTF-8 \xff, \x7f")
	flows[0].Ends[0].Process.Comm = "\xff\x1b"
	s := sumUp(list, flows)
	again, err := ReadSummary(bytes.NewReader(documentOf(t, s)))
	if err != nil {
		t.Fatal(err)
	}
	if got, want := textOf(t, again), textOf(t, s); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestReadSummaryRefuses(t *testing.T) {
	s := sumUp(testExchanges(100))
	whole := string(documentOf(t, s))
	var limited bytes.Buffer
	if err := s.Write(&limited, JSON, Layout{Sort: "time", Limit: 2}); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ name, document, want string }{
		{"nothing", "", "is no report"},
		{"something else", `{"a":1}`, "is no report"},
		{"not JSON", "0a1b", "is no report"},
		{"cut off", whole[:len(whole)/2], "is no report"},
		{"another version", `{"version":99}`, "is of version 99"},
		{"rows left out", limited.String(), "--limit"},
		{"a sketch of nonsense", `{"version":1,"classes":[{"latency":{"sketch":"!"}}]}`, "a sketch is damaged"},
		{"an empty sketch", `{"version":1,"classes":[{"latency":{"sketch":""}}]}`, "a sketch is damaged"},
	} {
		if _, err := ReadSummary(strings.NewReader(tt.document)); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v, want %q", tt.name, err, tt.want)
		}
	}
}

// Numbers of all sizes come out of a sketch as they were put in.
func TestSketchIsWhole(t *testing.T) {
	var d, again distribution
	for v := int64(0); v >= 0 && v < maxSum/8; v = v*3 + 1 {
		d.add(v)
		d.add(v)
	}
	if err := again.decode(d.encode()); err != nil {
		t.Fatal(err)
	}
	for q := 0.0; q <= 1; q += 0.01 {
		if a, b := d.quantile(q), again.quantile(q); a != b {
			t.Errorf("p%v is %d, was %d", 100*q, b, a)
		}
	}
	if a, b := d.stddev(), again.stddev(); a != b || d.mean() != again.mean() {
		t.Errorf("stddev %v, was %v", b, a)
	}
	b := d.encode()
	for n := range b {
		if err := again.decode(b[:n]); err == nil {
			t.Errorf("no error for %d of %d bytes", n, len(b))
		}
	}
}

// FuzzReadSummary checks that a report by others does no harm: it is refused,
// or can be merged and written in every format.
func FuzzReadSummary(f *testing.F) {
	var b bytes.Buffer
	if err := sumUp(testExchanges(5)).Write(&b, JSON, Layout{Sort: "time"}); err != nil {
		f.Fatal(err)
	}
	f.Add(b.Bytes())
	f.Add([]byte(`{"version":1,"classes":[null,{}],"protocols":[{}],"total":{}}`))
	f.Fuzz(func(t *testing.T, p []byte) {
		s, err := ReadSummary(bytes.NewReader(p))
		if err != nil {
			return
		}
		o, err := ReadSummary(bytes.NewReader(p))
		if err != nil {
			t.Fatal(err)
		}
		s.Merge(o)
		for _, order := range Sorts {
			if err := s.Write(io.Discard, Text, Layout{Width: 80, Sort: order, Details: math.MaxInt}); err != nil {
				t.Error(err)
			}
		}
		var out bytes.Buffer
		if err := s.Write(&out, JSON, Layout{Sort: "time"}); err != nil {
			t.Fatal(err)
		}
		if !json.Valid(out.Bytes()) || bytes.ContainsAny(out.Bytes(), "\x1b\x7f") {
			t.Errorf("not JSON, or not safe: %q", out.Bytes())
		}
		if err := s.Write(io.Discard, Markdown, Layout{Sort: "time", Details: math.MaxInt}); err != nil {
			t.Error(err)
		}
	})
}
