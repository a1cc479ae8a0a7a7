package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/signal"
	"syscall"
	"time"

	"unixcap/bpf"
	"unixcap/internal/executable"
	"unixcap/internal/fileset"
	"unixcap/internal/monitor"
	"unixcap/internal/output"
	"unixcap/internal/recorder"
	"unixcap/internal/sockets"
	"unixcap/internal/tally"
)

// A session is one recording, and what shows how it goes.
type session struct {
	o       *options
	stderr  *monitor.Terminal
	asked   *signals
	metrics net.Listener // nil if there are none
	count   *tally.Tally
	out     sink
}

// record attaches, records until it is told to end, and closes the output.
func record(o *options, list []*sockets.Socket, stderr *monitor.Terminal) (int, error) {
	if err := find(o.command); err != nil {
		return exitFailed, err
	}
	x := &session{o: o, stderr: stderr, asked: catchSignals()}
	if err := x.listen(); err != nil {
		return exitFailed, err
	}
	defer x.closeMetrics()
	executables, err := executable.Start(o.rights.user)
	if err != nil {
		return exitFailed, err
	}
	defer executables.Close()
	tap, err := bpf.Open(o.tap)
	if err != nil {
		return exitFailed, err
	}
	defer tap.Close()
	x.count = tally.New(tap, o.tap.Snaplen)
	if x.out, err = o.open(x.count, stderr); err != nil {
		return exitFailed, err
	}
	x.count.Start(x.out)
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	// A second signal ends it at once. timeout(1) sends one to its child and then one to
	// the group, which are the same.
	context.AfterFunc(ctx, func() { time.AfterFunc(secondSignal, stop) })
	if !o.operation.silent {
		x.greet(tap, list)
	}
	command, err := start(ctx, o.command)
	if err != nil {
		return exitFailed, errors.Join(err, x.out.Close())
	}
	if err := o.rights.drop(&o.files, tap); err != nil {
		return exitFailed, errors.Join(err, x.out.Close())
	}
	r := recorder.New(tap, x.count, list)
	r.Count = o.count
	if o.operation.flushEvery > 0 {
		r.FlushEvery = o.operation.flushEvery
	}
	r.Executable(executables.Path)
	complete, err := x.run(command.ctx, r)
	switch {
	case err != nil:
		return exitFailed, err
	case o.operation.failOnLoss && !complete:
		return exitLost, errors.New("not everything was recorded (--fail-on-loss)")
	}
	return command.wait()
}

// secondSignal is how long after the first signal another one is a second one.
const secondSignal = 500 * time.Millisecond

// greet says what is recorded, and how.
func (x *session) greet(tap *bpf.Tap, list []*sockets.Socket) {
	if x.o.nothing {
		x.o.explain(x.stderr, list)
	}
	for _, note := range tap.Notes() {
		fmt.Fprintf(x.stderr, "record: %s\n", note)
	}
	fmt.Fprintf(x.stderr, "record: listening on UNIX sockets, backend %s, %s\n", tap.Backend(), x.out)
}

// run records until ctx is done or the recording ends by itself, and reports
// whether nothing was lost.
func (x *session) run(ctx context.Context, r *recorder.Recorder) (complete bool, err error) {
	ctx, end := context.WithCancel(ctx)
	defer end()
	if d := x.o.operation.duration; d > 0 {
		ctx, end = context.WithTimeout(ctx, d)
		defer end()
	}
	context.AfterFunc(ctx, x.out.End)
	stopWatching := x.watch(r, end)
	err = r.Run(ctx)
	if errors.Is(err, fileset.ErrComplete) {
		err = nil
	}
	err = errors.Join(unlessClosed(err), unlessClosed(x.out.Close()))
	stopWatching() // last: a terminal that was stopped with Ctrl-S holds it up
	x.count.Publish()
	s, lossErr := x.count.Snapshot()
	if !x.o.operation.silent || s.Dropped() > 0 {
		monitor.Totals(x.stderr, &s)
	}
	return s.Complete(), errors.Join(err, lossErr)
}

// watch has the recording be seen and asked while it goes on. The function that
// it returns ends that, after which nothing looks at the kernel's side.
func (x *session) watch(r *recorder.Recorder, end func()) (stop func()) {
	stops := []func(){x.asked.serve(x.count, x.out, x.stderr, end)}
	if x.metrics != nil {
		x.count.Connections = r.Connections
		stops = append(stops, monitor.Serve(x.metrics, x.count, func(err error) { fmt.Fprintf(x.stderr, "record: %v\n", err) }))
	}
	if x.hasStatus() {
		stops = append(stops, x.stderr.Status(x.count))
	}
	return func() {
		for _, stop := range stops {
			stop()
		}
	}
}

// hasStatus reports whether there is a status line: on a terminal that nothing
// else is printed on, neither messages nor what a command says.
func (x *session) hasStatus() bool {
	printing := x.o.files.Name == "" && output.TerminalWidth(os.Stdout) > 0
	return !x.o.operation.quiet && !printing && len(x.o.command) == 0 && x.stderr.Capable()
}

// listen begins to listen for those who want metrics.
func (x *session) listen() error {
	a := x.o.operation.metrics
	if a == nil {
		return nil
	}
	var err error
	x.metrics, err = a.Listen()
	return err
}

// closeMetrics removes the socket for metrics.
func (x *session) closeMetrics() {
	if x.metrics == nil {
		return
	}
	if err := x.metrics.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
		fmt.Fprintf(x.stderr, "record: metrics: %v\n", err)
	}
}
