// Package executable finds out which file a process runs, for a process that is
// about to give up the right to look: landlock shows nobody in a sandbox the
// executables of those outside, whatever capabilities it has. So a child is
// started that can do this and nothing else. It is asked through pipes, with
// numbers only.
package executable

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"syscall"

	"unixcap/internal/privilege"

	"golang.org/x/sys/unix"
	"kernel.org/pub/linux/libs/security/libcap/cap"
)

// name is the child's first argument, by which it knows what to do.
const name = "record: executables"

// A Finder has a child that looks. It is for one goroutine.
type Finder struct {
	cmd *exec.Cmd
	in  io.WriteCloser
	out *bufio.Reader
}

// Start starts the child, as a user if not nil. It runs this program anew, whose
// main has to call Serve first. It can look at processes of other users if this
// process has CAP_SYS_PTRACE.
func Start(u *privilege.User) (*Finder, error) {
	cmd := exec.Command("/proc/self/exe")
	cmd.Args = []string{name}
	cmd.Env = []string{}
	cmd.Stderr = os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{}
	if u != nil {
		c := &syscall.Credential{Uid: uint32(u.UID), Gid: uint32(u.GID)}
		for _, g := range u.Groups {
			c.Groups = append(c.Groups, uint32(g))
		}
		cmd.SysProcAttr.Credential = c
	}
	if privilege.Has(cap.SYS_PTRACE) {
		cmd.SysProcAttr.AmbientCaps = []uintptr{unix.CAP_SYS_PTRACE}
	}
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start what finds executables: %w", err)
	}
	f := &Finder{cmd: cmd, in: in, out: bufio.NewReader(out)}
	if _, err := f.ask(0); err != nil { // it answers when it has dropped its privileges
		return nil, errors.Join(fmt.Errorf("what finds executables does not answer: %w", err), f.Close())
	}
	return f, nil
}

// Path returns the path of the file that a process runs, "" if that is not
// known. A pid may be another process's by then.
func (f *Finder) Path(pid uint32) string {
	path, err := f.ask(pid)
	if err != nil { // the child is gone
		return ""
	}
	return path
}

func (f *Finder) ask(pid uint32) (string, error) {
	if err := binary.Write(f.in, binary.LittleEndian, pid); err != nil {
		return "", err
	}
	var n uint16
	if err := binary.Read(f.out, binary.LittleEndian, &n); err != nil {
		return "", err
	}
	path := make([]byte, n)
	_, err := io.ReadFull(f.out, path)
	return string(path), err
}

// Close ends the child.
func (f *Finder) Close() error {
	return errors.Join(f.in.Close(), f.cmd.Wait())
}

// Asked reports whether this process is such a child.
func Asked() bool { return len(os.Args) == 1 && os.Args[0] == name }

// Serve does the child's work, until its parent is gone. Signals for the whole
// group are for its parent, which may have questions still.
func Serve() error {
	signal.Ignore(unix.SIGINT, unix.SIGTERM, unix.SIGHUP, unix.SIGQUIT, unix.SIGUSR1, unix.SIGUSR2)
	// Run as /proc/self/exe, its name would be exe.
	if err := os.WriteFile("/proc/self/comm", []byte("record-exe"), 0); err != nil {
		return err
	}
	if err := privilege.Drop(nil, []cap.Value{cap.SYS_PTRACE}); err != nil {
		return err
	}
	for {
		var pid uint32
		switch err := binary.Read(os.Stdin, binary.LittleEndian, &pid); {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		}
		path, err := os.Readlink(fmt.Sprintf("/proc/%d/exe", pid))
		if err != nil { // gone, a kernel thread, or not for us
			path = ""
		}
		if _, err := os.Stdout.Write(answer(path)); err != nil {
			return err
		}
	}
}

// answer is a path with its length before it.
func answer(path string) []byte {
	path = path[:min(len(path), 1<<16-1)]
	return append(binary.LittleEndian.AppendUint16(nil, uint16(len(path))), path...)
}
