package main

import (
	"errors"
	"strings"

	"unixcap/internal/report"

	"github.com/spf13/pflag"
)

// defaultLimit is how many rows a table has unless the flags say otherwise.
const defaultLimit = 10

// layoutFlags are the flags of what prints a report.
type layoutFlags struct {
	set            *pflag.FlagSet
	limit, details int
	sort, by       string
}

func addLayout(j *job, set *pflag.FlagSet) *layoutFlags {
	f := &layoutFlags{set: set}
	set.IntVarP(&f.limit, "limit", "n", defaultLimit, "show at most `N` rows of a table; 0 shows all, as json does unless told otherwise")
	set.IntVar(&f.details, "details", report.AutoDetails, "describe the first `N` in detail; unless told otherwise 3, or 0 if there are several protocols")
	set.Lookup("details").DefValue = "0" // which pflag does not print
	set.StringVar(&f.by, "by", "class", "sum up requests by `WHAT`: "+strings.Join(report.Dimensions, ", "))
	set.StringVar(&f.sort, "sort", "time", "`ORDER`: "+strings.Join(report.Sorts, ", "))
	j.checks = append(j.checks, f.check)
	return f
}

func (f *layoutFlags) check() error {
	for name, n := range map[string]int{"limit": f.limit, "details": f.details} {
		if n < 0 && f.set.Changed(name) {
			return flagError(name, errors.New("must not be negative"))
		}
	}
	if err := report.CheckSort(f.sort); err != nil {
		return flagError("sort", err)
	}
	if _, err := report.ParseDimension(f.by); err != nil {
		return flagError("by", err)
	}
	return nil
}

// layout is what the flags mean.
func (f *layoutFlags) layout(j *job) report.Layout {
	l := report.Layout{Width: j.out.width, Limit: f.limit, Details: f.details, Sort: f.sort}
	l.By, _ = report.ParseDimension(f.by) // was checked
	if j.format == report.JSON && !f.set.Changed("limit") {
		l.Limit = 0
	}
	return l
}
