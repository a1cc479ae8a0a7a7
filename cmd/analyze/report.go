package main

import (
	"fmt"
	"io"

	"unixcap/decoders"
	"unixcap/internal/report"
	"unixcap/internal/stream"

	"github.com/spf13/pflag"
)

var reportCommand = command{
	name:    "report",
	args:    " FILE...",
	about:   "Sum up captures: protocols, requests, processes, errors",
	formats: report.SummaryFormats,
	flags: func(j *job, set *pflag.FlagSet) func(*job) error {
		l := addLayout(j, set)
		wireshark := set.Bool("wireshark", false, "instead of the report, print commands that open the slowest request of each class in Wireshark")
		j.checks = append(j.checks, func() error {
			if *wireshark && j.format != report.Text {
				return flagError("wireshark", fmt.Errorf("prints commands, and no %s", j.format))
			}
			return nil
		})
		return func(j *job) error { return summarize(j, l, *wireshark) }
	},
}

func summarize(j *job, flags *layoutFlags, wireshark bool) error {
	l := flags.layout(j)
	j.late = true
	var parts []*report.Summary
	err := j.follow(stream.Work{Lane: func(io.Writer) stream.Lane {
		sum := report.NewSummary(j.in.Names(), l.Dimensions(j.format)...)
		parts = append(parts, sum)
		o := j.options()
		o.Exchange = func(f *stream.Flow, x *decoders.Exchange) {
			if j.filter.Flow(f) {
				e := j.entry(f, x)
				sum.Exchange(&e)
			}
		}
		o.Done = func(f *stream.Flow) {
			if j.filter.Flow(f) {
				sum.Flow(f)
			}
		}
		return stream.Lane{Engine: &o}
	}})
	if err != nil {
		return err
	}
	sum := parts[0]
	for _, part := range parts[1:] {
		sum.Merge(part)
	}
	for _, stats := range j.in.Stats() {
		sum.Recorded(stats)
	}
	sum.Unread(len(j.in.Errors()))
	if wireshark {
		return sum.WriteWireshark(j.out, l)
	}
	return sum.Write(j.out, j.format, l)
}
