package main

import (
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
	flags: func(*pflag.FlagSet) func(*job) error {
		return writeLog
	},
}

func writeLog(j *job) error {
	rows := report.NewRows(j.out, j.format, j.out.width, report.LogColumns)
	var failed error
	o := j.options()
	o.Exchange = func(f *stream.Flow, x *decoders.Exchange) {
		if failed != nil || !j.filter.Flow(f) {
			return
		}
		e := j.entry(f, x)
		failed = rows.Write(&e)
	}
	if err := j.follow(o, &failed); err != nil {
		return err
	}
	return rows.Flush()
}
