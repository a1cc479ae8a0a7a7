package report

import (
	"bytes"
	"fmt"
	"io"
	"strings"
)

// SummaryFormats are those that Summary.Write knows.
var SummaryFormats = []Format{Text, JSON, Markdown}

// Write writes the report: the totals, then the tables with at most limit rows
// each (0 means all), the classes in one of the orders of Sorts. width is that
// of the terminal; 0 means that there is none, and then nothing is cut.
func (s *Summary) Write(w io.Writer, f Format, width, limit int, order string) error {
	if err := CheckSort(order); err != nil {
		return err
	}
	sections := s.sections(limit, order)
	var out []byte
	switch f {
	case JSON:
		out = s.appendJSON(out)
		for _, t := range sections {
			out = t.appendJSON(out)
		}
		out = append(out, "}\n"...)
	case Markdown:
		out = append(out, "# UNIX socket capture\n\n"...)
		for _, line := range s.lines() {
			out = append(appendMarkdownText(append(out, "- "...), []byte(line)), '\n')
		}
		out = append(out, '\n')
		for _, t := range sections {
			if !t.empty() {
				out = t.appendMarkdown(out)
			}
		}
	case Text:
		for _, line := range s.lines() {
			out = append(append(out, line...), '\n')
		}
		out = append(out, '\n')
		for _, t := range sections {
			if !t.empty() {
				out = t.appendText(out, width)
			}
		}
	default:
		return fmt.Errorf("no format %q for a report", f)
	}
	if f != JSON {
		out = append(bytes.TrimRight(out, "\n"), '\n')
	}
	_, err := w.Write(out)
	return err
}

// lines say in words what there is in the capture, and what there is not.
func (s *Summary) lines() []string {
	t := &s.Total
	lines := []string{s.when()}
	if t.Flows == 0 {
		return append(lines, "No messages.")
	}
	what := fmt.Sprintf("%s, %s bytes, %s", count(t.Messages, "message"), size(t.Bytes), count(t.Flows, "conversation"))
	if t.Unknown > 0 {
		what += fmt.Sprintf(" (%s of unknown protocol)", number(t.Unknown))
	}
	lines = append(lines, what)
	line := count(t.Exchanges, "exchange")
	if d := s.Last.Sub(s.First).Seconds(); d >= 1 && t.Exchanges > 0 {
		line += fmt.Sprintf(" (%.3g/s)", float64(t.Exchanges)/d)
	}
	line += fmt.Sprintf(", %s, %s unanswered", count(t.Errors, "error"), number(t.Unanswered))
	if t.Encrypted > 0 {
		line += fmt.Sprintf(", %s encrypted", number(t.Encrypted))
	}
	return append(lines, line, s.losses())
}

// when says which files, and from when to when.
func (s *Summary) when() string {
	files := fmt.Sprintf("%d files", len(s.Files))
	if len(s.Files) == 1 {
		files = Safe(s.Files[0])
		if files == "-" {
			files = "standard input"
		}
	}
	if s.First.IsZero() {
		return files
	}
	first, last := s.First.UTC(), s.Last.UTC()
	until := last.Format("2006-01-02 15:04:05")
	if first.Format("2006-01-02") == last.Format("2006-01-02") {
		until = last.Format("15:04:05")
	}
	return fmt.Sprintf("%s: %s to %s UTC (%s)", files, first.Format("2006-01-02 15:04:05"), until, seconds(last.Sub(first)))
}

// losses says what is missing, or that nothing is.
func (s *Summary) losses() string {
	t := &s.Total
	var list []string
	add := func(n int64, format string, a ...any) {
		if n > 0 {
			list = append(list, fmt.Sprintf(format, a...))
		}
	}
	add(t.LostBytes, "%s bytes missing between messages", size(t.LostBytes))
	add(t.LostMessages, "%s lost by the recorder", count(t.LostMessages, "message"))
	add(t.CutBytes, "%s bytes cut off messages", size(t.CutBytes))
	add(int64(t.Dropped), "recorder: %s dropped for want of room", number(int64(t.Dropped)))
	add(int64(t.OSDropped), "recorder: %s lost in the kernel", number(int64(t.OSDropped)))
	add(t.Evicted, "%s given up (too many at once)", count(t.Evicted, "conversation"))
	if t.Failed > 0 {
		list = append(list, count(t.Failed, "failed send"))
	}
	if len(list) == 0 {
		return "Nothing is missing."
	}
	return "Missing: " + strings.Join(list, ", ")
}

func count(n int64, what string) string {
	if n != 1 {
		what += "s"
	}
	return number(n) + " " + what
}

func number(n int64) string { return string(appendCount(nil, n)) }
func size(n int64) string   { return string(appendSize(nil, n)) }

var totalColumns = []Column[Summary]{
	{Name: "first", Get: func(s *Summary, c *Cell) {
		if !s.First.IsZero() {
			c.Time(s.First)
		}
	}},
	{Name: "last", Get: func(s *Summary, c *Cell) {
		if !s.Last.IsZero() {
			c.Time(s.Last)
		}
	}},
	{Name: "messages", Get: func(s *Summary, c *Cell) { c.Count(s.Total.Messages) }},
	{Name: "bytes", Get: func(s *Summary, c *Cell) { c.Size(s.Total.Bytes) }},
	{Name: "flows", Get: func(s *Summary, c *Cell) { c.Count(s.Total.Flows) }},
	{Name: "unknown_flows", Get: func(s *Summary, c *Cell) { c.Count(s.Total.Unknown) }},
	{Name: "exchanges", Get: func(s *Summary, c *Cell) { c.Count(s.Total.Exchanges) }},
	{Name: "errors", Get: func(s *Summary, c *Cell) { c.Count(s.Total.Errors) }},
	{Name: "unanswered", Get: func(s *Summary, c *Cell) { c.Count(s.Total.Unanswered) }},
	{Name: "encrypted", Get: func(s *Summary, c *Cell) { c.Count(s.Total.Encrypted) }},
	{Name: "failed_sends", Get: func(s *Summary, c *Cell) { c.Count(s.Total.Failed) }},
	{Name: "missing.bytes", Get: func(s *Summary, c *Cell) { c.Size(s.Total.LostBytes) }},
	{Name: "missing.messages", Get: func(s *Summary, c *Cell) { c.Count(s.Total.LostMessages) }},
	{Name: "missing.cut_bytes", Get: func(s *Summary, c *Cell) { c.Size(s.Total.CutBytes) }},
	{Name: "missing.flows_given_up", Get: func(s *Summary, c *Cell) { c.Count(s.Total.Evicted) }},
	{Name: "missing.recorder_dropped", Get: func(s *Summary, c *Cell) { c.Count(int64(s.Total.Dropped)) }},
	{Name: "missing.kernel_dropped", Get: func(s *Summary, c *Cell) { c.Count(int64(s.Total.OSDropped)) }},
}

// appendJSON appends the totals, and leaves the object open.
func (s *Summary) appendJSON(dst []byte) []byte {
	dst = append(dst, `{"files":[`...)
	var cell Cell
	for i, name := range s.Files {
		if i > 0 {
			dst = append(dst, ',')
		}
		cell.String(name)
		dst = cell.appendJSON(dst)
	}
	dst = append(dst, `],"total":`...)
	return appendObject(dst, totalColumns, s, &cell)
}
