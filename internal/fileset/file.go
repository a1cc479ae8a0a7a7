package fileset

import (
	"errors"
	"fmt"
	"io"
	"os"
	"syscall"

	"unixcap/internal/output"
)

// A file is one file of a set, or standard output. Positions are bytes of the
// capture, which in a compressed file is not what the file's size is made of.
type file struct {
	name string
	f    *os.File
	out  *output.Stream // to f
	enc  encoder        // nil if not compressed

	taken int64 // position up to which Write has the capture
	safe  int64 // and up to which a reader finds it
	mark  int64 // the end of the last message below that
	size  int64 // bytes written to f

	safeSize, markSize int64 // size at those positions
	err                error // the first one of f since the last cut
}

// open creates a file, or takes standard output. Whatever a file of that name
// had is gone; check may refuse that.
func open(name string, c Compression, check func(os.FileInfo) error) (*file, error) {
	f := &file{name: name, f: os.Stdout}
	if name == Stdout {
		if output.TerminalWidth(f.f) > 0 {
			return nil, errors.New("-w -: standard output is a terminal (redirect it, or give a file)")
		}
	} else {
		var err error
		if f.f, err = output.Create(name, check); err != nil {
			return nil, err
		}
	}
	f.out = output.NewStream(f.f)
	var err error
	if f.enc, err = newEncoder(c, (*disk)(f)); err != nil {
		return nil, errors.Join(err, f.out.Close(), f.f.Close())
	}
	return f, nil
}

// disk writes into the file without compressing.
type disk file

func (d *disk) Write(p []byte) (int, error) {
	n, err := d.out.Write(p)
	d.size += int64(n)
	if err != nil && d.err == nil {
		d.err = err
	}
	return n, err
}

// Write takes the next bytes of the capture.
func (f *file) Write(p []byte) (n int, err error) {
	if f.enc != nil {
		n, err = f.enc.Write(p)
		f.taken += int64(n)
		return n, err
	}
	n, err = (*disk)(f).Write(p)
	f.taken += int64(n)
	f.safe, f.safeSize = f.taken, f.size
	return n, err
}

// live makes what was written readable for who reads while it is written.
func (f *file) live() error {
	if f.enc == nil {
		return nil
	}
	return f.enc.Flush()
}

// sync makes what was written safe.
func (f *file) sync() error {
	if f.enc == nil || f.taken == f.safe {
		return nil
	}
	if err := f.enc.Close(); err != nil {
		return err
	}
	f.enc.Reset((*disk)(f))
	f.safe, f.safeSize = f.taken, f.size
	return nil
}

// setMark notes where a message ends that is safe. A compressed file is safe
// only where sync was called, which is after a message.
func (f *file) setMark(position int64) {
	f.mark = position
	f.markSize = f.safeSize
	if f.enc == nil {
		f.markSize -= f.safe - position
	}
}

// cut takes away what comes after the mark. It goes by the distance from the
// end: standard output may have begun anywhere in a file. A pipe or a device
// can't be cut.
func (f *file) cut() error {
	if f.enc != nil {
		f.enc.Reset((*disk)(f))
	}
	f.err = nil
	if n := f.size - f.markSize; n > 0 && f.regular() {
		end, err := f.f.Seek(0, io.SeekCurrent)
		if err != nil {
			return err
		}
		if err := f.f.Truncate(end - n); err != nil {
			return err
		}
		if _, err := f.f.Seek(end-n, io.SeekStart); err != nil {
			return err
		}
	}
	f.taken, f.safe = f.mark, f.mark
	f.size, f.safeSize = f.markSize, f.markSize
	return nil
}

func (f *file) regular() bool {
	info, err := f.f.Stat()
	return err == nil && info.Mode().IsRegular()
}

// deleted reports whether the file has no name any more, so that whatever is
// written is lost. A fifo's reader is there without one too: Wireshark takes the
// name away before it ends.
func (f *file) deleted() bool {
	if f.name == Stdout {
		return false
	}
	info, err := f.f.Stat() // Fd would make a fifo blocking
	if err != nil {
		return false
	}
	st, ok := info.Sys().(*syscall.Stat_t)
	return ok && st.Nlink == 0 && info.Mode().IsRegular()
}

// named reports whether the file still has its name.
func (f *file) named() bool {
	info, err := f.f.Stat()
	if err != nil {
		return false
	}
	there, err := os.Lstat(f.name)
	return err == nil && os.SameFile(info, there)
}

// recreate makes another file of the name that this one had, unless that is taken.
func (f *file) recreate(c Compression) (*file, error) {
	return open(f.name, c, func(info os.FileInfo) error {
		if info.Size() > 0 {
			return errors.New("is somebody else's now")
		}
		return nil
	})
}

// close closes the file. One that never got as far as to be a capture is removed.
func (f *file) close() error {
	if f.markSize == 0 && f.name != Stdout && f.regular() && f.named() {
		os.Remove(f.name)
	}
	if err := errors.Join(f.out.Close(), f.f.Close()); err != nil {
		return fmt.Errorf("write %s: %w", f.name, err)
	}
	return nil
}

// described is what an error calls the file.
func (f *file) described() string {
	if f.name == Stdout {
		return "standard output"
	}
	return f.name
}
