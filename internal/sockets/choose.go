package sockets

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"slices"

	"unixcap/bpf"
	"unixcap/internal/capture"
	"unixcap/internal/glob"
)

// Choose tells a filter which of the sockets there are now its conditions on
// processes speak of, and returns the sockets that the filter chooses.
func Choose(f *bpf.Filter, list []*Socket) ([]*Socket, error) {
	c := chooser{f: f, verdicts: make(map[uint32]bpf.Verdict)}
	if f.Want.OfProcesses() || f.Not.OfProcesses() {
		if err := c.judgeAll(list); err != nil {
			return nil, err
		}
	}
	var chosen []*Socket
	for _, s := range list {
		if c.chooses(s) {
			chosen = append(chosen, s)
		}
	}
	return chosen, nil
}

type chooser struct {
	f        *bpf.Filter
	verdicts map[uint32]bpf.Verdict // by pid
}

// judgeAll judges the holders of all sockets, and notes in the filter what
// follows for the sockets.
func (c *chooser) judgeAll(list []*Socket) error {
	f := c.f
	note := func(s *Socket, v bpf.Verdict) {
		f.Sockets = append(f.Sockets, bpf.Judged[bpf.SK]{Of: bpf.SK{SK: s.SK, Inode: s.Inode, Peer: s.PeerSK}, Verdict: v})
	}
	for _, s := range list {
		v, err := c.judge(s)
		if err != nil {
			return err
		}
		if p := s.Peer; p != nil { // what faces it is marked with it
			pv, err := c.judge(p)
			if err != nil {
				return err
			}
			v |= pv
		}
		if v == 0 {
			continue
		}
		note(s, v)
		if s.State == Listening {
			f.Names = append(f.Names, bpf.Judged[uint64]{Of: s.Addr, Verdict: v})
		}
	}
	for pid, v := range c.verdicts {
		if v != 0 {
			f.Processes = append(f.Processes, bpf.Judged[uint32]{Of: pid, Verdict: v})
		}
	}
	return nil
}

// judge returns what the filter says of a socket's holders.
func (c *chooser) judge(s *Socket) (bpf.Verdict, error) {
	var all bpf.Verdict
	for _, h := range s.Holders {
		if int(h.PID) == os.Getpid() {
			continue // it says nothing that is recorded
		}
		v, ok := c.verdicts[h.PID]
		if !ok {
			var err error
			if v, err = c.judgeProcess(h); err != nil {
				return 0, err
			}
			c.verdicts[h.PID] = v
		}
		all |= v
	}
	return all, nil
}

func (c *chooser) judgeProcess(p capture.Process) (bpf.Verdict, error) {
	id := identity{pid: p.PID, comm: p.Comm}
	want, not := &c.f.Want, &c.f.Not
	if len(want.UIDs)+len(want.GIDs)+len(not.UIDs)+len(not.GIDs) > 0 {
		if err := id.readStatus(); err != nil {
			return 0, err
		}
	}
	if len(want.Cgroups)+len(not.Cgroups) > 0 {
		var err error
		if id.cgroup, err = cgroupOf(p.PID); err != nil {
			return 0, err
		}
	}
	switch {
	case not.OfProcesses() && id.meets(not, false):
		return bpf.Excluded, nil
	case want.OfProcesses() && id.meets(want, true):
		return bpf.Wanted, nil
	}
	return 0, nil
}

// An identity is what conditions on a process ask for.
type identity struct {
	pid, uid, gid uint32
	comm          string
	cgroup        uint64
}

// readStatus reads the real ids, which are those that the kernel side sees. Of
// a process that is gone it knows none.
func (i *identity) readStatus() error {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", i.pid))
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	for prefix, id := range map[string]*uint32{"\nUid:": &i.uid, "\nGid:": &i.gid} {
		_, after, _ := bytes.Cut(status, []byte(prefix))
		if _, err := fmt.Fscan(bytes.NewReader(after), id); err != nil {
			return fmt.Errorf("read /proc/%d/status: no %s line: %w", i.pid, prefix[1:], err)
		}
	}
	return nil
}

// meets reports whether a process meets all kinds of conditions, or any.
func (i *identity) meets(c *bpf.Conditions, all bool) bool {
	met, asked := 0, 0
	check := func(n int, ok bool) {
		if n > 0 {
			asked++
			if ok {
				met++
			}
		}
	}
	check(len(c.PIDs), slices.Contains(c.PIDs, i.pid))
	check(len(c.Comms), slices.ContainsFunc(c.Comms, func(p string) bool { return glob.Match(glob.Stars(p), i.comm) }))
	check(len(c.UIDs), slices.Contains(c.UIDs, i.uid))
	check(len(c.GIDs), slices.Contains(c.GIDs, i.gid))
	check(len(c.Cgroups), slices.Contains(c.Cgroups, i.cgroup))
	return all && met == asked || !all && met > 0
}

// chooses reports whether the filter chooses what is said on a socket now.
func (c *chooser) chooses(s *Socket) bool {
	ends := []*Socket{s}
	if s.Peer != nil {
		ends = append(ends, s.Peer)
	}
	var verdict bpf.Verdict
	for _, e := range ends {
		for _, h := range e.Holders {
			verdict |= c.verdicts[h.PID]
		}
		if onSocket(&c.f.Not, func(_ int, ok bool) bool { return ok }, e) {
			return false
		}
	}
	if verdict&bpf.Excluded != 0 || c.f.Want.OfProcesses() && verdict&bpf.Wanted == 0 {
		return false
	}
	// Each kind asked for must be met by some end.
	return !onSocket(&c.f.Want, func(n int, ok bool) bool { return n > 0 && !ok }, ends...)
}

// onSocket reports whether f says yes to any kind of condition on sockets: it is
// told how many conditions there are and whether any of the ends meets one.
func onSocket(c *bpf.Conditions, f func(n int, met bool) bool, ends ...*Socket) bool {
	any := func(meets func(*Socket) bool) bool { return slices.ContainsFunc(ends, meets) }
	return f(len(c.SKs), any(func(s *Socket) bool { return slices.Contains(c.SKs, s.SK) })) ||
		f(len(c.Inodes), any(func(s *Socket) bool { return slices.Contains(c.Inodes, s.Inode) })) ||
		f(len(c.NetNS), any(func(s *Socket) bool { return slices.Contains(c.NetNS, uint32(s.NetNS)) })) ||
		f(len(c.Types), any(func(s *Socket) bool { return slices.Contains(c.Types, s.Type()) })) ||
		f(len(c.Paths), any(func(s *Socket) bool {
			return s.Path != "" && slices.ContainsFunc(c.Paths, func(p string) bool { return glob.MatchPath(glob.Stars(p), s.Path) })
		}))
}
