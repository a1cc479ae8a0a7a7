package http2

import (
	"encoding/binary"
	"net/http"

	"unixcap/decoders"
	"unixcap/decoders/httpsemantics"
	"unixcap/decoders/uri"
)

const (
	// maxBlock bounds a header block. Go's server takes 1 MiB, most less.
	maxBlock = 1 << 20

	// maxControl is how much is kept of a frame that is neither DATA nor of a
	// header block: of GOAWAY, which ends with a text.
	maxControl = 8 + maxMessage

	// maxIdle is how much memory for a header block is kept for the next one.
	maxIdle = 16 << 10
)

// A decoder is a connection.
//
// Streams have numbers, so that a loss costs only those that are open: they come
// out with the attribute gap. But it costs what header blocks refer to, too: see
// table. Fields that are not known are counted, and what they might have said is
// not guessed.
type decoder struct {
	emit    func(*decoders.Exchange)
	sides   [2]side
	streams streams
	x       decoders.Exchange
	version []byte  // as it is said where HTTP/1.1 is usual
	unsure  bool    // which end is HTTP/2's client is not known yet
	swapped bool    // it is the connection's server
	late    [2]bool // what an end began with is missing

	// The streams that the client opened and the capture has, which are those from
	// lowest to highest; lowest is 0 if the next one is not known.
	lowest, highest uint32

	previewer  httpsemantics.Previewer
	ownMethods httpsemantics.OwnMethods
	printers   [2]printer
	text       []byte
}

// A side is one direction of the connection.
type side struct {
	framer framer
	table  table
	stream *stream // of the DATA frame
	padded bool    // the length of its padding is still to come
	pad    int     // bytes of padding

	buf   []byte // of a frame that is not DATA, or of a header block
	over  bool   // there was more of it
	open  bool   // a header block goes on in the next frame
	first frameHeader
	span  decoders.Span // of the header block
}

func newDecoder(emit func(*decoders.Exchange)) decoders.Decoder {
	d := &decoder{emit: emit}
	for i := range d.sides {
		d.sides[i].table.limit = initialTable
	}
	return d
}

// upgraded opens stream 1 with a request of HTTP/1.1.
func (d *decoder) upgraded(begun *decoders.Exchange) {
	x := new(decoders.Exchange)
	*x = *begun
	x.Request = append([]byte(nil), begun.Request...)
	x.Error, x.Attrs = nil, nil
	for _, a := range begun.Attrs {
		a.Value.Bytes = append([]byte(nil), a.Value.Bytes...)
		x.Attrs = append(x.Attrs, a)
	}
	s := d.streams.open(1)
	s.begun, s.secret = x, uri.IsSecretPath(x.Request)
	s.halves[decoders.Client].headed, s.halves[decoders.Client].ended = true, true
	s.halves[decoders.Client].span = x.Sent
	d.lowest, d.highest = 1, 1
}

// neverTwo is where the request that the connection was upgraded with is not
// stream 1, but was answered by the upgrade.
func (d *decoder) neverTwo() {
	s := d.streams.find(1)
	if s == nil || s.begun == nil {
		return
	}
	s.code = http.StatusSwitchingProtocols
	s.halves[decoders.Server].span = s.begun.Answered
	s.halves[decoders.Server].ended = true
	d.finish(s)
	d.lowest, d.highest = 0, 0
}

// Data implements decoders.Decoder.
func (d *decoder) Data(from decoders.End, at decoders.Mark, p []byte) {
	from = d.role(from&1, p)
	s := &d.sides[from]
	f := &s.framer
	sends := true // p is where the call began
	for len(p) > 0 || f.ready() {
		switch f.place {
		case beginning:
			rest := f.start(from, p)
			sends, p = sends && len(rest) == len(p), rest
		case hunting:
			n := f.hunt(from, p, sends)
			if n > 0 {
				d.miss(from, 0)
			}
			sends, p = false, p[n:]
		case doubtful:
			if sends && f.begins(from, p) {
				continue
			}
			d.miss(from, 0)
			sends, p = false, f.settle(from, p)
		case inHeader:
			rest, complete, ok := f.header(at, p)
			if complete && !(ok && d.frameBegins(from, s)) {
				d.lose(from, 0)
				if d.restarts(from, p) {
					rest = p
				}
			} else if complete && f.left == 0 {
				d.frameEnds(from, s, at, nil)
			}
			sends, p = false, rest
		case inPayload:
			n := min(f.left, len(p))
			whole := n == int(f.head.length)
			f.left -= n
			d.payload(from, s, at, p[:n], whole)
			p = p[n:]
		}
	}
}

// role returns which end of HTTP/2 an end of the connection is. Behind an upgrade,
// who begins with the preface is the client, and who does with SETTINGS the server.
// As long as neither was seen to begin, it is as with a connection that has no upgrade.
func (d *decoder) role(from decoders.End, p []byte) decoders.End {
	if d.unsure && len(p) > 0 && !d.late[from] {
		d.unsure = false
		if d.swapped = (p[0] == preface[0]) != (from == decoders.Client); d.swapped {
			d.neverTwo()
			d.abandon("gap", 0) // what the other end said since, if its beginning is missing
			d.sides[0], d.sides[1] = d.sides[1], d.sides[0]
		}
	}
	if d.swapped {
		return from.Other()
	}
	return from
}

// restarts says whether a client begins anew, where a frame's header would be.
func (d *decoder) restarts(from decoders.End, p []byte) bool {
	if from != decoders.Client || len(p) == 0 || p[0] != preface[0] {
		return false
	}
	d.sides[decoders.Client].framer = framer{}
	d.sides[decoders.Server].table.forget()
	d.lowest, d.highest = 0, 0
	d.abandon("gap", 0)
	return true
}

// frameBegins is where a frame's header is complete. It says whether the frame
// may come here.
func (d *decoder) frameBegins(from decoders.End, s *side) bool {
	h, at := s.framer.head, s.framer.at
	if s.open != (h.kind == frameContinuation) || s.open && h.stream != s.first.stream {
		return false // RFC 9113, 6.10: nothing comes between
	}
	switch h.kind {
	case frameData:
		if s.stream = d.streams.find(h.stream); s.stream == nil {
			s.stream = d.unseen(from, h.stream)
		}
		s.padded, s.pad = h.has(flagPadded), 0
		if s.stream != nil {
			s.stream.halves[from].add(at, at, headerLength)
		}
	case frameContinuation:
	default:
		s.buf, s.over = s.buf[:0], false
		s.first = h
		s.span.First = at
	}
	return true
}

// add takes in n bytes of a half.
func (h *half) add(first, last decoders.Mark, n int64) {
	if h.span.Bytes == 0 {
		h.span.First = first
	}
	h.span.Last = last
	h.span.Bytes += n
}

// payload takes in a stretch of a frame's payload, of which whole says that it is
// all there is.
func (d *decoder) payload(from decoders.End, s *side, at decoders.Mark, p []byte, whole bool) {
	f := &s.framer
	if f.head.kind == frameData {
		d.data(from, s, at, p)
	} else if !whole || s.open {
		limit := maxBlock
		if !f.head.inBlock() {
			limit = maxControl
		}
		n := min(len(p), limit-len(s.buf))
		s.buf = append(s.buf, p[:n]...)
		s.over = s.over || n < len(p)
		p = nil
	}
	if f.left == 0 {
		d.frameEnds(from, s, at, p)
	}
}

// inBlock says whether the frame is of a header block.
func (h *frameHeader) inBlock() bool {
	return h.kind == frameHeaders || h.kind == framePushPromise || h.kind == frameContinuation
}

// data takes in a stretch of the payload of DATA: RFC 9113, 6.1.
func (d *decoder) data(from decoders.End, s *side, at decoders.Mark, p []byte) {
	n := int64(len(p))
	if s.padded && len(p) > 0 {
		s.pad, s.padded = int(p[0]), false
		p = p[1:]
	}
	// What is padding is known from what is still to come.
	if padding := s.pad - s.framer.left; padding > 0 {
		p = p[:max(len(p)-padding, 0)]
	}
	if s.stream == nil {
		return
	}
	h := &s.stream.halves[from]
	h.add(s.framer.at, at, n)
	if len(p) == 0 {
		return
	}
	h.content.Present = true
	room := httpsemantics.MaxKept
	if !h.headed { // p may be of anywhere in the content
		room, h.messages.lost = 0, true
	} else if len(d.streams.list) > fewStreams {
		room = 0
	}
	if s.stream.grpc {
		h.messages.add(p, room)
		room = 0
	}
	h.content.Add(p, room)
}

// frameEnds is where all of a frame was seen. p is the payload, if it is not in the
// side's memory and the frame is not DATA.
func (d *decoder) frameEnds(from decoders.End, s *side, at decoders.Mark, p []byte) {
	f := &s.framer
	h := f.head
	f.place = inHeader
	if p == nil && h.length > 0 {
		p = s.buf
	}
	switch h.kind {
	case frameData:
		if one := s.stream; one != nil && h.has(flagEndStream) {
			s.stream = nil
			one.halves[from].add(f.at, at, 0)
			d.halfEnds(one, from)
		}
	case frameHeaders, framePushPromise:
		s.span.Bytes, s.span.Last = headerLength+int64(h.length), at
		part, ok := fragment(&h, p)
		switch {
		case !ok:
			d.lose(from, 0)
		case h.has(flagEndHeaders):
			d.blockEnds(from, s, part)
		default:
			s.buf, s.open = append(s.buf[:0], part...), true // part may be in buf, further back
		}
	case frameContinuation:
		s.span.Bytes, s.span.Last = s.span.Bytes+headerLength+int64(h.length), at
		if h.has(flagEndHeaders) {
			s.open = false
			d.blockEnds(from, s, s.buf)
		}
	case frameRSTStream:
		if len(p) == resetLength {
			d.reset(from, h.stream, binary.BigEndian.Uint32(p), f.at, at)
		}
	case frameGoAway:
		if len(p) >= 8 {
			d.goAway(from, p, f.at, at)
		}
	}
}

// Gap implements decoders.Decoder.
func (d *decoder) Gap(from decoders.End, n int64) {
	from &= 1
	d.late[from] = true
	from = d.role(from, nil)
	s := &d.sides[from]
	f := &s.framer
	if f.place == inPayload && n > 0 && n <= int64(f.left) && d.skip(from, s, int(n)) {
		return
	}
	d.lose(from, n)
}

// skip passes over n bytes that are missing within a frame, if it is one of which
// that costs nothing else.
func (d *decoder) skip(from decoders.End, s *side, n int) bool {
	f := &s.framer
	switch f.head.kind {
	case frameData:
		if s.padded || n > f.left-s.pad || n == f.left {
			return false
		}
		f.left -= n
		if s.stream != nil {
			h := &s.stream.halves[from]
			h.span.Bytes += int64(n)
			h.content.Present = true
			h.content.Skip(int64(n))
			h.messages.skip(int64(n))
		}
		return true
	case framePing, frameWindowUpdate, framePriority:
		if n < f.left {
			f.left -= n
			return true
		}
	}
	return false
}

// lose says that bytes of an end are missing or make no sense, n if that is known.
func (d *decoder) lose(from decoders.End, n int64) {
	s := &d.sides[from]
	s.framer.lose()
	s.table.forget()
	s.stream, s.open = nil, false
	d.miss(from, n)
	if from == decoders.Client {
		d.lowest = 0
	}
}

// miss says that open streams may lack something of an end, n bytes if that is known.
// What follows may be of any place in their contents.
func (d *decoder) miss(from decoders.End, n int64) {
	for _, one := range d.streams.list {
		one.gap = true
		one.lost += max(n, 0)
		if h := &one.halves[from]; h.headed && !h.ended {
			h.content.Skip(0)
			h.messages.lost = true
		}
	}
}

// Close implements decoders.Decoder.
func (d *decoder) Close(decoders.Mark) { d.abandon("", 0) }

// abandon lets all open streams come out.
func (d *decoder) abandon(why string, n int64) {
	for len(d.streams.list) > 0 {
		d.out(d.streams.list[0], why, n)
	}
}
