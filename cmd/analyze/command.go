package main

import (
	"errors"
	"fmt"
	"os"
	"runtime/debug"
	"slices"
	"strings"
	"syscall"

	"unixcap/internal/output"
	"unixcap/internal/report"

	"github.com/spf13/pflag"
)

// Exit statuses.
const (
	fine   = 0
	failed = 1
	misuse = 2
)

// A command is one of analyze's subcommands.
type command struct {
	name    string
	args    string // as in the usage line
	about   string // for the list of commands
	help    string // more words for its own help
	formats []report.Format
	// flags adds the command's own flags and returns what runs it.
	flags func(*job, *pflag.FlagSet) func(*job) error
	reads input
}

// An input is what the files are that a command is given.
type input int

const (
	captures input = iota
	reports        // in JSON
	nothing        // it takes none
)

var commands = []*command{&reportCommand, &mergeCommand, &logCommand, &dumpCommand, &flowsCommand, &decodersCommand}

// A usageError is a mistake in the command line.
type usageError struct {
	err     error
	command string
}

func (e *usageError) Error() string {
	return fmt.Sprintf("%v (see analyze %s--help)", e.err, e.command)
}

// run runs the command line and returns the exit status.
func run(args []string) int {
	err := dispatch(args)
	var wrong *usageError
	switch {
	case err == nil, errors.Is(err, syscall.EPIPE):
		// A reader that has seen enough, such as head, is no failure.
		return fine
	case errors.As(err, &wrong):
		complain(err)
		return misuse
	}
	if list, ok := err.(interface{ Unwrap() []error }); ok {
		for _, err := range list.Unwrap() {
			complain(err)
		}
		return failed
	}
	complain(err)
	return failed
}

// complain writes an error on one line of its own, whatever it is made of.
func complain(err error) {
	fmt.Fprintln(os.Stderr, "analyze: "+report.Safe(err.Error()))
}

func dispatch(args []string) error {
	c, rest := choose(args)
	if len(args) > 0 && c == &reportCommand {
		switch args[0] {
		case "-h", "--help", "help":
			fmt.Print(overview())
			return nil
		case "--version":
			fmt.Println("analyze " + version())
			return nil
		}
	}
	return c.run(rest)
}

// choose finds the command that the arguments begin with. Without one it is
// report.
func choose(args []string) (*command, []string) {
	if len(args) > 0 {
		for _, c := range commands {
			if c.name == args[0] {
				return c, args[1:]
			}
		}
	}
	return &reportCommand, args
}

// run parses a command's arguments and does its work.
func (c *command) run(args []string) error {
	wrong := func(err error) error { return &usageError{err, c.name + " "} }
	set := pflag.NewFlagSet(c.name, pflag.ContinueOnError)
	set.SortFlags = false
	set.Usage = func() {}
	var j job
	j.addFlags(set, c)
	work := c.flags(&j, set)
	if err := set.Parse(args); errors.Is(err, pflag.ErrHelp) {
		fmt.Print(c.usage(set))
		return nil
	} else if err != nil {
		return wrong(err)
	}
	if err := j.check(c); err != nil {
		return wrong(err)
	}
	files := set.Args()
	switch {
	case c.reads == nothing && len(files) > 0:
		return wrong(fmt.Errorf("%s takes no files", c.name))
	case c.reads != nothing && len(files) == 0:
		return wrong(fmt.Errorf("no %s to read (- is standard input)", [...]string{captures: "capture", reports: "report"}[c.reads]))
	}
	if err := checkCommandName(files); err != nil {
		return &usageError{err, ""}
	}
	if n := countOf(files, "-"); n > 1 {
		return wrong(errors.New("standard input can be read only once"))
	}
	if c.reads == reports {
		return j.doReports(files, work)
	}
	return j.do(files, work)
}

// checkCommandName catches a command that is misspelt, or not in the first
// place, before it is taken for a file.
func checkCommandName(files []string) error {
	if len(files) == 0 || strings.ContainsAny(files[0], "./-") {
		return nil
	}
	if _, err := os.Lstat(files[0]); !errors.Is(err, os.ErrNotExist) {
		return nil
	}
	for _, c := range commands {
		if c.name == files[0] {
			return fmt.Errorf("command %s must come first", files[0])
		}
	}
	return fmt.Errorf("%s is no command, and no such file", files[0])
}

func countOf(list []string, what string) int {
	return len(list) - len(slices.DeleteFunc(slices.Clone(list), func(s string) bool { return s == what }))
}

func overview() string {
	var b strings.Builder
	b.WriteString(`Tell what programs said to each other over UNIX sockets, from what record wrote.

Usage:
  analyze [report] FILE...   summary of a capture
  analyze COMMAND FILE...

Commands:
`)
	for _, c := range commands {
		fmt.Fprintf(&b, "  %-9s  %s\n", c.name, c.about)
	}
	b.WriteString(`
FILE is a capture; - is standard input. Several are read as one.
analyze COMMAND --help tells more. Exit status: 0 fine, 1 failed, 2 wrong usage.
`)
	return b.String()
}

func (c *command) usage(set *pflag.FlagSet) string {
	return fmt.Sprintf("%s.\n\nUsage:\n  analyze %s [flags]%s\n\n%sFlags:\n%s",
		c.about, c.name, c.args, c.help, output.FlagUsages(set))
}

// version is what the program was built from.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok || info.Main.Version == "" {
		return "(devel)"
	}
	return info.Main.Version
}
