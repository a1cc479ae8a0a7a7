package conformance

import (
	"errors"
	"fmt"
	"os"

	"unixcap/bpf"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"
)

// CostMessages is how many messages Cost sends, each of costLength bytes.
const (
	CostMessages = 20000
	costLength   = 64
)

// Cost sends messages on a stream socket and receives them, one after the other,
// and returns the backend's programs with how often they ran meanwhile and how long.
func Cost(o bpf.Options) ([]bpf.Program, error) {
	o.Self = 1 << 31
	o.Filter.Want.PIDs = []uint32{uint32(os.Getpid())}
	tap, err := bpf.Open(o)
	if err != nil {
		return nil, err
	}
	defer tap.Close()
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	defer unix.Close(fds[0])
	defer unix.Close(fds[1])
	p := make([]byte, costLength)
	exchange := func() error {
		if _, err := unix.Write(fds[0], p); err != nil {
			return err
		}
		_, err := unix.Read(fds[1], p)
		return err
	}
	if err := exchange(); err != nil { // the first one has the sockets described
		return nil, err
	}
	counting, err := ebpf.EnableStats(uint32(unix.BPF_STATS_RUN_TIME))
	if err != nil {
		return nil, fmt.Errorf("have the kernel count: %w", err)
	}
	for i := 0; i < CostMessages && err == nil; i++ {
		err = exchange()
	}
	if err := errors.Join(err, counting.Close()); err != nil {
		return nil, err
	}
	losses, err := tap.Losses()
	if err != nil {
		return nil, err
	}
	if n := losses.Dropped(); n > 0 { // which costs less
		return nil, fmt.Errorf("%d messages of %d were dropped", n, CostMessages)
	}
	return tap.Programs()
}
