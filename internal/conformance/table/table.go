package main

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// A table has a column for each kernel and backend, and a row for each group of
// paths and socket kinds that come to the same everywhere.
type table struct {
	backends []string // rows of the first table
	columns  []string
	rows     []*row
	byKey    map[[3]string]*row
	notes    []string
	verified grid // instructions that the verifier went through
	costs    []string
}

// A row is one path on one kind of socket, or several that are alike.
type row struct {
	group string
	paths []string
	kinds []string
	cells map[string]string // by column
}

func newTable() *table {
	return &table{byKey: make(map[[3]string]*row), verified: grid{cells: make(map[[2]string]string)}}
}

// read takes the lines of one kernel.
func (t *table) read(where, console string) error {
	mode := ""
	for line := range strings.Lines(console) {
		f := strings.Split(strings.TrimRight(line, "\r\n"), "\t")
		switch {
		case f[0] == "backend" && len(f) == 5:
			t.backends = append(t.backends, fmt.Sprintf("| %s | %s, %s%s | %s | %s |", f[1], where, f[2], mode, f[3], strings.ReplaceAll(f[4], "|", "\\|")))
		case f[0] == "preempt" && len(f) == 4:
			// One of several modes is in parentheses: none voluntary (full)
			if _, present, ok := strings.Cut(f[3], "("); ok {
				mode = ", preemption " + strings.TrimRight(strings.Fields(present)[0], ")")
			}
		case f[0] == "check" && len(f) == 10:
			t.check(column(f[1], f[2], f[3], where), f[4], f[5], f[6], t.cell(f[7], f[8], f[9]))
		case f[0] == "program" && len(f) == 7:
			if !strings.HasSuffix(f[3], "--btf") && !anotherCopy.MatchString(f[5]) {
				t.verified.add(kernelColumn(f[1], f[2], where), f[3]+" | "+f[4], f[6])
			}
		case f[0] == "cost" && len(f) == 8:
			t.costs = append(t.costs, fmt.Sprintf("| %s | %s | %s | %s | %s |", kernelColumn(f[1], f[2], where), f[3], f[4], f[6], f[7]))
		case slices.Contains([]string{"backend", "check", "preempt", "program", "cost"}, f[0]):
			return fmt.Errorf("line with %d fields: %q", len(f), line)
		}
	}
	return nil
}

// anotherCopy is the name of a program of which there are several alike.
var anotherCopy = regexp.MustCompile(`_[1-9]$`)

// column is a short name for a kernel and backend.
func column(release, arch, backend, where string) string {
	return kernelColumn(release, arch, where) + " " + backend
}

// kernelColumn is a short name for a kernel.
func kernelColumn(release, arch, where string) string {
	numbers := strings.SplitN(release, ".", 3)
	name := strings.Join(numbers[:min(2, len(numbers))], ".")
	if arch != "amd64" {
		name += " " + arch
	}
	if where == "host" {
		name += " host"
	}
	return name
}

// cell is what a column says of a path.
func (t *table) cell(outcome, why, verdict string) string {
	if verdict != "ok" {
		return "**wrong**"
	}
	text, errno, _ := strings.Cut(outcome, " ")
	switch text {
	case "exact":
		text = "✓"
	case "flagged":
		text = "length"
	case "refused":
		text = errno
	}
	if why == "" {
		return text
	}
	i := slices.Index(t.notes, why)
	if i < 0 {
		i = len(t.notes)
		t.notes = append(t.notes, why)
	}
	return fmt.Sprintf("%s [%d]", text, i+1)
}

func (t *table) check(column, group, kind, path, cell string) {
	if !slices.Contains(t.columns, column) {
		t.columns = append(t.columns, column)
	}
	key := [3]string{group, path, kind}
	r := t.byKey[key]
	if r == nil {
		r = &row{group: group, paths: []string{path}, kinds: []string{kind}, cells: make(map[string]string)}
		t.byKey[key] = r
		t.rows = append(t.rows, r)
	}
	r.cells[column] = cell
}

// alike reports whether two rows come to the same on each kernel.
func (t *table) alike(a, b *row) bool {
	return !slices.ContainsFunc(t.columns, func(c string) bool { return a.cells[c] != b.cells[c] })
}

// merged are the rows with the kinds of a path, and then the paths of a group,
// put together where they are alike.
func (t *table) merged() []*row {
	var byKind, rows []*row
	for _, r := range t.rows {
		i := slices.IndexFunc(byKind, func(o *row) bool {
			return o.group == r.group && o.paths[0] == r.paths[0] && t.alike(o, r)
		})
		if i < 0 {
			byKind = append(byKind, &row{r.group, r.paths, slices.Clone(r.kinds), r.cells})
		} else {
			byKind[i].kinds = append(byKind[i].kinds, r.kinds...)
		}
	}
	for _, r := range byKind {
		i := slices.IndexFunc(rows, func(o *row) bool {
			return o.group == r.group && slices.Equal(o.kinds, r.kinds) && t.alike(o, r)
		})
		if i < 0 {
			rows = append(rows, &row{r.group, slices.Clone(r.paths), r.kinds, r.cells})
		} else {
			rows[i].paths = append(rows[i].paths, r.paths...)
		}
	}
	var groups []string
	for _, r := range rows {
		if !slices.Contains(groups, r.group) {
			groups = append(groups, r.group)
		}
	}
	slices.SortStableFunc(rows, func(a, b *row) int { return slices.Index(groups, a.group) - slices.Index(groups, b.group) })
	return rows
}

// names are the paths without their group's name.
func (r *row) names() []string {
	var names []string
	for _, p := range r.paths {
		names = append(names, strings.TrimLeft(strings.TrimPrefix(p, r.group), ", "))
	}
	return names
}

// String is all tables, and the notes of the second.
func (t *table) String() string {
	var b strings.Builder
	b.WriteString("| kernel | where | backend | result |\n| --- | --- | --- | --- |\n")
	for _, line := range t.backends {
		b.WriteString(line + "\n")
	}
	fmt.Fprintf(&b, "\n| path | sockets | %s |\n|%s\n", strings.Join(t.columns, " | "), strings.Repeat(" --- |", len(t.columns)+2))
	for _, r := range t.merged() {
		kinds := strings.Join(r.kinds, ", ")
		if len(r.kinds) == 3 {
			kinds = "all"
		}
		fmt.Fprintf(&b, "| *%s*: %s | %s |", r.group, strings.Join(r.names(), " · "), kinds)
		for _, c := range t.columns {
			cell := r.cells[c]
			if cell == "" {
				cell = "–"
			}
			fmt.Fprintf(&b, " %s |", cell)
		}
		b.WriteByte('\n')
	}
	b.WriteByte('\n')
	for i, why := range t.notes {
		fmt.Fprintf(&b, "%d. %s\n", i+1, why)
	}
	b.WriteString("\nInstructions that the verifier goes through, of each program once:\n\n")
	t.verified.write(&b, "backend | program")
	if len(t.costs) > 0 {
		b.WriteString("\nWhat a message of 64 B that is sent and received costs, as the kernel counts it (sysctl kernel.bpf_stats_enabled):\n\n" +
			"| kernel | backend | program | runs | ns |\n| --- | --- | --- | ---: | ---: |\n" + strings.Join(t.costs, "\n") + "\n")
	}
	return b.String()
}

// A grid is a table of which rows and columns are in the order in which they come.
type grid struct {
	rows, columns []string
	cells         map[[2]string]string
}

func (g *grid) add(column, row, cell string) {
	if !slices.Contains(g.columns, column) {
		g.columns = append(g.columns, column)
	}
	if !slices.Contains(g.rows, row) {
		g.rows = append(g.rows, row)
	}
	g.cells[[2]string{column, row}] = cell
}

// write writes it with the rows in order. head is above them.
func (g *grid) write(b *strings.Builder, head string) {
	fmt.Fprintf(b, "| %s | %s |\n|%s%s\n", head, strings.Join(g.columns, " | "),
		strings.Repeat(" --- |", 1+strings.Count(head, "|")), strings.Repeat(" ---: |", len(g.columns)))
	for _, row := range slices.Sorted(slices.Values(g.rows)) {
		fmt.Fprintf(b, "| %s |", row)
		for _, column := range g.columns {
			fmt.Fprintf(b, " %s |", cmp.Or(g.cells[[2]string{column, row}], "–"))
		}
		b.WriteByte('\n')
	}
}
