package main

import (
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"unixcap/internal/fileset"
	"unixcap/internal/monitor"
	"unixcap/internal/tally"

	"golang.org/x/sys/unix"
)

// signals are what users can ask of a recording while it goes on.
type signals struct {
	c chan os.Signal
	// terminal is the controlling one, nil if there was none in the beginning.
	// It is open from then on: later the sandbox forbids that.
	terminal *os.File
}

// catchSignals has signals wait until they can be served. A SIGHUP that was
// ignored from the beginning, as nohup does, stays so.
func catchSignals() *signals {
	s := &signals{c: make(chan os.Signal, 8)}
	signal.Notify(s.c, syscall.SIGUSR1, syscall.SIGUSR2)
	if !signal.Ignored(syscall.SIGHUP) {
		signal.Notify(s.c, syscall.SIGHUP)
	}
	if fd, err := unix.Open("/dev/tty", unix.O_RDWR|unix.O_NOCTTY|unix.O_CLOEXEC, 0); err == nil {
		s.terminal = os.NewFile(uintptr(fd), "/dev/tty")
	}
	return s
}

// hungUp reports whether the terminal is gone that there was.
func (s *signals) hungUp() bool {
	if s.terminal == nil {
		return false
	}
	_, err := unix.IoctlGetTermios(int(s.terminal.Fd()), unix.TCGETS)
	return errors.Is(err, unix.EIO)
}

// freshness is how long statistics wait for the recorder to say the latest.
const freshness = time.Second

// serve does what signals ask for until stop is called. end ends the recording.
func (s *signals) serve(t *tally.Tally, out sink, stderr *monitor.Terminal, end func()) (stop func()) {
	done, ended := make(chan bool), make(chan bool)
	go func() {
		defer close(ended)
		for {
			select {
			case <-done:
				return
			case sig := <-s.c:
				s.answer(sig, t, out, stderr, end)
			}
		}
	}()
	return func() {
		close(done)
		<-ended
	}
}

func (s *signals) answer(sig os.Signal, t *tally.Tally, out sink, stderr *monitor.Terminal, end func()) {
	files, isSet := out.(*fileset.Set) // otherwise it prints
	switch {
	case sig == syscall.SIGUSR1:
		now, err := t.Current(freshness)
		if err != nil {
			fmt.Fprintf(stderr, "record: %v\n", err)
		}
		monitor.Totals(stderr, &now)
	case sig == syscall.SIGHUP && s.hungUp():
		end()
	case sig == syscall.SIGHUP && isSet:
		t.Do(files.Reopen)
	case sig == syscall.SIGUSR2 && isSet:
		t.Do(files.Sync)
	case sig == syscall.SIGUSR2:
		t.Do(out.Flush)
	}
}
