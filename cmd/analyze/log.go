package main

import (
	"io"

	"unixcap/decoders"
	"unixcap/internal/report"
	"unixcap/internal/stream"

	"github.com/spf13/pflag"
)

var logCommand = command{
	name:    "log",
	args:    " FILE...",
	about:   "Write one line for each request and its answer",
	formats: report.RowFormats,
	flags: func(j *job, set *pflag.FlagSet) func(*job) error {
		return listing(j, set, report.LogColumns, writeLog)
	},
}

func writeLog(j *job, columns []report.Column[report.Entry]) error {
	head := report.NewRows(j.out, j.format, j.out.width, columns)
	if err := head.Flush(); err != nil {
		return err
	}
	return j.follow(stream.Work{Lane: func(out io.Writer) stream.Lane {
		rows := report.NewRows(out, j.format, j.out.width, columns)
		o := j.options()
		o.Exchange = func(f *stream.Flow, x *decoders.Exchange) {
			if j.filter.Flow(f) {
				e := j.entry(f, x)
				out.Write(rows.Line(&e)) // to memory
			}
		}
		return stream.Lane{Engine: &o}
	}})
}
