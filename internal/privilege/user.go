package privilege

import (
	"errors"
	"fmt"
	"os"
	"os/user"
	"strconv"
)

// A User is whom a process becomes.
type User struct {
	Name   string // for messages; a number if it has no name
	UID    int
	GID    int
	Groups []int // the supplementary ones
}

// Lookup returns the user of a name, or of a number that needs no name.
func Lookup(name string) (*User, error) {
	u, err := user.Lookup(name)
	var unknown user.UnknownUserError
	if errors.As(err, &unknown) {
		u, err = user.LookupId(name)
	}
	if err == nil {
		return fromEntry(u)
	}
	uid, numErr := strconv.ParseUint(name, 10, 31)
	if numErr != nil {
		return nil, fmt.Errorf("user %q: there is no such user", name)
	}
	return &User{Name: name, UID: int(uid), GID: int(uid)}, nil
}

func fromEntry(u *user.User) (*User, error) {
	x := &User{Name: u.Username}
	var err error
	if x.UID, err = strconv.Atoi(u.Uid); err == nil {
		x.GID, err = strconv.Atoi(u.Gid)
	}
	if err != nil {
		return nil, fmt.Errorf("user %s: %w", u.Username, err)
	}
	ids, err := u.GroupIds()
	if err != nil {
		return nil, fmt.Errorf("groups of user %s: %w", u.Username, err)
	}
	for _, id := range ids {
		gid, err := strconv.Atoi(id)
		if err != nil {
			return nil, fmt.Errorf("groups of user %s: %w", u.Username, err)
		}
		x.Groups = append(x.Groups, gid)
	}
	return x, nil
}

// Invoker returns the user who ran sudo, nil if this is not root by sudo.
func Invoker() (*User, error) {
	uid, gid := os.Getenv("SUDO_UID"), os.Getenv("SUDO_GID")
	if os.Geteuid() != 0 || uid == "" {
		return nil, nil
	}
	n, err := strconv.ParseUint(uid, 10, 31)
	if err != nil {
		return nil, fmt.Errorf("SUDO_UID=%q is not a user id (-Z says whom to become)", uid)
	}
	u, err := Lookup(strconv.FormatUint(n, 10))
	if err != nil || u.UID == 0 {
		return nil, err
	}
	if gid == "" {
		return u, nil
	}
	g, err := strconv.ParseUint(gid, 10, 31)
	if err != nil {
		return nil, fmt.Errorf("SUDO_GID=%q is not a group id (-Z says whom to become)", gid)
	}
	u.GID = int(g)
	return u, nil
}
