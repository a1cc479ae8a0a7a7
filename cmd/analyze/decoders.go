package main

import (
	"unixcap/internal/report"

	"github.com/spf13/pflag"
)

var decodersCommand = command{
	name:    "decoders",
	about:   "List the protocols that can be decoded",
	formats: report.RowFormats,
	reads:   nothing,
	flags: func(*pflag.FlagSet) func(*job) error {
		return listDecoders
	},
}

func listDecoders(j *job) error {
	rows := report.NewRows(j.out, j.format, j.out.width, report.ProtocolColumns)
	for _, p := range protocols() {
		if err := rows.Write(p); err != nil {
			return err
		}
	}
	return rows.Flush()
}
