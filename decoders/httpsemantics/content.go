package httpsemantics

import (
	"bytes"

	"unixcap/decoders"
)

// maxTrailers bounds the names of trailer fields that are kept.
const maxTrailers = 256

// A Content is what is known of a message's content.
type Content struct {
	MediaType []byte
	Coding    Coding
	Present   bool   // there is one, perhaps of no bytes
	Chunked   bool   // it came in chunks
	Length    int64  // bytes, without the framing
	Missing   int64  // bytes of it that the capture lacks
	Secret    bool   // it is not shown
	Trailers  []byte // names, with spaces between them

	begin []byte // as it was sent
	gap   bool   // bytes are missing in front of what follows
}

// Reset empties c and keeps its memory.
func (c *Content) Reset() {
	if cap(c.begin) > 2*maxEncoded {
		c.begin = nil
	}
	// Field by field, which is quicker than a literal of that size.
	c.MediaType, c.begin, c.Trailers = c.MediaType[:0], c.begin[:0], c.Trailers[:0]
	c.Coding, c.Present, c.Chunked, c.Length, c.Missing, c.gap, c.Secret = Identity, false, false, 0, 0, false, false
}

// Add takes in a stretch of content, of which at most room bytes are kept.
func (c *Content) Add(p []byte, room int) {
	c.Length += int64(len(p))
	if c.gap || room == 0 {
		return
	}
	limit := MaxPreview + 4
	switch c.Coding {
	case Identity:
	case codingZstd:
		limit = MaxKept
	default:
		limit = maxEncoded
	}
	if n := min(len(p), min(limit, room)-len(c.begin)); n > 0 {
		c.begin = append(c.begin, p[:n]...)
	}
}

// Skip says that n bytes of it are missing.
func (c *Content) Skip(n int64) {
	c.Length += n
	c.Missing += n
	c.gap = true
}

// Gap says whether bytes of it are missing.
func (c *Content) Gap() bool { return c.gap }

// Type takes in a media type, without its parameters: RFC 9110, 8.3.
func (c *Content) Type(value []byte) {
	if i := bytes.IndexByte(value, ';'); i >= 0 {
		value = Trim(value[:i])
	}
	c.MediaType = Keep(c.MediaType, value)
}

// Trailer notes a trailer field: RFC 9110, 6.5.
func (c *Content) Trailer(name []byte) {
	if len(c.Trailers)+1+len(name) > maxTrailers {
		return
	}
	if len(c.Trailers) > 0 {
		c.Trailers = append(c.Trailers, ' ')
	}
	c.Trailers = append(c.Trailers, name...)
}

// Keys are the attributes of a message's content.
type Keys struct{ Type, coding, chunked, Bytes, text, Missing, trailers string }

// The attributes of a request's content and of a response's.
var (
	RequestKeys = Keys{"request_type", "request_encoding", "request_chunked", "request_content_bytes", "request_content",
		"request_missing_bytes", "request_trailers"}
	ResponseKeys = Keys{"response_type", "response_encoding", "response_chunked", "response_content_bytes", "response_content",
		"response_missing_bytes", "response_trailers"}
)

// Describe adds to x what is known of a content, and its beginning. slot is 0 for
// a request and 1 for its response: what x has is valid until it is used again.
func (p *Previewer) Describe(x *decoders.Exchange, c *Content, k *Keys, slot int) {
	if !c.Present && c.Length == 0 {
		return
	}
	p.Facts(x, c, k)
	x.AddText(k.text, p.preview(c, slot))
}

// Facts is Describe without the beginning.
func (p *Previewer) Facts(x *decoders.Exchange, c *Content, k *Keys) {
	x.AddText(k.Type, c.MediaType)
	if c.Coding != Identity {
		x.AddText(k.coding, c.Coding.Name())
	}
	if c.Chunked {
		x.AddInt(k.chunked, 1)
	}
	x.AddInt(k.Bytes, c.Length)
	if c.Missing > 0 {
		x.AddInt(k.Missing, c.Missing)
	}
	x.AddText(k.trailers, c.Trailers)
}
