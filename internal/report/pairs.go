package report

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// A peering is what the processes of one program say to those of another, in
// one protocol and at one path: a person asks which programs talk, and a client
// that is started a thousand times is one of them.
type peering struct {
	pairSum
	clients, servers int // processes
}

// peerings are the pairs, summed up, those with the most bytes first.
func (s *Summary) peerings() []*peering {
	type processes struct{ clients, servers map[string]bool }
	all, seen := make(map[pairKey]*peering), make(map[pairKey]processes)
	for _, p := range s.sortedPairs() {
		k := p.pairKey
		k.Client, k.Server = p.ClientEnd.program(p.Client), p.ServerEnd.program(p.Server)
		sum := all[k]
		if sum == nil {
			sum = &peering{pairSum: pairSum{pairKey: k}}
			all[k], seen[k] = sum, processes{make(map[string]bool), make(map[string]bool)}
		}
		sum.add(p)
		seen[k].clients[p.Client], seen[k].servers[p.Server] = true, true
		sum.clients, sum.servers = len(seen[k].clients), len(seen[k].servers)
		if sum.clients == 1 {
			sum.Client = p.Client
		} else {
			sum.Client = fmt.Sprintf("%s ×%d", k.Client, sum.clients)
		}
		if sum.servers == 1 {
			sum.Server = p.Server
		} else {
			sum.Server = fmt.Sprintf("%s ×%d", k.Server, sum.servers)
		}
	}
	list := values(all)
	slices.SortFunc(list, func(a, b *peering) int {
		return cmp.Or(cmp.Compare(b.Sent+b.Received, a.Sent+a.Received), cmp.Compare(b.Exchanges, a.Exchanges),
			cmp.Compare(a.Client, b.Client), cmp.Compare(a.Server, b.Server), cmp.Compare(a.Path, b.Path), cmp.Compare(a.Proto, b.Proto))
	})
	return list
}

// program is a name of an end without its process's number.
func (e *endpoint) program(name string) string {
	return strings.Replace(name, fmt.Sprintf("[%d]", e.PID), "", 1)
}

// shownPeerings are as many as a table may have, but of each protocol one: of
// one that says little, too, a person is to learn that it was there.
func shownPeerings(list []*peering, limit int) *table[peering] {
	if limit == 0 {
		limit = len(list)
	}
	had := make(map[string]bool)
	var shown []*peering
	for i, p := range list {
		if i < limit || !had[p.Proto] {
			shown = append(shown, p)
		}
		had[p.Proto] = true
	}
	return &table[peering]{title: "Who talks to whom", columns: peeringColumns, rows: shown, left: len(list) - len(shown)}
}

// peeringColumns have who it is on a line of its own, since names and paths are long.
var peeringColumns = []Column[peering]{
	{Head: "PROTOCOL", Get: func(p *peering, c *Cell) { c.optional(p.Proto) }},
	{Head: "CONVS", Right: true, Get: func(p *peering, c *Cell) { c.Count(p.Flows) }},
	{Head: "EXCHANGES", Right: true, Get: func(p *peering, c *Cell) { c.Count(p.Exchanges) }},
	{Head: "ERRORS", Right: true, Get: func(p *peering, c *Cell) { c.Count(p.Errors) }},
	{Head: "SENT", Right: true, Get: func(p *peering, c *Cell) { c.Size(p.Sent) }},
	{Head: "RECEIVED", Right: true, Get: func(p *peering, c *Cell) { c.Size(p.Received) }},
	{Head: "MEAN", Right: true, Get: func(p *peering, c *Cell) { c.pace(&p.Latency, p.Latency.Mean) }},
	{Head: "MAX", Right: true, Get: func(p *peering, c *Cell) { c.pace(&p.Latency, p.Latency.Max) }},
	{Head: "CLIENT → SERVER, PATH", Below: true, Wrap: true, Get: func(p *peering, c *Cell) { c.String(p.title()) }},
}

func (c *Cell) pace(p *pace, ns int64) {
	if p.Count > 0 {
		c.Duration(nanoseconds(float64(ns)))
	}
}

// title says who talks to whom, and where.
func (p *peering) title() string {
	if p.Client == other {
		return other
	}
	who := p.Client + " → " + p.Server
	if p.Path != "" {
		who += "  " + p.Path
	}
	return who
}

// unknownColumns say what conversations of unknown protocol look like.
var unknownColumns = []Column[peering]{
	{Head: "CONVS", Right: true, Get: func(p *peering, c *Cell) { c.Count(p.Flows) }},
	{Head: "CLIENT → SERVER", Get: func(p *peering, c *Cell) { c.String(p.Client + " → " + p.Server) }},
	{Head: "WHAT THE FIRST LOOKS LIKE", Below: true, Wrap: true, Get: func(p *peering, c *Cell) { c.optional(p.Content) }},
}
