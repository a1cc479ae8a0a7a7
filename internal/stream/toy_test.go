package stream

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"unixcap/decoders"
	"unixcap/internal/capture"
)

// toy is a protocol of lines: a request is "TOY word", the answer "+word" or
// "-word". Its decoder notes all it is told.
func toy(notes *strings.Builder) *decoders.Protocol {
	return &decoders.Protocol{
		Name: "toy", Title: "Toy", About: "Lines, for tests.",
		Ports: []uint16{3306}, Paths: []string{"toy.sock"},
		Detect: func(client, server []byte, hinted bool) decoders.Verdict {
			switch {
			case bytes.HasPrefix(client, []byte("TOY ")):
				return decoders.Yes
			case hinted && bytes.HasPrefix(server, []byte("+")):
				return decoders.Yes
			case strings.HasPrefix("TOY ", string(client)):
				return decoders.Maybe
			}
			return decoders.No
		},
		New: func(emit func(*decoders.Exchange)) decoders.Decoder {
			return &toyDecoder{notes: notes, emit: emit}
		},
	}
}

type toyDecoder struct {
	notes *strings.Builder
	emit  func(*decoders.Exchange)
	x     decoders.Exchange
	open  bool
	half  [2][]byte
}

func (d *toyDecoder) Data(from decoders.End, at decoders.Mark, p []byte) {
	fmt.Fprintf(d.notes, "%s:%d %q\n", from, at.Packet, p)
	if len(d.half[from]) > 4096 {
		d.half[from] = nil
	}
	d.half[from] = append(d.half[from], p...)
	for {
		i := bytes.IndexByte(d.half[from], '\n')
		if i < 0 {
			return
		}
		d.line(from, at, d.half[from][:i])
		d.half[from] = d.half[from][i+1:]
	}
}

func (d *toyDecoder) line(from decoders.End, at decoders.Mark, p []byte) {
	if from == decoders.Client {
		d.x.Reset()
		d.x.Op = "toy"
		d.x.Request = append(d.x.Request, p...)
		d.x.Sent = decoders.Span{First: at, Last: at, Bytes: int64(len(p))}
		d.open = true
		return
	}
	if !d.open {
		return
	}
	d.open = false
	d.x.Answered = decoders.Span{First: at, Last: at, Bytes: int64(len(p))}
	if bytes.HasPrefix(p, []byte("-")) {
		d.x.Status = decoders.Error
	}
	d.emit(&d.x)
}

func (d *toyDecoder) Gap(from decoders.End, n int64) {
	fmt.Fprintf(d.notes, "%s gap %d\n", from, n)
	d.half[from] = nil
}

func (d *toyDecoder) Close(at decoders.Mark) {
	fmt.Fprintf(d.notes, "close %d\n", at.Packet)
	if d.open {
		d.x.Status = decoders.Unanswered
		d.emit(&d.x)
	}
}

var begin = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

// A talk makes messages between two sockets, a millisecond apart.
type talk struct {
	client, server capture.Socket
	clientProc     capture.Process
	serverProc     capture.Process
	offset         [2]uint64
	number         uint64
	now            time.Time
	list           []*capture.Message
}

func newTalk() *talk {
	return &talk{
		client:     capture.Socket{SK: 0xffff888000000100, Inode: 11},
		server:     capture.Socket{SK: 0xffff888000000200, Inode: 12, Path: "/run/svc.sock"},
		clientProc: capture.Process{PID: 100, Comm: "app", UID: 1000},
		serverProc: capture.Process{PID: 200, Comm: "svcd", UID: 999},
		now:        begin,
	}
}

// say adds a message; the returned one may be changed.
func (t *talk) say(from decoders.End, text string) *capture.Message {
	t.number++
	t.now = t.now.Add(time.Millisecond)
	m := &capture.Message{
		Number: t.number, Packet: t.number, Time: t.now,
		Offset: t.offset[from], Length: uint64(len(text)), Payload: []byte(text),
	}
	a, b := t.client, t.server
	m.From, m.To, m.Sender, m.Peer = &a, &b, t.clientProc, t.serverProc
	if from == decoders.Server {
		m.From, m.To, m.Sender, m.Peer = &b, &a, t.serverProc, t.clientProc
	}
	t.offset[from] += uint64(len(text))
	t.list = append(t.list, m)
	return m
}

func (t *talk) ask(text string) *capture.Message    { return t.say(decoders.Client, text) }
func (t *talk) answer(text string) *capture.Message { return t.say(decoders.Server, text) }

func (t *talk) hangUp(from decoders.End) *capture.Message {
	m := t.say(from, "")
	m.Op = capture.Close
	return m
}

// run feeds messages to an engine and returns what the decoders were told,
// and the flows that ended.
func run(t *testing.T, o Options, list ...*capture.Message) (notes string, flows []*Flow) {
	t.Helper()
	var b strings.Builder
	o.Protocols = append(o.Protocols, toy(&b))
	for i := range o.Rules {
		o.Rules[i].Protocol = o.Protocols[0]
	}
	done := o.Done
	o.Done = func(f *Flow) {
		flows = append(flows, f)
		if done != nil {
			done(f)
		}
	}
	e := NewEngine(o)
	for _, m := range list {
		e.Message(m)
	}
	e.Close()
	if e.open != 0 || len(e.socks) != 0 || len(e.pairs) != 0 || e.oldest != nil || e.newest != nil {
		t.Errorf("engine not empty after Close: %d open, %d sockets, %d pairs", e.open, len(e.socks), len(e.pairs))
	}
	return b.String(), flows
}

func lines(s ...string) string { return strings.Join(s, "\n") + "\n" }
