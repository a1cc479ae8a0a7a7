package main

import (
	"fmt"
	"os"
	"path/filepath"

	"unixcap/internal/stream"

	"github.com/landlock-lsm/go-landlock/landlock"
)

// confine takes from the process what it does not need to read captures, since
// they may have been made to attack whoever reads them: it can open these files
// and the output's folder, and nothing else. A kernel without landlock lets it
// go on unconfined.
func confine(files []string, output string) error {
	var rules []landlock.Rule
	for _, name := range files {
		access := landlock.AccessFSSet(readFile)
		if isDir(name) {
			access = readDir // to say that it is one
		}
		if name != stream.Stdin {
			rules = append(rules, landlock.PathAccess(access, name).IgnoreIfMissing())
		}
	}
	if dir := filepath.Dir(output); output != "" && isDir(dir) {
		rules = append(rules, landlock.RWDirs(dir))
	}
	if err := landlock.V5.BestEffort().Restrict(rules...); err != nil {
		return fmt.Errorf("give up rights before reading: %w", err)
	}
	return nil
}

func isDir(name string) bool {
	info, err := os.Stat(name)
	return err == nil && info.IsDir()
}

// LANDLOCK_ACCESS_FS_READ_FILE and _READ_DIR, include/uapi/linux/landlock.h.
const (
	readFile = 1 << 2
	readDir  = 1 << 3
)
