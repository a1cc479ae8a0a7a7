package fastcgi

import (
	"bytes"
	"encoding/binary"
	"strings"

	"unixcap/decoders"
	"unixcap/decoders/uri"
)

const (
	// maxParams bounds the parameters of a request: nginx sends some 30 of
	// them, fields of the request's head among them.
	maxParams = 64 << 10

	// maxText bounds what is kept of standard error, and of the response's
	// head.
	maxText = 2 << 10

	// maxTarget bounds what is shown of the request's target.
	maxTarget = 8 << 10
)

// roles are the names of FCGI_RESPONDER and the others.
var roles = [...]string{"unknown", "responder", "authorizer", "filter"}

// A buffer keeps the beginning of a stream.
type buffer struct {
	b     []byte
	limit int
	cut   int64
}

func (b *buffer) add(p []byte) {
	n := min(len(p), b.limit-len(b.b))
	b.b = append(b.b, p[:n]...)
	b.cut += int64(len(p) - n)
}

// A request is one that has not ended.
type request struct {
	id       uint16
	op       string
	params   buffer
	text     []byte // the target
	stdin    int64
	sent     decoders.Span
	answered decoders.Span
	aborted  bool
	missing  int64

	script, host, remote, mediaType []byte

	stdout int64
	head   buffer // of the response
	headed bool   // all of it is there
	body   int64
	err    buffer
}

// begins is where a request begins.
func (d *decoder) begins(id uint16, s *side) {
	if r := d.open[id]; r != nil {
		d.unanswered(r, "gap", 0) // its end was never seen
	}
	if len(d.order) == maxOpen {
		d.unanswered(d.open[d.order[0]], "overflow", maxOpen)
	}
	r := new(request)
	if n := len(d.free); n > 0 {
		r = d.free[n-1]
		d.free = d.free[:n-1]
	}
	*r = request{id: id, op: roles[0], text: r.text[:0],
		params: buffer{b: r.params.b[:0], limit: maxParams}, head: buffer{b: r.head.b[:0], limit: maxText}, err: buffer{b: r.err.b[:0], limit: maxText},
		script: r.script[:0], host: r.host[:0], remote: r.remote[:0], mediaType: r.mediaType[:0]}
	if role := binary.BigEndian.Uint16(s.body[:]); int(role) < len(roles) {
		r.op = roles[role]
	}
	r.sent = decoders.Span{First: s.record.First, Last: s.record.Last, Bytes: headerLength + 8}
	d.open[id] = r
	d.order = append(d.order, id)
}

// parameters reads the name-value pairs: FastCGI 1.0, 3.4.
func (d *decoder) parameters(r *request) {
	var path, query []byte
	for b := r.params.b; len(b) > 0; {
		var n, m int
		var ok bool
		if n, b, ok = pairLength(b); !ok {
			break
		}
		if m, b, ok = pairLength(b); !ok || n+m > len(b) {
			break
		}
		name, value := b[:n], b[n:n+m]
		b = b[n+m:]
		switch string(name) {
		case "REQUEST_METHOD":
			if len(value) > 0 && len(value) <= 24 {
				r.op = d.intern(value)
			}
		case "REQUEST_URI":
			r.text, _ = uri.AppendTarget(r.text[:0], value, maxTarget)
			r.params.cut += int64(max(len(value)-maxTarget, 0))
		case "SCRIPT_NAME":
			path = value
		case "QUERY_STRING":
			query = value
		case "SCRIPT_FILENAME":
			r.script = append(r.script[:0], value...)
		case "HTTP_HOST":
			r.host = append(r.host[:0], value...)
		case "REMOTE_ADDR":
			r.remote = append(r.remote[:0], value...)
		case "CONTENT_TYPE":
			value, _, _ = bytes.Cut(value, []byte{';'})
			r.mediaType = append(r.mediaType[:0], value...)
		}
	}
	if len(r.text) == 0 {
		r.text = append(r.text, path...)
		if len(query) > 0 {
			r.text = uri.AppendForm(append(r.text, '?'), query)
		}
	}
}

// pairLength reads a length of one byte, or of four if its high bit is set.
func pairLength(b []byte) (n int, rest []byte, ok bool) {
	switch {
	case len(b) == 0:
		return 0, nil, false
	case b[0] < 0x80:
		return int(b[0]), b[1:], true
	case len(b) < 4:
		return 0, nil, false
	}
	n = int(binary.BigEndian.Uint32(b) & 0x7fffffff)
	return n, b[4:], n <= maxParams
}

// maxInterned bounds the methods that are remembered.
const maxInterned = 32

// intern returns b in lower case, as a string that is made only once.
func (d *decoder) intern(b []byte) string {
	if s, ok := d.names[string(b)]; ok {
		return s
	}
	if d.names == nil || len(d.names) >= maxInterned {
		d.names = make(map[string]string)
	}
	s := strings.ToLower(strings.ToValidUTF8(string(b), "?"))
	d.names[string(b)] = s
	return s
}
