package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	"unixcap/decoders"
	"unixcap/internal/capture"
	"unixcap/internal/report"
	"unixcap/internal/stream"

	"golang.org/x/sys/unix"
)

// FuzzAnalyze reads captures that were tampered with, on all cores, and does
// everything with them that the commands do.
func FuzzAnalyze(f *testing.F) {
	name := filepath.Join(f.TempDir(), "a.pcapng")
	writeCapture(f, name, time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC))
	whole, err := os.ReadFile(name)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(whole, false)
	f.Add(whole[:len(whole)/2], true)
	f.Fuzz(func(t *testing.T, file []byte, force bool) {
		var rules []stream.Rule
		if force {
			rules = []stream.Rule{{Glob: "*", Protocol: protocols()[0]}}
		}
		var parts []*report.Summary
		err := stream.Follow(stream.OpenInput([]string{inMemory(t, file)}), stream.Work{
			Out: io.Discard,
			Lane: func(out io.Writer) stream.Lane {
				sum := report.NewSummary([]string{"x"})
				parts = append(parts, sum)
				return fuzzLane(t, out, sum, rules)
			},
		})
		if err != nil {
			t.Error(err)
		}
		for _, part := range parts[1:] {
			parts[0].Merge(part)
		}
		for _, format := range report.SummaryFormats {
			if err := parts[0].Write(io.Discard, format, report.Layout{Width: 80, Limit: 10, Details: 3, Sort: "time"}); err != nil {
				t.Error(err)
			}
		}
	})
}

// fuzzLane does with conversations what report, log, flows and dump do.
func fuzzLane(t *testing.T, out io.Writer, sum *report.Summary, rules []stream.Rule) stream.Lane {
	log := report.NewRows(io.Discard, report.JSONL, 0, report.LogColumns)
	flows := report.NewRows(io.Discard, report.Text, 80, report.FlowColumns)
	messages, err := report.NewMessageWriter(io.Discard, report.Text, 80)
	if err != nil {
		t.Fatal(err)
	}
	return stream.Lane{
		Engine: &stream.Options{
			Protocols: protocols(),
			Rules:     rules,
			Exchange: func(f *stream.Flow, x *decoders.Exchange) {
				e := report.Entry{Flow: f, Exchange: x}
				sum.Exchange(&e)
				out.Write(log.Line(&e))
			},
			Done: func(f *stream.Flow) {
				sum.Flow(f)
				out.Write(flows.Line(f))
			},
		},
		Message: func(m *capture.Message, _ *stream.Flow) error { return messages.WriteMessage(m) },
	}
}

// inMemory returns the name of a file that is nowhere on a disk.
func inMemory(t *testing.T, content []byte) string {
	fd, err := unix.MemfdCreate("capture", unix.MFD_CLOEXEC)
	if err != nil {
		t.Fatal(err)
	}
	file := os.NewFile(uintptr(fd), "capture")
	t.Cleanup(func() { file.Close() })
	if _, err := file.Write(content); err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("/proc/self/fd/%d", fd)
}

// BenchmarkLog reads a capture of a million bytes again and again and writes
// its log.
func BenchmarkLog(b *testing.B) {
	name := filepath.Join(b.TempDir(), "a.pcapng")
	writeLargeCapture(b, name, 5000)
	info, err := os.Stat(name)
	if err != nil {
		b.Fatal(err)
	}
	for _, c := range []*command{&reportCommand, &logCommand, &flowsCommand, &dumpCommand} {
		b.Run(c.name, func(b *testing.B) {
			b.SetBytes(info.Size())
			b.ReportAllocs()
			for b.Loop() {
				if err := c.work(nil, "/dev/null", name); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
