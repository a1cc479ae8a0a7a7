package bpf

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"
)

// A Filter chooses conversations in the kernel. Kinds that are given must all
// agree; within a kind one is enough. The zero value chooses everything.
type Filter struct {
	SKs []uint64 // addresses of either end
	// PIDs choose the conversations of processes: what they say and what is
	// said to them.
	PIDs   []uint32
	Follow bool // and of the children that PIDs have from now on
	// PIDSocks are sockets known to be held by PIDs, or to face one. The
	// kernel finds others by itself once they are used.
	PIDSocks []SK
	// PIDNames are the addresses (Holder.Addr) of sockets that PIDs listen on.
	PIDNames []uint64
	// Paths choose sockets by the name that either end is bound to: a path,
	// or @name for an abstract one. * stands for any characters, / included,
	// ? for one. Without a slash it is the last part of a path, or an abstract
	// name without its @. A path of an existing file also finds the socket
	// that is bound to this file under another name.
	Paths []string
}

// An SK is a socket's address, inode and peer's address.
type SK struct {
	SK    uint64
	Inode uint32
	Peer  uint64
}

// PathsMax is how many Paths a Filter can have. Each can take three of the
// PATTERNS_MAX patterns in socket.h.
const PathsMax = 64

// pathMax is the longest pattern: sun_path's size, and one for the @.
const pathMax = 109

// pattern is struct pattern in socket.h.
type pattern struct {
	Len  uint32
	Dev  uint32
	Ino  uint64
	Text [128]byte
}

// CheckPath reports whether a socket could be bound to such a path.
func CheckPath(path string) error {
	if path == "" || len(path) > pathMax {
		return fmt.Errorf("socket path %q: %d bytes (a UNIX socket's has 1 to %d)", path, len(path), pathMax-1)
	}
	return nil
}

// patterns returns what the kernel side compares a socket's name with.
func patterns(paths []string) ([]pattern, error) {
	if len(paths) > PathsMax {
		return nil, fmt.Errorf("%d socket paths: there can be %d (use a pattern with *)", len(paths), PathsMax)
	}
	var list []pattern
	for _, path := range paths {
		if err := CheckPath(path); err != nil {
			return nil, err
		}
		p := newPattern(path)
		if err := p.findFile(path); err != nil {
			return nil, err
		}
		list = append(list, p)
		if !strings.Contains(path, "/") && path[0] != '@' {
			list = append(list, newPattern("*/"+path), newPattern("@"+path))
		}
	}
	return list, nil
}

func newPattern(text string) pattern {
	p := pattern{Len: uint32(len(text))}
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
			return fmt.Errorf("set path patterns: %w", err)
		}
	}
	for _, sk := range f.SKs {
		if err := maps["wanted_sks"].Put(sk, uint8(1)); err != nil {
			return fmt.Errorf("set filter on sk %#x: %w", sk, err)
		}
	}
	for _, pid := range f.PIDs {
		if err := maps["wanted_pids"].Put(pid, uint8(1)); err != nil {
			return fmt.Errorf("set filter on process %d: %w", pid, err)
		}
	}
	for _, s := range f.PIDSocks {
		mark := struct { // struct mark in socket.h
			Peer uint64
			Ino  uint32
			_    uint32
		}{Peer: s.Peer, Ino: s.Inode}
		if err := maps["sks_of_pids"].Put(s.SK, mark); err != nil {
			return fmt.Errorf("set filter on sk %#x: %w", s.SK, err)
		}
	}
	for _, addr := range f.PIDNames {
		if err := maps["names_of_pids"].Put(addr, uint8(1)); err != nil {
			return fmt.Errorf("set filter on listening sockets: %w", err)
		}
	}
	return nil
}
