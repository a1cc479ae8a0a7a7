package report

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"
)

// sortBy are the orders that groups can be shown in.
var sortBy = []struct {
	name string
	key  func(*group) float64
}{
	{"time", func(g *group) float64 { return float64(g.Time) }},
	{"count", func(g *group) float64 { return float64(g.Count) }},
	{"mean", func(g *group) float64 { return g.Latency.mean() }},
	{"p50", func(g *group) float64 { return float64(g.Latency.quantile(0.50)) }},
	{"p95", func(g *group) float64 { return float64(g.Latency.quantile(0.95)) }},
	{"p99", func(g *group) float64 { return float64(g.Latency.quantile(0.99)) }},
	{"max", func(g *group) float64 { return float64(g.Latency.max) }},
	{"vmr", func(g *group) float64 { return g.Latency.dispersion() }},
	{"rows", func(g *group) float64 { return float64(g.Rows.sum) }},
	{"errors", func(g *group) float64 { return float64(g.Errors) }},
	{"bytes", func(g *group) float64 { return float64(g.Sent.sum + g.Received.sum) }},
}

// Sorts are the names of the orders on the command line.
var Sorts = func() (list []string) {
	for _, o := range sortBy {
		list = append(list, o.name)
	}
	return list
}()

// CheckSort reports whether there is such an order.
func CheckSort(name string) error {
	if !slices.Contains(Sorts, name) {
		return fmt.Errorf("no order %q (there are %s)", name, strings.Join(Sorts, ", "))
	}
	return nil
}

// sortedGroups ranks the groups and says what part each has of all the time
// that clients waited. Those counted together come last. It fills in what is
// worked out from the rest.
func (s *Summary) sortedGroups(d dimension, order string) []*group {
	by := sortBy[slices.Index(Sorts, order)].key
	list := values(s.groups[d])
	keys := make(map[*group]float64, len(list))
	var total time.Duration
	for _, g := range list {
		keys[g] = by(g)
		total += g.Time
	}
	slices.SortFunc(list, func(a, b *group) int {
		return cmp.Or(lastIf(a.groupKey == rest[d], b.groupKey == rest[d]),
			cmp.Compare(keys[b], keys[a]), cmp.Compare(b.Count, a.Count), cmp.Compare(a.Class, b.Class),
			cmp.Compare(a.Op, b.Op), cmp.Compare(a.Proto, b.Proto), cmp.Compare(a.Name, b.Name))
	})
	for i, g := range list {
		g.Rank = i + 1
		g.RowsSum, g.SentSum, g.ReceivedSum = g.Rows.sum, g.Sent.sum, g.Received.sum
		if total > 0 {
			g.Share = math.Round(float64(g.Time)/float64(total)*1e6) / 1e6
		}
	}
	return list
}

// overall adds up all classes.
func (s *Summary) overall() *group {
	all := &group{}
	for _, g := range s.groups[ByClass] {
		all.add(g)
	}
	return all
}

func nanoseconds(v float64) time.Duration { return time.Duration(math.Round(v)) }

// waited makes a column of the time to the first byte, absent if none is known.
func waited(head string, get func(*distribution) float64) Column[group] {
	return Column[group]{Head: head, Right: true, Get: func(g *group, c *Cell) {
		if d := &g.Latency.distribution; d.count > 0 {
			c.Duration(nanoseconds(get(d)))
		}
	}}
}

// wide makes a column one that is left out where there is little room.
func wide(c Column[group]) Column[group] {
	c.Wide = true
	return c
}

func quantile(q float64) func(*distribution) float64 {
	return func(d *distribution) float64 { return float64(d.quantile(q)) }
}

func largest(d *distribution) float64 { return float64(d.max) }

var groupColumns = []Column[group]{
	{Head: "#", Right: true, Get: func(g *group, c *Cell) { c.Int(int64(g.Rank)) }},
	{Head: "COUNT", Right: true, Get: func(g *group, c *Cell) { c.Count(g.Count) }},
	{Head: "TIME", Right: true, Get: func(g *group, c *Cell) { c.Duration(g.Time) }},
	{Head: "SHARE", Right: true, Get: func(g *group, c *Cell) { c.Share(g.Share) }},
	waited("MEAN", (*distribution).mean),
	wide(waited("P50", quantile(0.50))),
	waited("P95", quantile(0.95)),
	waited("P99", quantile(0.99)),
	waited("MAX", largest),
	wide(waited("V/M", (*distribution).dispersion)),
	{Head: "ROWS", Right: true, Get: func(g *group, c *Cell) { c.Size(g.Rows.sum) }},
	{Head: "ERR", Right: true, Get: func(g *group, c *Cell) { c.Size(g.Errors) }},
	{Head: "REQUEST", Below: true, Get: func(g *group, c *Cell) { c.Text(g.title()) }},
}

// title is what people call a group.
func (g *group) title() []byte {
	switch {
	case g.Class != "" && g.Op != "":
		return named(g.Op, g.Class)
	case g.Class != "":
		return []byte(g.Class)
	case g.About != "":
		return []byte(g.Name + " " + g.About)
	}
	return []byte(g.Name)
}
