package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"sync"

	"unixcap/decoders"
	"unixcap/internal/capture"
	"unixcap/internal/report"
	"unixcap/internal/stream"

	"github.com/spf13/pflag"
)

// A raw is the flag to write the bytes that one end of a conversation sent.
type raw struct {
	end  string
	from decoders.End
}

func addRaw(j *job, set *pflag.FlagSet) *raw {
	r := &raw{}
	set.StringVar(&r.end, "raw", "", "write the bytes that `END`, client or server, sent in the conversation that --flow names")
	j.checks = append(j.checks, func() error {
		switch r.end {
		case decoders.Client.String():
		case decoders.Server.String():
			r.from = decoders.Server
		case "":
			return nil
		default:
			return flagError("raw", fmt.Errorf("%q is no end (there are client, server)", r.end))
		}
		switch {
		case len(j.filter.Flows) != 1:
			return flagError("raw", errors.New("needs --flow with the id of one conversation (analyze flows has them)"))
		case set.Changed("format") || set.Changed("columns"):
			return flagError("raw", errors.New("has no format and no columns"))
		}
		return nil
	})
	return r
}

func (r *raw) given() bool { return r.end != "" }

// errTerminal keeps bytes of any kind from where they could do anything.
var errTerminal = errors.New("the bytes are not for a terminal (write them to a file with -o)")

// dump writes the bytes in their order, and says which are missing.
func (r *raw) dump(j *job) error {
	if j.out.width > 0 {
		return &usageError{flagError("raw", errTerminal), "dump "}
	}
	w := &rawWriter{out: bufio.NewWriterSize(j.out, 64<<10), from: r.from}
	o := j.options()
	w.since, w.until = o.Since, o.Until
	o.Rules, o.Protocols = nil, []*decoders.Protocol{w.protocol(o.Protocols)}
	finder := o
	finder.Protocols = nil
	engine := stream.NewEngine(o)
	found := false
	var busy sync.Mutex // lanes have but one conversation of an id, one after the other
	err := j.follow(stream.Work{Lane: func(io.Writer) stream.Lane {
		finder := finder
		return stream.Lane{Engine: &finder, Message: func(m *capture.Message, f *stream.Flow) error {
			if f == nil || f.ID != j.filter.Flows[0] || !j.filter.Message(m) {
				return nil
			}
			busy.Lock()
			defer busy.Unlock()
			found = true
			engine.Message(m)
			return w.err
		}}
	}})
	if err != nil {
		return err
	}
	engine.Close()
	if err := errors.Join(w.err, w.out.Flush()); err != nil {
		return err
	}
	if !found {
		return fmt.Errorf("no conversation %s (analyze flows lists them)", report.Safe(j.filter.Flows[0]))
	}
	return w.missing()
}
