package main

import (
	"fmt"

	"unixcap/internal/report"

	"github.com/spf13/pflag"
)

// addColumns adds the flag that chooses columns. What it returns is filled in
// when the flags have been checked.
func addColumns[T any](j *job, set *pflag.FlagSet, all []report.Column[T]) *[]report.Column[T] {
	names := set.StringSlice("columns", nil, "write only the columns `NAME,...`, in this order (text, csv, tsv); a wrong name lists them")
	columns := &all
	j.checks = append(j.checks, func() (err error) {
		if !set.Changed("columns") {
			return nil
		}
		switch j.format {
		case report.Text, report.CSV, report.TSV:
		default:
			return flagError("columns", fmt.Errorf("%s has no columns to choose", j.format))
		}
		if *columns, err = report.ChooseColumns(all, *names); err != nil {
			return flagError("columns", err)
		}
		return nil
	})
	return columns
}

// listing gives a command that writes rows the flags for it.
func listing[T any](j *job, set *pflag.FlagSet, all []report.Column[T], write func(*job, []report.Column[T]) error) func(*job) error {
	columns := addColumns(j, set, all)
	return func(j *job) error { return write(j, *columns) }
}
