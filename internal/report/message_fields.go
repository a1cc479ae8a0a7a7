package report

import (
	"slices"

	"unixcap/decoders"
	"unixcap/internal/capture"
)

// json writes a JSON object with the fields of MessageColumns. Its ends, which
// are most of them, are the same from message to message.
func (w *MessageLines) json(m *capture.Message) {
	b := messageHead.appendFields(append(w.buf, '{'), m, &w.cell)
	b = w.peers[0].append(b, messageFrom, m, endKey{deref(m.From), m.Sender}, &w.cell)
	b = w.peers[1].append(b, messageTo, m, endKey{deref(m.To), m.Peer}, &w.cell)
	b = messageTail.appendFields(append(b, ','), m, &w.cell)
	w.buf = append(b, '}', '\n')
}

// An endKey is all that the fields of an end are made from.
type endKey struct {
	socket  capture.Socket
	process capture.Process
}

func deref(s *capture.Socket) capture.Socket {
	if s == nil {
		return capture.Socket{}
	}
	return *s
}

// A peerCache has the fields of ends as they were written last.
type peerCache [64]struct {
	key  endKey
	text []byte
	full bool
}

func (c *peerCache) append(dst []byte, o object[capture.Message], m *capture.Message, key endKey, cell *Cell) []byte {
	key.process.TID = 0 // is not shown
	slot := &c[(key.socket.SK>>6^key.socket.SK>>14^uint64(key.process.PID))%uint64(len(c))]
	if !slot.full || slot.key != key {
		slot.key, slot.full = key, true
		slot.text = append(slot.text[:0], ',')
		if slot.text = o.appendFields(slot.text, m, cell); len(slot.text) == 1 {
			slot.text = slot.text[:0]
		}
	}
	return append(dst, slot.text...)
}

// MessageColumns are the fields of a message. Behind the first ones, of which
// there is always one, are those of the two ends.
var MessageColumns = slices.Concat(messageHeadColumns, messageFromColumns, messageToColumns, messageTailColumns)

var (
	messageHead = newObject(messageHeadColumns)
	messageFrom = newObject(messageFromColumns)
	messageTo   = newObject(messageToColumns)
	messageTail = newObject(messageTailColumns)
)

// A messageColumn is a field of a message.
type messageColumn = Column[capture.Message]

// positive makes a field that is absent if it is 0.
func positive(get func(*capture.Message) uint64) func(*capture.Message, *Cell) {
	return func(m *capture.Message, c *Cell) {
		if n := get(m); n != 0 {
			c.Count(int64(n))
		}
	}
}

var messageHeadColumns = []messageColumn{
	{Name: "ts", Width: 15, Get: func(m *capture.Message, c *Cell) { c.Time(m.Time) }},
	{Name: "number", Width: 8, Right: true, Get: positive(func(m *capture.Message) uint64 { return m.Number })},
	{Name: "packet", Width: 8, Right: true, Get: positive(func(m *capture.Message) uint64 { return m.Packet })},
	{Name: "event", Width: 7, Get: func(m *capture.Message, c *Cell) { c.String(eventNames[m.Op]) }},
	{Name: "kind", Width: 9, Get: func(m *capture.Message, c *Cell) {
		if m.From.Known() {
			c.String(m.From.Kind.String())
		}
	}},
}

var eventNames = [...]string{capture.Send: "send", capture.Close: "close", capture.Open: "open", capture.Receive: "receive"}

var (
	messageFromColumns = messagePeer("from", func(m *capture.Message) (*capture.Process, *capture.Socket) { return &m.Sender, m.From })
	messageToColumns   = messagePeer("to", func(m *capture.Message) (*capture.Process, *capture.Socket) { return &m.Peer, m.To })
)

func messagePeer(object string, of func(*capture.Message) (*capture.Process, *capture.Socket)) []messageColumn {
	return append(peerColumns(object, of), messageColumn{Name: object + ".path", Width: 24, Tail: true, Get: func(m *capture.Message, c *Cell) {
		if _, s := of(m); s.Known() {
			c.optional(s.Path)
		}
	}})
}

var messageTailColumns = []messageColumn{
	{Name: "offset", Width: 8, Right: true, Get: func(m *capture.Message, c *Cell) { c.Count(int64(m.Offset)) }},
	{Name: "length", Width: 8, Right: true, Get: func(m *capture.Message, c *Cell) { c.Count(int64(m.Length)) }},
	{Name: "captured", Width: 8, Right: true, Get: func(m *capture.Message, c *Cell) { c.Count(int64(len(m.Payload))) }},
	{Name: "acked", Width: 8, Right: true, Get: func(m *capture.Message, c *Cell) {
		if m.Op == capture.Receive {
			c.Count(int64(m.Acked))
		}
	}},
	{Name: "took_ns", Width: 8, Right: true, Get: positive(func(m *capture.Message) uint64 { return uint64(max(m.Took, 0)) })},
	{Name: "lost_bytes", Width: 10, Right: true, Get: positive(func(m *capture.Message) uint64 { return m.LostBytes })},
	{Name: "lost_messages", Width: 13, Right: true, Get: positive(func(m *capture.Message) uint64 { return m.LostMessages })},
	{Name: "fds", Width: 3, Right: true, Get: positive(func(m *capture.Message) uint64 { return uint64(m.FDs) })},
	{Name: "fd_types", Width: 16, Get: func(m *capture.Message, c *Cell) {
		if m.FDs > 0 {
			c.String(string(m.FDTypes.Append(nil, m.FDs)))
		}
	}},
	{Name: "creds", Width: 5, Right: true, Get: func(m *capture.Message, c *Cell) {
		if m.Creds {
			c.Count(1)
		}
	}},
	{Name: "error", Width: 10, Get: func(m *capture.Message, c *Cell) { c.optional(m.Error) }},
	{Name: "payload", Width: 32, Get: func(m *capture.Message, c *Cell) {
		if m.Op == capture.Send && m.Error == "" {
			c.Payload(m.Payload)
		}
	}},
}

// Payload sets bytes that may be anything. JSON has them as a string if they
// are UTF-8, otherwise as {"base64": "…"}.
func (c *Cell) Payload(p []byte) { c.kind, c.text = cellPayload, p }

func appendPayload(dst, p []byte) []byte { return decoders.BinaryValue(p).AppendJSON(dst) }
