package fastcgi

import (
	"encoding/binary"

	"unixcap/decoders"
)

// Types of records: FastCGI 1.0, 8.
const (
	beginRequest    = 1
	abortRequest    = 2
	endRequest      = 3
	params          = 4
	stdin           = 5
	stdout          = 6
	stderr          = 7
	data            = 8
	getValues       = 9
	getValuesResult = 10
	unknownType     = 11
)

// headerLength is that of a record.
const headerLength = 8

// A record's header: FastCGI 1.0, 3.3.
type header [headerLength]byte

func (h *header) id() uint16  { return binary.BigEndian.Uint16(h[2:]) }
func (h *header) length() int { return int(binary.BigEndian.Uint16(h[4:])) }
func (h *header) padding() int {
	return int(h[6])
}

// valid says whether the first n bytes can be those of a header that the end
// sends. Management records have the id 0, no others; some have a length that
// is always the same.
func (h *header) valid(from decoders.End, n int) bool {
	if n > 0 && h[0] != 1 {
		return false
	}
	if n > 1 && !sends(from, h[1]) {
		return false
	}
	if n < headerLength {
		return true
	}
	management := h[1] >= getValues
	fixed := h[1] == beginRequest || h[1] == endRequest || h[1] == unknownType
	return management == (h.id() == 0) && (!fixed || h.length() == 8) && (h[1] != abortRequest || h.length() == 0)
}

// sends says whether an end sends records of a type.
func sends(from decoders.End, kind byte) bool {
	switch kind {
	case beginRequest, abortRequest, params, stdin, data, getValues:
		return from == decoders.Client
	case endRequest, stdout, stderr, getValuesResult, unknownType:
		return from == decoders.Server
	}
	return false
}

// A framer cuts one end's bytes into stretches of records.
type framer struct {
	head    header
	have    int // bytes of it
	left    int // of the content
	padding int // and of what is behind it
}

func (f *framer) inside() bool { return f.have > 0 }

// next takes a header, or a stretch of content, off p. began says that a record
// begins, ended that its content has ended. What it returns of content is
// valid until p is used again.
func (f *framer) next(from decoders.End, p []byte) (content, rest []byte, began, ended, ok bool) {
	if f.have < headerLength {
		n := copy(f.head[f.have:], p)
		f.have += n
		if !f.head.valid(from, f.have) {
			return nil, nil, false, false, false
		}
		if f.have < headerLength {
			return nil, nil, false, false, true
		}
		f.left, f.padding = f.head.length(), f.head.padding()
		rest = p[n:]
		ended = f.left == 0
		f.end()
		return nil, rest, true, ended, true
	}
	if f.left > 0 {
		n := min(f.left, len(p))
		f.left -= n
		ended = f.left == 0
		content, rest = p[:n], p[n:]
		f.end()
		return content, rest, false, ended, true
	}
	n := min(f.padding, len(p))
	f.padding -= n
	f.end()
	return nil, p[n:], false, false, true
}

// end begins the next record if there is no more of this one.
func (f *framer) end() {
	if f.left == 0 && f.padding == 0 {
		f.have = 0
	}
}

// skip passes over n missing bytes of content whose end is still to come.
func (f *framer) skip(n int64) bool {
	if f.have < headerLength || n <= 0 || n >= int64(f.left) {
		return false
	}
	f.left -= int(n)
	return true
}

// detect judges a conversation's first bytes. A request begins with 16 bytes
// most of which must be what they are.
func detect(client, server []byte, hinted bool) decoders.Verdict {
	v := judge(client, decoders.Client)
	w := judge(server, decoders.Server)
	switch {
	case v == decoders.No && len(client) > 0, w == decoders.No && len(server) > 0:
		return decoders.No
	case v == decoders.Yes:
		return decoders.Yes
	case hinted && len(client) == 0 && w == decoders.Yes && len(server) > headerLength && server[1] == stdout && isField(server[headerLength:]):
		return decoders.Yes
	}
	return decoders.Maybe
}

// judge judges what an end sends first: Yes for the beginning of a request,
// and for a header of the server's.
func judge(b []byte, from decoders.End) decoders.Verdict {
	var h header
	n := copy(h[:], b)
	switch {
	case !h.valid(from, n), n > 7 && h[7] != 0:
		return decoders.No
	case n < headerLength:
		return decoders.Maybe
	case from == decoders.Server:
		return decoders.Yes
	case h[1] == beginRequest:
		body := b[headerLength:]
		for i := range min(len(body), 8) {
			if i == 0 && body[i] != 0 || i == 1 && (body[i] < 1 || body[i] > 3) || i == 2 && body[i] > 1 || i > 2 && body[i] != 0 {
				return decoders.No
			}
		}
		if len(body) >= 8 {
			return decoders.Yes
		}
	}
	return decoders.Maybe
}

// isField says whether b begins with the name of a field.
func isField(b []byte) bool {
	for i, c := range b[:min(len(b), 40)] {
		switch {
		case c == ':':
			return i > 1
		case (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && c != '-':
			return false
		}
	}
	return false
}
