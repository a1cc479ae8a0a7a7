package fileset

import (
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"unixcap/internal/capture"
	"unixcap/internal/output"

	"golang.org/x/sys/unix"
)

// Options are the settings of a Set.
type Options struct {
	Name        string // of the file, or what the names of the set are made of
	Rotation    Rotation
	Compression Compression
	// Unbuffered has each message in the file when WriteMessage returns.
	Unbuffered bool
	// GoOn has a Set that can't write count what is lost and try again, instead
	// of ending the recording.
	GoOn bool
	// Capture is for the capture's Writer.
	Capture capture.WriterOptions
	// Lost returns how many messages were lost before they came to the Set:
	// Dropped and OSDropped, since the recording began. May be nil.
	Lost func() capture.Stats
	// LostOne is told of each message that could not be written, and what
	// socket sent it. May be nil.
	LostOne func(sk uint64, inode uint32, l Loss)
	// Warn is told what went wrong without any loss. May be nil.
	Warn func(error)
	// Notify is told when writing fails, if it goes on, and with nil when it
	// works again. May be nil.
	Notify func(error)
}

// ErrComplete ends a recording whose set has all its files.
var ErrComplete = errors.New("the last file of the set is complete")

// retryInterval is how often writing is tried again once it failed, and how
// often a look is taken whether the file is still there.
const retryInterval = time.Second

type state uint8

const (
	writing  state = iota
	failing        // what comes is lost, until writing works again
	stopped        // what comes is lost
	complete       // what comes is not asked for
)

// A Set writes messages into its files.
type Set struct {
	opt   Options
	now   func() time.Time
	names *names
	w     *capture.Writer
	file  *file // nil when it could not be created
	state state

	begun   time.Time // the current file, as far as rotation is concerned
	packets uint64    // messages in the current file
	wrote   bool      // a message since the last Flush
	synced  time.Time
	checked time.Time // whether the file is there, or can be written again
	settled int64     // position up to which the ledger knows the file to be safe
	silent  bool      // a failure was told, and nothing was safe since

	files  int                           // begun so far
	stream atomic.Pointer[output.Stream] // of the current file
	ending atomic.Bool                   // see End

	ledger ledger
	told   capture.Stats // what the statistics of the files so far have, together
}

// Check says what is wrong with the options, before anything is done.
func Check(o *Options) error {
	if err := o.Rotation.Check(); err != nil {
		return err
	}
	_, err := newNames(o.Name, o.Rotation, o.Compression)
	return err
}

// Open begins the first file.
func Open(o Options) (*Set, error) {
	s := &Set{opt: o, now: time.Now}
	if err := s.start(); err != nil {
		return nil, err
	}
	return s, nil
}

func (s *Set) start() error {
	s.ledger.tell = s.opt.LostOne
	var err error
	if s.names, err = newNames(s.opt.Name, s.opt.Rotation, s.opt.Compression); err != nil {
		return err
	}
	at := s.now().Round(0) // rotation goes by the time of day, which messages have
	name, err := s.names.at(at)
	if err != nil {
		return err
	}
	s.names.take(name)
	f, err := open(name, s.opt.Compression, nil)
	if err != nil {
		return err
	}
	if s.w, err = capture.NewWriter(f, s.opt.Capture); err == nil {
		err = s.enter(f, at)
	}
	if err != nil {
		return errors.Join(s.explain(err), f.cut(), f.close())
	}
	return nil
}

// enter makes a file with a header that is still buffered the current one. The
// header is written, so that whoever waits for the file sees that it began.
func (s *Set) enter(f *file, at time.Time) error {
	s.file, s.begun, s.packets = f, at, 0
	s.files++
	s.stream.Store(f.out)
	if s.ending.Load() {
		f.out.End()
	}
	s.synced, s.checked, s.settled = at, at, 0
	if err := s.sync(); err != nil {
		return err
	}
	f.setMark(f.safe)
	s.settled = f.safe
	return nil
}

// sync makes all messages so far safe.
func (s *Set) sync() error {
	if err := s.w.Flush(); err != nil {
		return err
	}
	return s.file.sync()
}

// String says where packets go.
func (s *Set) String() string {
	switch {
	case s.file == nil || s.file.name == Stdout:
		return "packets to standard output"
	case s.opt.Rotation.rotates():
		return "packets to " + s.file.name + " and the files after it"
	}
	return "packets to " + s.file.name
}

// Written is how many messages are in the files.
func (s *Set) Written() uint64 {
	var n uint64
	for _, k := range s.ledger.written {
		n += k
	}
	return n
}

// Lost is what could not be written.
func (s *Set) Lost() Losses { return s.ledger.lost }

// File is the name of the current file, "" if there is none.
func (s *Set) File() string {
	if s.file == nil {
		return ""
	}
	return s.file.name
}

// Files is how many files were begun.
func (s *Set) Files() int { return s.files }

// End is called when the recording is about to end: a reader of the output that
// does not read is no longer waited for forever. Any goroutine may call it.
func (s *Set) End() {
	s.ending.Store(true)
	if f := s.stream.Load(); f != nil {
		f.End()
	}
}

// WriteMessage writes a message into the file whose turn it is. After an error
// further messages are only counted.
func (s *Set) WriteMessage(m *capture.Message) error {
	s.wrote = true
	if s.state <= failing && s.due(m.Time) {
		if err := s.rotate(m.Time); err != nil {
			if !errors.Is(err, ErrComplete) {
				s.ledger.lose(m)
			}
			return err
		}
	}
	switch s.state {
	case complete:
		return nil
	case writing:
		return s.write(s.ledger.amend(m))
	}
	s.ledger.lose(m)
	if s.state == stopped {
		return nil
	}
	// What it says of its connection is good to know when writing goes on.
	return s.w.WriteMessage(m)
}

func (s *Set) write(m *capture.Message) error {
	f := s.file
	if err := s.w.WriteMessage(m); err != nil {
		if f.err == nil { // it is the message that is wrong
			return err
		}
		return s.fail(err, m)
	}
	s.packets++
	s.ledger.wrote(m, f.taken+int64(s.w.Buffered()))
	switch {
	case s.opt.Unbuffered:
		if err := s.flush(); err != nil {
			return s.fail(err, nil)
		}
	case f.enc != nil && f.taken-f.safe >= frameBytes:
		if err := s.sync(); err != nil {
			return s.fail(err, nil)
		}
	}
	s.settle()
	return nil
}

// flush makes all messages so far visible.
func (s *Set) flush() error {
	if err := s.w.Flush(); err != nil {
		return err
	}
	return s.file.live()
}

// settle notes which messages are safe.
func (s *Set) settle() {
	if s.file.safe == s.settled {
		return
	}
	s.settled = s.file.safe
	end := s.ledger.settle(s.settled)
	if end < 0 {
		return
	}
	s.file.setMark(end)
	if s.silent {
		s.silent = false
		s.notify(nil)
	}
}

// Flush makes visible what was written, and does what is to be done as time
// goes by. It is to be called some times a second, also when nothing happens.
func (s *Set) Flush() error {
	if s.state >= stopped {
		return nil
	}
	now := s.now().Round(0)
	// While messages come, their own time decides which file they are in; they
	// may be somewhat behind.
	if !s.wrote && s.due(now) {
		if err := s.rotate(now); err != nil {
			return err
		}
	}
	s.wrote = false
	check := now.Sub(s.checked).Abs() >= retryInterval
	if check {
		s.checked = now
	}
	if s.state == failing {
		if check {
			return s.resume(now)
		}
		return nil
	}
	if err := s.push(now, check); err != nil {
		return s.fail(err, nil)
	}
	s.settle()
	return nil
}

var errDeleted = errors.New("the file has been deleted")

// push is what Flush does for a file that can be written.
func (s *Set) push(now time.Time, check bool) error {
	if check && s.file.deleted() {
		return errDeleted
	}
	if now.Sub(s.synced).Abs() >= frameTime {
		s.synced = now
		return s.sync()
	}
	if s.file.name == Stdout {
		return s.flush()
	}
	return s.w.Flush()
}

// Close ends the last file.
func (s *Set) Close() error {
	if s.state == complete || s.file == nil {
		return nil
	}
	if s.state == stopped {
		return s.file.close()
	}
	if s.state == failing { // perhaps there is room now, for the statistics at least
		if err := s.resume(s.now().Round(0)); err != nil {
			return err
		}
	}
	err := s.finish()
	s.state = complete
	return err
}

// explain says what a failure means for the user.
func (s *Set) explain(err error) error {
	switch {
	case errors.Is(err, errDeleted):
		return fmt.Errorf("write %s: %w", s.file.name, err)
	case errors.Is(err, output.ErrNotReading):
		return fmt.Errorf("write %s: %w (what it did not take is lost)", s.file.described(), output.ErrNotReading)
	case errors.Is(err, unix.ENOSPC), errors.Is(err, unix.EDQUOT):
		return fmt.Errorf("%w (remove something, or bound the recording with -C and -W)", err)
	}
	return err
}

func (s *Set) warn(err error) {
	if s.opt.Warn != nil {
		s.opt.Warn(err)
	}
}

func (s *Set) notify(err error) {
	if s.opt.Notify != nil {
		s.opt.Notify(err)
	}
}
