package monitor

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

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
	worst(&b, s)
	io.WriteString(w, b.String())
}

func amount(n tally.Count) string {
	return fmt.Sprintf("%d packets, %d bytes", n.Messages, n.Bytes)
}

// worst is a table of the sockets that lost most.
func worst(w io.Writer, s *tally.Snapshot) {
	if len(s.Worst) == 0 || s.Complete() { // what --max-rate left out looks the same
		return
	}
	fmt.Fprintln(w, "sockets that lost most:")
	rest := s.Lost()
	t := tabwriter.NewWriter(w, 0, 8, 2, ' ', 0)
	fmt.Fprintln(t, "  SK\tINODE\tPACKETS\tBYTES\tPROCESS\tPEER\tPATH")
	for i := range s.Worst {
		x := &s.Worst[i]
		rest = rest.Minus(x.Lost)
		path := report.Safe(x.Path)
		if path == "" && x.PeerPath != "" {
			path = "→ " + report.Safe(x.PeerPath)
		}
		fmt.Fprintf(t, "  %#x\t%d\t%d\t%d\t%s\t%s\t%s\n",
			x.SK, x.Inode, x.Lost.Messages, x.Lost.Bytes, process(x.Process), process(x.Peer), path)
	}
	if rest != (tally.Count{}) {
		// Only the next message of a socket tells what is missing before it.
		fmt.Fprintf(t, "  others, or later\t\t%d\t%d\n", rest.Messages, rest.Bytes)
	}
	t.Flush() // into a strings.Builder
}

func process(p capture.Process) string {
	if p.PID == 0 {
		return "-"
	}
	return fmt.Sprintf("%s[%d]", report.Safe(p.Comm), p.PID)
}
