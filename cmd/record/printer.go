package main

import (
	"errors"
	"os"

	"unixcap/internal/capture"
	"unixcap/internal/fileset"
	"unixcap/internal/output"
	"unixcap/internal/report"
	"unixcap/internal/tally"
)

// A printer prints messages on standard output.
type printer struct {
	stream     *output.Stream
	w          *report.MessageWriter
	unbuffered bool
	failed     bool

	written uint64
	waiting [tally.Kinds]fileset.Loss // not written yet, by capture.Kind
	lost    fileset.Losses
}

func newPrinter(o *options) (*printer, error) {
	stream := output.NewStream(os.Stdout)
	w, err := report.NewMessageWriter(stream, o.format, output.TerminalWidth(os.Stdout))
	if err != nil {
		return nil, errors.Join(err, stream.Close())
	}
	return &printer{stream: stream, w: w, unbuffered: o.files.Unbuffered}, nil
}

// WriteMessage prints a message. After an error further messages are only counted.
func (p *printer) WriteMessage(m *capture.Message) error {
	if m.Op == capture.Send {
		n := &p.waiting[m.From.Kind]
		n.Messages++
		n.Bytes += m.Length
	}
	if p.failed {
		p.lose(fileset.Reader)
		return nil
	}
	if err := p.w.WriteMessage(m); err != nil {
		return p.fail(err)
	}
	if p.unbuffered {
		return p.Flush()
	}
	return nil
}

func (p *printer) Flush() error {
	if p.failed {
		return nil
	}
	if err := p.w.Flush(); err != nil {
		return p.fail(err)
	}
	for kind := range p.waiting {
		p.written += p.waiting[kind].Messages
		p.waiting[kind] = fileset.Loss{}
	}
	return nil
}

// fail counts what could not be printed as lost.
func (p *printer) fail(err error) error {
	p.failed = true
	p.lose(fileset.CauseOf(err))
	return err
}

func (p *printer) lose(cause fileset.Cause) {
	for kind, n := range p.waiting {
		p.lost[cause][kind].Messages += n.Messages
		p.lost[cause][kind].Bytes += n.Bytes
		p.waiting[kind] = fileset.Loss{}
	}
}

func (p *printer) Close() error         { return errors.Join(p.Flush(), p.stream.Close()) }
func (p *printer) End()                 { p.stream.End() }
func (p *printer) String() string       { return "a line a message" }
func (p *printer) Lost() fileset.Losses { return p.lost }
func (p *printer) File() string         { return "" }
func (p *printer) Files() int           { return 0 }

// Written is how many messages were given to standard output, or wait for it.
func (p *printer) Written() uint64 {
	n := p.written
	for _, k := range p.waiting {
		n += k.Messages
	}
	return n
}
