package bpf

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"
)

// A Filter chooses conversations in the kernel. The zero value chooses
// everything.
//
// Kinds of conditions that Want has must all be met; within a kind one is
// enough. Conditions on sockets may be met by either end, each by another.
// Conditions on processes must be met by one process, which takes part. A
// conversation of which either end meets any of Not is left out.
type Filter struct {
	Want, Not Conditions
	// Follow: the children that processes in PIDs have from now on are like
	// their parents.
	Follow bool
	// The processes that meet the conditions on processes now. The kernel finds
	// others by itself once they talk.
	Processes []Judged[uint32]
	// Sockets known to be held by such processes, or to face one of theirs.
	Sockets []Judged[SK]
	// The addresses (Holder.Addr) of sockets that they listen on.
	Names []Judged[uint64]
}

// Conditions are what a Filter asks, by kind.
type Conditions struct {
	// On sockets.
	SKs    []uint64 // kernel address
	Inodes []uint32
	NetNS  []uint32 // inode of the network namespace
	Types  []uint8  // SOCK_STREAM, SOCK_DGRAM, SOCK_SEQPACKET
	// Paths are names that a socket is bound to: a path, or @name for an
	// abstract one. * stands for any characters, / included, ? for one.
	// Without a slash it is the last part of a path, or an abstract name
	// without its @. A path of an existing file also finds the socket that is
	// bound to this file under another name.
	Paths []string

	// On processes.
	PIDs       []uint32
	Comms      []string // with * and ?
	UIDs, GIDs []uint32 // real ids
	Cgroups    []uint64 // cgroup ids
}

// An SK is a socket's address, inode and peer's address.
type SK struct {
	SK    uint64
	Inode uint32
	Peer  uint64
}

// Judged is something of which it is known that the conditions want it or not.
type Judged[T any] struct {
	Of      T
	Verdict Verdict
}

// A Verdict is what conditions say; enum verdict in pattern.h.
type Verdict uint8

const (
	Wanted   Verdict = 1
	Excluded Verdict = 2
)

// The kinds of conditions, enum condition_kind in pattern.h.
const (
	bySK = iota
	byInode
	byNetNS
	byType
	byPath
	byPID
	byComm
	byUID
	byGID
	byCgroup
)

// kinds returns the kinds that there are conditions of, as bits.
func (c *Conditions) kinds() (bits uint32) {
	for kind, n := range []int{
		bySK: len(c.SKs), byInode: len(c.Inodes), byNetNS: len(c.NetNS), byType: len(c.Types), byPath: len(c.Paths),
		byPID: len(c.PIDs), byComm: len(c.Comms), byUID: len(c.UIDs), byGID: len(c.GIDs), byCgroup: len(c.Cgroups),
	} {
		if n > 0 {
			bits |= 1 << kind
		}
	}
	return bits
}

// OfProcesses reports whether there are conditions on processes.
func (c *Conditions) OfProcesses() bool { return c.kinds()>>byPID != 0 }

// Empty reports whether a filter chooses everything.
func (f *Filter) Empty() bool { return f.Want.kinds()|f.Not.kinds() == 0 }

func (f *Filter) ofProcesses() bool { return f.Want.OfProcesses() || f.Not.OfProcesses() }

// PathsMax is how many Paths and Comms a Filter can have. Each path can take
// three of the PATTERNS_MAX patterns in pattern.h.
const PathsMax = 128

// pathMax is the longest pattern: sun_path's size, and one for the @.
const pathMax = 109

// condition is struct condition in filter.h.
type condition struct {
	Value uint64
	Kind  uint32
	_     uint32
}

// pattern is struct pattern in pattern.h.
type pattern struct {
	Len     uint32
	Dev     uint32
	Ino     uint64
	Kind    uint32
	Verdict uint32
	Text    [128]byte
}

// CheckPath reports whether a socket could be bound to such a path.
func CheckPath(path string) error {
	if path == "" || len(path) > pathMax {
		return fmt.Errorf("socket path %q: %d bytes (a UNIX socket's has 1 to %d)", path, len(path), pathMax-1)
	}
	return nil
}

// CheckComm reports whether a process could have a name that a pattern matches.
func CheckComm(comm string) error {
	if comm == "" || len(comm) > pathMax {
		return fmt.Errorf("comm %q: %d bytes (the kernel keeps 15 of a name)", comm, len(comm))
	}
	return nil
}

// patterns returns what the kernel side compares names with.
func (f *Filter) patterns() ([]pattern, error) {
	n := len(f.Want.Paths) + len(f.Not.Paths) + len(f.Want.Comms) + len(f.Not.Comms)
	if n > PathsMax {
		return nil, fmt.Errorf("%d socket paths and comms: there can be %d (use a pattern with *)", n, PathsMax)
	}
	list, err := f.Want.patterns(Wanted)
	if err != nil {
		return nil, err
	}
	not, err := f.Not.patterns(Excluded)
	return append(list, not...), err
}

func (c *Conditions) patterns(v Verdict) ([]pattern, error) {
	var list []pattern
	for _, path := range c.Paths {
		if err := CheckPath(path); err != nil {
			return nil, err
		}
		p := newPattern(byPath, v, path)
		if err := p.findFile(path); err != nil {
			return nil, err
		}
		list = append(list, p)
		if !strings.Contains(path, "/") && path[0] != '@' {
			list = append(list, newPattern(byPath, v, "*/"+path), newPattern(byPath, v, "@"+path))
		}
	}
	for _, comm := range c.Comms {
		if err := CheckComm(comm); err != nil {
			return nil, err
		}
		list = append(list, newPattern(byComm, v, comm))
	}
	return list, nil
}

func newPattern(kind uint32, v Verdict, text string) pattern {
	p := pattern{Len: uint32(len(text)), Kind: kind, Verdict: uint32(v)}
	copy(p.Text[:], text)
	return p
}

// findFile notes which file a path without * and ? is, if there is one.
func (p *pattern) findFile(path string) error {
	if path[0] == '@' || strings.ContainsAny(path, "*?") {
		return nil
	}
	var st unix.Stat_t
	switch err := unix.Stat(path, &st); {
	case errors.Is(err, os.ErrNotExist):
		return nil // it may be bound later
	case err != nil:
		return fmt.Errorf("socket path %s: %w", path, err)
	case st.Mode&unix.S_IFMT != unix.S_IFSOCK:
		return fmt.Errorf("socket path %s: not a socket (record -D lists the sockets)", path)
	}
	p.Ino = st.Ino
	p.Dev = unix.Major(st.Dev)<<20 | unix.Minor(st.Dev) // MKDEV, include/linux/kdev_t.h
	return nil
}

// fill writes the filter into the programs' maps.
func (f *Filter) fill(maps map[string]*ebpf.Map, list []pattern) error {
	for i := range list {
		if err := maps["patterns"].Put(uint32(i), &list[i]); err != nil {
			return fmt.Errorf("set patterns of names: %w", err)
		}
	}
	values := map[condition]Verdict{}
	f.Want.add(values, Wanted)
	f.Not.add(values, Excluded)
	for c, v := range values {
		if err := maps["conditions"].Put(c, v); err != nil {
			return fmt.Errorf("set the filter's conditions: %w", err)
		}
	}
	for _, p := range f.Processes {
		if err := maps["judged_tasks"].Put(p.Of, p.Verdict); err != nil {
			return fmt.Errorf("set filter on process %d: %w", p.Of, err)
		}
	}
	for _, s := range f.Sockets {
		mark := struct { // struct mark in filter.h
			Peer         uint64
			Ino, Verdict uint32
		}{s.Of.Peer, s.Of.Inode, uint32(s.Verdict)}
		if err := maps["marks"].Put(s.Of.SK, mark); err != nil {
			return fmt.Errorf("set filter on sk %#x: %w", s.Of.SK, err)
		}
	}
	for _, n := range f.Names {
		if err := maps["listening_names"].Put(n.Of, n.Verdict); err != nil {
			return fmt.Errorf("set filter on listening sockets: %w", err)
		}
	}
	return nil
}

// add enters the conditions that compare a number.
func (c *Conditions) add(to map[condition]Verdict, v Verdict) {
	put := func(kind uint32, value uint64) { to[condition{Value: value, Kind: kind}] |= v }
	for kind, list := range map[uint32][]uint32{
		byInode: c.Inodes, byNetNS: c.NetNS, byPID: c.PIDs, byUID: c.UIDs, byGID: c.GIDs,
	} {
		for _, value := range list {
			put(kind, uint64(value))
		}
	}
	for kind, list := range map[uint32][]uint64{bySK: c.SKs, byCgroup: c.Cgroups} {
		for _, value := range list {
			put(kind, value)
		}
	}
	for _, value := range c.Types {
		put(byType, uint64(value))
	}
}
