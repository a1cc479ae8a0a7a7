package main

import (
	"errors"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"strconv"
	"strings"

	"unixcap/decoders"
	"unixcap/decoders/all"
	"unixcap/internal/glob"
	"unixcap/internal/report"
	"unixcap/internal/stream"

	"github.com/spf13/pflag"
)

// A job is one run of a command: what its flags say, and what it reads and
// writes.
type job struct {
	format report.Format
	filter stream.Filter
	rules  []stream.Rule
	output string

	in  *stream.Input
	sum *report.Summary // of the reports that merge reads
	out *sink
	// late says that nothing is written before everything is read.
	late bool
	// interrupted is why not all was read, nil if it was.
	interrupted error
	// checks are those of a command's own flags, once the others were.
	checks []func() error

	given struct {
		format               string
		pids                 []uint
		comms, paths         []string
		sks, protos, decodes []string
		flows                []string
		since, until         string
	}
}

// addFlags adds the flags that all commands have.
func (j *job) addFlags(set *pflag.FlagSet, c *command) {
	names := make([]string, len(c.formats))
	for i, f := range c.formats {
		names[i] = string(f)
	}
	g := &j.given
	set.StringVarP(&g.format, "format", "f", names[0], "`FORMAT` of the output: "+strings.Join(names, ", "))
	set.StringVarP(&j.output, "output", "o", "", "write to `FILE` instead of standard output")
	if c.reads != captures {
		return
	}
	set.UintSliceVar(&g.pids, "pid", nil, "only conversations of process `PID`")
	set.Lookup("pid").DefValue = "" // not worth showing
	set.StringArrayVar(&g.comms, "comm", nil, "only those of processes with a name like `GLOB`")
	set.StringArrayVar(&g.paths, "path", nil, "only those at a socket with a path like `GLOB`")
	set.StringSliceVar(&g.sks, "sk", nil, "only that of the socket with kernel address `0xSK`")
	set.StringSliceVar(&g.protos, "proto", nil, "only those that speak `PROTO`")
	set.StringSliceVar(&g.flows, "flow", nil, "only the conversation with this `ID`")
	set.StringVar(&g.since, "since", "", "only from `TIME` on: 2026-01-31T12:00:00Z, or +90s after the capture's beginning")
	set.StringVar(&g.until, "until", "", "only before `TIME`")
	set.StringArrayVar(&g.decodes, "decode-as", nil, "`WHAT=PROTO`: decode the sockets of a GLOB, 0xSK or PORT as PROTO, whatever they look like")
}

// check turns the flags into what they mean.
func (j *job) check(c *command) (err error) {
	g := &j.given
	if j.format, err = report.ParseFormat(g.format, c.formats); err != nil {
		return flagError("format", err)
	}
	for _, pid := range g.pids {
		if pid > 1<<32-1 {
			return flagError("pid", fmt.Errorf("%d is no process", pid))
		}
		j.filter.PIDs = append(j.filter.PIDs, uint32(pid))
	}
	j.filter.Comms, j.filter.Paths, j.filter.Protos, j.filter.Flows = g.comms, g.paths, g.protos, g.flows
	for _, globs := range [][]string{g.comms, g.paths} {
		for _, pattern := range globs {
			if err := glob.Check(pattern); err != nil {
				return err
			}
		}
	}
	for _, s := range g.sks {
		sk, err := strconv.ParseUint(strings.TrimPrefix(s, "0x"), 16, 64)
		if err != nil || sk == 0 {
			return flagError("sk", fmt.Errorf("%q is no kernel address (such as 0xffff888012345678)", s))
		}
		j.filter.SKs = append(j.filter.SKs, sk)
	}
	for _, name := range g.protos {
		known := func(p decoders.Protocol) bool { return p.Name == name }
		if name != stream.Unknown && !slices.ContainsFunc(all.Protocols, known) {
			return flagError("proto", fmt.Errorf("no decoder for %q (analyze decoders lists them)", name))
		}
	}
	for _, s := range g.decodes {
		r, err := stream.ParseRule(s, protocols())
		if err != nil {
			return flagError("decode-as", err)
		}
		j.rules = append(j.rules, r)
	}
	if j.filter.Since, err = moment(g.since); err != nil {
		return flagError("since", err)
	}
	if j.filter.Until, err = moment(g.until); err != nil {
		return flagError("until", err)
	}
	for _, check := range j.checks {
		if err := check(); err != nil {
			return err
		}
	}
	return nil
}

func flagError(name string, err error) error { return fmt.Errorf("--%s: %w", name, err) }

func moment(s string) (stream.Moment, error) {
	if s == "" {
		return stream.Moment{}, nil
	}
	return stream.ParseMoment(s)
}

func protocols() []*decoders.Protocol {
	list := make([]*decoders.Protocol, len(all.Protocols))
	for i := range all.Protocols {
		list[i] = &all.Protocols[i]
	}
	return list
}

// do opens what is to be read and written, works, and gathers what went
// wrong.
func (j *job) do(files []string, work func(*job) error) error {
	if err := confine(files, j.output); err != nil {
		return err
	}
	j.in = stream.OpenInput(files)
	if len(files) > 0 && j.in.Files() == 0 {
		return errors.Join(j.in.Errors()...)
	}
	out, err := openSink(j.output, j.in.Holds)
	if err != nil {
		return err
	}
	j.out = out
	err = work(j)
	if closeErr := out.Close(); err == nil {
		err = closeErr
	}
	if err != nil {
		return err
	}
	return errors.Join(append(j.in.Errors(), j.interrupted)...)
}

// options are an engine's, as the flags want it.
func (j *job) options() stream.Options {
	return stream.Options{
		Protocols: protocols(),
		Rules:     j.rules,
		Since:     decoders.TimeOf(j.filter.Since.Time(j.in.Start())),
		Until:     decoders.TimeOf(j.filter.Until.Time(j.in.Start())),
	}
}

// follow does the work with all of the input, or until Ctrl-C: then with what has
// been read. A second Ctrl-C ends the process as ever.
func (j *job) follow(w stream.Work) error {
	bar := newProgress(j)
	defer bar.clear()
	interrupt, stop := make(chan os.Signal, 1), make(chan struct{})
	signal.Notify(interrupt, os.Interrupt)
	defer signal.Stop(interrupt)
	go func() {
		<-interrupt
		signal.Stop(interrupt)
		close(stop)
	}()
	w.Out, w.Tick, w.Stop = j.out, bar.tick, stop
	err := stream.Follow(j.in, w)
	if err == stream.ErrInterrupted {
		j.interrupted, err = err, nil
	}
	return err
}

// entry describes an exchange for the log.
func (j *job) entry(f *stream.Flow, x *decoders.Exchange) report.Entry {
	packet := x.Sent.First.Packet
	if packet == 0 {
		packet = x.Answered.First.Packet
	}
	name := ""
	if j.in.Files() > 1 {
		name, packet = j.in.Locate(packet)
	}
	return report.Entry{Flow: f, Exchange: x, Protocol: f.Protocol, File: name, Packet: packet}
}
