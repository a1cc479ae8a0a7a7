package dbus

import (
	"bytes"
	"encoding/hex"

	"unixcap/decoders"
)

// A handshake is what comes before the first message ("Authentication
// Protocol"). Its lines are paired by their order: a mechanism's AUTH and DATA
// with what ends it, NEGOTIATE_UNIX_FD with its answer.
type handshake struct {
	seen bool // from its beginning
	over bool // nothing more comes of it: BEGIN was said, or lines are missing
	open []step
}

// maxSteps bounds the commands that wait for an answer. A client has as many
// mechanisms as that to try, one after the other.
const maxSteps = 16

// A step is a command that wants an answer.
type step struct {
	op        string
	mechanism string
	user      string
	sent      decoders.Span
	bytes     int64 // of challenges
}

// lose says that lines may be missing.
func (h *handshake) lose(d *decoder) {
	for i := range h.open {
		d.stepped(&h.open[i], decoders.Unanswered, decoders.Span{})
		d.x.AddInt("gap", 0)
		d.emit(&d.x)
	}
	h.open, h.over = h.open[:0], true
}

func (h *handshake) close(d *decoder) {
	for i := range h.open {
		d.stepped(&h.open[i], decoders.Unanswered, decoders.Span{})
		d.emit(&d.x)
	}
	h.open = h.open[:0]
}

// line takes in a line. What a mechanism sends is never kept: cookies, their
// hashes, and tickets.
func (d *decoder) line(s *side, b []byte) {
	h := &d.auth
	if b[0] == 0 {
		if !s.started {
			h.seen = true
		}
		return
	}
	if !h.seen {
		return
	}
	command, rest, _ := bytes.Cut(bytes.TrimRight(b, "\r\n"), []byte{' '})
	if s.end == decoders.Server {
		d.authAnswer(s, command, rest)
		return
	}
	switch string(command) {
	case "AUTH":
		mechanism, initial, _ := bytes.Cut(rest, []byte{' '})
		d.step(step{op: "auth", mechanism: d.mechanism(mechanism), user: d.identity(mechanism, initial), sent: s.span})
	case "NEGOTIATE_UNIX_FD":
		d.step(step{op: "negotiate_unix_fd", sent: s.span})
	case "DATA", "CANCEL", "ERROR":
		if n := len(h.open); n > 0 && h.open[n-1].op == "auth" {
			h.open[n-1].sent.Last = s.span.Last
			h.open[n-1].sent.Bytes += s.span.Bytes
		}
	case "BEGIN":
		s.binary = true
	}
}

func (d *decoder) step(x step) {
	h := &d.auth
	if h.over || len(h.open) >= maxSteps {
		h.lose(d)
		return
	}
	h.open = append(h.open, x)
}

// mechanisms that are known by name ("Authentication mechanisms").
func (d *decoder) mechanism(b []byte) string {
	switch s := string(b); s {
	case "EXTERNAL", "DBUS_COOKIE_SHA1", "ANONYMOUS", "KERBEROS_V4", "SKEY", "":
		return s
	}
	return "other"
}

// identity returns who a client says it is. EXTERNAL has the user's number
// there, DBUS_COOKIE_SHA1 number or name.
func (d *decoder) identity(mechanism, initial []byte) string {
	if m := string(mechanism); m != "EXTERNAL" && m != "DBUS_COOKIE_SHA1" || len(initial) > 128 {
		return ""
	}
	name, err := hex.AppendDecode(nil, initial)
	if err != nil {
		return ""
	}
	for _, c := range name {
		if c <= ' ' || c >= 0x7f {
			return ""
		}
	}
	return d.intern(name)
}

// authAnswer pairs an answer of the server.
func (d *decoder) authAnswer(s *side, command, rest []byte) {
	h := &d.auth
	if len(h.open) == 0 {
		return
	}
	first := &h.open[0]
	switch string(command) {
	case "DATA":
		first.bytes += s.span.Bytes
		return
	case "OK":
		if first.op != "auth" {
			h.lose(d)
			return
		}
		d.user = first.user
		d.stepped(first, decoders.OK, s.span)
		d.x.AddText("server_guid", guid(rest))
	case "AGREE_UNIX_FD":
		if first.op == "auth" {
			h.lose(d)
			return
		}
		d.stepped(first, decoders.OK, s.span)
	case "REJECTED", "ERROR":
		if first.op == "auth" && first.mechanism == "" && len(command) == len("REJECTED") { // it asked for them
			d.stepped(first, decoders.OK, s.span)
			d.x.AddText("mechanisms", rest)
			break
		}
		d.stepped(first, decoders.Error, s.span)
		d.x.ErrorCode = d.intern(command)
		d.x.Error = append(d.x.Error[:0], rest...)
	default:
		return
	}
	d.emit(&d.x)
	h.open = h.open[:copy(h.open, h.open[1:])]
}

// guid returns the server's GUID, which is 32 hexadecimal digits.
func guid(b []byte) []byte {
	if _, err := hex.DecodeString(string(b)); err != nil || len(b) != 32 {
		return nil
	}
	return b
}

// stepped fills the exchange with a command of the handshake and its answer.
func (d *decoder) stepped(p *step, status decoders.Status, answered decoders.Span) {
	x := d.fresh()
	x.Op, x.Status, x.Sent, x.Answered = p.op, status, p.sent, answered
	if answered.Bytes > 0 {
		x.Answered.Bytes += p.bytes
	}
	d.text = append(d.text[:0], p.mechanism...)
	x.Request = d.text
	if p.user != "" {
		x.User = p.user
	}
}
