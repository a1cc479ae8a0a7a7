package http2

import (
	"slices"

	"unixcap/decoders"
	"unixcap/decoders/httpsemantics"
)

const (
	// maxStreams bounds the streams that are open. Servers allow 100 to 250 at
	// once as a rule; those whose end a capture lacks would grow without end.
	maxStreams = 1024

	// fewStreams is how many of them are kept in full; of more, shortTarget of
	// the target and nothing of location and the contents.
	fewStreams  = 64
	shortTarget = 128

	// maxFree bounds the streams kept for reuse: as many as clients usually have at
	// once.
	maxFree = 100

	// maxInterim bounds what is kept of the codes of 1xx responses.
	maxInterim = 32
)

// A stream is a request with its response: RFC 9113, 8.1.
type stream struct {
	id     uint32
	halves [2]half // by who sends it
	pushed bool

	op       string
	target   []byte
	cut      int64
	secret   bool // the contents are not shown
	host     []byte
	agent    []byte
	scheme   []byte // of Authorization
	protocol []byte // of an extended CONNECT: RFC 8441, 4
	timeout  []byte // grpc-timeout

	code     int // of the response, 0 if it is not known
	interim  []byte
	server   []byte
	location []byte

	grpc    bool
	status  int // grpc-status, noStatus as long as there is none
	message []byte

	begun   *decoders.Exchange // the request, if it was sent before HTTP/2 began
	unknown int64              // fields
	gap     bool               // something of it may be missing
	lost    int64
}

// A half is one direction of a stream.
type half struct {
	span     decoders.Span
	headed   bool // its header section was seen
	ended    bool
	vague    bool // its last section has fields that are not known
	content  httpsemantics.Content
	encoding httpsemantics.Coding // grpc-encoding
	messages messages
}

// noStatus is a grpc-status that is not known.
const noStatus = -1

func (h *half) reset() {
	h.content.Reset()
	h.messages.reset()
	h.span, h.headed, h.ended, h.vague, h.encoding = decoders.Span{}, false, false, false, httpsemantics.Identity
}

// reset empties s and keeps its memory.
func (s *stream) reset() {
	s.halves[0].reset()
	s.halves[1].reset()
	s.target, s.host, s.agent, s.protocol, s.timeout = s.target[:0], s.host[:0], s.agent[:0], s.protocol[:0], s.timeout[:0]
	s.interim, s.server, s.location, s.message = s.interim[:0], s.server[:0], s.location[:0], s.message[:0]
	s.op, s.cut, s.scheme, s.code, s.grpc, s.status, s.begun = "", 0, nil, 0, false, noStatus, nil
	s.pushed, s.secret, s.unknown, s.gap, s.lost = false, false, 0, false, 0
}

// Streams are those that are open, oldest first.
type streams struct {
	list []*stream
	free []*stream
}

// find returns an open stream, nil if there is none of that number. Most are among
// the newest.
func (s *streams) find(id uint32) *stream {
	for i := len(s.list) - 1; i >= 0; i-- {
		if s.list[i].id == id {
			return s.list[i]
		}
	}
	return nil
}

// open opens a stream.
func (s *streams) open(id uint32) *stream {
	var one *stream
	if n := len(s.free); n > 0 {
		one, s.free = s.free[n-1], s.free[:n-1]
	} else {
		one = new(stream)
		one.reset()
	}
	one.id = id
	s.list = append(s.list, one)
	return one
}

// close lets go of a stream.
func (s *streams) close(one *stream) {
	if i, last := slices.Index(s.list, one), len(s.list)-1; i == last {
		s.list[last] = nil // as a rule
		s.list = s.list[:last]
	} else {
		s.list = slices.Delete(s.list, i, i+1)
	}
	if len(s.free) < maxFree {
		one.reset()
		s.free = append(s.free, one)
	}
}
