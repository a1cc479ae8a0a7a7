// Command record writes what programs say to each other across UNIX sockets
// into a pcapng file, or prints it.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime"
	"strings"
	"syscall"

	"unixcap/bpf"
	"unixcap/internal/capture"
	"unixcap/internal/fileset"
	"unixcap/internal/recorder"
	"unixcap/internal/sockets"

	"golang.org/x/sys/unix"
)

// Exit statuses. A COMMAND's own comes through when it is not 0.
const (
	exitFailed = 1
	exitUsage  = 2
)

func main() {
	// A closed pipe is an error to end on, not a signal to die of. It is not
	// ignored, since a command would inherit that.
	signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE)
	status, err := run(os.Args[1:], os.Stdout, os.Stderr)
	if err != nil {
		fmt.Fprintf(os.Stderr, "record: %v\n", err)
	}
	if e := new(noMatch); errors.As(err, &e) {
		printSome(os.Stderr, e.list)
	}
	os.Exit(status)
}

// run does what the arguments say and returns the exit status.
func run(args []string, stdout, stderr io.Writer) (int, error) {
	o, err := parse(args, stdout)
	switch {
	case errors.Is(err, errHelp):
		return 0, nil
	case err != nil:
		return exitUsage, fmt.Errorf("%w (see record --help)", err)
	}
	if o.examine {
		return check(stdout)
	}
	list, err := sockets.List()
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
	if o.list {
		return status(printSockets(stdout, chosen))
	}
	o.nothing = len(chosen) == 0 && len(o.command) == 0 && !o.tap.Filter.Empty()
	return record(o, list, stderr)
}

func status(err error) (int, error) {
	if err := unlessClosed(err); err != nil {
		return exitFailed, err
	}
	return 0, nil
}

// unlessClosed returns err, or nil if it is that whoever read this has gone.
func unlessClosed(err error) error {
	if errors.Is(err, unix.EPIPE) {
		return nil
	}
	return err
}

// record attaches, records until it is told to end, and closes the output.
func record(o *options, list []*sockets.Socket, stderr io.Writer) (int, error) {
	if err := find(o.command); err != nil {
		return exitFailed, err
	}
	tap, err := bpf.Open(o.tap)
	if err != nil {
		return exitFailed, err
	}
	defer tap.Close()
	out, err := o.open(tap, stderr)
	if err != nil {
		return exitFailed, err
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // the second signal ends it at once
	if o.nothing {
		o.explain(stderr, list)
	}
	fmt.Fprintf(stderr, "record: listening on UNIX sockets, backend %s, %s\n", tap.Backend(), out)

	command, err := start(ctx, o.command)
	if err != nil {
		return exitFailed, errors.Join(err, out.Close())
	}
	if err := o.rights.drop(&o.files, tap); err != nil {
		return exitFailed, errors.Join(err, out.Close())
	}
	r := recorder.New(tap, out, list)
	r.Count = o.count
	err = r.Run(command.ctx)
	if errors.Is(err, fileset.ErrComplete) {
		err = nil
	}
	lost, lossErr := tap.Losses()
	err = errors.Join(unlessClosed(err), lossErr, unlessClosed(out.Close()))
	printTotals(stderr, out, lost)
	if err != nil {
		return exitFailed, err
	}
	return command.wait()
}

// losses are what the kernel's side lost, as the statistics of a file have it.
func losses(tap *bpf.Tap) func() capture.Stats {
	var s capture.Stats
	return func() capture.Stats {
		l, err := tap.Losses()
		if err != nil { // record reads them once more when it ends, and says so
			return s
		}
		for kind, l := range l.Kinds {
			s.Interfaces[kind].Dropped = l.RingMessages
			s.Interfaces[kind].OSDropped = l.StateMessages
		}
		// Of which kind these were is not known; nearly all sockets are streams.
		s.Interfaces[capture.Stream].OSDropped += l.Missed
		return s
	}
}

// printTotals ends with the lines that tcpdump ends with, and the reasons of
// losses if there were any.
func printTotals(w io.Writer, out sink, losses bpf.Losses) {
	n, dropped, disk := out.Written(), losses.Dropped(), out.Lost()
	fmt.Fprintf(w, "%d packets captured\n%d packets received by filter\n%d packets dropped by kernel\n",
		n, n+dropped+disk.Messages, dropped)
	l := losses.Total()
	for _, reason := range []struct {
		what            string
		messages, bytes uint64
	}{
		{"ring buffer full (-B makes it larger)", l.RingMessages, l.RingBytes},
		{"no memory for a socket's state", l.StateMessages, 0},
		{"program busy on that CPU", losses.Missed, 0},
		{"payload in memory that could not be read", l.FaultMessages, l.FaultBytes},
		{"payload not seen by this backend", l.NoBufferMessages, l.NoBufferBytes},
		{"disk: could not be written", disk.Messages, disk.Bytes},
	} {
		if reason.messages > 0 || reason.bytes > 0 {
			fmt.Fprintf(w, "  %s: %d packets, %d bytes\n", reason.what, reason.messages, reason.bytes)
		}
	}
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

// commandLine returns the arguments as a shell would take them.
func commandLine(args []string) string {
	quoted := make([]string, len(args))
	for i, a := range args {
		if a == "" || strings.ContainsAny(a, " \t\n'\"\\*?[]$&;|<>(){}#~`!") {
			a = "'" + strings.ReplaceAll(a, "'", `'\''`) + "'"
		}
		quoted[i] = a
	}
	return strings.Join(quoted, " ")
}
