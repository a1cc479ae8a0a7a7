package main

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"testing"

	"unixcap/internal/stream"
	"unixcap/internal/synthetic"

	"github.com/spf13/pflag"
)

var benchCapture = flag.String("capture", "", "`FILE` that BenchmarkCommands reads (default a made-up one)")

// Where the time goes that a command takes for a capture:
//
//	go test ./cmd/analyze -run - -bench Commands/report -cpu 1,2 -capture FILE -cpuprofile cpu.out
//	go tool pprof -top -cum cpu.out
func BenchmarkCommands(b *testing.B) {
	name := *benchCapture
	if name == "" {
		name = filepath.Join(b.TempDir(), "synthetic.pcapng")
		var file bytes.Buffer
		if err := (synthetic.Load{Bytes: 20 << 20, Conversations: 16, Rows: 10}).Write(&file); err != nil {
			b.Fatal(err)
		}
		if err := os.WriteFile(name, file.Bytes(), 0o600); err != nil {
			b.Fatal(err)
		}
	}
	info, err := os.Stat(name)
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
				if err := benchRun(bb.command, bb.format, name); err != nil {
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
