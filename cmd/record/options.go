package main

import (
	"errors"
	"fmt"
	"io"
	"math/bits"
	"slices"

	"unixcap/bpf"
	"unixcap/internal/capture"
	"unixcap/internal/fileset"
	"unixcap/internal/output"
	"unixcap/internal/report"

	"github.com/spf13/pflag"
)

// options are what the command line says.
type options struct {
	tap       bpf.Options
	files     fileset.Options // without a name, it prints instead
	format    report.Format
	count     uint64
	list      bool
	examine   bool
	rights    privileges
	nothing   bool // no socket there is meets the filter
	ports     []capture.PortRule
	command   []string
	operation operation
}

// errHelp says that help was asked for and printed.
var errHelp = errors.New("help")

const usage = `Usage: record [OPTION]... [SOCKET]... [-- COMMAND [ARG]...]

Records what programs say to each other across UNIX sockets, whole messages
with pid, comm and the socket's kernel address, into a pcapng file that
Wireshark and analyze read. Without -w, prints a line a message.

SOCKET is the path that a socket is bound to, @name for an abstract one; * and
? match any characters. With COMMAND, records the conversations of the command
and its children, and ends with it.

`

// flags are those of the command line, and what they say until it is checked.
type flags struct {
	*pflag.FlagSet
	o             *options
	help, version bool
	buffer        uint32
	backend       string
	types         string
	format        string
	files         *fileFlags
	filter        filterFlags
	operation     operationFlags
}

// newFlags returns all flags there are, in the order of the help.
func newFlags() *flags {
	o := new(options)
	f := pflag.NewFlagSet("record", pflag.ContinueOnError)
	f.SetOutput(io.Discard)
	f.SortFlags = false
	l := &flags{FlagSet: f, o: o}
	l.files = o.addFileFlags(f)
	f.Uint64VarP(&o.count, "count", "c", 0, "end after `N` messages")
	f.Uint32VarP(&o.tap.Snaplen, "snaplen", "s", 0, "keep at most `N` bytes of a message (default all)")
	l.operation.add(f)
	l.filter.add(f)
	f.BoolVar(&o.tap.Receive, "receive", false, "record too when a stream's bytes are received")
	f.Var((*sizeFlag)(&o.tap.CapBytes), "max-bytes", "record at most `SIZE` of each socket, such as 10m")
	f.Var((*sizeFlag)(&o.tap.CapRate), "max-rate", "record at most `SIZE` a second of each socket")
	f.BoolVar(&o.tap.Failed, "failed", false, "record failed sends too, without their payload")
	f.StringVar(&l.format, "format", "text", "without -w, print in `FORMAT` stap, text, hex or jsonl; -D: text or jsonl")
	f.StringArrayVar(&l.filter.ports, "port", nil, "`GLOB=PORT`: have sockets bound to GLOB at PORT")
	o.rights.add(f)
	f.BoolVarP(&o.list, "list", "D", false, "list the UNIX sockets there are, and end")
	f.BoolVar(&o.examine, "check", false, "say what this kernel offers and which backend would be taken, and end")
	f.StringVar(&l.backend, "backend", "auto", "how to hook the kernel: `NAME` is auto, fentry, kprobe or tracepoint")
	f.StringVar(&l.types, "btf", "", "take the kernel's types from `FILE`, BTF or a vmlinux with it")
	f.Uint32VarP(&l.buffer, "buffer-size", "B", 0, "size of the kernel's buffer in `KiB` (default 65536)")
	f.BoolVar(&l.version, "version", false, "print the version, and end")
	f.BoolVarP(&l.help, "help", "h", false, "print this help, and end")
	return l
}

func parse(args []string, stdout io.Writer) (*options, error) {
	l := newFlags()
	if err := l.Parse(args); err != nil {
		return nil, err
	}
	if l.help {
		fmt.Fprint(stdout, usage, output.FlagUsages(l.FlagSet))
		return nil, errHelp
	}
	if l.version {
		fmt.Fprintln(stdout, programName())
		return nil, errHelp
	}
	return l.o, l.check()
}

// check turns the flags into what they mean.
func (l *flags) check() error {
	o, f := l.o, l.FlagSet
	o.tap.Backend = bpf.Backend(l.backend)
	if o.tap.Backend != bpf.Auto && !slices.Contains(bpf.Backends, o.tap.Backend) {
		return fmt.Errorf("backend %q: there are auto, %s", l.backend, bpf.Names())
	}
	var err error
	if l.types != "" {
		if o.tap.Types, err = bpf.ReadTypes(l.types); err != nil {
			return fmt.Errorf("--btf: %w", err)
		}
	}
	if o.tap.RingSize, err = ringSize(l.buffer); err != nil {
		return err
	}
	if o.format, err = report.ParseFormat(l.format, report.MessageFormats); err != nil {
		return err
	}
	if o.files.Name != "" && f.Changed("format") {
		return errors.New("--format is for printing, and -w writes pcapng: give one of them")
	}
	if o.list && o.format != report.Text && o.format != report.JSONL {
		return fmt.Errorf("-D --format %s: the list is text or jsonl", o.format)
	}
	if err := l.files.parse(f, o); err != nil {
		return err
	}
	if err := o.rights.parse(f); err != nil {
		return err
	}
	if err := l.operation.parse(f, o); err != nil {
		return err
	}
	paths := f.Args()
	if dash := f.ArgsLenAtDash(); dash >= 0 {
		paths, o.command = paths[:dash], paths[dash:]
		if len(o.command) == 0 {
			return errors.New("no command after --")
		}
	}
	l.filter.paths = append(l.filter.paths, paths...)
	return l.filter.parse(f, o)
}

// ringSize returns the bytes of the kernel's buffer, a power of two. The
// smallest holds a record with the longest part of a message.
func ringSize(kib uint32) (int, error) {
	const least, most = 64, 1 << 20
	switch {
	case kib == 0:
		return bpf.DefaultRingSize, nil
	case kib < least || kib > most:
		return 0, fmt.Errorf("buffer of %d KiB: there can be %d to %d", kib, least, most)
	}
	return 1 << bits.Len32(kib*1024-1), nil
}
