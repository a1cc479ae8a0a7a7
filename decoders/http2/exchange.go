package http2

import (
	"encoding/binary"
	"net/http"

	"unixcap/decoders"
	"unixcap/decoders/httpsemantics"
)

// contentKeys are the attributes of a content, by who sends it.
var contentKeys = [2]*httpsemantics.Keys{&httpsemantics.RequestKeys, &httpsemantics.ResponseKeys}

// resetLength is that of RST_STREAM's payload.
const resetLength = 4

// unknownText stands for a request target that is not known.
var unknownText = []byte("?")

// halfEnds is where an end has sent all of its part of a stream.
func (d *decoder) halfEnds(s *stream, from decoders.End) {
	s.halves[from].ended = true
	if s.halves[decoders.Client].ended && s.halves[decoders.Server].ended {
		d.finish(s)
	}
}

// finish emits a stream that is complete.
func (d *decoder) finish(s *stream) {
	d.fill(s)
	d.done(s)
}

// out emits a stream as it is: the conversation ends, or something tells that no
// more of it will be seen, which why is the attribute for.
func (d *decoder) out(s *stream, why string, n int64) {
	x := d.fill(s)
	if !s.halves[decoders.Server].ended {
		x.Status = decoders.Unanswered
		x.ErrorCode, x.Error = "", x.Error[:0]
	}
	if why != "" && !(why == "gap" && s.hasGap()) {
		x.AddInt(why, n)
	}
	d.done(s)
}

// done hands over the exchange, which is the last of a stream.
func (d *decoder) done(s *stream) {
	d.emit(&d.x)
	for i := range d.sides {
		if d.sides[i].stream == s {
			d.sides[i].stream = nil
		}
	}
	d.streams.close(s)
}

// fill makes an exchange of what is known of a stream.
func (d *decoder) fill(s *stream) *decoders.Exchange {
	x := &d.x
	x.Reset()
	request, response := &s.halves[decoders.Client], &s.halves[decoders.Server]
	x.Sent, x.Answered = request.span, response.span
	d.request(s)
	secret := s.secret || len(s.target) == 0 && s.begun == nil // as long as nothing tells
	request.content.Secret, response.content.Secret = secret, secret
	if s.grpc {
		d.describeMessages(s, decoders.Client)
	} else {
		d.previewer.Describe(x, &request.content, contentKeys[decoders.Client], 0)
	}
	x.AddText("interim", s.interim)
	if s.code > 0 {
		x.AddInt("status_code", int64(s.code))
	}
	if s.code >= 400 {
		x.Status = decoders.Error
		x.ErrorCode = httpsemantics.CodeText(s.code)
		x.Error = append(x.Error, http.StatusText(s.code)...)
	}
	x.AddText("server", s.server)
	x.AddText("location", s.location)
	if s.grpc {
		d.describeMessages(s, decoders.Server)
		d.call(s)
	} else {
		d.previewer.Describe(x, &response.content, contentKeys[decoders.Server], 1)
	}
	if s.vague() {
		x.Status = decoders.Unanswered
	}
	if s.hasGap() {
		x.AddInt("gap", s.lost)
	}
	if s.unknown > 0 {
		x.AddInt("unknown_fields", s.unknown)
	}
	return x
}

// request fills in what is known of the request but its content.
func (d *decoder) request(s *stream) {
	x := &d.x
	if s.begun != nil {
		x.Op, x.Request, x.Sent = s.begun.Op, append(x.Request, s.begun.Request...), s.begun.Sent
		x.AddInt("stream", int64(s.id))
		x.AddText("version", d.version)
		x.Attrs = append(x.Attrs, s.begun.Attrs...)
		return
	}
	switch {
	case s.op != "":
		x.Op = s.op
	case !s.halves[decoders.Client].headed && x.Sent.Bytes == 0:
		x.Op = "response"
	default:
		x.Op = "unknown"
	}
	switch {
	case len(s.target) > 0:
		x.Request = append(x.Request, s.target...)
	case s.op == "connect":
		x.Request = append(x.Request, s.host...)
	case x.Op != "response":
		x.Request = append(x.Request, unknownText...)
	}
	x.AddInt("stream", int64(s.id))
	x.AddText("version", d.version)
	if d.swapped {
		x.AddText("caller", endNames[decoders.Server])
	}
	if s.pushed {
		x.AddInt("pushed", 1)
	}
	x.AddText("host", s.host)
	x.AddText("user_agent", s.agent)
	x.AddText("authorization", s.scheme)
	x.AddText("protocol", s.protocol)
	x.AddText("timeout", s.timeout)
	if s.cut > 0 {
		x.AddInt("truncated_bytes", s.cut)
	}
}

// vague says whether what the answer was is not known, though it came: its status
// is not, or its last section has fields that are not, which may be gRPC's status.
func (s *stream) vague() bool {
	h := &s.halves[decoders.Server]
	switch {
	case !h.ended || s.code >= 400 || s.status != noStatus:
		return false
	case s.code == 0:
		return true
	}
	notGRPC := len(h.content.MediaType) > 0 && !s.grpc || s.op != "" && s.op != "post"
	return h.vague && !notGRPC
}

// hasGap says whether something of a stream may be missing, or is not known.
func (s *stream) hasGap() bool {
	return s.gap || s.unknown > 0 || s.op == "" && s.begun == nil
}

// reset is where an end gives up a stream: RFC 9113, 6.4.
func (d *decoder) reset(from decoders.End, id, code uint32, first, last decoders.Mark) {
	s := d.streams.find(id)
	if s == nil {
		return
	}
	h := &s.halves[from]
	early := from == decoders.Client || !h.ended // else it says no more than that the request need not end
	if early {
		h.add(first, last, headerLength+resetLength)
	}
	x := d.fill(s)
	if !s.halves[decoders.Server].ended {
		x.Status = decoders.Error
		x.ErrorCode = errorName(code)
		x.Error = x.Error[:0]
	}
	if early || code != 0 {
		x.AddText("reset_by", endNames[d.role(from, nil)])
	}
	d.done(s)
}

var endNames = [2][]byte{[]byte("client"), []byte("server")}

// goAway is where an end accepts no more streams: RFC 9113, 6.8. What it did not
// begin with comes out. If it is about an error, that is an exchange of its own.
func (d *decoder) goAway(from decoders.End, p []byte, first, last decoders.Mark) {
	final := binary.BigEndian.Uint32(p) &^ (1 << 31)
	code := binary.BigEndian.Uint32(p[4:])
	if from == decoders.Server {
		for i := 0; i < len(d.streams.list); {
			s := d.streams.list[i]
			if s.id <= final || s.id&1 == 0 || s.halves[decoders.Server].ended {
				i++
				continue
			}
			x := d.fill(s)
			x.Status = decoders.Unanswered
			if x.Answered.Bytes == 0 {
				x.Answered.First, x.Answered.Last = first, last
			}
			if code != 0 {
				x.Status, x.ErrorCode = decoders.Error, errorName(code)
			}
			x.AddText("goaway", []byte(errorName(code)))
			d.done(s)
		}
	}
	if code == 0 {
		return
	}
	x := &d.x
	x.Reset()
	x.Op, x.Status, x.ErrorCode = "goaway", decoders.Error, errorName(code)
	span := decoders.Span{First: first, Last: last, Bytes: headerLength + int64(d.sides[from].framer.head.length)}
	if from == decoders.Client {
		x.Sent = span
	} else {
		x.Answered = span
	}
	x.Error = append(x.Error, d.previewer.Text(p[8:], 0, int64(len(p)-8))...)
	x.AddText("version", d.version)
	x.AddInt("last_stream", int64(final))
	d.emit(x)
}
