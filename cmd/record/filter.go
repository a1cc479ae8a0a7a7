package main

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"

	"unixcap/bpf"
	"unixcap/internal/capture"
	"unixcap/internal/glob"
	"unixcap/internal/sockets"

	"github.com/spf13/pflag"
)

// filterFlags are the flags and arguments that choose what is recorded, and
// the ports it gets.
type filterFlags struct {
	paths, sks, pids, ports []string
}

func (g *filterFlags) add(f *pflag.FlagSet) {
	f.StringSliceVar(&g.sks, "sk", nil, "only the socket at kernel `ADDRESS`, either end")
	f.StringSliceVarP(&g.pids, "pid", "p", nil, "only conversations of process `PID`")
}

func (g *filterFlags) parse(o *options) error {
	o.tap.Filter.Paths = g.paths
	for _, p := range g.paths {
		if err := bpf.CheckPath(p); err != nil {
			return err
		}
	}
	for _, s := range g.sks {
		sk, err := strconv.ParseUint(strings.TrimPrefix(strings.ToLower(s), "0x"), 16, 64)
		if err != nil {
			return fmt.Errorf("--sk %q: not an address such as 0xffff88810a1b2c00", s)
		}
		o.tap.Filter.SKs = append(o.tap.Filter.SKs, sk)
	}
	for _, s := range g.pids {
		pid, err := strconv.ParseUint(s, 10, 32)
		if err != nil || pid == 0 {
			return fmt.Errorf("--pid %q: not a process id", s)
		}
		o.tap.Filter.PIDs = append(o.tap.Filter.PIDs, uint32(pid))
	}
	if len(o.command) > 0 {
		if len(g.pids) > 0 {
			return errors.New("--pid and a command: give one of them")
		}
		// Its parent is this process, so the kernel side takes it in with
		// its first breath.
		o.tap.Filter.PIDs = []uint32{uint32(os.Getpid())}
		o.tap.Filter.Follow = true
	}
	for _, p := range g.ports {
		rule, err := capture.ParsePortRule(p)
		if err != nil {
			return err
		}
		o.ports = append(o.ports, rule)
	}
	return nil
}

// choose finds the sockets there are now that the filter speaks of.
func (o *options) choose(list []*sockets.Socket) error {
	for _, sk := range o.tap.Filter.SKs {
		if !slices.ContainsFunc(list, func(s *sockets.Socket) bool { return s.SK == sk }) {
			return fmt.Errorf("--sk %#x: there is no such socket (record -D lists them)", sk)
		}
	}
	for _, pid := range o.tap.Filter.PIDs {
		if int(pid) == os.Getpid() {
			continue // the parent of a command still to start
		}
		switch leader, err := sockets.Leader(pid); {
		case errors.Is(err, os.ErrNotExist):
			return fmt.Errorf("--pid %d: there is no such process", pid)
		case err != nil:
			return err
		case leader != pid:
			return fmt.Errorf("--pid %d: a thread of process %d (give that one)", pid, leader)
		}
		for _, s := range list {
			if !s.HeldBy(pid) {
				continue
			}
			f := &o.tap.Filter
			f.PIDSocks = append(f.PIDSocks, bpf.SK{SK: s.SK, Inode: s.Inode, Peer: s.PeerSK})
			if p := s.Peer; p != nil {
				f.PIDSocks = append(f.PIDSocks, bpf.SK{SK: p.SK, Inode: p.Inode, Peer: p.PeerSK})
			}
			if s.State == sockets.Listening {
				f.PIDNames = append(f.PIDNames, s.Addr)
			}
		}
	}
	return nil
}

// unbound returns the paths that no socket is bound to now.
func (o *options) unbound(list []*sockets.Socket) []string {
	var paths []string
	for _, p := range o.tap.Filter.Paths {
		if _, err := os.Stat(p); err == nil {
			continue // perhaps bound under another name
		}
		if !slices.ContainsFunc(list, func(s *sockets.Socket) bool { return glob.MatchPath(p, s.Path) }) {
			paths = append(paths, p)
		}
	}
	return paths
}
