package report

import (
	"bytes"
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
)

// SummaryFormats are those that Summary.Write knows.
var SummaryFormats = []Format{Text, JSON, Markdown}

// A Layout says how a report is laid out.
type Layout struct {
	Width   int       // of the terminal; 0 means that there is none, and then nothing is cut
	Limit   int       // rows of each table; 0 means all
	Details int       // how many of the first groups are described in detail, or AutoDetails
	Sort    string    // one of Sorts
	By      dimension // must be one that NewSummary was given
}

// AutoDetails is autoDetails groups, or none where there are several protocols.
const (
	AutoDetails = -1
	autoDetails = 3
)

// Dimensions are those that a summary must be given to be laid out so. In JSON it
// has them all, since it may be merged with others.
func (l Layout) Dimensions(f Format) []dimension {
	if f == JSON {
		return AllDimensions()
	}
	return []dimension{l.By}
}

// Write writes the report: the totals, the groups, and what else there is to
// know. In JSON it has all groups and can be merged with others.
func (s *Summary) Write(w io.Writer, f Format, l Layout) error {
	if err := CheckSort(l.Sort); err != nil {
		return err
	}
	var out []byte
	var err error
	switch f {
	case JSON:
		out, err = s.appendJSON(out, l)
	case Markdown:
		out = append(out, "# UNIX socket capture\n\n"...)
		for _, line := range s.lines() {
			out = append(appendMarkdownText(append(out, "- "...), []byte(line)), '\n')
		}
		out = append(out, '\n')
		for _, t := range s.sections(l) {
			if !t.empty() {
				out = t.appendMarkdown(out)
			}
		}
	case Text:
		for _, line := range s.lines() {
			from := len(out)
			out = append(wrap(append(out, line...), from, l.Width, 2), '\n')
		}
		out = append(out, '\n')
		for _, t := range s.sections(l) {
			if !t.empty() {
				out = t.appendText(out, l.Width)
			}
		}
	default:
		err = fmt.Errorf("no format %q for a report", f)
	}
	if err != nil {
		return err
	}
	if f != JSON {
		out = append(bytes.TrimRight(out, "\n"), '\n')
	}
	_, err = w.Write(out)
	return err
}

// sections are the parts of the report.
func (s *Summary) sections(l Layout) []section {
	groups := s.sortedGroups(l.By, l.Sort)
	classes := groups
	if l.By != ByClass {
		classes = s.sortedGroups(ByClass, l.Sort)
	}
	title := "Requests by " + l.Sort
	if l.By != ByClass {
		title = [...]string{ByUser: "Users", ByDatabase: "Databases", ByProcess: "Processes", ByConnection: "Conversations"}[l.By] + " by " + l.Sort
	}
	list := s.overview(l)
	list = append(list, newTable(title, groupColumns, groups, l.Limit))
	if s.Total.Exchanges > 0 {
		list = append(list, newTable("All requests", measureColumns, s.overall().measures(), 0))
	}
	details := groups[:min(s.details(l), len(groups))]
	if len(details) > 0 {
		list = append(list, heading("In detail"))
	}
	for _, g := range details {
		list = append(list, &detail{g, l.By})
	}
	return append(list, s.otherSections(classes, l)...)
}

// details is how many groups are described. Those of several protocols have
// little to do with each other, and would push what is asked of all off the page.
func (s *Summary) details(l Layout) int {
	switch {
	case l.Details != AutoDetails:
		return l.Details
	case len(s.decoded()) > 1:
		return 0
	}
	return autoDetails
}

// decoded are the protocols that were decoded.
func (s *Summary) decoded() []*protocolSum {
	return slices.DeleteFunc(s.sortedProtocols(), func(p *protocolSum) bool { return p.Exchanges == 0 })
}

// overview is what one wants to know first of a capture of anything: who talks
// to whom, over what, how much, how fast, and how wrong it went.
func (s *Summary) overview(l Layout) []section {
	peerings := s.peerings()
	return []section{
		shownPeerings(peerings, l.Limit),
		newTable("Of unknown protocol", unknownColumns, slices.DeleteFunc(slices.Clone(peerings), func(p *peering) bool { return p.Content == "" }), l.Limit),
		newTable("Errors", errorColumns, s.sortedErrors(), l.Limit),
		newTable("Connections that failed", failureColumns, s.sortedFailures(), l.Limit),
	}
}

func (s *Summary) otherSections(classes []*group, l Layout) []section {
	protocols := s.sortedProtocols()
	transacting := slices.DeleteFunc(slices.Clone(protocols), func(p *protocolSum) bool { return p.Transactions.IsZero() })
	repeated := slices.DeleteFunc(slices.Clone(classes), func(g *group) bool { return g.Repeated.Units == 0 })
	slices.SortStableFunc(repeated, func(a, b *group) int { return cmp.Compare(b.Repeated.Requests, a.Repeated.Requests) })
	unclosed := slices.DeleteFunc(slices.Clone(classes), func(g *group) bool { return g.Unclosed == 0 })
	slices.SortStableFunc(unclosed, func(a, b *group) int { return cmp.Compare(b.Unclosed, a.Unclosed) })
	return []section{
		newTable("Transactions", transactionColumns, transacting, 0),
		newTable(fmt.Sprintf("Repeated at least %d times in one transaction or burst (N+1)", repeatedFrom), repeatColumns, repeated, l.Limit),
		newTable("Prepared statements that were never closed", unclosedColumns, unclosed, l.Limit),
		newTable("Protocols", protocolColumns, protocols, 0),
		newTable("Connections", connectionColumns, s.decoded(), 0),
	}
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
	if n := len(s.groups[ByClass]); n > 0 {
		classes := "class"
		if n > 1 {
			classes = "classes"
		}
		line += " of " + number(int64(n)) + " " + classes
	}
	if d := t.Last.Sub(t.First.Time); d >= time.Second && t.Exchanges > 0 {
		var busy time.Duration
		for _, g := range s.groups[ByClass] {
			busy += g.Time
		}
		line += fmt.Sprintf(" (%s/s, concurrency %.2f)", appendQuantity(nil, float64(t.Exchanges)/d.Seconds()), busy.Seconds()/d.Seconds())
	}
	line += fmt.Sprintf(", %s, %s unanswered", count(t.Errors, "error"), number(t.Unanswered))
	if t.Encrypted > 0 {
		line += fmt.Sprintf(", %s encrypted", number(t.Encrypted))
	}
	return append(lines, line, s.losses())
}

// plural is the word for n of something.
func plural(n int64, what string) string {
	if n != 1 {
		what += "s"
	}
	return what
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
	if s.Total.First.IsZero() {
		return files
	}
	first, last := s.Total.First.UTC(), s.Total.Last.UTC()
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
	m := &t.Missing
	add(m.Unread, "%s not read to the end", count(m.Unread, "file"))
	add(m.Bytes, "%s bytes missing between messages", size(m.Bytes))
	add(m.Messages, "%s lost by the recorder", count(m.Messages, "message"))
	add(m.CutBytes, "%s bytes cut off messages", size(m.CutBytes))
	add(m.Dropped, "recorder: %s dropped for want of room", number(m.Dropped))
	add(m.OSDropped, "recorder: %s lost in the kernel", number(m.OSDropped))
	add(m.GivenUp, "%s given up (too many at once)", count(m.GivenUp, "conversation"))
	if t.FailedSends > 0 {
		list = append(list, count(t.FailedSends, "failed send"))
	}
	if len(list) == 0 {
		return "Nothing is missing."
	}
	return "Missing: " + strings.Join(list, ", ")
}

func count(n int64, what string) string {
	return number(n) + " " + plural(n, what)
}

func number(n int64) string { return string(appendCount(nil, n)) }
func size(n int64) string   { return string(appendSize(nil, n)) }
