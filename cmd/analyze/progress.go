package main

import (
	"fmt"
	"os"
	"time"

	"unixcap/internal/output"
)

// progressEvery is how often the progress is shown.
const progressEvery = 200 * time.Millisecond

// A progress shows on a terminal how much has been read.
type progress struct {
	j     *job
	on    bool
	shown bool
	begun time.Time
	next  time.Time
}

// newProgress returns a progress that is silent if standard error is no
// terminal, or if results scroll by on one.
func newProgress(j *job) *progress {
	on := output.TerminalWidth(os.Stderr) > 0 && (j.out.width == 0 || j.late)
	now := time.Now()
	return &progress{j: j, on: on, begun: now, next: now.Add(progressEvery)}
}

// tick shows how far it is if it has not done so for a while. n is the number of
// messages so far.
func (p *progress) tick(n int) {
	if !p.on {
		return
	}
	now := time.Now()
	if now.Before(p.next) {
		return
	}
	p.next = now.Add(progressEvery)
	p.shown = true
	read, total := p.j.in.Progress()
	fmt.Fprint(os.Stderr, "\r\x1b[K"+progressLine(read, total, n, now.Sub(p.begun)))
}

// progressLine says how far it is after some time. total is 0 if it is not known.
func progressLine(read, total int64, messages int, took time.Duration) string {
	rate := float64(read) / took.Seconds()
	if total == 0 || read == 0 {
		return fmt.Sprintf("%.1f MB, %d messages, %.0f MB/s", float64(read)/1e6, messages, rate/1e6)
	}
	left := time.Duration(float64(total-read) / rate * float64(time.Second))
	return fmt.Sprintf("%3d%% of %.1f MB, %d messages, %.0f MB/s, %v left",
		100*read/total, float64(total)/1e6, messages, rate/1e6, max(left, 0).Round(time.Second))
}

// clear removes what is shown.
func (p *progress) clear() {
	if p.shown {
		fmt.Fprint(os.Stderr, "\r\x1b[K")
	}
}
