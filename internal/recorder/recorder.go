package recorder

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"unixcap/bpf"
	"unixcap/internal/capture"
	"unixcap/internal/sockets"
)

// A Source is where events come from: a bpf.Tap, or a test.
type Source interface {
	// Read fills e and returns nil, or os.ErrDeadlineExceeded when nothing
	// happened for some milliseconds.
	Read(e *bpf.Event) error
	// Detach ends the events. Those that happened before can still be read.
	Detach() error
}

// A lister is a Source that may not tell when sockets are closed, but can list
// those that are not. bpf.Tap explains its methods.
type lister interface {
	SeesCloses() bool
	Living(func(sk uint64, inode uint32)) (whole bool, err error)
}

// listInterval is how often, in ns, a lister is asked: the end of a socket is
// known so much later at the most.
const listInterval = uint64(time.Second)

// An Output takes the messages, in the order of their time. After an error
// what was still under way comes all the same, so that it can be counted.
type Output interface {
	WriteMessage(*capture.Message) error
	// Flush is called some times a second, also when there was no message.
	Flush() error
}

// flushInterval is how often the output is flushed if nothing else is said.
const flushInterval = 200 * time.Millisecond

// A Recorder reads a Source and writes an Output.
type Recorder struct {
	// Count ends the recording after so many messages; 0 does not.
	Count uint64
	// FlushEvery is how long a message waits at the most, once it is in order,
	// before the output's reader can see it.
	FlushEvery time.Duration

	source Source
	lister lister // nil if the source tells of closes by itself
	out    Output
	table  *table
	window window
	clock  clock

	message capture.Message // the one being written
	number  uint64          // of the last message, closes counted
	written uint64          // messages that were sent
	flushed uint64          // monotonic time
	listed  uint64          // likewise
	failed  bool            // the output returned an error
}

// New returns a Recorder that knows the sockets of the list from the start.
func New(source Source, out Output, list []*sockets.Socket) *Recorder {
	r := &Recorder{source: source, out: out, table: newTable(list), clock: newClock(), FlushEvery: flushInterval}
	if l, ok := source.(lister); ok && !l.SeesCloses() {
		r.lister = l
	}
	return r
}

// Executable has the executables of processes found by find, which is for a
// recorder that may not look itself. To be called before Run.
func (r *Recorder) Executable(find func(pid uint32) string) { r.table.inspector.Executable = find }

// errEnough ends a recording that has Count messages.
var errEnough = errors.New("enough messages")

// Run records until ctx is done, the count is reached, or the output fails.
// Then it detaches the source and writes what is still under way.
func (r *Recorder) Run(ctx context.Context) error {
	var e bpf.Event
	defer r.table.inspector.Start()()
	for ctx.Err() == nil {
		err := r.step(&e)
		if r.failed {
			if drained := r.drain(&e); !errors.Is(drained, errEnough) {
				err = errors.Join(err, drained)
			}
		}
		if err != nil {
			return r.finish(err)
		}
	}
	return r.finish(r.drain(&e))
}

// drain gives the output what is still under way.
func (r *Recorder) drain(e *bpf.Event) error {
	if err := r.source.Detach(); err != nil {
		return fmt.Errorf("stop recording: %w", err)
	}
	for {
		switch err := r.read(e); {
		case errors.Is(err, os.ErrDeadlineExceeded):
			if err := r.list(); err != nil {
				return err
			}
			r.gone()
			r.window.abandon(^uint64(0))
			r.table.inspector.Settle(settleLimit)
			err := r.release(^uint64(0))
			if err != nil && r.failed { // what is left is for the output to count
				err = errors.Join(err, r.release(^uint64(0)))
			}
			return err
		case err != nil:
			return err
		}
	}
}

// finish flushes the output after the recording ended with err.
func (r *Recorder) finish(err error) error {
	if errors.Is(err, errEnough) {
		err = nil
	}
	return errors.Join(err, r.source.Detach(), r.out.Flush())
}

// step handles one event, or the absence of any.
func (r *Recorder) step(e *bpf.Event) error {
	err := r.read(e)
	if err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
		return fmt.Errorf("read events: %w", err)
	}
	latest := r.window.latest
	if err != nil {
		latest = r.clock.monotonic()
	}
	if latest < windowLength {
		return nil
	}
	switch {
	case r.table.listing:
		if err != nil || latest > r.listed+windowLength { // what came before is read
			r.gone()
		}
	case latest > r.listed+listInterval:
		if err := r.list(); err != nil {
			return err
		}
	}
	horizon := latest - windowLength
	r.window.abandon(horizon)
	if err := r.release(r.table.held(horizon)); err != nil {
		return err
	}
	return r.flush(latest)
}

// flush takes the events' time for now: reading the clock costs more than the
// rest of it.
func (r *Recorder) flush(now uint64) error {
	if now < r.flushed+uint64(r.FlushEvery) {
		return nil
	}
	r.flushed = now
	r.clock.adjust()
	err := r.out.Flush()
	r.failed = err != nil
	return err
}

// list asks which sockets there are. Events of before may still be on their way.
func (r *Recorder) list() error {
	r.listed = r.clock.monotonic()
	if r.lister == nil {
		return nil
	}
	r.table.list()
	whole, err := r.lister.Living(r.table.living)
	r.table.partial = !whole
	return err
}

// gone takes the sockets for closed that were not in the list, and of which
// nothing has come since.
func (r *Recorder) gone() {
	for _, s := range r.table.gone() {
		e := bpf.Event{Op: bpf.Close, SK: s.SK, Inode: s.inode, Exit: r.listed}
		if s := r.table.close(&e); s != nil {
			r.window.close(&e, s)
		}
	}
}

// read takes one event into the table and the window.
func (r *Recorder) read(e *bpf.Event) error {
	if err := r.source.Read(e); err != nil {
		return err
	}
	switch e.Op {
	case bpf.Socket:
		r.table.describe(e)
		r.closeReplaced(e)
	case bpf.Close:
		if s := r.table.close(e); s != nil {
			r.window.close(e, s)
		}
	case bpf.Receive:
		if s, from := r.table.receiver(e); from != nil {
			r.closeReplaced(e)
			r.window.receive(e, s, from)
		}
	case bpf.Ahead:
		r.window.foresee(e)
	case bpf.Send:
		if !r.window.extend(e) {
			from, to := r.table.ends(e)
			r.closeReplaced(e)
			r.window.begin(e, from, to)
		}
	}
	return nil
}

// closeReplaced ends the sockets whose addresses the event shows to be another's.
func (r *Recorder) closeReplaced(e *bpf.Event) {
	for i, s := range r.table.replaced {
		at := cmp.Or(e.Entry, e.Exit, r.window.latest)
		if s.end() {
			r.window.close(&bpf.Event{Op: bpf.Close, Exit: at}, s)
		}
		r.table.replaced[i] = nil
	}
	r.table.replaced = r.table.replaced[:0]
}

// release writes what happened up to the horizon.
func (r *Recorder) release(horizon uint64) error {
	for {
		p := r.window.next(horizon)
		if p == nil {
			return nil
		}
		err := r.write(p)
		r.window.free(p)
		if err != nil {
			return err
		}
	}
}

func (r *Recorder) write(p *pending) error {
	m := &r.message
	*m = capture.Message{
		Op: p.op, Time: r.clock.wall(p.time), Took: time.Duration(p.took), From: &p.from.Socket, Sender: p.sender,
		Offset: p.offset, Length: uint64(max(p.ret, 0)), Payload: p.payload,
		FDs: int(p.fds), FDTypes: p.fdTypes, Creds: p.creds,
	}
	if p.ret < 0 {
		m.Error = errnoName(p.ret)
	}
	r.table.origin(p.from, &m.Sender)
	if p.to != nil {
		m.To = &p.to.Socket
		m.Peer = r.table.holder(p.to)
		p.to.written = true
	}
	p.from.written = true
	switch {
	case m.Op == capture.Close:
		m.Sender = r.table.holder(p.from)
		m.Offset = p.from.offset
	case m.Op == capture.Receive:
		var ok bool
		if m.Acked, ok = p.from.acked(p.received, p.time, p.emptied); !ok {
			return nil
		}
		m.Offset = p.from.offset
	case m.Error == "":
		p.from.account(m, p.seq, p.exit)
	}
	r.number++
	m.Number = r.number
	if err := r.out.WriteMessage(m); err != nil {
		r.failed = true
		return err
	}
	if m.Op == capture.Send {
		r.written++
		if r.written == r.Count {
			return errEnough
		}
	}
	return nil
}
