package monitor

import (
	"fmt"
	"io"
	"strings"

	"unixcap/internal/capture"
	"unixcap/internal/report"
	"unixcap/internal/tally"
)

// Totals prints the lines that tcpdump ends with, the reasons of losses if there
// were any, and the sockets that lost most.
func Totals(w io.Writer, s *tally.Snapshot) {
	var b strings.Builder // one write, so that nothing comes between the lines
	dropped := s.Dropped()
	fmt.Fprintf(&b, "%d packets captured\n%d packets received by filter\n%d packets dropped by kernel\n",
		s.Written, s.Written+dropped+s.At(tally.Output).Messages, dropped)
	for i := range tally.Reasons {
		if n := s.By(i); n != (tally.Count{}) {
			fmt.Fprintf(&b, "  %s: %s\n", tally.Reasons[i].Text, amount(n))
		}
	}
	rest := s.Lost()
	if len(s.Worst) > 0 {
		fmt.Fprintln(&b, "sockets that lost most:")
	}
	for i := range s.Worst {
		fmt.Fprintf(&b, "  %s\n", socket(&s.Worst[i]))
		rest = rest.Minus(s.Worst[i].Lost)
	}
	if len(s.Worst) > 0 && rest != (tally.Count{}) {
		// Only the next message of a socket tells what is missing before it.
		fmt.Fprintf(&b, "  others, or these after their last message: %s\n", amount(rest))
	}
	io.WriteString(w, b.String())
}

func amount(n tally.Count) string {
	return fmt.Sprintf("%d packets, %d bytes", n.Messages, n.Bytes)
}

// socket is a line of what a socket lost.
func socket(s *tally.Socket) string {
	line := fmt.Sprintf("%#x inode %d", s.SK, s.Inode)
	if s.Process.PID != 0 {
		line += " " + process(s.Process) + " → " + process(s.Peer)
	}
	path := s.Path
	if path == "" {
		path = s.PeerPath
	}
	if path != "" {
		line += " " + report.Safe(path)
	}
	return line + ": " + amount(s.Lost)
}

func process(p capture.Process) string {
	if p.PID == 0 {
		return "?"
	}
	return fmt.Sprintf("%s[%d]", report.Safe(p.Comm), p.PID)
}
