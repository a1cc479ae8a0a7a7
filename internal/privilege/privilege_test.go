package privilege

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"unixcap/internal/need"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
	"kernel.org/pub/linux/libs/security/libcap/cap"
)

func TestLookup(t *testing.T) {
	for _, name := range []string{"root", "0"} {
		u, err := Lookup(name)
		if err != nil || u.Name != "root" || u.UID != 0 || u.GID != 0 {
			t.Errorf("%s: %+v, %v", name, u, err)
		}
	}
	u, err := Lookup("61234")
	if d := cmp.Diff(&User{Name: "61234", UID: 61234, GID: 61234}, u); err != nil || d != "" {
		t.Errorf("%v, %s", err, d)
	}
	for _, name := range []string{"", "no/body", "-1", "4294967295"} {
		if u, err := Lookup(name); err == nil || !strings.Contains(err.Error(), "no such user") {
			t.Errorf("%q: %+v, %v", name, u, err)
		}
	}
}

func TestInvoker(t *testing.T) {
	need.Root(t)
	for _, tt := range []struct {
		uid, gid string
		want     *User
		err      string
	}{
		{"", "", nil, ""},
		{"0", "0", nil, ""},
		{"61234", "61235", &User{Name: "61234", UID: 61234, GID: 61235}, ""},
		{"61234", "", &User{Name: "61234", UID: 61234, GID: 61234}, ""},
		{"bob", "", nil, "SUDO_UID"},
		{"-1", "", nil, "SUDO_UID"},
		{"61234", "users", nil, "SUDO_GID"},
	} {
		t.Setenv("SUDO_UID", tt.uid)
		t.Setenv("SUDO_GID", tt.gid)
		u, err := Invoker()
		if tt.err != "" {
			if err == nil || !strings.Contains(err.Error(), tt.err) {
				t.Errorf("%q, %q: %v", tt.uid, tt.gid, err)
			}
			continue
		}
		if d := cmp.Diff(tt.want, u); err != nil || d != "" {
			t.Errorf("%q, %q: %v, %s", tt.uid, tt.gid, err, d)
		}
	}
}

// What is tried is done with the rights that are left, and changes nothing for
// the rest of the process.
func TestTry(t *testing.T) {
	need.Root(t)
	u := &User{Name: "somebody", UID: 61234, GID: 61235, Groups: []int{61236}}
	dir := t.TempDir()
	if err := errors.Join(os.Chown(dir, u.UID, u.GID), os.Chmod(filepath.Dir(dir), 0o755)); err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(dir, "x")
	held := cap.GetProc()
	for range 10 { // on whatever threads there are
		var in *cap.Set
		var groups []int
		if err := Try(u, []cap.Value{cap.SYS_PTRACE}, func() error {
			in = cap.GetProc()
			var err error
			groups, err = unix.Getgroups()
			return errors.Join(err, os.WriteFile(name, nil, 0o600))
		}); err != nil {
			t.Fatal(err)
		}
		if s := in.String(); s != "cap_sys_ptrace=ep" {
			t.Errorf("capabilities: %s", s)
		}
		if d := cmp.Diff(u.Groups, groups); d != "" {
			t.Error(d)
		}
		var st unix.Stat_t
		if err := unix.Stat(name, &st); err != nil || int(st.Uid) != u.UID || int(st.Gid) != u.GID {
			t.Errorf("%v, owner %d:%d", err, st.Uid, st.Gid)
		}
		if err := os.Remove(name); err != nil {
			t.Fatal(err)
		}
		if now := cap.GetProc(); os.Geteuid() != 0 || now.String() != held.String() {
			t.Errorf("the process has changed: user %d, %s", os.Geteuid(), now)
		}
	}
	err := Try(u, nil, func() error { return os.WriteFile("/proc/sys/kernel/hostname", nil, 0) })
	if !errors.Is(err, os.ErrPermission) {
		t.Errorf("%v", err)
	}
	if err := Try(nil, nil, func() error {
		return unix.Faccessat(unix.AT_FDCWD, dir, unix.W_OK, unix.AT_EACCESS)
	}); !errors.Is(err, unix.EACCES) {
		t.Errorf("root without capabilities: %v", err)
	}
}
