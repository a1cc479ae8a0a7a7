package sockets

import (
	"bytes"
	"fmt"
	"os"

	"unixcap/internal/capture"
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

// Process reads what /proc says of a process. It returns only the pid when the
// process is gone.
func Process(pid uint32) capture.Process {
	p := capture.Process{PID: pid}
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return p
	}
	// comm has a file of its own, since status escapes it.
	comm, err := os.ReadFile(fmt.Sprintf("/proc/%d/comm", pid))
	if err != nil {
		return p
	}
	p.Comm = string(bytes.TrimSuffix(comm, []byte("\n")))
	if _, ids, ok := bytes.Cut(status, []byte("\nUid:")); ok {
		var real uint32
		if _, err := fmt.Fscan(bytes.NewReader(ids), &real, &p.UID); err != nil {
			p.UID = 0
		}
	}
	return p
}
