package report

import (
	"bytes"
	"fmt"
	"strconv"
	"unicode/utf8"
)

// A detail is all that is known of one group.
type detail struct {
	group *group
	by    dimension
}

// A fact is a line of a detail.
type fact struct {
	label string
	text  []byte
}

// A measure is one of the things that are measured of each exchange.
type measure struct {
	name    string
	d       *distribution
	seconds bool
}

// measures are those of which there is something.
func (g *group) measures() (list []*measure) {
	for _, m := range []measure{
		{"first byte", &g.Latency.distribution, true},
		{"first row", &g.FirstRow.distribution, true},
		{"last row", &g.LastRow.distribution, true},
		{"last byte", &g.Duration.distribution, true},
		{"queued", &g.Queued.distribution, true},
		{"service", &g.Service.distribution, true},
		{"rows", &g.Rows.distribution, false},
		{"sent", &g.Sent.distribution, false},
		{"received", &g.Received.distribution, false},
	} {
		if m.d.count > 0 && (m.seconds || m.d.sum > 0) {
			list = append(list, &m)
		}
	}
	return list
}

// put sets a number in the measure's unit.
func (m *measure) put(c *Cell, v float64) {
	if m.seconds {
		c.Duration(nanoseconds(v))
		return
	}
	c.Quantity(v)
}

func measured(head string, get func(*distribution) float64) Column[measure] {
	return Column[measure]{Head: head, Right: true, Get: func(m *measure, c *Cell) { m.put(c, get(m.d)) }}
}

var measureColumns = []Column[measure]{
	{Head: "", Get: func(m *measure, c *Cell) { c.String(m.name) }},
	measured("TOTAL", func(d *distribution) float64 { return float64(d.sum) }),
	measured("MIN", func(d *distribution) float64 { return float64(d.min) }),
	measured("MEAN", (*distribution).mean),
	measured("P50", quantile(0.50)),
	measured("P95", quantile(0.95)),
	measured("P99", quantile(0.99)),
	measured("MAX", largest),
	measured("STDDEV", (*distribution).stddev),
}

func measureTable(title string, g *group) *table[measure] {
	columns := append([]Column[measure](nil), measureColumns...)
	columns[0].Head = title
	return newTable("", columns, g.measures(), 0)
}

// head says what the group is and how much of the whole.
func (d *detail) head() string {
	g := d.group
	line := count(g.Count, "request")
	if span := g.Ended.Sub(g.Began.Time.Time).Seconds(); span >= 1 {
		line += fmt.Sprintf(" (%s/s, concurrency %.2f)", appendQuantity(nil, float64(g.Count)/span), g.Time.Seconds()/span)
	}
	line += fmt.Sprintf(", %.1f%% of the time, V/M %s, %s", 100*g.Share,
		appendDuration(nil, nanoseconds(g.Latency.dispersion())), count(g.Errors, "error"))
	if g.Unanswered > 0 {
		line += ", " + number(g.Unanswered) + " unanswered"
	}
	if g.Warnings > 0 {
		line += ", " + count(g.Warnings, "warning")
	}
	return line
}

// facts are what is left to say.
func (d *detail) facts() (list []fact) {
	g := d.group
	add := func(label string, n names) {
		if len(n) > 0 && !(len(n) == 1 && n[0].Name == none) {
			list = append(list, fact{label, n.appendText(nil)})
		}
	}
	if g.Proto != "" {
		list = append(list, fact{"protocol", []byte(g.Proto)})
	}
	first := g.Began.Time.UTC().Format("15:04:05.000000")
	list = append(list, fact{"from", []byte(first + " to " + g.Ended.UTC().Format("15:04:05.000000"))})
	add("errors", g.ErrorCodes)
	if d.by != ByUser {
		add("users", g.Users)
	}
	if d.by != ByDatabase {
		add("databases", g.Databases)
	}
	if d.by != ByProcess {
		add("processes", g.Processes)
	}
	if r := &g.Repeated; r.Units > 0 {
		list = append(list, fact{"repeated", fmt.Appendf(nil, "%s times in %s or %s, at most %s in one (%s)", number(r.Requests),
			count(r.Units, "transaction"), plural(r.Units, "burst"), number(r.Most), whereIs(&sample{place: r.At, Flow: r.Flow}))})
	}
	if g.Unclosed > 0 {
		list = append(list, fact{"never closed", []byte(number(g.Unclosed))})
	}
	if s := &g.Slowest; !s.IsZero() {
		list = append(list, fact{"slowest", append(append(appendDuration(nil, s.Duration), ", "...), whereIs(s)...)})
	}
	return list
}

// whereIs says when a sample was and where to find it.
func whereIs(s *sample) []byte {
	b := s.Time.UTC().AppendFormat(nil, "15:04:05.000000")
	if s.Packet != 0 {
		b = strconv.AppendUint(append(b, ", packet "...), s.Packet, 10)
	}
	if s.File != "" {
		b = appendSafe(append(b, " of "...), []byte(s.File))
	}
	return append(append(b, ", conversation "...), s.Flow...)
}

func (d *detail) empty() bool { return false }

// labelWidth is how much room the labels of facts take.
const labelWidth = 12

func (d *detail) appendText(dst []byte, width int) []byte {
	g := d.group
	dst = strconv.AppendInt(dst, int64(g.Rank), 10)
	from := len(dst)
	dst = appendSafe(append(dst, ". "...), g.title())
	dst = append(wrap(dst, from, width, 5), '\n')
	dst = append(append(append(dst, "  "...), d.head()...), '\n')
	dst = measureTable("", g).appendRows(dst, width)
	dst = g.Decades.appendText(dst)
	for _, f := range d.facts() {
		from := len(dst)
		dst = append(append(dst, "  "...), f.label...)
		dst = append(align(dst, from, 2+labelWidth, false), f.text...)
		dst = append(wrap(dst, from, width, 2+labelWidth), '\n')
	}
	if len(g.Slowest.Request) > 0 {
		from := len(dst)
		dst = appendSafe(append(dst, "    "...), g.Slowest.Request)
		dst = append(wrap(dst, from, width, 4), '\n')
	}
	return append(dst, '\n')
}

// maxLines is how many lines of a terminal a text is shown of.
const maxLines = 6

// wrap breaks the text from from on into lines of the terminal's width, those
// after the first one indented, and cuts what is more than maxLines.
func wrap(dst []byte, from, width, indent int) []byte {
	if width <= indent+8 || columnsOf(dst[from:]) <= width {
		return dst
	}
	rest := bytes.Clone(dst[from:])
	dst = dst[:from]
	for line := 0; ; line++ {
		room := width
		if line > 0 {
			dst = append(dst, '\n')
			for range indent {
				dst = append(dst, ' ')
			}
			room -= indent
		}
		if columnsOf(rest) <= room {
			return append(dst, rest...)
		}
		if line == maxLines-1 {
			at := len(dst)
			return cutTo(append(dst, rest...), at, room)
		}
		n := breakAt(rest, room)
		dst = append(dst, bytes.TrimRight(rest[:n], " ")...)
		rest = bytes.TrimLeft(rest[n:], " ")
	}
}

// breakAt returns how many bytes of s fit into a line, up to a space if there
// is one in its second half.
func breakAt(s []byte, columns int) int {
	n, space := 0, 0
	for i := range columns {
		_, size := utf8.DecodeRune(s[n:])
		n += size
		if i > columns/2 && n < len(s) && s[n] == ' ' {
			space = n
		}
	}
	if space > 0 {
		return space
	}
	return n
}

// barWidth is how long the longest bar of a histogram is.
const barWidth = 50

// appendText appends a bar for each order of magnitude from the first to the
// last that there is.
func (d decades) appendText(dst []byte) []byte {
	if d.IsZero() {
		return dst
	}
	first, last, most := len(d), 0, int64(0)
	for i, n := range d {
		if n > 0 {
			first, last = min(first, i), i
		}
		most = max(most, n)
	}
	for i := first; i <= last; i++ {
		from := len(dst)
		dst = append(dst, decadeNames[i]...)
		dst = align(dst, from, labelWidth, true)
		dst = append(dst, "  "...)
		bar := int(float64(d[i]) / float64(most) * barWidth)
		if d[i] > 0 {
			bar = max(bar, 1)
			dst = append(append(dst, bytes.Repeat([]byte("#"), bar)...), ' ')
		}
		dst = append(appendCount(dst, d[i]), '\n')
	}
	return dst
}

func (d *detail) appendMarkdown(dst []byte) []byte {
	g := d.group
	dst = append(strconv.AppendInt(append(dst, "### "...), int64(g.Rank), 10), ". "...)
	dst = append(appendCode(dst, appendSafe(nil, g.title())), "\n\n"...)
	dst = append(append(dst, d.head()...), ".\n\n"...)
	dst = append(measureTable(" ", g).appendMarkdownRows(dst), '\n')
	if bars := g.Decades.appendText(nil); len(bars) > 0 {
		dst = append(append(append(dst, "```\n"...), bars...), "```\n\n"...)
	}
	for _, f := range d.facts() {
		dst = append(append(append(dst, "- "...), f.label...), ": "...)
		dst = append(appendMarkdownText(dst, f.text), '\n')
	}
	if len(g.Slowest.Request) > 0 {
		dst = append(dst, "\n"...)
		dst = append(appendCode(dst, appendSafe(nil, g.Slowest.Request)), '\n')
	}
	return append(dst, '\n')
}

// A heading stands above details.
type heading string

func (h heading) empty() bool { return h == "" }

func (h heading) appendText(dst []byte, _ int) []byte { return append(append(dst, h...), "\n\n"...) }

func (h heading) appendMarkdown(dst []byte) []byte {
	return append(append(append(dst, "## "...), h...), "\n\n"...)
}
