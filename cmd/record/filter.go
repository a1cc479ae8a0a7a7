package main

import (
	"errors"
	"fmt"
	"os"
	"os/user"
	"slices"
	"strconv"
	"strings"

	"unixcap/bpf"
	"unixcap/internal/capture"
	"unixcap/internal/glob"
	"unixcap/internal/sockets"

	"github.com/spf13/pflag"
	"golang.org/x/sys/unix"
)

// A condition is a kind of condition as the command line has it: a flag of its
// own, and a word of --not.
type condition struct {
	name, short, usage string
	add                func(c *bpf.Conditions, value string) error
}

var conditions = []condition{
	{"sk", "", "only the socket at kernel `ADDRESS`, either end", addSK},
	{"inode", "", "only the socket with inode `N`, either end", number("an inode", 32,
		func(c *bpf.Conditions, n uint64) { c.Inodes = append(c.Inodes, uint32(n)) })},
	{"type", "", "only sockets of this `TYPE`: stream, dgram or seqpacket", addType},
	{"netns", "", "only sockets of a network namespace: `NS` is its inode, a name of ip netns, or a file", addNetNS},
	{"pid", "p", "only conversations of process `PID`", number("a process id", 32,
		func(c *bpf.Conditions, n uint64) { c.PIDs = append(c.PIDs, uint32(n)) })},
	{"comm", "", "only of processes whose name matches `GLOB`", addComm},
	{"uid", "", "only of processes of `USER`, a name or number", addUID},
	{"gid", "", "only of processes of `GROUP`, a name or number", addGID},
	{"cgroup", "", "only of processes in cgroup `PATH`, or below", addCgroup},
	{"container", "", "only of the container whose `ID` begins so", addContainer},
}

// filterFlags are the flags and arguments that choose what is recorded, and
// the ports it gets.
type filterFlags struct {
	paths, ports, not []string
	values            map[string]*[]string // by condition
	follow            bool
}

func (g *filterFlags) add(f *pflag.FlagSet) {
	g.values = make(map[string]*[]string)
	f.StringArrayVar(&g.paths, "path", nil, "only sockets bound to `SOCKET`, like the argument")
	for _, c := range conditions {
		g.values[c.name] = f.StringSliceP(c.name, c.short, nil, c.usage)
	}
	f.StringArrayVar(&g.not, "not", nil, "leave out what meets `KIND=VALUE`, where KIND is path or one of the above, such as --not comm=cron")
	f.BoolVar(&g.follow, "follow", false, "with --pid, also the children that the process has from now on, and theirs")
}

func (g *filterFlags) parse(f *pflag.FlagSet, o *options) error {
	filter := &o.tap.Filter
	if err := addPaths(&filter.Want, g.paths); err != nil {
		return err
	}
	for _, c := range conditions {
		if f.Changed(c.name) && len(*g.values[c.name]) == 0 {
			return fmt.Errorf("--%s: the value is empty", c.name) // not: everything
		}
		for _, value := range *g.values[c.name] {
			if err := c.add(&filter.Want, value); err != nil {
				return fmt.Errorf("--%s %s: %w", c.name, value, err)
			}
		}
	}
	for _, n := range g.not {
		if err := addNot(&filter.Not, n); err != nil {
			return fmt.Errorf("--not %s: %w", n, err)
		}
	}
	filter.Follow = g.follow
	switch {
	case len(o.command) > 0 && len(filter.Want.PIDs) > 0:
		return errors.New("--pid and a command: give one of them")
	case g.follow && len(filter.Want.PIDs) == 0:
		return errors.New("--follow is for the children of --pid: give that too")
	case len(o.command) > 0:
		// Its parent is this process, so the kernel side takes it in with
		// its first breath.
		filter.Want.PIDs = []uint32{uint32(os.Getpid())}
		filter.Follow = true
	}
	for _, p := range g.ports {
		rule, err := capture.ParsePortRule(p)
		if err != nil {
			return err
		}
		o.ports = append(o.ports, rule)
	}
	return nil
}

func addPaths(c *bpf.Conditions, paths []string) error {
	for _, p := range paths {
		if err := bpf.CheckPath(p); err != nil {
			return err
		}
	}
	c.Paths = append(c.Paths, paths...)
	return nil
}

func addNot(to *bpf.Conditions, condition string) error {
	kind, value, ok := strings.Cut(condition, "=")
	if !ok {
		return errors.New("not of the form KIND=VALUE")
	}
	if kind == "path" {
		return addPaths(to, []string{value})
	}
	names := []string{"path"}
	for _, c := range conditions {
		if c.name == kind {
			return c.add(to, value)
		}
		names = append(names, c.name)
	}
	return fmt.Errorf("no such kind as %q: there are %s", kind, strings.Join(names, ", "))
}

func addSK(c *bpf.Conditions, s string) error {
	sk, err := strconv.ParseUint(strings.TrimPrefix(strings.ToLower(s), "0x"), 16, 64)
	if err != nil {
		return errors.New("not an address such as 0xffff88810a1b2c00")
	}
	c.SKs = append(c.SKs, sk)
	return nil
}

// number returns an add function for a positive number.
func number(what string, bits int, add func(*bpf.Conditions, uint64)) func(*bpf.Conditions, string) error {
	return func(c *bpf.Conditions, s string) error {
		n, err := strconv.ParseUint(s, 10, bits)
		if err != nil || n == 0 {
			return fmt.Errorf("not %s", what)
		}
		add(c, n)
		return nil
	}
}

func addType(c *bpf.Conditions, s string) error {
	for name, number := range map[string]uint8{"stream": unix.SOCK_STREAM, "dgram": unix.SOCK_DGRAM, "seqpacket": unix.SOCK_SEQPACKET} {
		if s == name {
			c.Types = append(c.Types, number)
			return nil
		}
	}
	return errors.New("not a type: there are stream, dgram and seqpacket")
}

// commMax is how many bytes of a process's name the kernel keeps.
const commMax = 15

func addComm(c *bpf.Conditions, s string) error {
	if n := len(strings.ReplaceAll(s, "*", "")); n > commMax {
		return fmt.Errorf("%d bytes, of which the kernel keeps %d (the rest can be *)", n, commMax)
	}
	c.Comms = append(c.Comms, s)
	return bpf.CheckComm(s)
}

// addNetNS takes an inode, or the file of a namespace. ip netns keeps its files
// in /run/netns.
func addNetNS(c *bpf.Conditions, s string) error {
	n, err := strconv.ParseUint(s, 10, 32)
	if err != nil {
		if !strings.Contains(s, "/") {
			s = "/run/netns/" + s
		}
		if n, err = netNSOf(s); err != nil {
			return fmt.Errorf("%s: %w", s, err)
		}
	}
	c.NetNS = append(c.NetNS, uint32(n))
	return nil
}

// netNSOf returns the inode of the network namespace that a file stands for.
func netNSOf(file string) (uint64, error) {
	fd, err := unix.Open(file, unix.O_RDONLY|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		return 0, err
	}
	defer unix.Close(fd)
	var fs unix.Statfs_t
	if err := unix.Fstatfs(fd, &fs); err != nil {
		return 0, err
	}
	if fs.Type == unix.NSFS_MAGIC {
		switch kind, err := unix.IoctlRetInt(fd, unix.NS_GET_NSTYPE); {
		case err != nil:
			return 0, err
		case kind == unix.CLONE_NEWNET:
			var st unix.Stat_t
			err := unix.Fstat(fd, &st)
			return st.Ino, err
		}
	}
	return 0, errors.New("not a network namespace")
}

func addUID(c *bpf.Conditions, s string) error {
	n, err := strconv.ParseUint(s, 10, 32)
	if err != nil {
		u, err := user.Lookup(s)
		if err != nil {
			return errors.New("there is no such user")
		}
		if n, err = strconv.ParseUint(u.Uid, 10, 32); err != nil {
			return err
		}
	}
	c.UIDs = append(c.UIDs, uint32(n))
	return nil
}

func addGID(c *bpf.Conditions, s string) error {
	n, err := strconv.ParseUint(s, 10, 32)
	if err != nil {
		g, err := user.LookupGroup(s)
		if err != nil {
			return errors.New("there is no such group")
		}
		if n, err = strconv.ParseUint(g.Gid, 10, 32); err != nil {
			return err
		}
	}
	c.GIDs = append(c.GIDs, uint32(n))
	return nil
}

func addCgroup(c *bpf.Conditions, s string) error {
	ids, err := sockets.Cgroups(s)
	c.Cgroups = append(c.Cgroups, ids...)
	return err
}

func addContainer(c *bpf.Conditions, s string) error {
	ids, err := sockets.ContainerCgroups(s)
	c.Cgroups = append(c.Cgroups, ids...)
	return err
}

// A sizeFlag is a number of bytes, with k, m or g of KiB, MiB or GiB.
type sizeFlag uint64

func (s *sizeFlag) String() string { return "" }
func (s *sizeFlag) Type() string   { return "SIZE" }

func (s *sizeFlag) Set(text string) error {
	digits := strings.TrimRight(strings.ToLower(text), "kmg")
	n, err := strconv.ParseUint(digits, 10, 32)
	shift, ok := map[string]int{"": 0, "k": 10, "m": 20, "g": 30}[strings.ToLower(text[len(digits):])]
	if err != nil || n == 0 || !ok {
		return errors.New("not a size such as 500k or 10m")
	}
	*s = sizeFlag(n << shift)
	return nil
}

// check refuses conditions that nothing can ever meet.
func (o *options) check(list []*sockets.Socket) error {
	want := &o.tap.Filter.Want
	for _, sk := range want.SKs {
		if !slices.ContainsFunc(list, func(s *sockets.Socket) bool { return s.SK == sk }) {
			return fmt.Errorf("--sk %#x: there is no such socket", sk)
		}
	}
	for _, inode := range want.Inodes {
		if !slices.ContainsFunc(list, func(s *sockets.Socket) bool { return s.Inode == inode }) {
			return fmt.Errorf("--inode %d: there is no such socket", inode)
		}
	}
	for _, pid := range want.PIDs {
		if int(pid) == os.Getpid() {
			continue // the parent of a command still to start
		}
		switch leader, err := sockets.Leader(pid); {
		case errors.Is(err, os.ErrNotExist):
			return fmt.Errorf("--pid %d: there is no such process", pid)
		case err != nil:
			return err
		case leader != pid:
			return fmt.Errorf("--pid %d: a thread of process %d (give that one)", pid, leader)
		}
	}
	return nil
}

// unbound returns the paths of which no socket that is listed has the name.
func (o *options) unbound(list []*sockets.Socket) []string {
	var paths []string
	for _, p := range o.tap.Filter.Want.Paths {
		if !slices.ContainsFunc(list, func(s *sockets.Socket) bool { return glob.MatchPath(glob.Stars(p), s.Path) }) {
			paths = append(paths, p)
		}
	}
	return paths
}
