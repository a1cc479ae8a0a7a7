package main

import (
	"errors"
	"strings"

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
	flags: func(set *pflag.FlagSet) func(*job) error {
		limit := set.IntP("limit", "n", 10, "show at most `N` rows of a table; 0 shows all")
		order := set.String("sort", "time", "`ORDER` of requests: "+strings.Join(report.Sorts, ", "))
		return func(j *job) error { return summarize(j, *limit, *order) }
	},
}

func summarize(j *job, limit int, order string) error {
	if limit < 0 {
		return &usageError{errors.New("--limit: must not be negative"), "report "}
	}
	if err := report.CheckSort(order); err != nil {
		return &usageError{flagError("sort", err), "report "}
	}
	j.late = true
	sum := report.NewSummary(j.in.Names())
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
	var none error
	if err := j.follow(o, &none); err != nil {
		return err
	}
	for _, stats := range j.in.Stats() {
		sum.Recorded(stats)
	}
	return sum.Write(j.out, j.format, j.out.width, limit, order)
}
