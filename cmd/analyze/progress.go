package main

import (
	"fmt"
	"os"
	"time"

	"unixcap/internal/output"
)

// progressEvery is how often the progress is shown, and tickEvery how many
// messages pass before the clock is looked at.
const (
	progressEvery = 200 * time.Millisecond
	tickEvery     = 256
)

// A progress shows on a terminal how much has been read.
type progress struct {
	j     *job
	on    bool
	shown bool
	n     int
	next  time.Time
}

// newProgress returns a progress that is silent if standard error is no
// terminal, or if results scroll by on one.
func newProgress(j *job) *progress {
	on := output.TerminalWidth(os.Stderr) > 0 && (j.out.width == 0 || j.late)
	return &progress{j: j, on: on, next: time.Now().Add(progressEvery)}
}

// tick counts a message.
func (p *progress) tick() {
	if p.n++; !p.on || p.n%tickEvery != 0 {
		return
	}
	now := time.Now()
	if now.Before(p.next) {
		return
	}
	p.next = now.Add(progressEvery)
	p.shown = true
	read, total := p.j.in.Progress()
	if total > 0 {
		fmt.Fprintf(os.Stderr, "\r\x1b[K%3d%% of %.1f MB, %d messages", 100*read/total, float64(total)/1e6, p.n)
		return
	}
	fmt.Fprintf(os.Stderr, "\r\x1b[K%.1f MB, %d messages", float64(read)/1e6, p.n)
}

// clear removes what is shown.
func (p *progress) clear() {
	if p.shown {
		fmt.Fprint(os.Stderr, "\r\x1b[K")
	}
}
