package fileset

import (
	"errors"
	"io"
	"slices"
	"time"

	"unixcap/internal/capture"
)

// due reports whether what happens at that time belongs into the next file.
func (s *Set) due(at time.Time) bool {
	r := &s.opt.Rotation
	if s.state == writing && r.ended(s.length()) {
		return true
	}
	if !r.rotates() {
		return false
	}
	return s.over(at) || s.state == writing && r.full(s.length(), s.packets)
}

// over reports whether the current file's time has passed. It begins anew when
// the time of day is set back by more than messages can be late.
func (s *Set) over(at time.Time) bool {
	if at.Before(s.begun.Add(-time.Minute)) {
		s.begun = at
	}
	every := s.opt.Rotation.Every
	return every > 0 && at.Sub(s.begun) >= every
}

// length is how long the current file is, or is about to be. What a compressor
// still has is not known; it is less than a frame.
func (s *Set) length() int64 {
	if s.file.enc != nil {
		return s.file.size
	}
	return s.file.size + int64(s.w.Buffered())
}

// rotate ends the current file and begins the next.
func (s *Set) rotate(at time.Time) error {
	over := s.over(at)
	if !over {
		at = s.time(at)
	} else if next := s.begun.Add(s.opt.Rotation.Every); at.Sub(next) < s.opt.Rotation.Every {
		at = next // files begin at regular times, unless one was left out
	}
	return s.advance(at, over)
}

// advance ends the current file and begins the next one at a time, which is
// over if the current one's is.
func (s *Set) advance(at time.Time, over bool) error {
	ended := s.state == writing && s.opt.Rotation.ended(s.length())
	if s.file != nil {
		if s.state == failing {
			if err := s.resume(at); err != nil {
				return err
			}
		}
		if err := s.finish(); err != nil {
			return err
		}
	}
	last := s.opt.Rotation.EndFiles
	if ended || last > 0 && s.files >= last || !s.names.next(over) {
		s.state = complete
		return ErrComplete
	}
	return s.begin(at)
}

// time returns when a file begins that did not have to wait for its time. With
// tcpdump's rules it belongs to the time that goes on, and has it in its name.
func (s *Set) time(at time.Time) time.Time {
	if s.opt.Rotation.Numbered {
		return at
	}
	return s.begun
}

// begin creates the file whose turn it is.
func (s *Set) begin(at time.Time) error {
	s.begun = at // also if it fails: the one after it is tried when its time has come
	name, err := s.names.at(at)
	if err != nil {
		return s.fail(err, nil)
	}
	s.names.take(name)
	f, err := open(name, s.opt.Compression, nil)
	if err != nil {
		return s.fail(err, nil)
	}
	return s.take(f, at)
}

// take makes a file that was created the current one.
func (s *Set) take(f *file, at time.Time) error {
	s.file = f
	err := s.w.Reset(f)
	if err == nil {
		err = s.enter(f, at)
	}
	if err != nil {
		return s.fail(err, nil)
	}
	s.state = writing
	return nil
}

// finish ends the current file with its statistics. If there is no room for
// them, they are in those of the next file.
func (s *Set) finish() error {
	if s.state == writing {
		all := s.statistics()
		part := minus(all, s.told)
		err := s.w.Close(&part)
		if err == nil {
			err = s.file.sync()
		}
		if err == nil {
			s.settle()
			s.told = all
			s.file.setMark(s.file.safe)
		} else if err := s.fail(err, nil); err != nil {
			return errors.Join(err, s.leave())
		}
	}
	if err := s.leave(); err != nil {
		return s.fail(err, nil)
	}
	return nil
}

// leave closes the current file.
func (s *Set) leave() error {
	if s.file == nil {
		return nil
	}
	s.stream.Store(nil)
	err := s.file.close()
	s.file = nil
	return err
}

// fail cuts the current file back to what is whole, counts what is not, and
// stops or goes on. m, if not nil, is a message that was being written.
func (s *Set) fail(err error, m *capture.Message) error {
	if s.file != nil && s.file.err != nil {
		err = s.file.err // without what the layers above made of it
	}
	err = s.explain(err)
	s.ledger.cause = CauseOf(err)
	if s.file != nil {
		s.settle()
		if e := s.file.cut(); e != nil {
			err = errors.Join(err, e)
		}
		s.settled = s.file.safe
	}
	s.ledger.losePending()
	if m != nil {
		s.ledger.lose(m)
	}
	if e := s.w.Reset(io.Discard); e != nil {
		err = errors.Join(err, e)
	}
	s.checked = s.now().Round(0)
	if !s.opt.GoOn || s.ledger.cause == Reader {
		s.state = stopped
		return err
	}
	s.state = failing
	if !s.silent {
		s.silent = true
		s.notify(err)
	}
	return nil
}

// resume tries to write again: the file that could not be created, or a further
// section of the one that was cut. Its mark stays where it was until a message is safe, so
// that a section that comes to nothing is cut away.
func (s *Set) resume(at time.Time) error {
	if s.file == nil {
		return s.begin(s.time(at))
	}
	if s.file.deleted() {
		f, err := s.file.recreate(s.opt.Compression)
		if err != nil {
			return s.fail(err, nil)
		}
		if err := s.file.close(); err != nil {
			return errors.Join(s.fail(err, nil), f.close())
		}
		s.file, s.settled = f, 0
		s.stream.Store(f.out)
	}
	err := s.file.cut()
	if err == nil {
		err = s.w.Reset(s.file)
	}
	if err == nil {
		err = s.sync()
	}
	if err != nil {
		return s.fail(err, nil)
	}
	s.settled = s.file.safe
	s.state = writing
	return nil
}

// statistics are those of the whole recording so far.
func (s *Set) statistics() capture.Stats {
	var all capture.Stats
	if s.opt.Lost != nil {
		all = s.opt.Lost()
	}
	for kind := range all.Interfaces {
		i := &all.Interfaces[kind]
		i.Delivered = s.ledger.written[kind]
		for cause := range Causes {
			l := s.ledger.lost[cause][kind]
			i.Dropped += l.Messages
			all.Losses[kind] = append(all.Losses[kind], capture.Loss{Reason: cause.String(), Messages: l.Messages, Bytes: l.Bytes})
		}
		i.Received = i.Delivered + i.Dropped + i.OSDropped
		i.Accepted = i.Received
	}
	return all
}

// minus takes away what other files have.
func minus(all, told capture.Stats) capture.Stats {
	for kind := range all.Interfaces {
		a, b := &all.Interfaces[kind], &told.Interfaces[kind]
		a.Received -= b.Received
		a.Dropped -= b.Dropped
		a.Accepted -= b.Accepted
		a.OSDropped -= b.OSDropped
		a.Delivered -= b.Delivered
		all.Losses[kind] = slices.Clone(all.Losses[kind])
		for i := range told.Losses[kind] { // of the same reasons, in the same order
			all.Losses[kind][i].Messages -= told.Losses[kind][i].Messages
			all.Losses[kind][i].Bytes -= told.Losses[kind][i].Bytes
		}
	}
	return all
}
