package sdnotify

import (
	"bytes"

	"unixcap/decoders"
)

// states are the names that sd_notify(3) knows, those first that make the
// operation if several are set.
var states = []struct{ name, op string }{
	{"READY", "ready"}, {"RELOADING", "reloading"}, {"STOPPING", "stopping"},
	{"FDSTORE", "fdstore"}, {"FDSTOREREMOVE", "fdstoreremove"},
	{"WATCHDOG", "watchdog"}, {"WATCHDOG_USEC", "watchdog_usec"}, {"EXTEND_TIMEOUT_USEC", "extend_timeout_usec"},
	{"ERRNO", "errno"}, {"BUSERROR", "buserror"}, {"VARLINKERROR", "varlinkerror"}, {"EXIT_STATUS", "exit_status"},
	{"MAINPID", "mainpid"}, {"MAINPIDFD", "mainpidfd"}, {"MAINPIDFDID", "mainpidfdid"}, {"NOTIFYACCESS", "notifyaccess"},
	{"BARRIER", "barrier"}, {"STATUS", "status"}, {"MONOTONIC_USEC", "monotonic_usec"},
	{"FDNAME", "fdname"}, {"FDPOLL", "fdpoll"}, {"INVOCATION_ID", "invocation_id"}, {"RESTART_RESET", "restart_reset"},
}

// byLength has the places in states of those whose names have a length.
var byLength = func() (t [len("EXTEND_TIMEOUT_USEC") + 1][]int) {
	for i, s := range states {
		t[len(s.name)] = append(t[len(s.name)], i)
	}
	return t
}()

// rankOf returns the place of a state in states, which is its rank.
func rankOf(name []byte) (rank int, known bool) {
	if len(name) < len(byLength) {
		for _, i := range byLength[len(name)] {
			if states[i].name == string(name) {
				return i, true
			}
		}
	}
	return 0, false
}

const (
	// maxStates bounds the states of a datagram that are shown.
	maxStates = 64
	// maxText is how much of a datagram is shown; systemd takes 4 KiB
	// (NOTIFY_BUFFER_MAX).
	maxText = 16 << 10
)

// A decoder is a notification socket.
type decoder struct {
	emit func(*decoders.Exchange)
	x    decoders.Exchange
	text []byte
}

func newDecoder(emit func(*decoders.Exchange)) decoders.Decoder { return &decoder{emit: emit} }

// Data implements decoders.Decoder: bytes of a stream socket have no messages to be told apart,
// and the protocol is not spoken there.
func (d *decoder) Data(from decoders.End, at decoders.Mark, p []byte) {
	d.Packet(from, at, decoders.Packet{Data: p})
}

// Packet implements decoders.PacketDecoder.
func (d *decoder) Packet(from decoders.End, at decoders.Mark, p decoders.Packet) {
	x := &d.x
	x.Reset()
	x.Op = "notify"
	x.Sent = decoders.Span{First: at, Last: at, Bytes: int64(len(p.Data))}
	if from == decoders.Server {
		x.Sent, x.Answered = decoders.Span{}, x.Sent
	}
	rest := bytes.TrimRight(p.Data[:min(len(p.Data), maxText)], "\n\x00")
	d.text = d.text[:0]
	if cap(d.text) < 2*maxText { // so that what states refer to stays where it is
		d.text = make([]byte, 0, 2*maxText)
	}
	rank := len(states)
	for more := true; more; {
		line := rest
		i := bytes.IndexByte(rest, '\n')
		if more = i >= 0; more {
			line, rest = rest[:i], rest[i+1:]
		}
		rank = min(rank, d.line(line))
		if more {
			d.text = append(d.text, '\n')
		}
	}
	x.Request = d.text
	if rank < len(states) {
		x.Op = states[rank].op
	}
	if p.FDs > 0 {
		d.x.AddInt("fds", int64(p.FDs))
	}
	if p.Missing > 0 {
		d.x.AddInt("gap", p.Missing)
	}
	d.emit(x)
}

// line takes over a line and returns the rank of its state. Only of those that are not known, and of
// STATUS, the values are texts.
func (d *decoder) line(b []byte) (rank int) {
	i := bytes.IndexByte(b, '=')
	known := false
	if i > 0 {
		rank, known = rankOf(b[:i])
	}
	start := len(d.text)
	if !known || states[rank].name == "STATUS" {
		d.text = decoders.AppendWithoutSecrets(d.text, b)
	} else {
		d.text = append(d.text, b...)
	}
	if !known {
		return len(states)
	}
	if len(d.x.Attrs) < maxStates {
		d.state(rank, d.text[start+i+1:])
	}
	return rank
}

// state adds a state. A service that says why it failed makes an error.
func (d *decoder) state(i int, value []byte) {
	x := &d.x
	switch states[i].name {
	case "ERRNO", "BUSERROR", "VARLINKERROR", "EXIT_STATUS":
		if string(value) != "0" && len(value) <= 128 {
			x.Status, x.ErrorCode = decoders.Error, string(value) // once in a service's life
		}
	}
	x.Add(states[i].op, decoders.TextValue(value))
}

// Gap implements decoders.Decoder. Datagrams do not hang together.
func (*decoder) Gap(decoders.End, int64) {}

// Close implements decoders.Decoder.
func (*decoder) Close(decoders.Mark) {}

// detect judges the first datagram: lines of known states. ERRNO alone may be
// of the journal's.
func detect(client, server []byte, _ bool) decoders.Verdict {
	if len(server) > 0 {
		return decoders.No
	}
	if len(client) == 0 {
		return decoders.Maybe
	}
	line, _, _ := bytes.Cut(client, []byte{'\n'})
	name, value, ok := bytes.Cut(line, []byte{'='})
	if _, known := rankOf(name); !ok || !known || string(name) == "ERRNO" || len(value) == 0 {
		return decoders.No
	}
	for _, c := range value {
		if c < ' ' || c == 0x7f {
			return decoders.No
		}
	}
	return decoders.Yes
}

// appendFingerprint appends the names of what was said, and the values of those
// that are but switches.
func appendFingerprint(dst, request []byte) []byte {
	for i := 0; len(request) > 0 && i < maxStates; i++ {
		var line []byte
		line, request, _ = bytes.Cut(request, []byte{'\n'})
		name, value, ok := bytes.Cut(line, []byte{'='})
		if !ok || len(name) > 64 {
			continue
		}
		if len(dst) > 0 && i > 0 {
			dst = append(dst, ' ')
		}
		dst = append(append(dst, name...), '=')
		if len(value) == 1 || string(value) == "trigger" {
			dst = append(dst, value...)
		} else {
			dst = append(dst, '?')
		}
	}
	return dst
}
