package report

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"
)

type pair struct{ a, b string }

var pairTest = []Column[pair]{
	{Name: "x.a", Head: "A", Width: 4, Get: func(p *pair, c *Cell) { c.optional(p.a) }},
	{Name: "x.b", Get: func(p *pair, c *Cell) { c.optional(p.b) }},
	{Name: "y.a", Get: func(p *pair, c *Cell) { c.optional(p.a) }},
	{Name: "b", Head: "B", Get: func(p *pair, c *Cell) { c.optional(p.b) }},
}

func TestRows(t *testing.T) {
	for _, tt := range []struct {
		name   string
		format Format
		width  int
		row    pair
		want   string
	}{
		{"text", Text, 0, pair{"one", "two"}, "A     B\none   two\n"},
		{"text too long, no terminal", Text, 0, pair{"one two", "three"}, "A     B\none two  three\n"},
		{"text too long", Text, 16, pair{"one two", "three four five"}, "A     B\none…  three fou…\n"},
		{"absent text", Text, 0, pair{}, "A     B\n-     -\n"},
		{"json", JSONL, 0, pair{"1", "2"}, `{"x":{"a":"1","b":"2"},"y":{"a":"1"},"b":"2"}` + "\n"},
		{"an absent value is left out", JSONL, 0, pair{"", "2"}, `{"x":{"b":"2"},"b":"2"}` + "\n"},
		{"nothing", JSONL, 0, pair{}, "{}\n"},
		{"an object at the end", JSONL, 0, pair{"1", ""}, `{"x":{"a":"1"},"y":{"a":"1"}}` + "\n"},
		{"tsv", TSV, 0, pair{"a\tb\\", "\x1b"}, "x.a\tx.b\ty.a\tb\na\\tb\\\\\t\\x1b\ta\\tb\\\\\t\\x1b\n"},
		{"csv", CSV, 0, pair{`a,"b"`, "c\nd\x1b"}, "x.a,x.b,y.a,b\n" + `"a,""b""","c` + "\n" + `d\x1b","a,""b""","c` + "\n" + `d\x1b"` + "\n"},
	} {
		var b bytes.Buffer
		r := NewRows(&b, tt.format, tt.width, pairTest)
		if err := r.Write(&tt.row); err != nil {
			t.Fatal(err)
		}
		if err := r.Flush(); err != nil {
			t.Fatal(err)
		}
		if b.String() != tt.want {
			t.Errorf("%s: got\n%q, want\n%q", tt.name, b.String(), tt.want)
		}
	}
}

func TestPathKeepsItsEnd(t *testing.T) {
	columns := []Column[pair]{{Name: "a", Head: "A", Tail: true, Get: func(p *pair, c *Cell) { c.String(p.a) }}}
	var b bytes.Buffer
	r := NewRows(&b, Text, 12, columns)
	r.Write(&pair{a: "/run/mysqld/größe.sock"})
	r.Flush()
	if got, want := b.String(), "A\n…/größe.sock\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// FuzzRows checks that whatever is in a cell, a row is valid in its format and
// has no control characters for a terminal.
func FuzzRows(f *testing.F) {
	f.Add("a", "b")
	f.Add("\x1b[31m,\"\t\n", "\xff\\")
	f.Fuzz(func(t *testing.T, a, b string) {
		for _, format := range RowFormats {
			var out bytes.Buffer
			r := NewRows(&out, format, 40, pairTest)
			r.Write(&pair{a, b})
			r.Flush()
			switch format {
			case JSONL:
				if !json.Valid(out.Bytes()) {
					t.Errorf("not JSON: %q", out.String())
				}
			case CSV:
				if rows, err := csv.NewReader(&out).ReadAll(); err != nil || len(rows) != 2 {
					t.Errorf("not CSV: %v", err)
				}
			default:
				text := out.String()
				if strings.Count(text, "\n") != 2 || strings.ContainsFunc(text, func(r rune) bool {
					return r < ' ' && r != '\n' && r != '\t' || r == 0x7f
				}) {
					t.Errorf("%s: %q", format, text)
				}
			}
		}
	})
}

func TestNumbers(t *testing.T) {
	for _, tt := range []struct {
		got  []byte
		want string
	}{
		{appendCount(nil, 0), "0"},
		{appendCount(nil, 1234567), "1,234,567"},
		{appendCount(nil, -1234), "-1,234"},
		{appendSize(nil, 999), "999"},
		{appendSize(nil, 1000), "1.00k"},
		{appendSize(nil, 999_600), "1.00M"},
		{appendSize(nil, 45_600_000), "45.6M"},
		{appendDuration(nil, 0), "0ns"},
		{appendDuration(nil, 850), "850ns"},
		{appendDuration(nil, 12345), "12.3µs"},
		{appendDuration(nil, 999_999), "1.00ms"},
		{appendDuration(nil, 1234*time.Millisecond), "1.23s"},
		{appendDuration(nil, 123*time.Second), "2m3s"},
		{appendDuration(nil, -time.Millisecond), "-1.00ms"},
	} {
		if string(tt.got) != tt.want {
			t.Errorf("got %s, want %s", tt.got, tt.want)
		}
	}
}

func TestDistribution(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for _, n := range []int{1, 2, 3, 10, 100, 10_000} {
		var d distribution
		list := make([]time.Duration, n)
		for i := range list {
			list[i] = time.Duration(1000 * (1 + r.ExpFloat64()*1e4))
			d.add(int64(list[i]))
		}
		slices.Sort(list)
		for _, q := range []float64{0.5, 0.95, 0.99} {
			rank := int(float64(n)*q+0.999999) - 1
			want, got := float64(list[rank]), float64(d.quantile(q))
			if got < want*(1-quantileError)-1 || got > want*(1+quantileError)+1 {
				t.Errorf("%d values: p%v is %v, want %v", n, 100*q, got, want)
			}
		}
		if d.min != int64(list[0]) || d.max != int64(list[n-1]) {
			t.Errorf("%d values: from %v to %v, want %v to %v", n, d.min, d.max, list[0], list[n-1])
		}
	}
}
