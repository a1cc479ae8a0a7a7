// Package privilege gives up what a process does not need any more: its user,
// its capabilities, and the ways to get them back.
package privilege

import (
	"fmt"

	"golang.org/x/sys/unix"
	"kernel.org/pub/linux/libs/security/libcap/cap"
)

// Has reports whether the process can use a capability now.
func Has(v cap.Value) bool {
	on, err := cap.GetProc().GetFlag(cap.Effective, v)
	return err == nil && on
}

// Try runs f in a thread of its own that already has only what Drop would
// leave. What f opens belongs to the user. The rest of the process stays as it
// is.
func Try(u *User, keep []cap.Value, f func() error) error {
	_, err := cap.FuncLauncher(func(any) error {
		if err := become(u, keep); err != nil {
			return err
		}
		return f()
	}).Launch(nil)
	return err
}

// Drop has all threads of the process become a user, if not nil, with these
// capabilities at the most, and no way to any others: programs that it might
// execute get none either, and it can't be traced by others of that user.
func Drop(u *User, keep []cap.Value) error {
	// Without CAP_SETPCAP what the process does not have stays in the bounding
	// set, but no_new_privs keeps that out of reach.
	if Has(cap.SETPCAP) {
		for v := range cap.MaxBits() {
			if err := cap.DropBound(v); err != nil {
				return fmt.Errorf("drop %s from the bounding set: %w", v, err)
			}
		}
	}
	if err := become(u, keep); err != nil {
		return err
	}
	if _, err := cap.Prctlw(unix.PR_SET_NO_NEW_PRIVS, 1); err != nil {
		return fmt.Errorf("set no_new_privs: %w", err)
	}
	// A capture's contents are in memory: not for core files.
	if err := unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0); err != nil {
		return fmt.Errorf("make the process undumpable: %w", err)
	}
	return nil
}

// become changes the process, or within Try the thread.
func become(u *User, keep []cap.Value) error {
	held := cap.GetProc()
	if err := cap.ResetAmbient(); err != nil {
		return fmt.Errorf("empty the ambient capabilities: %w", err)
	}
	if u != nil {
		if err := cap.SetGroups(u.GID, u.Groups...); err != nil {
			return fmt.Errorf("become user %s: set its groups: %w", u.Name, err)
		}
		if err := cap.SetUID(u.UID); err != nil {
			return fmt.Errorf("become user %s: %w", u.Name, err)
		}
	}
	left := cap.NewSet()
	for _, v := range keep {
		on, err := held.GetFlag(cap.Permitted, v)
		if err != nil {
			return fmt.Errorf("keep %s: %w", v, err)
		}
		for _, flag := range []cap.Flag{cap.Permitted, cap.Effective} {
			if err := left.SetFlag(flag, on, v); err != nil {
				return fmt.Errorf("keep %s: %w", v, err)
			}
		}
	}
	if err := left.SetProc(); err != nil {
		return fmt.Errorf("drop capabilities: %w", err)
	}
	return nil
}
