package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"unixcap/bpf"
	"unixcap/internal/fileset"
	"unixcap/internal/privilege"
	"unixcap/internal/sandbox"

	"github.com/spf13/pflag"
	"golang.org/x/sys/unix"
	"kernel.org/pub/linux/libs/security/libcap/cap"
)

// processTrees have who processes are, and runtimeTrees what their containers are
// called. A recording looks into them while it goes on.
var (
	processTrees = []string{"/proc", "/sys/fs/cgroup"}
	runtimeTrees = []string{
		"/var/lib/docker/containers", "/var/snap/docker/common/var-lib-docker/containers",
		"/run/containerd", "/run/k3s/containerd", "/var/lib/containers/storage", "/run/containers/storage",
	}
)

// privileges are what a recording still has once it goes on.
type privileges struct {
	name      string // as -Z has it
	noSandbox bool
	user      *privilege.User // nil: whoever it is
	keep      []cap.Value
}

func (p *privileges) add(f *pflag.FlagSet) {
	f.StringVarP(&p.name, "relinquish-privileges", "Z", "", "when all is open, become `USER`, who also gets the files (default: who ran sudo)")
	f.BoolVar(&p.noSandbox, "no-sandbox", false, "do not give up access to other files and to the network")
}

// parse finds out whom to become.
func (p *privileges) parse(f *pflag.FlagSet) error {
	var err error
	if !f.Changed("relinquish-privileges") {
		p.user, err = privilege.Invoker()
		return err
	}
	if p.user, err = privilege.Lookup(p.name); err != nil {
		return fmt.Errorf("-Z: %w", err)
	}
	switch os.Geteuid() {
	case p.user.UID:
		p.user = nil
	case 0:
	default:
		return fmt.Errorf("-Z %s: only root can become another user", p.name)
	}
	return nil
}

// create begins the files as the user who gets them, so that nothing is
// written where that user could not. It must be possible to go on later, too.
func (p *privileges) create(files fileset.Options) (*fileset.Set, error) {
	if err := p.planFolder(&files); err != nil {
		return nil, err
	}
	if p.user == nil {
		return fileset.Open(files)
	}
	var set *fileset.Set
	err := privilege.Try(p.user, p.keep, func() error {
		var err error
		set, err = fileset.Open(files)
		return err
	})
	if errors.Is(err, unix.EACCES) {
		err = p.unwritable(err)
	}
	return set, err
}

func (p *privileges) unwritable(err error) error {
	return fmt.Errorf("%w for user %s (choose a folder of that user's, or -Z root)", err, p.user.Name)
}

// plan finds out by trying which capabilities must be kept. On most machines
// these are none.
func (p *privileges) plan(tap *bpf.Tap) error {
	// The first call loads what it takes, which later would be refused.
	if err := askTap(tap); err != nil {
		return err
	}
	for _, x := range []struct {
		what cap.Value
		try  func() error
	}{
		// Before Linux 5.19, if kernel.unprivileged_bpf_disabled is set.
		{cap.BPF, func() error { return askTap(tap) }},
		{cap.SYS_PTRACE, p.otherProcesses},
		{cap.DAC_READ_SEARCH, p.containers},
	} {
		switch err := privilege.Try(p.user, nil, x.try); {
		case errors.Is(err, os.ErrPermission):
			p.keep = append(p.keep, x.what)
		case err != nil:
			return err
		}
	}
	return nil
}

// askTap does all that is asked of a tap while it records.
func askTap(tap *bpf.Tap) error {
	if _, err := tap.Losses(); err != nil {
		return err
	}
	if tap.SeesCloses() {
		return nil
	}
	_, err := tap.Living(func(uint64, uint32) {})
	return err
}

// otherProcesses reports whether it takes privileges to see them: /proc may be
// mounted with hidepid. From within the sandbox none would help.
func (p *privileges) otherProcesses() error {
	if p.sandboxed() {
		return nil
	}
	if _, err := os.Stat("/proc/1/stat"); err != nil {
		return os.ErrPermission
	}
	return nil
}

// containers reports whether it takes privileges to read the runtimes' files.
// One that could read everything is kept only where the sandbox bounds it.
func (p *privileges) containers() error {
	if !p.sandboxed() {
		return nil
	}
	for _, dir := range runtimeTrees {
		err := unix.Faccessat(unix.AT_FDCWD, dir, unix.R_OK|unix.X_OK, unix.AT_EACCESS)
		if errors.Is(err, unix.EACCES) {
			return err
		}
	}
	return nil
}

// sandboxed reports whether there will be a sandbox.
func (p *privileges) sandboxed() bool { return !p.noSandbox && sandbox.ABI() > 0 }

// planFolder checks that files can be created later on.
func (p *privileges) planFolder(files *fileset.Options) error {
	dir := files.Folder()
	if dir == "" || special(files.Name) || dir != filepath.Dir(files.Name) {
		return nil
	}
	err := privilege.Try(p.user, nil, func() error {
		return unix.Faccessat(unix.AT_FDCWD, dir, unix.W_OK|unix.X_OK, unix.AT_EACCESS)
	})
	switch {
	case !errors.Is(err, unix.EACCES): // of anything else creating the first one tells
	case p.user == nil:
		p.keep = append(p.keep, cap.DAC_OVERRIDE) // root's, or none
	case files.Several():
		return p.unwritable(fmt.Errorf("write files into %s: %w", dir, err))
	}
	return nil
}

// special reports whether a name is that of a fifo or a device.
func special(name string) bool {
	info, err := os.Lstat(name)
	return err == nil && !info.Mode().IsRegular()
}

// drop gives up what is not needed any more, once everything is open and the
// command is started, which keeps what it was started with.
func (p *privileges) drop(files *fileset.Options, tap *bpf.Tap) error {
	if err := p.plan(tap); err != nil {
		return err
	}
	_, _ = time.Now().Zone() // has the zone's file read while it can be
	if !p.noSandbox {
		a := sandbox.Allowance{Trees: slices.Concat(processTrees, runtimeTrees)}
		if dir := files.Folder(); dir != "" && !special(files.Name) {
			a.Outputs = append(a.Outputs, dir)
		}
		if err := sandbox.Enter(a); err != nil {
			return fmt.Errorf("%w (--no-sandbox goes on without)", err)
		}
	}
	return privilege.Drop(p.user, p.keep)
}
