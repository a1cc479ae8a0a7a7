package main

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"unixcap/bpf"
	"unixcap/internal/extcap"
	"unixcap/internal/sockets"

	"github.com/spf13/pflag"
	"golang.org/x/sys/unix"
)

// linkTypeRaw is LINKTYPE_RAW, which all packets have: docs/format.md.
const linkTypeRaw = 101

// controls are the flags in the dialogue of the interface.
var controls = []extcap.Control{
	{Flag: "path", Group: "Sockets", Values: boundPaths, Changing: true},
	{Flag: "type", Group: "Sockets", Values: fixed("stream", "dgram", "seqpacket"), Several: true},
	{Flag: "sk", Group: "Sockets", Passing: true},
	{Flag: "inode", Group: "Sockets", Passing: true},
	{Flag: "netns", Group: "Sockets"},
	{Flag: "not", Group: "Sockets"},
	{Flag: "pid", Group: "Processes", Values: socketHolders, Changing: true, Passing: true},
	{Flag: "follow", Group: "Processes"},
	{Flag: "comm", Group: "Processes"},
	{Flag: "uid", Group: "Processes"},
	{Flag: "gid", Group: "Processes"},
	{Flag: "cgroup", Group: "Processes"},
	{Flag: "container", Group: "Processes", Passing: true},
	{Flag: "receive", Group: "Recording"},
	{Flag: "failed", Group: "Recording"},
	{Flag: "snaplen", Group: "Recording"},
	{Flag: "max-bytes", Group: "Recording"},
	{Flag: "max-rate", Group: "Recording"},
	{Flag: "port", Group: "Recording"},
	{Flag: "buffer-size", Group: "Recording"},
	{Flag: "backend", Group: "Recording", Values: namesOfBackends},
}

// answer does what Wireshark asks and returns the exit status.
func answer(args []string, stdout io.Writer) (int, error) {
	call, err := extcap.Parse(args)
	if err != nil {
		return exitUsage, err
	}
	about := extcap.Interface{Name: "unixcap", Display: "UNIX sockets", LinkType: linkTypeRaw, Link: "RAW", Version: programVersion()}
	if call.Interface != "" && call.Interface != about.Name {
		return exitUsage, fmt.Errorf("--extcap-interface %s: there is only %s", call.Interface, about.Name)
	}
	switch {
	case call.Interfaces:
		return status(about.WriteInterfaces(stdout))
	case call.DLTs:
		return status(about.WriteDLTs(stdout))
	case call.Config && call.Reload != "":
		return status(extcap.WriteValues(stdout, newFlags().FlagSet, controls, call.Reload))
	case call.Config:
		return status(extcap.WriteConfig(stdout, newFlags().FlagSet, controls))
	case call.Capture:
		status, err := captureInto(call, stdout)
		if err != nil {
			letGo(call.Fifo)
		}
		return status, err
	}
	// Whatever is printed is what is wrong with the filter.
	if _, err := filterWords(call.Filter); err != nil {
		_, err = fmt.Fprintln(stdout, err)
		return status(err)
	}
	return 0, nil
}

// liveFlush bounds what is missing at the end: told to end, Wireshark 4.0 first
// closes its side of the fifo, and then says so.
const liveFlush = 20 * time.Millisecond

// captureInto records into Wireshark's fifo, until it goes away or sends SIGTERM.
func captureInto(call *extcap.Call, stdout io.Writer) (int, error) {
	words, err := filterWords(call.Filter)
	if err != nil {
		return exitUsage, fmt.Errorf("capture filter: %w", err)
	}
	if err := onlyControls(call.Args); err != nil {
		return exitUsage, err
	}
	owner, err := fifoOwner(call.Fifo)
	if err != nil {
		return exitUsage, err
	}
	args := slices.Concat(call.Args, []string{"--write", call.Fifo})
	if os.Geteuid() == 0 {
		// Who made the fifo may be root with SUDO_UID set, or somebody whose
		// Wireshark runs this by sudo.
		args = append(args, "--relinquish-privileges", strconv.Itoa(owner))
	}
	// What Wireshark shows has it talk to the screen; to show that too would
	// never end.
	parent := os.Getppid()
	if parent > 1 {
		args = append(args, "--not", "pid="+strconv.Itoa(parent))
	}
	o, err := parse(append(args, words...), io.Discard)
	if err != nil {
		return exitUsage, err
	}
	o.operation.silent, o.operation.flushEvery = true, liveFlush
	go endAfter(parent)
	status, err := begin(o, stdout)
	if errors.Is(err, os.ErrPermission) && os.Geteuid() != 0 {
		if self, e := os.Executable(); e == nil {
			err = fmt.Errorf("%w; as root: setcap cap_bpf,cap_perfmon,cap_syslog+ep %s", err, self)
		}
	}
	return status, err
}

// onlyControls refuses arguments that are not from the dialogue, such as another
// file to write, or a command.
func onlyControls(args []string) error {
	f := newFlags().FlagSet
	if err := f.Parse(args); err != nil {
		return err
	}
	if f.NArg() > 0 {
		return fmt.Errorf("%q: not of the interface's options (sockets are --path)", f.Arg(0))
	}
	var err error
	f.Visit(func(flag *pflag.Flag) {
		if !slices.ContainsFunc(controls, func(c extcap.Control) bool { return c.Flag == flag.Name }) {
			err = fmt.Errorf("--%s: not of the interface's options", flag.Name)
		}
	})
	return err
}

// fifoOwner returns the user who made a fifo. Wireshark always makes one, and a
// file of another kind is not to be touched.
func fifoOwner(name string) (uid int, err error) {
	var st unix.Stat_t
	if err := unix.Lstat(name, &st); err != nil {
		return 0, fmt.Errorf("--fifo %s: %w", name, err)
	}
	if st.Mode&unix.S_IFMT != unix.S_IFIFO {
		return 0, fmt.Errorf("--fifo %s: is no fifo", name)
	}
	return int(st.Uid), nil
}

// parentEvery is how often a look is taken whether the parent is still there.
const parentEvery = time.Second

// endAfter ends this process once its parent has ended. A Wireshark that was killed
// tells nobody; the fifo's end shows only when there is something to write.
func endAfter(parent int) {
	for os.Getppid() == parent {
		time.Sleep(parentEvery)
	}
	if err := unix.Kill(os.Getpid(), unix.SIGTERM); err != nil {
		fmt.Fprintf(os.Stderr, "record: %v\n", err)
	}
}

// readerLimit is how long Wireshark's side of the fifo is waited for.
const readerLimit = 5 * time.Second

// letGo has whoever opens the fifo find its end. Wireshark starts both sides at
// once, and if this one is gone first the other waits for ever.
func letGo(fifo string) {
	for end := time.Now().Add(readerLimit); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		if _, err := fifoOwner(fifo); err != nil {
			return
		}
		fd, err := unix.Open(fifo, unix.O_WRONLY|unix.O_NONBLOCK|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
		if err == nil {
			unix.Close(fd)
		}
		if !errors.Is(err, unix.ENXIO) { // nobody reads yet
			return
		}
	}
}

// filterWords takes a capture filter apart: the flags and arguments of record that
// choose what is recorded. There are no quotes, but ? is also a space.
func filterWords(text string) ([]string, error) {
	words := strings.Fields(text)
	f := pflag.NewFlagSet("filter", pflag.ContinueOnError)
	f.SetOutput(io.Discard)
	var filter filterFlags
	filter.add(f)
	if err := f.Parse(words); err != nil {
		return nil, err
	}
	if f.ArgsLenAtDash() >= 0 {
		return nil, errors.New("-- and a command: not in a capture filter")
	}
	filter.paths = append(filter.paths, f.Args()...)
	return words, filter.parse(f, new(options))
}

func fixed(names ...string) func() []extcap.Value {
	return func() []extcap.Value {
		list := make([]extcap.Value, len(names))
		for i, name := range names {
			list[i] = extcap.Value{Value: name, Display: name}
		}
		return list
	}
}

func namesOfBackends() []extcap.Value {
	names := []string{string(bpf.Auto)}
	for _, b := range bpf.Backends {
		names = append(names, string(b))
	}
	return fixed(names...)()
}

// boundPaths are the names that sockets are bound to. Who may not record is not
// told, here and below, and finds out when the recording begins.
func boundPaths() (paths []extcap.Value) {
	list, err := sockets.List(nil)
	if err != nil {
		return nil
	}
	for _, s := range list {
		if s.Path != "" && s.State != sockets.Established {
			paths = append(paths, extcap.Value{Value: s.Path, Display: s.Path})
		}
	}
	return slices.Compact(paths)
}

// socketHolders are the processes that have sockets.
func socketHolders() (processes []extcap.Value) {
	list, err := sockets.List(nil)
	if err != nil {
		return nil
	}
	for _, s := range list {
		for _, p := range s.Holders {
			processes = append(processes, extcap.Value{Value: strconv.Itoa(int(p.PID)), Display: fmt.Sprintf("%d %s", p.PID, p.Comm)})
		}
	}
	slices.SortFunc(processes, func(a, b extcap.Value) int {
		return cmp.Or(cmp.Compare(len(a.Value), len(b.Value)), strings.Compare(a.Value, b.Value)) // as numbers
	})
	return slices.Compact(processes)
}
