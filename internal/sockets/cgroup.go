package sockets

import (
	"bufio"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// cgroupRoot is where cgroup v2 is mounted. On a hybrid host that is beside v1.
func cgroupRoot() string {
	const root = "/sys/fs/cgroup"
	var st unix.Statfs_t
	if err := unix.Statfs(root, &st); err == nil && st.Type != unix.CGROUP2_SUPER_MAGIC {
		return root + "/unified"
	}
	return root
}

// cgroupOf returns the id of a process's cgroup, 0 if it is gone or has none.
func cgroupOf(pid uint32) (uint64, error) {
	f, err := os.Open(fmt.Sprintf("/proc/%d/cgroup", pid))
	if errors.Is(err, os.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		if path, ok := strings.CutPrefix(lines.Text(), "0::"); ok {
			id, err := cgroupID(filepath.Join(cgroupRoot(), path))
			if errors.Is(err, os.ErrNotExist) || errors.Is(err, unix.ESRCH) {
				return 0, nil
			}
			return id, err
		}
	}
	return 0, nil
}

// cgroupID returns the id of the cgroup at a folder: its inode.
func cgroupID(dir string) (uint64, error) {
	var st unix.Stat_t
	if err := unix.Stat(dir, &st); err != nil {
		return 0, fmt.Errorf("cgroup %s: %w", dir, err)
	}
	return st.Ino, nil
}

// Cgroups returns the ids of a cgroup and of those below it. path is as in
// /proc/PID/cgroup, or below /sys/fs/cgroup.
func Cgroups(path string) ([]uint64, error) {
	root := cgroupRoot()
	if rest, ok := strings.CutPrefix(path, root); ok {
		path = rest
	}
	top := filepath.Join(root, path)
	if _, err := os.Stat(filepath.Join(top, "cgroup.procs")); err != nil {
		return nil, fmt.Errorf("cgroup %s: there is none at %s", path, top)
	}
	return below(top)
}

func below(top string) ([]uint64, error) {
	var ids []uint64
	err := filepath.WalkDir(top, func(dir string, d fs.DirEntry, err error) error {
		if errors.Is(err, os.ErrNotExist) {
			return nil // it ended meanwhile
		}
		if err != nil || !d.IsDir() {
			return err
		}
		id, err := cgroupID(dir)
		if errors.Is(err, os.ErrNotExist) {
			return nil
		}
		ids = append(ids, id)
		return err
	})
	return ids, err
}

// ContainerCgroups returns the ids of the cgroups of the container whose id
// begins so, and of those below.
func ContainerCgroups(id string) ([]uint64, error) {
	const shortest = 4
	if len(id) < shortest || strings.Trim(strings.ToLower(id), "0123456789abcdef") != "" {
		return nil, fmt.Errorf("container %q: not the beginning of a container's id (%d or more hexadecimal digits)", id, shortest)
	}
	var ids []uint64
	err := filepath.WalkDir(cgroupRoot(), func(dir string, d fs.DirEntry, err error) error {
		if errors.Is(err, os.ErrNotExist) {
			return nil
		}
		if err != nil || !d.IsDir() || !isContainer(d.Name(), id) {
			return err
		}
		more, err := below(dir)
		ids = append(ids, more...)
		if err == nil {
			err = filepath.SkipDir
		}
		return err
	})
	if err == nil && len(ids) == 0 {
		err = fmt.Errorf("container %s: there is none (no cgroup under %s is called so)", id, cgroupRoot())
	}
	return ids, err
}

// isContainer reports whether a cgroup's name is that of the container whose id
// begins so.
func isContainer(name, id string) bool {
	found := hexID(name)
	return found != "" && strings.HasPrefix(found, strings.ToLower(id))
}
