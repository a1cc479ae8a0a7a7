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
	length   int64 // Content-Length
	coded    bool  // there is a Transfer-Encoding
	chunked  bool  // the last transfer coding is chunked
	upgrades bool  // Connection: upgrade
	deflate  bool  // Sec-WebSocket-Extensions: permessage-deflate
	upgrade  []byte
	wrong    bool // lengths that contradict each other
}

func (h *head) reset() { *h = head{length: unknownLength, upgrade: h.upgrade[:0]} }

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
	*c = content{mediaType: c.mediaType[:0], begin: c.begin[:0], trailers: c.trailers[:0]}
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

// cutField splits a field line: RFC 9112, 5.
func cutField(line []byte) (name, value []byte, ok bool) {
	i := bytes.IndexByte(line, ':')
	if i < 1 {
		return nil, nil, len(line) > 0 && (line[0] == ' ' || line[0] == '\t') // obs-fold
	}
	return line[:i], trim(line[i+1:]), true
}

func trim(b []byte) []byte {
	for len(b) > 0 && (b[0] == ' ' || b[0] == '\t') {
		b = b[1:]
	}
	for n := len(b); n > 0 && (b[n-1] == ' ' || b[n-1] == '\t'); n-- {
		b = b[:n-1]
	}
	return b
}

// equalFold compares b with a name in lower case.
func equalFold(b []byte, lower string) bool {
	if len(b) != len(lower) {
		return false
	}
	for i, c := range b {
		if c >= 'A' && c <= 'Z' {
			c |= 0x20
		}
		if c != lower[i] {
			return false
		}
	}
	return true
}

// framingField takes in a field that requests and responses share.
func (m *side) framingField(name, value []byte) {
	h := &m.head
	switch len(name) {
	case len("upgrade"):
		if equalFold(name, "upgrade") {
			h.upgrade = keep(h.upgrade, value)
		}
	case len("connection"):
		if equalFold(name, "connection") && lists(value, "upgrade") {
			h.upgrades = true
		}
	case len("content-type"):
		if equalFold(name, "content-type") {
			if i := bytes.IndexByte(value, ';'); i >= 0 {
				value = trim(value[:i])
			}
			m.content.mediaType = keep(m.content.mediaType, value)
		}
	case len("content-length"):
		if equalFold(name, "content-length") {
			h.contentLength(value)
		}
	case len("content-encoding"):
		if equalFold(name, "content-encoding") {
			m.content.coding = codingOf(value)
		}
	case len("transfer-encoding"):
		if equalFold(name, "transfer-encoding") {
			h.coded = true
			if i := bytes.LastIndexByte(value, ','); i >= 0 {
				value = trim(value[i+1:])
			}
			h.chunked = equalFold(value, "chunked")
		}
	case len("sec-websocket-extensions"):
		if equalFold(name, "sec-websocket-extensions") {
			h.deflate = bytes.Contains(value, []byte("permessage-deflate"))
		}
	}
}

// contentLength reads a length, or a list of equal ones: RFC 9110, 8.6.
func (h *head) contentLength(value []byte) {
	for len(value) > 0 {
		one, rest, _ := bytes.Cut(value, []byte{','})
		n, ok := decimal(trim(one))
		if !ok || n > maxSize || h.length >= 0 && h.length != n {
			h.wrong = true
			return
		}
		h.length, value = n, rest
	}
}

func decimal(b []byte) (n int64, ok bool) {
	if len(b) == 0 || len(b) > 18 {
		return 0, false
	}
	for _, c := range b {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = n*10 + int64(c-'0')
	}
	return n, true
}

// lists says whether a list of words has one, which is in lower case.
func lists(value []byte, word string) bool {
	for len(value) > 0 {
		one, rest, _ := bytes.Cut(value, []byte{','})
		if equalFold(trim(one), word) {
			return true
		}
		value = rest
	}
	return false
}

func keep(dst, value []byte) []byte { return append(dst[:0], value[:min(len(value), maxValue)]...) }

// requestField takes in a field of a request.
func (r *request) field(name, value []byte) {
	switch len(name) {
	case len("host"):
		if equalFold(name, "host") {
			r.host = keep(r.host, value)
		}
	case len("user-agent"):
		if equalFold(name, "user-agent") {
			r.agent = keep(r.agent, value)
		}
	case len("authorization"):
		if equalFold(name, "authorization") {
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
		if equalFold(first, s) {
			return s
		}
	}
	return "other"
}

// field takes in a field of a response.
func (r *response) field(name, value []byte) {
	switch len(name) {
	case len("server"):
		if equalFold(name, "server") {
			r.server = keep(r.server, value)
		}
	case len("location"):
		if equalFold(name, "location") {
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
		d.x.Attrs = append(d.x.Attrs, decoders.Attr{Key: key, Value: decoders.TextValue(value)})
	}
}

func (d *decoder) count(key string, n int64) {
	d.x.Attrs = append(d.x.Attrs, decoders.Attr{Key: key, Value: decoders.IntValue(n)})
}
