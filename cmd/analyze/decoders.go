package main

import (
	"unixcap/decoders"
	"unixcap/internal/report"

	"github.com/spf13/pflag"
)

var decodersCommand = command{
	name:    "decoders",
	about:   "List the protocols that can be decoded",
	formats: report.RowFormats,
	reads:   nothing,
	flags: func(j *job, set *pflag.FlagSet) func(*job) error {
		return listing(j, set, report.ProtocolColumns, listDecoders)
	},
}

func listDecoders(j *job, columns []report.Column[decoders.Protocol]) error {
	rows := report.NewRows(j.out, j.format, j.out.width, columns)
	for _, p := range protocols() {
		if err := rows.Write(p); err != nil {
			return err
		}
	}
	return rows.Flush()
}
