// Package output opens what the commands write to, and lists their flags.
package output

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// Create opens a file to write. It holds other people's data, so it is for its
// owner only. A symbolic link is not followed, and a file that belongs to
// somebody else or has another name is not used: either may have been put there
// to get at the data. Nor is one that another Create has open, in whatever
// process. A fifo or a device is written to as it is.
//
// check, if not nil, can refuse the file before it is emptied.
func Create(name string, check func(os.FileInfo) error) (*os.File, error) {
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|unix.O_NOFOLLOW, 0o600)
	if errors.Is(err, unix.ELOOP) {
		return nil, fmt.Errorf("write %s: is a symbolic link (name the file itself)", name)
	}
	if err != nil {
		return nil, fmt.Errorf("write %s: %w", name, errors.Unwrap(err))
	}
	if err := prepare(f, check); err != nil {
		f.Close()
		return nil, fmt.Errorf("write %s: %w", name, err)
	}
	return f, nil
}

func prepare(f *os.File, check func(os.FileInfo) error) error {
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if check != nil {
		if err := check(info); err != nil {
			return err
		}
	}
	if !info.Mode().IsRegular() {
		return nil
	}
	var st unix.Stat_t
	if err := unix.Fstat(int(f.Fd()), &st); err != nil {
		return err
	}
	switch {
	case int(st.Uid) != os.Geteuid():
		return fmt.Errorf("belongs to user %d (remove it, or choose another name)", st.Uid)
	case st.Nlink > 1:
		return errors.New("has other names too (remove it, or choose another name)")
	}
	if err := lock(f); err != nil {
		return err
	}
	if err := f.Chmod(0o600); err != nil {
		return fmt.Errorf("cannot be made private: %w", errors.Unwrap(err))
	}
	return f.Truncate(0)
}

// lock keeps others from f until it is closed. Where a file system knows no
// locks, nothing does.
func lock(f *os.File) error {
	switch err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err {
	case nil, unix.ENOLCK, unix.EOPNOTSUPP, unix.ENOSYS:
		return nil
	case unix.EWOULDBLOCK:
		return errors.New("another process writes it (choose another name)")
	default:
		return os.NewSyscallError("flock", err)
	}
}

// TerminalWidth returns how many columns a terminal has, 0 if f is none.
func TerminalWidth(f *os.File) int {
	size, err := unix.IoctlGetWinsize(int(f.Fd()), unix.TIOCGWINSZ)
	switch {
	case err != nil:
		return 0
	case size.Col == 0:
		return 80
	}
	return int(size.Col)
}
