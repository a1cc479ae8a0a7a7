package main

import (
	"errors"
	"os"

	"unixcap/internal/output"
)

// A sink is where results go.
type sink struct {
	*os.File
	width int // of the terminal, 0 if it is none
	own   bool
}

// openSink opens the file of that name, or standard output if it is empty. It
// must not be one of the files that are read.
func openSink(name string, holds func(os.FileInfo) bool) (*sink, error) {
	if name == "" || name == "-" {
		return &sink{File: os.Stdout, width: output.TerminalWidth(os.Stdout)}, nil
	}
	f, err := output.Create(name, func(info os.FileInfo) error {
		if holds(info) {
			return errors.New("is one of the files to read (choose another name)")
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &sink{File: f, own: true}, nil
}

// Close closes the file, and reports if it could not be written.
func (s *sink) Close() error {
	if !s.own {
		return nil
	}
	return s.File.Close()
}
