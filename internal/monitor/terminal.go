package monitor

import (
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"unixcap/internal/output"
	"unixcap/internal/tally"

	"golang.org/x/sys/unix"
)

// A Terminal is standard error. It can have a status line, which is not there
// any more when something else is written.
type Terminal struct {
	f     *os.File
	mu    sync.Mutex
	shown bool
}

// NewTerminal returns a Terminal without a status line, also if f is none.
func NewTerminal(f *os.File) *Terminal { return &Terminal{f: f} }

var _ io.Writer = (*Terminal)(nil)

// Write writes a message.
func (t *Terminal) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.erase()
	return t.f.Write(p)
}

// erase takes the status line away. That a terminal can't be written to is
// nothing that anybody could be told.
func (t *Terminal) erase() {
	if t.shown {
		t.shown = false
		fmt.Fprint(t.f, "\r\x1b[K")
	}
}

func (t *Terminal) show(line string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.shown = true
	fmt.Fprint(t.f, "\r", line, "\x1b[K")
}

// Capable reports whether there can be a status line: f is a terminal, and one
// on which a line can be erased.
func (t *Terminal) Capable() bool {
	term := os.Getenv("TERM")
	return term != "" && term != "dumb" && output.TerminalWidth(t.f) > 0
}

// foreground reports whether the terminal is this process's now, and not that
// of another job of its shell.
func (t *Terminal) foreground() bool {
	group, err := unix.IoctlGetInt(int(t.f.Fd()), unix.TIOCGPGRP)
	return err != nil || group == unix.Getpgrp() // not our controlling terminal: nobody else's job either
}

// statusEvery is how often the status line is shown.
const statusEvery = time.Second

// Status shows the status line until stop is called, which takes it away.
func (t *Terminal) Status(tally *tally.Tally) (stop func()) {
	done, ended := make(chan bool), make(chan bool)
	go func() {
		defer close(ended)
		tick := time.NewTicker(statusEvery)
		defer tick.Stop()
		before, _ := tally.Snapshot()
		last := time.Now()
		for {
			select {
			case <-done:
				return
			case now := <-tick.C:
				s, _ := tally.Snapshot() // what can't be read is told at the end
				if columns := output.TerminalWidth(t.f); columns > 0 && t.foreground() {
					t.show(status(&s, &before, now.Sub(last), columns))
				}
				before, last = s, now
			}
		}
	}()
	var once sync.Once
	return func() {
		once.Do(func() {
			close(done)
			<-ended
			t.mu.Lock()
			defer t.mu.Unlock()
			t.erase()
		})
	}
}
