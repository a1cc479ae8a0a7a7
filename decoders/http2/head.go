package http2

import (
	"encoding/binary"
	"strconv"

	"unixcap/decoders"
	"unixcap/decoders/httpsemantics"
)

const (
	// promiseLength is that of the promised stream's number in PUSH_PROMISE.
	promiseLength = 4

	// priorityLength is that of what HEADERS may have before the block.
	priorityLength = 5
)

// fragment returns the part of a header block that HEADERS or PUSH_PROMISE has,
// without padding and priority: RFC 9113, 6.2 and 6.6. In front of it is the number
// of the stream that is promised, if one is.
func fragment(h *frameHeader, p []byte) (part []byte, ok bool) {
	if h.has(flagPadded) {
		if len(p) == 0 || int(p[0]) >= len(p) {
			return nil, false
		}
		p = p[1 : len(p)-int(p[0])]
	}
	switch {
	case h.kind == framePushPromise:
		return p, len(p) >= promiseLength
	case h.has(flagPriority) && len(p) < priorityLength:
		return nil, false
	case h.has(flagPriority):
		p = p[priorityLength:]
	}
	return p, true
}

// blockEnds is where a header block is complete, which fragment has the parts of.
func (d *decoder) blockEnds(from decoders.End, s *side, block []byte) {
	if s.first.kind == framePushPromise {
		d.promise(s, binary.BigEndian.Uint32(block)&^(1<<31), block[promiseLength:])
	} else if one := d.streamOf(from, s); one != nil {
		one.halves[from].add(s.span.First, s.span.Last, s.span.Bytes)
		d.head(from, s, one, block)
	} else {
		d.read(from, s, nil, block)
	}
	if cap(s.buf) > maxIdle {
		s.buf = nil
	}
	s.table.tidy()
}

// streamOf returns the stream of a header block, which may be a new one; nil if it
// is one that is over.
func (d *decoder) streamOf(from decoders.End, s *side) *stream {
	id := s.first.stream
	if from == decoders.Client && id == 1 {
		d.neverTwo()
	}
	one := d.streams.find(id)
	if from == decoders.Server {
		if one == nil {
			one = d.unseen(from, id)
		}
		return one
	}
	if one != nil {
		h := &one.halves[decoders.Client]
		if !h.ended && (!h.headed || s.first.has(flagEndStream)) {
			return one
		}
		d.out(one, "gap", 0) // and another one begins, of the same number
	} else if id <= d.highest {
		return nil
	}
	if d.lowest == 0 {
		d.lowest = id
	}
	d.highest = max(d.highest, id)
	return d.open(id)
}

// unseen returns a stream for a frame of one that is not open; nil if it is over, as
// those are that were opened where the capture would have it, and pushed ones.
func (d *decoder) unseen(from decoders.End, id uint32) *stream {
	if id&1 == 0 || d.lowest > 0 && id >= d.lowest && id <= d.highest {
		return nil
	}
	one := d.open(id)
	one.gap = true
	one.halves[decoders.Client].ended = from == decoders.Server
	return one
}

func (d *decoder) open(id uint32) *stream {
	if len(d.streams.list) == maxStreams {
		d.out(d.streams.list[0], "overflow", maxStreams)
	}
	return d.streams.open(id)
}

// read reads a header block of a stream; one is nil if that is over. It returns how
// many fields are not known. A block that cannot be read, or not to its end, counts as
// one.
func (d *decoder) read(from decoders.End, s *side, one *stream, block []byte) (unknown int64) {
	if s.over {
		s.over = false
		s.table.forget()
		return 1
	}
	first := firstShown
	if one != nil && one.halves[from].headed { // of trailers, all names are shown
		first = fieldOther
	}
	t, ok := &s.table, true
	for len(block) > 0 {
		if block, ok = t.next(block, first); !ok {
			t.forget()
			return unknown + 1
		}
		if t.line.kind >= first && one != nil {
			d.takeField(one, from, &t.line)
		} else if t.line.kind == fieldUnknown {
			unknown++
		}
	}
	return unknown
}

// head takes in a header or trailer section.
func (d *decoder) head(from decoders.End, s *side, one *stream, block []byte) {
	h := &one.halves[from]
	ends := s.first.has(flagEndStream)
	unknown := d.read(from, s, one, block)
	one.unknown += unknown
	if from == decoders.Server {
		h.vague = unknown > 0
		if one.code >= 100 && one.code < 200 && !ends {
			one.informed()
			return
		}
	}
	h.headed = true
	if ends {
		d.halfEnds(one, from)
	}
}

// informed is where a response was a 1xx one: RFC 9110, 15.2.
func (s *stream) informed() {
	if len(s.interim) < maxInterim {
		if len(s.interim) > 0 {
			s.interim = append(s.interim, ' ')
		}
		s.interim = strconv.AppendInt(s.interim, int64(s.code), 10)
	}
	h := &s.halves[decoders.Server]
	h.reset()
	s.code = 0
	s.server, s.location = s.server[:0], s.location[:0]
}

// promise is where a server promises a stream, with the request that it takes the
// client to be about to send: RFC 9113, 8.4.
func (d *decoder) promise(s *side, id uint32, block []byte) {
	if one := d.streams.find(id); one != nil {
		d.out(one, "gap", 0)
	}
	one := d.open(id)
	one.pushed = true
	h := &one.halves[decoders.Client]
	h.span = s.span
	one.unknown += d.read(decoders.Client, s, one, block)
	h.headed, h.ended = true, true
}

// takeField takes in a field of a stream.
func (d *decoder) takeField(one *stream, from decoders.End, l *fieldLine) {
	h := &one.halves[from]
	v := l.value
	switch l.kind {
	case fieldContentType:
		h.content.Type(v)
		one.grpc = one.grpc || isGRPC(h.content.MediaType)
	case fieldContentEncoding:
		h.content.Coding = httpsemantics.CodingOf(v)
	case fieldGRPCEncoding:
		h.encoding = httpsemantics.CodingOf(v)
	default:
		if from == decoders.Client {
			d.requestField(one, l)
		} else {
			d.responseField(one, l)
		}
	}
	if h.headed && l.kind != fieldGRPCStatus && l.kind != fieldGRPCMessage {
		h.content.Trailer(l.name)
	}
}

// requestField takes in a field that only a request has.
func (d *decoder) requestField(s *stream, l *fieldLine) {
	v := l.value
	switch l.kind {
	case fieldMethod:
		op, known := httpsemantics.Method(v)
		if own := v[:min(len(v), httpsemantics.MaxMethod)]; !known && !httpsemantics.IsMethod(own) {
			op = "other" // of any characters
		} else if !known {
			op = d.ownMethods.Name(own)
		}
		s.op = op
	case fieldPath:
		if len(s.target) > 0 { // which costs nothing, however often a block has it
			return
		}
		room := len(v)
		if len(d.streams.list) > fewStreams {
			room = min(room, shortTarget)
		}
		s.target = append(s.target[:0], v[:room]...)
		s.secret = l.secret
		s.cut = int64(l.cut) + int64(len(v)-room)
	case fieldAuthority:
		s.host = httpsemantics.Keep(s.host, v)
	case fieldHost:
		if len(s.host) == 0 {
			s.host = httpsemantics.Keep(s.host, v)
		}
	case fieldProtocol:
		s.protocol = httpsemantics.Keep(s.protocol, v)
	case fieldUserAgent:
		s.agent = httpsemantics.Keep(s.agent, v)
	case fieldAuthorization:
		s.scheme = httpsemantics.SchemeOf(v) // which it is already
	case fieldGRPCTimeout:
		s.timeout = httpsemantics.Keep(s.timeout, v)
	}
}

// responseField takes in a field that only a response has.
func (d *decoder) responseField(s *stream, l *fieldLine) {
	v := l.value
	switch l.kind {
	case fieldStatus:
		if n, ok := decoders.Decimal(v); ok && len(v) == 3 {
			s.code = int(n)
		}
	case fieldServer:
		s.server = httpsemantics.Keep(s.server, v)
	case fieldLocation:
		if len(s.location) == 0 && len(d.streams.list) <= fewStreams {
			s.location = append(s.location, v...)
		}
	case fieldGRPCStatus:
		s.grpcStatus(v)
	case fieldGRPCMessage:
		s.message = append(s.message[:0], v...)
	}
}
