package report

import (
	"container/heap"
	"time"

	"unixcap/decoders"
	"unixcap/internal/stream"
)

// FlowColumns are the fields of a conversation.
var FlowColumns = flowColumns()

func flowColumns() []Column[stream.Flow] {
	peer := func(e decoders.End, get func(*stream.Peer) int64) func(*stream.Flow, *Cell) {
		return func(f *stream.Flow, c *Cell) { c.Size(get(&f.Ends[e])) }
	}
	sum := func(get func(*stream.Peer) int64) func(*stream.Flow, *Cell) {
		return func(f *stream.Flow, c *Cell) { c.Count(get(&f.Ends[0]) + get(&f.Ends[1])) }
	}
	bytes := func(p *stream.Peer) int64 { return p.Bytes }
	process := func(e decoders.End) func(*stream.Flow, *Cell) {
		return func(f *stream.Flow, c *Cell) { c.String(peerName(&f.Ends[e])) }
	}
	list := []Column[stream.Flow]{
		{Name: "first", Head: "BEGIN", Width: 15, Wide: true, Get: func(f *stream.Flow, c *Cell) { c.Time(f.First.UTC()) }},
		{Name: "last", Get: func(f *stream.Flow, c *Cell) { c.Time(f.Last.UTC()) }},
		{Name: "flow", Head: "FLOW", Width: 10, Get: func(f *stream.Flow, c *Cell) { c.String(f.ID) }},
		{Head: "SPAN", Pick: "span", Width: 6, Right: true, Wide: true, Get: func(f *stream.Flow, c *Cell) { c.Duration(f.Last.Sub(f.First)) }},
		{Name: "kind", Head: "KIND", Width: 9, Wide: true, Get: func(f *stream.Flow, c *Cell) { c.String(f.Kind.String()) }},
		{Name: "proto", Head: "PROTO", Width: 10, Get: func(f *stream.Flow, c *Cell) { c.String(f.Proto) }},
		{Name: "client_bytes", Head: "SENT", Width: 5, Right: true, Get: peer(decoders.Client, bytes)},
		{Name: "server_bytes", Head: "RCVD", Width: 5, Right: true, Get: peer(decoders.Server, bytes)},
		{Name: "messages", Head: "MSGS", Width: 6, Right: true, Wide: true, Get: func(f *stream.Flow, c *Cell) { c.Count(f.Messages()) }},
		{Name: "exchanges", Head: "XCHG", Width: 5, Right: true, Get: func(f *stream.Flow, c *Cell) { c.Count(f.Exchanges) }},
		{Name: "errors", Head: "ERR", Width: 3, Right: true, Get: func(f *stream.Flow, c *Cell) { c.Count(f.Errors) }},
		{Name: "unanswered", Get: func(f *stream.Flow, c *Cell) { c.Count(f.Unanswered) }},
		{Name: "lost_bytes", Head: "LOST", Width: 5, Right: true, Wide: true, Get: sum(func(p *stream.Peer) int64 { return p.LostBytes })},
		{Name: "cut_bytes", Get: sum(func(p *stream.Peer) int64 { return p.CutBytes })},
		{Name: "lost_messages", Get: sum(func(p *stream.Peer) int64 { return p.LostMessages })},
		{Name: "failed_sends", Get: sum(func(p *stream.Peer) int64 { return p.Failed })},
		{Name: "fds", Get: sum(func(p *stream.Peer) int64 { return p.FDs })},
		{Name: "ended", Get: func(f *stream.Flow, c *Cell) { c.String(ending(f)) }},
		{Head: "CLIENT", Pick: "who", Width: 16, Get: process(decoders.Client)},
		{Head: "SERVER", Pick: "whom", Width: 16, Wide: true, Get: process(decoders.Server)},
		{Name: "content", Get: func(f *stream.Flow, c *Cell) { c.optional(f.Content) }},
		{Name: "path", Head: "PATH", Tail: true, Get: func(f *stream.Flow, c *Cell) { c.optional(f.Path()) }},
	}
	list = append(list, flowPeers(func(f *stream.Flow) *stream.Flow { return f })...)
	return append(list, Column[stream.Flow]{Name: "packet", Get: func(f *stream.Flow, c *Cell) { c.Int(int64(f.Packet)) }})
}

// How a conversation ended.
const (
	closed  = "closed"
	open    = "open"     // when the capture ended
	givenUp = "given up" // since too many others were open
)

// ending says how far the capture shows a conversation.
func ending(f *stream.Flow) string {
	switch {
	case f.Ends[0].Closed || f.Ends[1].Closed:
		return closed
	case f.Evicted:
		return givenUp
	}
	return open
}

// maxUnsorted bounds how many conversations wait to be put in order.
const maxUnsorted = 50_000

// A FlowSorter passes conversations on in the order of their beginning,
// although they come in that of their end. When very many wait, the earliest
// goes on, so that with long captures the order is not strict.
type FlowSorter struct {
	Next    func(*stream.Flow) error
	waiting flowHeap
}

// Add takes a conversation.
func (s *FlowSorter) Add(f *stream.Flow) error {
	heap.Push(&s.waiting, f)
	if len(s.waiting) <= maxUnsorted {
		return nil
	}
	return s.Next(heap.Pop(&s.waiting).(*stream.Flow))
}

// Close passes on all that wait.
func (s *FlowSorter) Close() error {
	for len(s.waiting) > 0 {
		if err := s.Next(heap.Pop(&s.waiting).(*stream.Flow)); err != nil {
			return err
		}
	}
	return nil
}

type flowHeap []*stream.Flow

func (h flowHeap) Len() int { return len(h) }
func (h flowHeap) Less(i, j int) bool {
	if h[i].First == h[j].First {
		return h[i].Packet < h[j].Packet
	}
	return h[i].First < h[j].First
}
func (h flowHeap) Swap(i, j int) { h[i], h[j] = h[j], h[i] }
func (h *flowHeap) Push(x any)   { *h = append(*h, x.(*stream.Flow)) }
func (h *flowHeap) Pop() any {
	old := *h
	f := old[len(old)-1]
	old[len(old)-1] = nil
	*h = old[:len(old)-1]
	return f
}

// ProtocolColumns are the fields of a protocol that can be decoded.
var ProtocolColumns = []Column[decoders.Protocol]{
	{Name: "name", Head: "NAME", Width: 10, Get: func(p *decoders.Protocol, c *Cell) { c.String(p.Name) }},
	{Name: "title", Head: "PROTOCOL", Width: 12, Get: func(p *decoders.Protocol, c *Cell) { c.String(p.Title) }},
	{Name: "about", Head: "WHAT IS READ", Get: func(p *decoders.Protocol, c *Cell) { c.String(p.About) }},
	{Name: "ports", Get: func(p *decoders.Protocol, c *Cell) {
		list := make([]decoders.Value, len(p.Ports))
		for i, n := range p.Ports {
			list[i] = decoders.UintValue(uint64(n))
		}
		c.Values(list)
	}},
	{Name: "paths", Get: func(p *decoders.Protocol, c *Cell) {
		list := make([]decoders.Value, len(p.Paths))
		for i, s := range p.Paths {
			list[i] = decoders.StringValue(s)
		}
		c.Values(list)
	}},
}

// seconds is a duration for people that is long enough not to need digits.
func seconds(d time.Duration) string {
	if d < time.Minute {
		return string(appendDuration(nil, d))
	}
	return d.Round(time.Second).String()
}
