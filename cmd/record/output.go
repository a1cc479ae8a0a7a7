package main

import (
	"fmt"
	"io"
	"os"
	"runtime/debug"

	"unixcap/bpf"
	"unixcap/internal/capture"
	"unixcap/internal/fileset"
	"unixcap/internal/output"
	"unixcap/internal/recorder"
	"unixcap/internal/report"
)

// A sink is where the messages go.
type sink interface {
	recorder.Output
	fmt.Stringer
	Close() error
	Written() uint64
	Lost() fileset.Loss
}

func (o *options) open(tap *bpf.Tap, stderr io.Writer) (sink, error) {
	if o.files.Name == "" {
		w, err := report.NewMessageWriter(os.Stdout, o.format, output.TerminalWidth(os.Stdout))
		return &printer{w: w, unbuffered: o.files.Unbuffered}, err
	}
	kernel, hardware, host := kernelName()
	o.files.Capture = capture.WriterOptions{
		Program: programName(), Kernel: kernel, Hardware: hardware, Host: host,
		Command: commandLine(os.Args), Ports: o.ports, Receives: o.tap.Receive,
	}
	o.files.Lost = losses(tap)
	o.files.Notify = func(err error) {
		if err != nil {
			fmt.Fprintf(stderr, "record: %v; what comes is lost until it can be written\n", err)
		} else {
			fmt.Fprintln(stderr, "record: can write again")
		}
	}
	return o.rights.create(o.files)
}

// printer prints messages.
type printer struct {
	w          *report.MessageWriter
	unbuffered bool
	written    uint64
}

func (p *printer) WriteMessage(m *capture.Message) error {
	if err := p.w.WriteMessage(m); err != nil {
		return err
	}
	if m.Op == capture.Send {
		p.written++
	}
	if p.unbuffered {
		return p.w.Flush()
	}
	return nil
}

func (p *printer) Flush() error       { return p.w.Flush() }
func (p *printer) Close() error       { return p.w.Flush() }
func (p *printer) String() string     { return "a line a message" }
func (p *printer) Written() uint64    { return p.written }
func (p *printer) Lost() fileset.Loss { return fileset.Loss{} }

// programName is what the file says it was written by.
func programName() string {
	version := "(devel)"
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		version = info.Main.Version
	}
	return "unixcap " + version
}
