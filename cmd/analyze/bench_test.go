package main

import (
	"flag"
	"os"
	"testing"

	"unixcap/internal/stream"

	"github.com/spf13/pflag"
)

var benchCapture = flag.String("capture", "", "`FILE` that BenchmarkCommands reads")

// Where the time goes that a command takes for a capture:
//
//	go test ./cmd/analyze -run - -bench Commands/report -cpu 1,2 -capture FILE -cpuprofile cpu.out
//	go tool pprof -top -cum cpu.out
func BenchmarkCommands(b *testing.B) {
	if *benchCapture == "" {
		b.Skip("no -capture FILE")
	}
	info, err := os.Stat(*benchCapture)
	if err != nil {
		b.Fatal(err)
	}
	for _, bb := range []struct {
		command *command
		format  string
	}{
		{&reportCommand, "text"}, {&flowsCommand, "text"}, {&logCommand, "jsonl"}, {&dumpCommand, "jsonl"},
	} {
		b.Run(bb.command.name, func(b *testing.B) {
			b.SetBytes(info.Size())
			for b.Loop() {
				if err := benchRun(bb.command, bb.format, *benchCapture); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// benchRun does what a command does, but for giving up rights.
func benchRun(c *command, format, name string) (err error) {
	var j job
	set := pflag.NewFlagSet(c.name, pflag.ContinueOnError)
	j.addFlags(set, c)
	work := c.flags(&j, set)
	if err := set.Parse([]string{"--format", format}); err != nil {
		return err
	}
	if err := j.check(c); err != nil {
		return err
	}
	j.in = stream.OpenInput([]string{name})
	if j.out, err = openSink(os.DevNull, j.in.Holds); err != nil {
		return err
	}
	if err := work(&j); err != nil {
		return err
	}
	return j.out.Close()
}
