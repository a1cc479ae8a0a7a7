package monitor

import (
	"fmt"
	"path/filepath"
	"strings"
	"time"
	"unicode/utf8"

	"unixcap/internal/report"
	"unixcap/internal/tally"
)

// status is the status line, in a terminal of so many columns. before is what
// was counted when the line was shown last.
func status(s, before *tally.Snapshot, since time.Duration, columns int) string {
	taken, earlier := taken(s), taken(before)
	rate := 0.0
	if since > 0 {
		rate = float64(taken.Messages-earlier.Messages) / since.Seconds()
	}
	parts := []string{
		short(float64(taken.Messages)) + " packets",
		short(float64(taken.Bytes)) + "B",
		short(rate) + "/s",
		lost(s),
	}
	if s.RingSize > 0 {
		parts = append(parts, fmt.Sprintf("buffer %d%%", 100*s.RingUsed/s.RingSize))
	}
	if s.File != "" {
		parts = append(parts, report.Safe(filepath.Base(s.File)))
	}
	return cut(strings.Join(parts, "  "), columns-1) // the last column would wrap on some
}

func taken(s *tally.Snapshot) tally.Count {
	var n tally.Count
	for _, k := range s.Taken {
		n.Messages += k.Messages
		n.Bytes += k.Bytes
	}
	return n
}

func lost(s *tally.Snapshot) string {
	switch n := s.Lost(); {
	case s.Complete():
		return "0 lost"
	case n.Messages == 0:
		return short(float64(s.Incomplete.Messages)) + " incomplete"
	default:
		return short(float64(n.Messages)) + " lost"
	}
}

// short is a number in few characters: 999, 1.2k, 45M.
func short(v float64) string {
	const units = " kMGTPE"
	i := 0
	for v >= 999.5 && i < len(units)-1 {
		v /= 1000
		i++
	}
	if i == 0 {
		return fmt.Sprintf("%.0f", v)
	}
	if v < 9.95 {
		return fmt.Sprintf("%.1f%c", v, units[i])
	}
	return fmt.Sprintf("%.0f%c", v, units[i])
}

// cut cuts a line to so many columns at the most. What is not ASCII may take two.
func cut(line string, columns int) string {
	used := 0
	for i, r := range line {
		width := 1
		if r >= utf8.RuneSelf {
			width = 2
		}
		if used += width; used > columns {
			return line[:i]
		}
	}
	return line
}
