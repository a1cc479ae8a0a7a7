package sockets

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"
)

// A cgroup is what /proc/PID/cgroup says.
type cgroup struct {
	path      string // the one to show
	unified   string // in version 2, "" if there is none
	container string
	name      string // of the container, if the path tells it
}

// parseCgroup reads a /proc/PID/cgroup. Where version 1 is in use, a process
// has a cgroup in each hierarchy; the one that tells its container is shown, then that
// of version 2, then systemd's, then any, unless it is the root.
func parseCgroup(file string) (c cgroup) {
	best := -1
	for line := range strings.Lines(file) {
		f := strings.SplitN(strings.TrimSuffix(line, "\n"), ":", 3)
		if len(f) != 3 {
			continue
		}
		path := strings.TrimSuffix(f[2], " (deleted)")
		weight := 1
		switch {
		case f[0] == "0" && f[1] == "":
			c.unified = path
			weight = 3
		case f[1] == "name=systemd":
			weight = 2
		}
		if path == "/" {
			weight = 0
		}
		id, name := containerOf(path)
		if id != "" {
			weight += 4
		}
		if weight > best {
			best = weight
			c.path, c.container, c.name = path, id, name
		}
	}
	return c
}

// A cgroupTree finds cgroups of version 2 by their ids, which are the inodes of
// their directories.
type cgroupTree struct {
	root   string
	beside bool // those of version 1, in which containers may be instead

	mu    sync.Mutex // of what follows
	paths map[uint64]string
	last  time.Time     // of the last walk
	took  time.Duration // by it
}

const (
	// maxCgroups bounds the cgroups that are remembered, at some 200 bytes each.
	maxCgroups = 1 << 16
	// walkShare is the part of the time, one in so many, that is spent on
	// looking for cgroups that are gone already.
	walkShare = 20
)

// newCgroupTree returns the tree of version 2, which older systems have beside
// those of version 1, or nil if there is none.
func newCgroupTree(root string) *cgroupTree {
	for i, mount := range []string{"sys/fs/cgroup", "sys/fs/cgroup/unified"} {
		folder := filepath.Join(root, mount)
		if _, err := os.Stat(filepath.Join(folder, "cgroup.controllers")); err == nil {
			return &cgroupTree{root: folder, beside: i > 0, paths: map[uint64]string{}}
		}
	}
	return nil
}

// id returns the id of the cgroup at a path, 0 if it is not known.
func (t *cgroupTree) id(path string) uint64 {
	if t == nil || path == "" {
		return 0
	}
	info, err := os.Lstat(filepath.Join(t.root, path))
	if err != nil {
		return 0
	}
	return inode(info)
}

func inode(info fs.FileInfo) uint64 {
	if s, ok := info.Sys().(*syscall.Stat_t); ok {
		return s.Ino
	}
	return 0
}

// note remembers a path, if it is that of the cgroup with this id: its process may
// have been moved meanwhile.
func (t *cgroupTree) note(id uint64, path string) {
	if t == nil || !t.mu.TryLock() { // a walk finds it as well
		return
	}
	defer t.mu.Unlock()
	if t.paths[id] == "" && len(t.paths) < maxCgroups && t.id(path) == id {
		t.paths[id] = path
	}
}

// path returns the path of the cgroup with an id, "" if it is not known. The
// root says nothing where processes have cgroups of version 1 as well.
func (t *cgroupTree) path(id uint64) string {
	if t == nil || id == 0 {
		return ""
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if _, ok := t.paths[id]; !ok && time.Since(t.last) >= walkShare*t.took {
		begin := time.Now()
		t.walk()
		t.last = time.Now()
		t.took = t.last.Sub(begin)
	}
	path := t.paths[id]
	if path == "/" && t.beside {
		return ""
	}
	return path
}

// walk notes all the cgroups there are now. Those that are gone stay known.
func (t *cgroupTree) walk() {
	if len(t.paths) >= maxCgroups {
		clear(t.paths)
	}
	// What cannot be read, since it is gone meanwhile, is not known.
	_ = filepath.WalkDir(t.root, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return nil
		case !d.IsDir():
			return nil
		case len(t.paths) >= maxCgroups:
			return fs.SkipAll
		}
		info, err := d.Info()
		if err != nil {
			return nil
		}
		rel := strings.TrimPrefix(path, t.root)
		if rel == "" {
			rel = "/"
		}
		t.paths[inode(info)] = rel
		return nil
	})
}
