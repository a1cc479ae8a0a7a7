package main

import (
	"io"

	"unixcap/internal/report"
	"unixcap/internal/stream"

	"github.com/spf13/pflag"
)

var flowsCommand = command{
	name:    "flows",
	args:    " FILE...",
	about:   "Write one line for each conversation",
	formats: report.RowFormats,
	flags: func(j *job, set *pflag.FlagSet) func(*job) error {
		return listing(j, set, report.FlowColumns, writeFlows)
	},
}

func writeFlows(j *job, columns []report.Column[stream.Flow]) error {
	rows := report.NewRows(j.out, j.format, j.out.width, columns)
	sorter := report.FlowSorter{Next: func(f *stream.Flow) error { return rows.Write(f) }}
	err := j.follow(stream.Work{
		Lane: func(io.Writer) stream.Lane {
			o := j.options()
			return stream.Lane{Engine: &o}
		},
		Done: func(f *stream.Flow) error {
			if !j.filter.Flow(f) {
				return nil
			}
			return sorter.Add(f)
		},
	})
	if err != nil {
		return err
	}
	if err := sorter.Close(); err != nil {
		return err
	}
	return rows.Flush()
}
