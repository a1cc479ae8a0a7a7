// Package sandbox takes from the process what it does not need to do its work,
// by landlock. There is no way back, and children inherit it.
package sandbox

import (
	"fmt"

	"github.com/landlock-lsm/go-landlock/landlock"
	"github.com/landlock-lsm/go-landlock/landlock/syscall"
)

// An Allowance is all that a process can open from then on. What does not
// exist is left out. What is open already can still be used.
type Allowance struct {
	Files   []string // to be read
	Folders []string // to be seen as such, not what is in them
	Trees   []string // folders to be read, with all that is below
	// Outputs are folders in which files are created, written and removed.
	Outputs []string
}

const (
	readFile = syscall.AccessFSReadFile
	readDir  = syscall.AccessFSReadDir
	create   = syscall.AccessFSWriteFile | syscall.AccessFSMakeReg | syscall.AccessFSRemoveFile | syscall.AccessFSTruncate
)

// Enter confines all threads: besides what a lists nothing can be opened or
// executed, and no TCP connection made or waited for, as far as this kernel's
// landlock goes. A kernel without landlock lets the process go on unconfined.
//
// It is landlock's fifth version and not a later one: the sixth forbids signals
// to other processes too, and on some kernels then those among the threads of a
// Go program.
func Enter(a Allowance) error {
	var rules []landlock.Rule
	for _, x := range []struct {
		access landlock.AccessFSSet
		names  []string
	}{
		{readFile, a.Files}, {readDir, a.Folders}, {readFile | readDir, a.Trees}, {create, a.Outputs},
	} {
		if len(x.names) > 0 {
			rules = append(rules, landlock.PathAccess(x.access, x.names...).IgnoreIfMissing())
		}
	}
	if err := landlock.V5.BestEffort().Restrict(rules...); err != nil {
		return fmt.Errorf("enter the sandbox: %w", err)
	}
	return nil
}

// ABI returns the version of landlock that this kernel has, 0 if none.
func ABI() int {
	v, err := syscall.LandlockGetABIVersion()
	if err != nil {
		return 0
	}
	return v
}
