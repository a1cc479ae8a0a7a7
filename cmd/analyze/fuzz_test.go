package main

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	"unixcap/decoders"
	"unixcap/internal/capture"
	"unixcap/internal/report"
	"unixcap/internal/stream"
)

// FuzzAnalyze reads captures that were tampered with, and does everything with
// them that the commands do.
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
		r, err := capture.NewReader(bytes.NewReader(file), capture.ReaderOptions{MaxMessage: 1 << 20})
		if err != nil {
			return
		}
		sum := report.NewSummary([]string{"x"})
		log := report.NewRows(io.Discard, report.JSONL, 0, report.LogColumns)
		flows := report.NewRows(io.Discard, report.Text, 80, report.FlowColumns)
		messages, err := report.NewMessageWriter(io.Discard, report.Text, 80)
		if err != nil {
			t.Fatal(err)
		}
		o := stream.Options{
			Protocols: protocols(),
			Exchange: func(f *stream.Flow, x *decoders.Exchange) {
				e := report.Entry{Flow: f, Exchange: x}
				sum.Exchange(&e)
				log.Write(&e)
			},
			Done: func(f *stream.Flow) { sum.Flow(f); flows.Write(f) },
		}
		if force {
			o.Rules = []stream.Rule{{Glob: "*", Protocol: protocols()[0]}}
		}
		engine := stream.NewEngine(o)
		for {
			m, err := r.Next()
			if err != nil {
				break
			}
			engine.Message(m)
			messages.WriteMessage(m)
		}
		engine.Close()
		for _, format := range report.SummaryFormats {
			if err := sum.Write(io.Discard, format, report.Layout{Width: 80, Limit: 10, Details: 3, Sort: "time"}); err != nil {
				t.Error(err)
			}
		}
	})
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
