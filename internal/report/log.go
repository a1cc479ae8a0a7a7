package report

import (
	"strconv"
	"strings"

	"unixcap/decoders"
	"unixcap/internal/stream"
)

// An Entry is a line of the log: an exchange, and where it was.
type Entry struct {
	Flow     *stream.Flow
	Exchange *decoders.Exchange
	Protocol *decoders.Protocol
	// File is the name of the capture, "" if there is only one, and Packet
	// the number of the packet in it that the request, or failing that the
	// answer, begins with.
	File   string
	Packet uint64
}

// LogColumns are the fields of an Entry. The names up to path are promised by
// docs/analyze.md.
var LogColumns = logColumns()

func logColumns() []Column[Entry] {
	list := []Column[Entry]{
		{Name: "ts", Head: "TIME", Width: 15, Get: func(e *Entry, c *Cell) { c.Time(stream.At(e.Exchange).UTC()) }},
		{Name: "flow", Head: "FLOW", Width: 10, Wide: true, Get: func(e *Entry, c *Cell) { c.String(e.Flow.ID) }},
		{Head: "CLIENT", Pick: "who", Width: 16, Get: func(e *Entry, c *Cell) {
			c.String(peerName(&e.Flow.Ends[decoders.Client]))
		}},
		{Name: "proto", Head: "PROTO", Width: 10, Wide: true, Get: func(e *Entry, c *Cell) { c.String(e.Flow.Proto) }},
		{Name: "op", Get: func(e *Entry, c *Cell) { c.optional(e.Exchange.Op) }},
		{Name: "request", Get: func(e *Entry, c *Cell) { c.bytes(e.Exchange.Request) }},
		{Name: "args", Get: func(e *Entry, c *Cell) {
			if len(e.Exchange.Args) > 0 {
				c.Values(e.Exchange.Args)
			}
		}},
		{Name: "fingerprint", Get: func(e *Entry, c *Cell) { c.optional(Class(e.Protocol, e.Exchange)) }},
		{Name: "status", Get: func(e *Entry, c *Cell) { c.String(e.Exchange.Status.String()) }},
		{Name: "error_code", Get: func(e *Entry, c *Cell) { c.optional(e.Exchange.ErrorCode) }},
		{Name: "error", Get: func(e *Entry, c *Cell) { c.bytes(e.Exchange.Error) }},
		{Name: "latency_ns", Head: "LATENCY", Width: 7, Right: true, Get: func(e *Entry, c *Cell) {
			if d, ok := e.Exchange.Latency(); ok {
				c.Duration(d)
			}
		}},
		{Name: "duration_ns", Get: func(e *Entry, c *Cell) {
			if d, ok := e.Exchange.Duration(); ok {
				c.Duration(d)
			}
		}},
		{Name: "request_bytes", Get: func(e *Entry, c *Cell) { c.Size(e.Exchange.Sent.Bytes) }},
		{Name: "response_bytes", Get: func(e *Entry, c *Cell) { c.Size(e.Exchange.Answered.Bytes) }},
		{Name: "rows", Get: func(e *Entry, c *Cell) {
			if e.Exchange.Rows >= 0 {
				c.Count(e.Exchange.Rows)
			}
		}},
		{Head: "RESULT", Pick: "result", Width: 10, Get: func(e *Entry, c *Cell) { c.String(result(e.Exchange)) }},
		{Head: "REQUEST", Pick: "what", Width: 40, Get: requestText},
	}
	list = append(list, flowPeers(func(e *Entry) *stream.Flow { return e.Flow })...)
	return append(list,
		Column[Entry]{Name: "path", Get: func(e *Entry, c *Cell) { c.optional(e.Flow.Path()) }},
		Column[Entry]{Name: "user", Get: func(e *Entry, c *Cell) { c.optional(e.Exchange.User) }},
		Column[Entry]{Name: "database", Get: func(e *Entry, c *Cell) { c.optional(e.Exchange.Database) }},
		Column[Entry]{Name: "attrs", Get: func(e *Entry, c *Cell) {
			if len(e.Exchange.Attrs) > 0 {
				c.Attrs(e.Exchange.Attrs)
			}
		}},
		Column[Entry]{Name: "file", Get: func(e *Entry, c *Cell) { c.optional(e.File) }},
		Column[Entry]{Name: "packet", Get: func(e *Entry, c *Cell) {
			if e.Packet != 0 {
				c.Int(int64(e.Packet))
			}
		}},
		Column[Entry]{Name: "queued_ns", Get: func(e *Entry, c *Cell) {
			if d, ok := e.Exchange.Queued(); ok {
				c.Duration(d)
			}
		}},
		Column[Entry]{Name: "service_ns", Get: func(e *Entry, c *Cell) {
			if d, ok := e.Exchange.Service(); ok {
				c.Duration(d)
			}
		}},
		Column[Entry]{Name: "first_row_ns", Get: func(e *Entry, c *Cell) {
			if d, ok := e.Exchange.UntilFirstRow(); ok {
				c.Duration(d)
			}
		}},
		Column[Entry]{Name: "last_row_ns", Get: func(e *Entry, c *Cell) {
			if d, ok := e.Exchange.UntilLastRow(); ok {
				c.Duration(d)
			}
		}},
		Column[Entry]{Name: "filter", Get: func(e *Entry, c *Cell) {
			if c.buf = appendFilter(c.buf[:0], e); len(c.buf) > 0 {
				c.Text(c.buf)
			}
		}},
	)
}

// result says in a word what became of a request.
func result(x *decoders.Exchange) string {
	switch {
	case x.Status == decoders.Error && x.ErrorCode != "":
		return "error " + x.ErrorCode
	case x.Status != decoders.OK:
		return x.Status.String()
	case x.Rows == 1:
		return "1 row"
	case x.Rows >= 0:
		return strconv.FormatInt(x.Rows, 10) + " rows"
	}
	return "ok"
}

// named is a request with its operation before it, unless it begins with that: in
// Redis the operation is the request's first word.
func named(op, request string) []byte {
	text := append([]byte(nil), op...)
	if request == "" {
		return text
	}
	words := strings.ReplaceAll(op, "|", " ")
	if n := len(words); len(request) >= n && strings.EqualFold(request[:n], words) && (len(request) == n || request[n] == ' ') {
		text = text[:0]
	} else {
		text = append(text, ' ')
	}
	return append(text, request...)
}

// requestText sets what was asked: the operation, its text, its values, and
// the server's complaint.
func requestText(e *Entry, c *Cell) {
	x := e.Exchange
	text := named(x.Op, string(x.Request))
	if len(x.Args) > 0 {
		text = append(appendValuesText(append(text, " ("...), x.Args), ')')
	}
	if len(x.Error) > 0 {
		text = append(append(text, " -- "...), x.Error...)
	}
	c.Text(text)
}
