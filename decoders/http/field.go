package http

import (
	"bytes"

	"unixcap/decoders"
	"unixcap/decoders/httpsemantics"
	"unixcap/decoders/uri"
)

// unknownLength stands for a length that no field says.
const unknownLength = -1

// A head is what the head section of a message says of its content and of the
// connection.
type head struct {
	length  int64 // Content-Length
	coded   bool  // there is a Transfer-Encoding
	chunked bool  // the last transfer coding is chunked
	deflate bool  // Sec-WebSocket-Extensions: permessage-deflate
	upgrade []byte
	wrong   bool   // lengths that contradict each other
	last    []byte // the name of the field that the next line may go on with
	blank   bool   // of which there was nothing but the name
}

func (h *head) reset() { *h = head{length: unknownLength, upgrade: h.upgrade[:0], last: h.last[:0]} }

// A content is that of a message, and how its end is found.
type content struct {
	httpsemantics.Content
	how framing
}

func (c *content) reset() {
	c.Reset()
	c.how = noContent
}

// framed says how the content's end is found.
func (c *content) framed(how framing) {
	c.how, c.Present, c.Chunked = how, how != noContent, how == byChunks
}

// cutField splits a field line: RFC 9112, 5. Of one that goes on with the field
// before (5.2: obs-fold), the name is nil. Spaces in front of the colon do not
// belong to the name: servers must reject these, and proxies remove them (5.1).
func cutField(line []byte) (name, value []byte, ok bool) {
	if folds(line) {
		return nil, httpsemantics.Trim(line), true
	}
	i := bytes.IndexByte(line, ':')
	if i < 1 {
		return nil, nil, false
	}
	return httpsemantics.Trim(line[:i]), httpsemantics.Trim(line[i+1:]), true
}

func folds(line []byte) bool { return len(line) > 0 && (line[0] == ' ' || line[0] == '\t') }

// A fieldTaker is a request or a response.
type fieldTaker interface {
	// field takes in a field that only one of the two has.
	field(name, value []byte)
}

// fields takes in the fields whose lines are whole at the beginning of p, and
// returns what is left: from the end of the head section on, or from a line
// that is not all there, too long to keep, or wrong. Those are the framer's.
func (s *side) fields(p []byte, m fieldTaker, c *content) []byte {
	f, begun := &s.framer, len(p)
	for {
		i := bytes.IndexByte(p, '\n')
		if i < 0 || i > maxLine || f.section+begun-len(p)+i+1 > maxHead {
			break
		}
		line := p[:i]
		if i > 0 && line[i-1] == '\r' {
			line = line[:i-1]
		}
		if folds(p) || i+1 == len(p) || folds(p[i+1:]) { // or its next line may
			break
		}
		colon := 0
		for colon < len(line) && line[colon] != ':' { // near, so that this is quicker than a call
			colon++
		}
		if colon == 0 || colon == len(line) {
			break
		}
		name := line[:colon]
		if last := name[colon-1]; last == ' ' || last == '\t' {
			name = httpsemantics.Trim(name)
		}
		if len(name) < len(fieldLengths) && fieldLengths[len(name)] {
			value := httpsemantics.Trim(line[colon+1:])
			s.head.field(name, value, c)
			m.field(name, value)
		}
		p = p[i+1:]
	}
	f.section += begun - len(p)
	return p
}

// fieldLine takes in the line of a field, and says whether it is one.
func (s *side) fieldLine(line []byte, m fieldTaker, c *content) bool {
	name, value, ok := cutField(line)
	h := &s.head
	switch {
	case !ok:
		return false
	case name != nil:
		h.last = httpsemantics.Keep(h.last, name)
		h.blank = len(value) == 0
	case len(value) > 0 && h.goesOn():
		name, h.blank = h.last, false
	default:
		return true
	}
	h.field(name, value, c)
	m.field(name, value)
	return true
}

// goesOn says whether to take in what a folded line has as if its field came
// once more: for lists that is the same (RFC 9110, 5.3). Other fields are not,
// but they may begin on that line.
func (h *head) goesOn() bool {
	return len(h.last) > 0 && (h.blank || decoders.EqualFold(h.last, "transfer-encoding") || decoders.EqualFold(h.last, "content-length"))
}

// fieldLengths are the lengths of the names of fields that are looked at.
var fieldLengths = func() (t [len("sec-websocket-extensions") + 1]bool) {
	for _, name := range []string{"upgrade", "content-type", "content-length", "content-encoding", "transfer-encoding",
		"sec-websocket-extensions", "host", "user-agent", "authorization", "server", "location"} {
		t[len(name)] = true
	}
	return t
}()

// field takes in a field that requests and responses share. c is the content
// of the message.
func (h *head) field(name, value []byte, c *content) {
	switch len(name) {
	case len("upgrade"):
		if decoders.EqualFold(name, "upgrade") {
			h.upgrade = httpsemantics.Keep(h.upgrade, value)
		}
	case len("content-type"):
		if decoders.EqualFold(name, "content-type") {
			c.Type(value)
		}
	case len("content-length"):
		if decoders.EqualFold(name, "content-length") {
			h.contentLength(value)
		}
	case len("content-encoding"):
		if decoders.EqualFold(name, "content-encoding") {
			c.Coding = httpsemantics.CodingOf(value)
		}
	case len("transfer-encoding"):
		if decoders.EqualFold(name, "transfer-encoding") {
			h.coded = true
			if i := bytes.LastIndexByte(value, ','); i >= 0 {
				value = httpsemantics.Trim(value[i+1:])
			}
			h.chunked = decoders.EqualFold(value, "chunked")
		}
	case len("sec-websocket-extensions"):
		if decoders.EqualFold(name, "sec-websocket-extensions") {
			h.deflate = bytes.Contains(value, []byte("permessage-deflate"))
		}
	}
}

// contentLength reads a length, or a list of equal ones: RFC 9110, 8.6.
func (h *head) contentLength(value []byte) {
	for len(value) > 0 {
		one, rest, _ := bytes.Cut(value, []byte{','})
		n, ok := decoders.Decimal(httpsemantics.Trim(one))
		if !ok || n > maxSize || h.length >= 0 && h.length != n {
			h.wrong = true
			return
		}
		h.length, value = n, rest
	}
}

// requestField takes in a field of a request.
func (r *request) field(name, value []byte) {
	switch len(name) {
	case len("host"):
		if decoders.EqualFold(name, "host") {
			r.host = httpsemantics.KeepAuthority(r.host, value)
		}
	case len("user-agent"):
		if decoders.EqualFold(name, "user-agent") {
			r.agent = httpsemantics.Keep(r.agent, value)
		}
	case len("authorization"):
		if decoders.EqualFold(name, "authorization") {
			r.scheme = httpsemantics.SchemeOf(value)
		}
	}
}

// field takes in a field of a response.
func (r *response) field(name, value []byte) {
	switch len(name) {
	case len("server"):
		if decoders.EqualFold(name, "server") {
			r.server = httpsemantics.Keep(r.server, value)
		}
	case len("location"):
		if decoders.EqualFold(name, "location") {
			r.location, _ = uri.AppendTarget(r.location[:0], value, httpsemantics.MaxTarget)
		}
	}
}
