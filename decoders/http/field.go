package http

import (
	"bytes"

	"unixcap/decoders"
	"unixcap/decoders/uri"
)

const (
	// maxValue bounds what is kept of a field's value.
	maxValue = 256

	// maxTrailers bounds the names of trailer fields that are kept.
	maxTrailers = 256

	// unknownLength stands for a length that no field says.
	unknownLength = -1
)

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

// A content is what is known of a message's content.
type content struct {
	mediaType []byte
	coding    coding
	how       framing
	n         int64  // bytes, without chunked's framing
	missing   int64  // bytes of it that the capture lacks
	begin     []byte // as it was sent
	secret    bool   // it is not shown
	gap       bool   // bytes are missing in front of what follows
	trailers  []byte // names, with spaces between them
}

func (c *content) reset() {
	if cap(c.begin) > 2*maxEncoded {
		c.begin = nil
	}
	// Field by field, which is quicker than a literal of that size.
	c.mediaType, c.begin, c.trailers = c.mediaType[:0], c.begin[:0], c.trailers[:0]
	c.coding, c.how, c.n, c.missing, c.gap, c.secret = identity, noContent, 0, 0, false, false
}

// add takes in a stretch of content.
func (c *content) add(p []byte, room int) {
	c.n += int64(len(p))
	if c.gap || room == 0 {
		return
	}
	limit := maxPreview + 4
	switch c.coding {
	case identity:
	case codingZstd:
		limit = maxBlock
	default:
		limit = maxEncoded
	}
	if n := min(len(p), min(limit, room)-len(c.begin)); n > 0 {
		c.begin = append(c.begin, p[:n]...)
	}
}

// skip says that n bytes of it are missing.
func (c *content) skip(n int64) {
	c.n += n
	c.missing += n
	c.gap = true
}

// cutField splits a field line: RFC 9112, 5. Of one that goes on with the field
// before (5.2: obs-fold), the name is nil. Spaces in front of the colon do not
// belong to the name: servers must reject these, and proxies remove them (5.1).
func cutField(line []byte) (name, value []byte, ok bool) {
	if folds(line) {
		return nil, trim(line), true
	}
	i := bytes.IndexByte(line, ':')
	if i < 1 {
		return nil, nil, false
	}
	return trim(line[:i]), trim(line[i+1:]), true
}

func folds(line []byte) bool { return len(line) > 0 && (line[0] == ' ' || line[0] == '\t') }

func trim(b []byte) []byte {
	for len(b) > 0 && (b[0] == ' ' || b[0] == '\t') {
		b = b[1:]
	}
	for n := len(b); n > 0 && (b[n-1] == ' ' || b[n-1] == '\t'); n-- {
		b = b[:n-1]
	}
	return b
}

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
			name = trim(name)
		}
		if len(name) < len(fieldLengths) && fieldLengths[len(name)] {
			value := trim(line[colon+1:])
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
		h.last = keep(h.last, name)
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
			h.upgrade = keep(h.upgrade, value)
		}
	case len("content-type"):
		if decoders.EqualFold(name, "content-type") {
			if i := bytes.IndexByte(value, ';'); i >= 0 {
				value = trim(value[:i])
			}
			c.mediaType = keep(c.mediaType, value)
		}
	case len("content-length"):
		if decoders.EqualFold(name, "content-length") {
			h.contentLength(value)
		}
	case len("content-encoding"):
		if decoders.EqualFold(name, "content-encoding") {
			c.coding = codingOf(value)
		}
	case len("transfer-encoding"):
		if decoders.EqualFold(name, "transfer-encoding") {
			h.coded = true
			if i := bytes.LastIndexByte(value, ','); i >= 0 {
				value = trim(value[i+1:])
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
		n, ok := decoders.Decimal(trim(one))
		if !ok || n > maxSize || h.length >= 0 && h.length != n {
			h.wrong = true
			return
		}
		h.length, value = n, rest
	}
}

func keep(dst, value []byte) []byte { return append(dst[:0], value[:min(len(value), maxValue)]...) }

// requestField takes in a field of a request.
func (r *request) field(name, value []byte) {
	switch len(name) {
	case len("host"):
		if decoders.EqualFold(name, "host") {
			r.host = keep(r.host, value)
		}
	case len("user-agent"):
		if decoders.EqualFold(name, "user-agent") {
			r.agent = keep(r.agent, value)
		}
	case len("authorization"):
		if decoders.EqualFold(name, "authorization") {
			r.scheme = schemeOf(value)
		}
	}
}

// schemes are the authentication schemes of the registry that RFC 9110, 16.4.1
// sets up, and usual others.
var schemes = []string{"basic", "bearer", "digest", "negotiate", "ntlm", "hoba", "mutual", "oauth", "scram-sha-1",
	"scram-sha-256", "vapid", "dpop", "gnap", "privatetoken", "concealed", "token", "apikey", "aws4-hmac-sha256"}

// schemeOf returns the scheme of credentials, "other" if it is none of schemes:
// then even the first word may be secret.
func schemeOf(value []byte) string {
	first, _, _ := bytes.Cut(value, []byte{' '})
	for _, s := range schemes {
		if decoders.EqualFold(first, s) {
			return s
		}
	}
	return "other"
}

// field takes in a field of a response.
func (r *response) field(name, value []byte) {
	switch len(name) {
	case len("server"):
		if decoders.EqualFold(name, "server") {
			r.server = keep(r.server, value)
		}
	case len("location"):
		if decoders.EqualFold(name, "location") {
			r.location = uri.AppendTarget(r.location[:0], value, maxTarget)
		}
	}
}

// trailer notes a trailer field: RFC 9110, 6.5.
func (c *content) trailer(name []byte) {
	if len(c.trailers)+1+len(name) > maxTrailers {
		return
	}
	if len(c.trailers) > 0 {
		c.trailers = append(c.trailers, ' ')
	}
	c.trailers = append(c.trailers, name...)
}

// attr adds an attribute if there is something to say.
func (d *decoder) attr(key string, value []byte) {
	if len(value) > 0 {
		*d.grow(key) = decoders.Value{Kind: decoders.Text, Bytes: value}
	}
}

func (d *decoder) count(key string, n int64) {
	*d.grow(key) = decoders.IntValue(n)
}

// grow adds an attribute and returns its value, for the caller to set.
func (d *decoder) grow(key string) *decoders.Value {
	list := d.x.Attrs
	if len(list) == cap(list) {
		list = append(list, decoders.Attr{})
	} else {
		list = list[:len(list)+1]
	}
	d.x.Attrs = list
	a := &list[len(list)-1]
	a.Key = key
	return &a.Value
}
