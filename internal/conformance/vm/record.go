package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"time"

	"unixcap/bpf"
	"unixcap/internal/conformance"

	"golang.org/x/sys/unix"
)

// talkWord has this program be the one that is recorded.
const talkWord = "talk"

// talkMessages is how many messages it sends.
const talkMessages = 10

func talk() error {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	for i := range talkMessages {
		if _, err := unix.Write(fds[0], fmt.Appendf(nil, "message %d", i)); err != nil {
			return err
		}
	}
	return nil
}

// recordAmid begins and ends recordings while threads send, of which nothing may
// count as lost: a call that only one of the programs saw was not there to record.
// A message that was missed in truth is no failure, but that is not each time.
func (r *run) recordAmid(backend bpf.Backend) conformance.Result {
	var err error
	for range 3 {
		if err = recordSenders(r.record, backend); err == nil {
			break
		}
	}
	return conformance.Checked("record", "stream", "record, begun and ended amid sends", err)
}

const amidThreads = 4

func recordSenders(program string, backend bpf.Backend) error {
	end := make(chan struct{})
	failed := make(chan error, amidThreads)
	for range amidThreads {
		fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			return err
		}
		go func() { failed <- sendUntil(fds, end) }()
	}
	var said bytes.Buffer
	cmd := exec.Command(program, "--backend", string(backend), "--fail-on-loss", "--duration", "1", "-w", "/dev/null")
	cmd.Stderr = &said
	err := cmd.Run()
	close(end)
	for range amidThreads {
		err = errors.Join(err, <-failed)
	}
	if err != nil {
		return fmt.Errorf("%w: %s", err, said.String())
	}
	return nil
}

// sendUntil sends and receives again and again, slowly enough to be recorded.
func sendUntil(fds [2]int, end chan struct{}) error {
	defer unix.Close(fds[0])
	defer unix.Close(fds[1])
	p := make([]byte, 10)
	for {
		select {
		case <-end:
			return nil
		case <-time.After(time.Millisecond):
		}
		if _, err := unix.Write(fds[0], p); err != nil {
			return err
		}
		if _, err := unix.Read(fds[1], p); err != nil {
			return err
		}
	}
}

// recordDropped runs the program record, which gives up its rights once it
// records, and looks whether it still counts, and leaves nothing in tracefs.
func (r *run) recordDropped(backend bpf.Backend) conformance.Result {
	return conformance.Checked("record", "stream", "record, its rights given up", recordTalk(r.record, backend))
}

func recordTalk(program string, backend bpf.Backend) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	var said bytes.Buffer
	// The sandbox and the user are what it gives up its rights by.
	cmd := exec.Command(program, "--backend", string(backend), "-Z", "65534", "-w", "-", "--", self, talkWord)
	cmd.Stderr = &said
	packets, err := cmd.Output()
	if err != nil {
		return fmt.Errorf("%w: %s", err, said.String())
	}
	for i := range talkMessages {
		if text := fmt.Sprintf("message %d", i); !bytes.Contains(packets, []byte(text)) {
			return fmt.Errorf("%q is not in the file: %s", text, said.String())
		}
	}
	if !strings.Contains(said.String(), "\n0 packets dropped by kernel") {
		return fmt.Errorf("it says %q", said.String())
	}
	for _, dir := range []string{"/sys/kernel/tracing", "/sys/kernel/debug/tracing"} {
		left, err := os.ReadFile(dir + "/kprobe_events")
		if err != nil && !os.IsNotExist(err) {
			return err
		}
		if len(left) > 0 {
			return fmt.Errorf("it left %q in %s", left, dir)
		}
	}
	return nil
}
