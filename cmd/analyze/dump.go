package main

import (
	"io"

	"unixcap/internal/capture"
	"unixcap/internal/report"
	"unixcap/internal/stream"

	"github.com/spf13/pflag"
)

var dumpCommand = command{
	name:    "dump",
	args:    " FILE...",
	about:   "Write one line for each message, as it was sent",
	help:    "Format stap is that of the SystemTap script unix_sockets.stp:\n  PID EXECNAME SK LEN [printable] [HEX]\n\n",
	formats: []report.Format{report.Text, report.Stap, report.Hex, report.JSONL, report.CSV, report.TSV},
	flags: func(j *job, set *pflag.FlagSet) func(*job) error {
		columns := addColumns(j, set, report.MessageColumns)
		raw := addRaw(j, set)
		return func(j *job) error {
			switch {
			case raw.given():
				return raw.dump(j)
			case j.format == report.CSV, j.format == report.TSV, set.Changed("columns"):
				return dumpRows(j, *columns)
			}
			return dump(j, func() messageLine { return report.NewMessageLines(j.format, j.out.width).Line })
		}
	},
}

// A messageLine makes the line of a message, which may be empty.
type messageLine func(*capture.Message) []byte

// dumpRows writes the columns of all messages that are asked for.
func dumpRows(j *job, columns []report.Column[capture.Message]) error {
	head := report.NewRows(j.out, j.format, j.out.width, columns)
	if err := head.Flush(); err != nil {
		return err
	}
	return dump(j, func() messageLine { return report.NewRows(nil, j.format, j.out.width, columns).Line })
}

// dump writes the lines of all messages that are asked for. Each lane makes its
// own.
func dump(j *job, newLine func() messageLine) error {
	since := j.filter.Since.Time(j.in.Start())
	until := j.filter.Until.Time(j.in.Start())
	return j.follow(stream.Work{Lane: func(out io.Writer) stream.Lane {
		line := newLine()
		put := func(m *capture.Message) error {
			if m.Time.Before(since) || !until.IsZero() && !m.Time.Before(until) || !j.filter.Message(m) {
				return nil
			}
			_, m.Packet = j.in.Locate(m.Packet)
			_, err := out.Write(line(m))
			return err
		}
		if len(j.filter.Protos) == 0 && len(j.filter.Flows) == 0 {
			return stream.Lane{Message: func(m *capture.Message, _ *stream.Flow) error { return put(m) }}
		}
		return j.dumpFlows(put)
	}})
}

// dumpFlows calls put with the messages of conversations that have one of the
// ids, and speak one of the protocols asked for. Those of a conversation wait
// until it is known what it speaks, so that it can come later than others.
func (j *job) dumpFlows(put func(*capture.Message) error) stream.Lane {
	wait := waiting{put: put, filter: stream.Filter{Protos: j.filter.Protos, Flows: j.filter.Flows}}
	wait.flows = make(map[*stream.Flow][]*capture.Message)
	o := j.options()
	o.Since, o.Until = 0, 0
	o.Done = wait.decided
	if len(j.filter.Protos) == 0 {
		o.Protocols, o.Rules = nil, nil // it does not matter
	}
	return stream.Lane{Engine: &o, Message: func(m *capture.Message, f *stream.Flow) error {
		switch {
		case f == nil:
		case !f.Decided():
			wait.add(f, m)
		default:
			wait.decided(f)
			if wait.err == nil && wait.filter.Flow(f) {
				return put(m)
			}
		}
		return wait.err
	}}
}

// waiting are the messages of conversations whose protocol is undecided.
type waiting struct {
	flows  map[*stream.Flow][]*capture.Message
	filter stream.Filter
	put    func(*capture.Message) error
	err    error
}

// decided lets the messages of f go on, or drops them.
func (w *waiting) decided(f *stream.Flow) {
	list := w.flows[f]
	if list == nil {
		return
	}
	delete(w.flows, f)
	for _, m := range list {
		if w.err == nil && w.filter.Flow(f) {
			w.err = w.put(m)
		}
	}
}

// maxWaiting is how many messages of a conversation wait. One in the middle of
// a long transfer can stay undecided for long; its earliest are then left out.
const maxWaiting = 256

// add makes a message wait.
func (w *waiting) add(f *stream.Flow, m *capture.Message) {
	c := *m
	c.Payload = append([]byte(nil), m.Payload...)
	list := w.flows[f]
	if len(list) >= maxWaiting {
		list = append(list[:0], list[1:]...)
	}
	w.flows[f] = append(list, &c)
}
