package fileset

import "errors"

// Sync makes all messages so far safe: whoever reads the file finds them, also
// in one that is compressed.
func (s *Set) Sync() error {
	if s.state != writing {
		return nil
	}
	if err := s.sync(); err != nil {
		return s.fail(err, nil)
	}
	s.settle()
	return nil
}

// Reopen goes on in another file: the next one of a numbered set, otherwise one of
// the same name, after somebody gave the current file another name or place.
// A file that still has its name stays the current one, since nothing that was
// recorded may be overwritten.
func (s *Set) Reopen() error {
	if s.state >= stopped || s.opt.Name == Stdout {
		return nil
	}
	now := s.now().Round(0)
	r := &s.opt.Rotation
	switch {
	case r.Numbered || r.Size > 0:
		return s.advance(s.time(now), false)
	case s.file == nil:
		return s.resume(now)
	case s.file.named():
		return s.Sync()
	}
	f, err := s.file.recreate(s.opt.Compression)
	if err != nil {
		s.warn(err)
		return nil
	}
	if err := s.finish(); err != nil {
		return errors.Join(err, f.close())
	}
	return s.take(f, s.begun)
}
