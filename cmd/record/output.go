package main

import (
	"fmt"
	"io"
	"os"
	"runtime/debug"

	"unixcap/internal/capture"
	"unixcap/internal/shell"
	"unixcap/internal/tally"
)

// A sink is where the messages go.
type sink interface {
	tally.Sink
	fmt.Stringer
	// End bounds how long a reader that does not read is waited for.
	End()
	Close() error
}

func (o *options) open(t *tally.Tally, stderr io.Writer) (sink, error) {
	if o.files.Name == "" {
		return newPrinter(o)
	}
	kernel, hardware, host := kernelName()
	o.files.Capture = capture.WriterOptions{
		Program: programName(), Kernel: kernel, Hardware: hardware, Host: host,
		Command: shell.Line(os.Args), Ports: o.ports, Receives: o.tap.Receive,
	}
	o.files.Lost, o.files.LostOne = t.Stats, t.LoseOne
	o.files.Notify = func(err error) {
		if err != nil {
			fmt.Fprintf(stderr, "record: %v; what comes is lost until it can be written\n", err)
		} else {
			fmt.Fprintln(stderr, "record: can write again")
		}
	}
	o.files.Warn = func(err error) { fmt.Fprintf(stderr, "record: %v; going on in the old file\n", err) }
	return o.rights.create(o.files)
}

// programName is what the file says it was written by.
func programName() string { return "unixcap " + programVersion() }

func programVersion() string {
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		return info.Main.Version
	}
	return "(devel)"
}
