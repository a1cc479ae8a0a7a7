package sockets

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

// Leader returns the process that a thread belongs to: the id itself if it is a
// process's. The error is os.ErrNotExist if there is neither.
func Leader(tid uint32) (uint32, error) {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", tid))
	if err != nil {
		return 0, err
	}
	var tgid uint32
	_, after, _ := bytes.Cut(status, []byte("\nTgid:"))
	if _, err := fmt.Fscan(bytes.NewReader(after), &tgid); err != nil {
		return 0, fmt.Errorf("read /proc/%d/status: no Tgid: %w", tid, err)
	}
	return tgid, nil
}

// maxProcFile bounds what is read of a file in /proc. cgroup has up to a path for
// each of a dozen hierarchies.
const maxProcFile = 64 << 10

// tick is the unit of times in /proc: USER_HZ, 100 on every architecture that
// there is a backend for.
const tick = 10 * time.Millisecond

// A procDir is a process's folder in /proc. While it is open it stays that
// process's: if the pid is used again, nothing more can be read.
type procDir struct{ *os.Root }

func openProc(root string, pid uint32) (procDir, error) {
	r, err := os.OpenRoot(filepath.Join(root, "proc", strconv.FormatUint(uint64(pid), 10)))
	return procDir{r}, err
}

var errStat = errors.New("/proc/PID/stat is not what it was")

// stat returns the main thread's name and when the process began, in ticks
// since the machine did.
func (d procDir) stat() (comm string, start uint64, err error) {
	file, err := readFile(d.Root, "stat", maxProcFile)
	if err != nil {
		return "", 0, err
	}
	// A name may have spaces and parentheses.
	from, to := bytes.IndexByte(file, '('), bytes.LastIndexByte(file, ')')
	if from < 0 || to < from {
		return "", 0, errStat
	}
	const startTime = 22 - 3 // fields after the name, of which the first is number 3
	fields := bytes.Fields(file[to+1:])
	if len(fields) <= startTime {
		return "", 0, errStat
	}
	start, err = strconv.ParseUint(string(fields[startTime]), 10, 64)
	return string(file[from+1 : to]), start, err
}

// uid returns the effective user, 0 if it cannot be read.
func (d procDir) uid() uint32 {
	status, err := readFile(d.Root, "status", maxProcFile)
	if err != nil {
		return 0
	}
	var real, effective uint32
	_, ids, _ := bytes.Cut(status, []byte("\nUid:"))
	if _, err := fmt.Fscan(bytes.NewReader(ids), &real, &effective); err != nil {
		return 0
	}
	return effective
}

// exe returns the path of the executable, which kernel threads do not have.
func (d procDir) exe() string {
	exe, err := d.Readlink("exe")
	if err != nil {
		return ""
	}
	return exe
}

func (d procDir) cgroup() cgroup {
	file, err := readFile(d.Root, "cgroup", maxProcFile)
	if err != nil {
		return cgroup{}
	}
	return parseCgroup(string(file))
}

// began reports whether a process that began at a tick can have done something
// at a time of the monotonic clock.
func began(start, at uint64) bool {
	var boot, monotonic unix.Timespec
	if unix.ClockGettime(unix.CLOCK_BOOTTIME, &boot) != nil || unix.ClockGettime(unix.CLOCK_MONOTONIC, &monotonic) != nil {
		return true
	}
	slept := uint64(boot.Nano() - monotonic.Nano()) // /proc counts that too
	return start*uint64(tick) <= at+slept+uint64(tick)
}
