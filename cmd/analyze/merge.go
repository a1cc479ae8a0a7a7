package main

import (
	"bufio"
	"errors"
	"fmt"
	"os"

	"unixcap/internal/report"
	"unixcap/internal/stream"

	"github.com/spf13/pflag"
)

var mergeCommand = command{
	name:    "merge",
	args:    " FILE...",
	about:   "Add up reports that were written with --format json",
	formats: report.SummaryFormats,
	reads:   reports,
	flags: func(j *job, set *pflag.FlagSet) func(*job) error {
		flags := addLayout(j, set)
		return func(j *job) error { return j.sum.Write(j.out, j.format, flags.layout(j)) }
	},
}

// doReports reads reports and adds them up, works, and gathers what went wrong.
func (j *job) doReports(files []string, work func(*job) error) error {
	if err := confine(files, j.output); err != nil {
		return err
	}
	var wrong []error
	var read []os.FileInfo
	for _, name := range files {
		s, info, err := readReport(name)
		switch {
		case err != nil:
			wrong = append(wrong, fmt.Errorf("%s: %w", name, err))
			continue
		case j.sum == nil:
			j.sum = s
		default:
			j.sum.Merge(s)
		}
		read = append(read, info)
	}
	if j.sum == nil {
		return errors.Join(wrong...)
	}
	out, err := openSink(j.output, func(info os.FileInfo) bool {
		for _, r := range read {
			if os.SameFile(r, info) {
				return true
			}
		}
		return false
	})
	if err != nil {
		return err
	}
	j.out = out
	err = work(j)
	if closeErr := out.Close(); err == nil {
		err = closeErr
	}
	if err != nil {
		return err
	}
	return errors.Join(wrong...)
}

func readReport(name string) (*report.Summary, os.FileInfo, error) {
	f := os.Stdin
	if name != stream.Stdin {
		var err error
		if f, err = os.Open(name); err != nil {
			return nil, nil, errors.Unwrap(err)
		}
		defer f.Close()
	}
	info, err := f.Stat()
	if err != nil {
		return nil, nil, errors.Unwrap(err)
	}
	if info.IsDir() {
		return nil, nil, errors.New("is a folder")
	}
	s, err := report.ReadSummary(bufio.NewReader(f))
	if err != nil {
		return nil, nil, err
	}
	return s, info, nil
}
