// Command record writes what programs say to each other across UNIX sockets
// into a pcapng file, or prints it.
package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime"
	"syscall"

	"unixcap/internal/executable"
	"unixcap/internal/extcap"
	"unixcap/internal/monitor"
	"unixcap/internal/report"
	"unixcap/internal/sockets"

	"golang.org/x/sys/unix"
)

// Exit statuses. A COMMAND's own comes through when it is not 0.
const (
	exitFailed = 1
	exitUsage  = 2
	exitLost   = 3 // with --fail-on-loss
)

func main() {
	if executable.Asked() {
		if err := executable.Serve(); err != nil {
			fmt.Fprintf(os.Stderr, "record: find executables: %v\n", err)
			os.Exit(exitFailed)
		}
		return
	}
	// A closed pipe is an error to end on, not a signal to die of. It is not
	// ignored, since a command would inherit that.
	signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE)
	status, err := run(os.Args[1:], os.Stdout)
	if err != nil {
		fmt.Fprintf(os.Stderr, "record: %v\n", err)
	}
	if e := new(noMatch); errors.As(err, &e) {
		printSome(os.Stderr, e.list)
	}
	os.Exit(status)
}

// run does what the arguments say and returns the exit status.
func run(args []string, stdout io.Writer) (int, error) {
	if extcap.Asked(args) {
		return answer(args, stdout)
	}
	o, err := parse(args, stdout)
	switch {
	case errors.Is(err, errHelp):
		return 0, nil
	case err != nil:
		return exitUsage, fmt.Errorf("%w (see record --help)", err)
	}
	if o.examine {
		return check(stdout, o.tap.Types)
	}
	return begin(o, stdout)
}

// begin lists what there is, or records.
func begin(o *options, stdout io.Writer) (int, error) {
	list, err := sockets.List(o.tap.Types)
	if err != nil {
		return exitFailed, err
	}
	if err := o.check(list); err != nil {
		return exitFailed, &noMatch{err, list}
	}
	chosen, err := sockets.Choose(&o.tap.Filter, list)
	if err != nil {
		return exitFailed, err
	}
	if o.list && o.format == report.JSONL {
		return status(printSocketsJSON(stdout, chosen))
	}
	if o.list {
		return status(printSockets(stdout, chosen))
	}
	o.nothing = len(chosen) == 0 && len(o.command) == 0 && !o.tap.Filter.Empty()
	return record(o, list, monitor.NewTerminal(os.Stderr))
}

func status(err error) (int, error) {
	if err := unlessClosed(err); err != nil {
		return exitFailed, err
	}
	return 0, nil
}

// unlessClosed returns err, or nil if it is that whoever read this has gone.
func unlessClosed(err error) error {
	if errors.Is(err, unix.EPIPE) || errors.Is(err, unix.ECONNRESET) {
		return nil
	}
	return err
}

// kernelName returns the running kernel's name and version, and its hardware.
func kernelName() (kernel, hardware, host string) {
	var u unix.Utsname
	if err := unix.Uname(&u); err != nil {
		return runtime.GOOS, runtime.GOARCH, ""
	}
	text := func(b []byte) string { return unix.ByteSliceToString(b) }
	return text(u.Sysname[:]) + " " + text(u.Release[:]), text(u.Machine[:]), text(u.Nodename[:])
}
