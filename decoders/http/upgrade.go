package http

import (
	"bytes"

	"unixcap/decoders"
	"unixcap/decoders/http2"
)

// maxProtocol bounds the name of a protocol.
const maxProtocol = 32

// A tunnel is what is not decoded any more: after CONNECT, or an upgrade to a
// protocol of somebody's own. It comes out as one exchange, when it ends.
type tunnel struct {
	name  []byte // the protocol, or "connect"
	route []byte // the request target that led to it
	spans [2]decoders.Span
	first [2][3]byte // what each end sent first
	have  [2]int
	lost  int64
	gone  bool // bytes are missing
}

func (t *tunnel) begin(name string) {
	t.name = append(t.name[:0], name[:min(len(name), maxProtocol)]...)
}

func (t *tunnel) add(from decoders.End, at decoders.Mark, p []byte) {
	s := &t.spans[from]
	if s.Bytes == 0 {
		s.First = at
	}
	s.Bytes += int64(len(p))
	s.Last = at
	if t.have[from] < len(t.first[from]) {
		t.have[from] += copy(t.first[from][t.have[from]:], p)
	}
}

func (t *tunnel) gap(from decoders.End, n int64) {
	t.lost += max(n, 0)
	t.gone = true
	t.have[from] = len(t.first[from]) // what comes next is not its beginning
}

// encrypted says whether an end began with a TLS record of a handshake: RFC
// 8446, 5.1.
func (t *tunnel) encrypted() bool {
	for _, b := range t.first {
		if b[0] == 22 && b[1] == 3 && b[2] <= 4 {
			return true
		}
	}
	return false
}

// endTunnel emits what went through the tunnel.
func (d *decoder) endTunnel() {
	t := &d.tunnel
	if t.spans[0].Bytes+t.spans[1].Bytes == 0 {
		return
	}
	x := &d.x
	x.Reset()
	x.Op, x.Request = "tunnel", t.route
	x.Sent, x.Answered = t.spans[decoders.Client], t.spans[decoders.Server]
	x.AddText("protocol", t.name)
	if t.encrypted() {
		x.Status = decoders.Encrypted
		x.AddText("encryption", []byte("tls"))
	}
	if t.gone {
		x.AddInt("gap", t.lost)
	}
	d.emit(x)
}

// change is where the connection changes to another protocol: RFC 9110, 7.8
// and 9.3.6.
func (d *decoder) change(s *side, protocol string) {
	r, first := &d.response, d.matched()
	r.span = s.span
	s.span = decoders.Span{}
	r.upgrade = append(r.upgrade[:0], protocol[:min(len(protocol), maxProtocol)]...)
	if decoders.EqualFold(r.upgrade, "h2c") {
		d.changeToTwo(first)
		return
	}
	var route []byte
	switch {
	case first != nil:
		route = bytes.Clone(first.text)
		if c := d.client(); !first.complete {
			first.complete, first.sent = true, c.span
			c.current = nil
		}
		d.emitFirst()
		d.abandon("", 0)
	case !d.doubt && d.skip == 0:
		d.unasked()
	}
	if decoders.EqualFold([]byte(protocol), "websocket") {
		d.phase = webSocketing
		d.socket.begin(route, s.head.deflate)
		return
	}
	d.phase = tunnelling
	d.tunnel.begin(protocol)
	d.tunnel.route = route
}

// changeToTwo is where the connection changes to HTTP/2, in which the response to
// the request comes on stream 1: RFC 7540, 3.2. That is one exchange. Where the
// request is not known, so is not the stream.
func (d *decoder) changeToTwo(first *request) {
	var x *decoders.Exchange
	if first != nil {
		if c := d.client(); !first.complete {
			first.complete, first.sent, c.current = true, c.span, nil
		}
		first.informed(d.response.code)
		x = d.begin(first)
		x.AddText("upgrade", d.response.upgrade)
		x.Answered = d.response.span
	}
	d.phase, d.two = versionTwo, http2.Behind(d.emit, x)
	if first != nil {
		d.queue.pop()
	}
	d.abandon("", 0)
}
