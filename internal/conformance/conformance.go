// Package conformance checks a backend against the kernel it runs on: it sends
// known bytes down every path there is and compares what was recorded with what
// was sent. What each path must come to is in known.go. It is one program for
// the machine it is built on and for the virtual machines that
// `make test-kernels` boots.
package conformance

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"unixcap/bpf"
	"unixcap/internal/conformance/send"
	"unixcap/internal/recorder"
	"unixcap/internal/sockets"

	"github.com/cilium/ebpf/btf"
	"golang.org/x/sys/unix"
)

// Options say how to check.
type Options struct {
	Backend bpf.Backend
	Types   *btf.Spec // nil: the kernel's own
	// Sender32 is the program of internal/conformance/sender, built for 32-bit
	// system calls.
	Sender32 string
	// Progress, if not nil, is told when all is sent down a path.
	Progress func(kind, path string)
	// Programs, if not nil, is told which programs were loaded, once nothing
	// is sent any more.
	Programs func([]bpf.Program)
}

// A Refused error says that the kernel does not take the backend.
type Refused struct{ Err error }

func (r *Refused) Error() string { return r.Err.Error() }
func (r *Refused) Unwrap() error { return r.Err }

// kinds are the socket types, with the longest message each takes here.
var kinds = []struct {
	name     string
	sockType int
	longest  int
}{
	{"stream", unix.SOCK_STREAM, 1 << 20},
	{"dgram", unix.SOCK_DGRAM, 100000}, // net.core.wmem_max allows some 200 KiB
	{"seqpacket", unix.SOCK_SEQPACKET, 100000},
}

// Run records with a backend while it sends, and compares. The error says that
// nothing could be recorded at all; it is a *Refused if that is the kernel's will.
func Run(o Options) ([]Result, error) {
	to := o.tap()
	to.VerifierLog = o.Programs != nil
	tap, err := bpf.Open(to)
	if err != nil {
		return nil, &Refused{err}
	}
	defer tap.Close()
	list, err := sockets.List(o.Types)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	c := newCollector()
	done := make(chan error, 1)
	go func() { done <- recorder.New(tap, c, list).Run(ctx) }()

	checks, err := sendAll(&o)
	time.Sleep(50 * time.Millisecond)
	profile, profileErr := probeProfile(o.Backend)
	cancel()
	if err := errors.Join(err, profileErr, <-done); err != nil {
		return nil, err
	}
	losses, err := tap.Losses()
	if err != nil {
		return nil, err
	}
	c.missed = losses.Missed + losses.Total().StateMessages
	c.counters = fmt.Sprintf("the losses are %+v, missed %d%s", losses.Total(), losses.Missed, profile)
	if o.Programs != nil {
		list, err := tap.Programs()
		if err != nil {
			return nil, err
		}
		o.Programs(list)
	}
	k, err := thisKernel(o.Types, o.Sender32)
	if err != nil {
		return nil, err
	}
	var results []Result
	for _, check := range checks {
		results = append(results, check.result(c, o.Backend, k))
	}
	if err := c.account(losses.Total()); err != nil {
		return results, err
	}
	if err := tap.Close(); err != nil {
		return results, err
	}
	for _, send := range []func(bpf.Options) *check{first, flood, long} {
		c := send(o.tap())
		if o.Progress != nil {
			o.Progress(c.kind, c.path)
		}
		results = append(results, c.result(nil, o.Backend, k))
	}
	return results, nil
}

// tap has this process recorded, and what its children send on its sockets.
func (o *Options) tap() bpf.Options {
	return bpf.Options{
		Backend: o.Backend,
		Types:   o.Types,
		Self:    1 << 31, // nobody: it is this process that is to be recorded
		Failed:  true,
		// So that the losses are of it.
		Filter: bpf.Filter{Want: bpf.Conditions{PIDs: []uint32{uint32(os.Getpid())}}},
	}
}

// sendAll sends down each path on each kind of socket.
func sendAll(o *Options) ([]*check, error) {
	defer undisturbed()()
	dir, err := os.MkdirTemp("", "conformance")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	s := &session{progress: o.Progress}
	for _, k := range kinds {
		s.ways(k.name, k.sockType, k.longest)
		for _, special := range []struct {
			group string
			send  func(string, int) (*check, error)
		}{
			{"failures", failures}, {"processes", threads}, {"processes", shared}, {"processes", passed},
			{"names", pathname}, {"names", abstract},
			{"descriptors", descriptors}, {"descriptors", manyDescriptors}, {"descriptors", descriptorsOfRing},
		} {
			c, err := special.send(dir, k.sockType)
			s.add(special.group, k.name, c, err)
		}
		for _, c := range sendFrom32Bit(o.Sender32, k.sockType) {
			s.add("32-bit", k.name, c, c.sendErr)
		}
	}
	for _, special := range []struct {
		group, kind string
		send        func(string) (*check, error)
	}{
		{"names", "stream", acceptedLate}, {"names", "dgram", unconnectedDatagram}, {"names", "dgram", datagramsToNames},
		{"failures", "stream", interrupted}, {"memory", "stream", pagedOut}, {"memory", "stream", droppedMeanwhile}, {"memory", "stream", changedMeanwhile},
		{"kernel", "stream", kernelSender},
	} {
		c, err := special.send(dir)
		s.add(special.group, special.kind, c, err)
	}
	return s.checks, nil
}

// A session is everything that is sent for one backend.
type session struct {
	checks   []*check
	progress func(kind, path string)
}

func (s *session) add(group, kind string, c *check, err error) {
	c.group, c.kind, c.sendErr = group, kind, err
	s.checks = append(s.checks, c)
	if s.progress != nil {
		s.progress(kind, c.path)
	}
}

// ways sends down each way of package send.
func (s *session) ways(kind string, sockType, longest int) {
	for _, w := range send.Direct() {
		c := &check{path: w.Name}
		s.add("system call", kind, c, c.sendSizes(sockType, longest, w))
	}
	for _, w := range emptyWays {
		if sockType != unix.SOCK_STREAM { // where they are nothing
			c := &check{path: w.Name}
			s.add("empty", kind, c, c.sendEmpty(sockType, w))
		}
	}
	for _, list := range []struct {
		group string
		ways  []send.Way
	}{{"pages", send.Pages}, {"aio", send.Aio}, {"io_uring", send.Uring}, {"io_uring", send.UringPages}} {
		for _, w := range list.ways {
			c := &check{path: w.Name}
			s.add(list.group, kind, c, c.sendWhole(sockType, w))
			if sockType == unix.SOCK_STREAM {
				c := &check{path: w.Name + ", long"}
				s.add(list.group, kind, c, c.sendLong(w))
			}
		}
	}
}
