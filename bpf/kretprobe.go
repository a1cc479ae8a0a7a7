package bpf

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"sync/atomic"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"
)

// A kretprobe remembers a call until it returns, and so many calls at once: of
// threads that wait in a send or receive call, more are not seen. The most that
// there can be is KRETPROBE_MAXACTIVE_MAX, kernel/trace/trace_kprobe.c. A
// perf event of the kind that goes by itself has a few per CPU only, so that these
// are defined in tracefs.
const maxActive = 4096

// retprobes are the kretprobes of one Tap, in a group of its own.
type retprobes struct {
	dir    string   // where tracefs is
	events *os.File // kprobe_events; open, since the right to open it is given up
	group  string
}

// groupPrefix is followed by the process id, and by which of its groups it is.
const groupPrefix = "unixcap_"

var groups atomic.Uint32

// openRetprobes finds tracefs, and removes what a process that was killed has
// left there. The error is for a user who may not, or cannot, have it so.
func openRetprobes() (*retprobes, error) {
	for _, dir := range []string{"/sys/kernel/tracing", "/sys/kernel/debug/tracing"} {
		// With O_TRUNC the kernel would remove everybody's probes.
		f, err := os.OpenFile(dir+"/kprobe_events", os.O_RDWR|os.O_APPEND, 0)
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("%w: root has the right to it", err)
		}
		r := &retprobes{dir: dir, events: f, group: fmt.Sprintf("%s%d_%d", groupPrefix, os.Getpid(), groups.Add(1))}
		if err := r.removeLeft(); err != nil {
			return nil, errors.Join(err, f.Close())
		}
		return r, nil
	}
	return nil, fmt.Errorf("no tracefs: mount -t tracefs none /sys/kernel/tracing")
}

// removeLeft removes the definitions of processes that are gone. Those of others
// that record now are theirs.
func (r *retprobes) removeLeft() error {
	b, err := io.ReadAll(r.events)
	if err != nil {
		return fmt.Errorf("read %s: %w", r.events.Name(), err)
	}
	for line := range strings.Lines(string(b)) { // r4096:unixcap_123_1/stream_exit unix_stream_sendmsg
		_, event, _ := strings.Cut(strings.Fields(line)[0], ":")
		group, ours := strings.CutPrefix(event, groupPrefix)
		owner, _, _ := strings.Cut(group, "_")
		pid, err := strconv.Atoi(owner)
		if !ours || err != nil || pid == os.Getpid() || !errors.Is(unix.Kill(pid, 0), unix.ESRCH) {
			continue
		}
		// Another may do the same, or somebody may look at them.
		if err := r.write("-:" + event); err != nil && !errors.Is(err, unix.EBUSY) && !errors.Is(err, os.ErrNotExist) {
			return err
		}
	}
	return nil
}

func (r *retprobes) write(command string) error {
	if _, err := r.events.WriteString(command + "\n"); err != nil {
		return fmt.Errorf("write %q to %s: %w", command, r.events.Name(), err)
	}
	return nil
}

// attach has a program run when a function returns.
func (r *retprobes) attach(name, function string, p *ebpf.Program) (io.Closer, error) {
	event := r.group + "/" + name
	if err := r.write(fmt.Sprintf("r%d:%s %s", maxActive, event, function)); err != nil {
		return nil, err
	}
	probe := &retprobe{of: r, event: event, fd: -1}
	var id uint64
	b, err := os.ReadFile(r.dir + "/events/" + event + "/id")
	if err == nil {
		id, err = strconv.ParseUint(strings.TrimSpace(string(b)), 10, 64)
	}
	if err == nil {
		// The program runs on every CPU, whichever the event is of.
		attr := unix.PerfEventAttr{Type: unix.PERF_TYPE_TRACEPOINT, Size: unix.PERF_ATTR_SIZE_VER1, Config: id, Sample: 1}
		probe.fd, err = unix.PerfEventOpen(&attr, -1, 0, -1, unix.PERF_FLAG_FD_CLOEXEC)
	}
	if err == nil {
		err = unix.IoctlSetInt(probe.fd, unix.PERF_EVENT_IOC_SET_BPF, p.FD())
	}
	if err == nil {
		err = unix.IoctlSetInt(probe.fd, unix.PERF_EVENT_IOC_ENABLE, 0)
	}
	if err != nil {
		return nil, errors.Join(err, probe.Close())
	}
	return probe, nil
}

// Close closes the file. What was attached goes first.
func (r *retprobes) Close() error { return r.events.Close() }

// A retprobe is a definition in tracefs and the perf event made of it.
type retprobe struct {
	of    *retprobes
	event string
	fd    int
}

// Close detaches the program and removes the definition.
func (p *retprobe) Close() error {
	var err error
	if p.fd >= 0 {
		err = unix.Close(p.fd)
	}
	// If somebody else looks at it, it stays, and the next one removes it.
	if removeErr := p.of.write("-:" + p.event); !errors.Is(removeErr, unix.EBUSY) {
		err = errors.Join(err, removeErr)
	}
	return err
}
