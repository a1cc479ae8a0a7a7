package main

import (
	"fmt"
	"io"
	"slices"
	"text/tabwriter"

	"unixcap/internal/capture"
	"unixcap/internal/glob"
	"unixcap/internal/report"
	"unixcap/internal/sockets"
)

// printSockets prints a line a socket: what `lsof -p PID | grep unix` shows, and
// the other end. It lists those that the filters choose.
func printSockets(w io.Writer, list []*sockets.Socket, o *options) error {
	t := tabwriter.NewWriter(w, 0, 8, 2, ' ', 0)
	fmt.Fprintln(t, "SK\tINODE\tTYPE\tSTATE\tPROCESS\tPEER\tPATH")
	for _, s := range list {
		if !o.shows(s) {
			continue
		}
		path := s.Path
		if path == "" && s.Peer != nil && s.Peer.Path != "" {
			path = "→ " + s.Peer.Path
		}
		fmt.Fprintf(t, "%#x\t%d\t%s\t%s\t%s\t%s\t%s\n",
			s.SK, s.Inode, s.Kind, s.State, holders(s.Holders), peer(s), report.Safe(path))
	}
	return t.Flush()
}

// shows reports whether the filters choose a socket.
func (o *options) shows(s *sockets.Socket) bool {
	f := &o.tap.Filter
	either := func(match func(*sockets.Socket) bool) bool {
		return match(s) || s.Peer != nil && match(s.Peer)
	}
	sk := func(s *sockets.Socket) bool { return slices.Contains(f.SKs, s.SK) }
	pid := func(s *sockets.Socket) bool { return slices.ContainsFunc(f.PIDs, s.HeldBy) }
	path := func(s *sockets.Socket) bool {
		return slices.ContainsFunc(f.Paths, func(pattern string) bool { return s.Path != "" && glob.MatchPath(pattern, s.Path) })
	}
	return (len(f.SKs) == 0 || either(sk)) && (len(f.PIDs) == 0 || either(pid)) && (len(f.Paths) == 0 || either(path))
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
