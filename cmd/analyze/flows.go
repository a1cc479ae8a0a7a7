package main

import (
	"unixcap/internal/report"
	"unixcap/internal/stream"

	"github.com/spf13/pflag"
)

var flowsCommand = command{
	name:    "flows",
	args:    " FILE...",
	about:   "Write one line for each conversation",
	formats: report.RowFormats,
	flags: func(*pflag.FlagSet) func(*job) error {
		return writeFlows
	},
}

func writeFlows(j *job) error {
	rows := report.NewRows(j.out, j.format, j.out.width, report.FlowColumns)
	sorter := report.FlowSorter{Next: func(f *stream.Flow) error { return rows.Write(f) }}
	var failed error
	o := j.options()
	o.Done = func(f *stream.Flow) {
		if failed != nil || !j.filter.Flow(f) {
			return
		}
		failed = sorter.Add(f)
	}
	if err := j.follow(o, &failed); err != nil {
		return err
	}
	if err := sorter.Close(); err != nil {
		return err
	}
	return rows.Flush()
}
