package main

import (
	"fmt"
	"io"
	"os"
	"text/tabwriter"

	"unixcap/internal/capture"
	"unixcap/internal/report"
	"unixcap/internal/sockets"
)

// printSockets prints a line a socket: what `lsof -p PID | grep unix` shows, and
// the other end.
func printSockets(w io.Writer, list []*sockets.Socket) error {
	t := tabwriter.NewWriter(w, 0, 8, 2, ' ', 0)
	fmt.Fprintln(t, "SK\tINODE\tTYPE\tSTATE\tPROCESS\tPEER\tPATH")
	for _, s := range list {
		path := s.Path
		if path == "" && s.Peer != nil && s.Peer.Path != "" {
			path = "→ " + s.Peer.Path
		}
		fmt.Fprintf(t, "%#x\t%d\t%s\t%s\t%s\t%s\t%s\n",
			s.SK, s.Inode, s.Kind, s.State, holders(s.Holders), peer(s), report.Safe(path))
	}
	return t.Flush()
}

// noMatch says that nothing will ever meet the filter, while there are these
// sockets.
type noMatch struct {
	error
	list []*sockets.Socket
}

// someSockets is how many sockets are shown to who asked for one that is not there.
const someSockets = 10

// printSome shows sockets that there are: those with a name, one a name. It is
// for standard error, whose own errors nobody could be told of.
func printSome(w io.Writer, list []*sockets.Socket) {
	var some []*sockets.Socket
	for _, s := range list {
		if s.Path != "" && s.State != sockets.Established && (len(some) == 0 || some[len(some)-1].Path != s.Path) {
			some = append(some, s)
		}
	}
	fmt.Fprintf(w, "There are %d UNIX sockets, of which %d wait at a path or name", len(list), len(some))
	if len(some) == 0 {
		fmt.Fprintln(w, ".")
		return
	}
	if len(some) > someSockets {
		some = some[:someSockets]
		fmt.Fprint(w, "; the first (-D lists all)")
	}
	fmt.Fprintln(w, ":")
	printSockets(w, some)
}

// explain says that nothing meets the filter yet, and shows what there is.
func (o *options) explain(w io.Writer, list []*sockets.Socket) {
	unbound := o.unbound(list)
	for _, p := range unbound {
		// The kernel side finds a socket by its file too, which the list does not have.
		if _, err := os.Stat(p); err == nil {
			fmt.Fprintf(w, "record: %s is bound by another name, or by nobody\n", p)
		} else {
			fmt.Fprintf(w, "record: no socket is bound to %s yet\n", p)
		}
	}
	if len(unbound) == 0 {
		fmt.Fprintln(w, "record: no socket there is meets the filter yet")
	}
	printSome(w, list)
}

func holders(list []capture.Process) string {
	switch len(list) {
	case 0:
		return "-"
	case 1:
		return fmt.Sprintf("%s[%d]", report.Safe(list[0].Comm), list[0].PID)
	}
	return fmt.Sprintf("%s[%d]+%d", report.Safe(list[0].Comm), list[0].PID, len(list)-1)
}

func peer(s *sockets.Socket) string {
	switch {
	case s.Peer != nil:
		return holders(s.Peer.Holders)
	case s.PeerSK != 0:
		return fmt.Sprintf("%#x", s.PeerSK)
	}
	return "-"
}
