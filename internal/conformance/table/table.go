package main

import (
	"fmt"
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
}

// A row is one path on one kind of socket, or several that are alike.
type row struct {
	group string
	paths []string
	kinds []string
	cells map[string]string // by column
}

func newTable() *table { return &table{byKey: make(map[[3]string]*row)} }

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
		case f[0] == "backend" || f[0] == "check" || f[0] == "preempt":
			return fmt.Errorf("line with %d fields: %q", len(f), line)
		}
	}
	return nil
}

// column is a short name for a kernel and backend.
func column(release, arch, backend, where string) string {
	numbers := strings.SplitN(release, ".", 3)
	name := strings.Join(numbers[:min(2, len(numbers))], ".")
	if arch != "amd64" {
		name += " " + arch
	}
	if where == "host" {
		name += " host"
	}
	return name + " " + backend
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

// String is both tables, and the notes of the second.
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
	return b.String()
}
