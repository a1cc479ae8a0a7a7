package report

import (
	"bytes"
	"slices"
)

// A section is a table of the report.
type section interface {
	empty() bool
	appendText(dst []byte, width int) []byte
	appendMarkdown(dst []byte) []byte
}

// A table is a section with rows of one kind.
type table[T any] struct {
	title   string
	columns []Column[T]
	rows    []*T
	left    int // rows that are left out
}

func newTable[T any](title string, columns []Column[T], rows []*T, limit int) *table[T] {
	t := &table[T]{title: title, columns: columns, rows: rows}
	if limit > 0 && len(rows) > limit {
		t.left = len(rows) - limit
		t.rows = rows[:limit]
	}
	return t
}

func (t *table[T]) empty() bool { return len(t.rows) == 0 }

// shown are the columns in a row, and those under it.
func (t *table[T]) shown() (beside, below []Column[T]) {
	for _, c := range t.columns {
		if c.Below {
			below = append(below, c)
		} else {
			beside = append(beside, c)
		}
	}
	return beside, below
}

// cells renders the columns of all rows, the heads first.
func cells[T any](columns []Column[T], rows []*T, put func([]byte, *Cell) []byte) [][][]byte {
	grid := make([][][]byte, 0, len(rows)+1)
	head := make([][]byte, len(columns))
	for i, c := range columns {
		head[i] = []byte(c.Head)
	}
	grid = append(grid, head)
	for _, row := range rows {
		line := make([][]byte, len(columns))
		for i, c := range columns {
			var cell Cell
			c.Get(row, &cell)
			line[i] = put(nil, &cell)
		}
		grid = append(grid, line)
	}
	return grid
}

func putText(dst []byte, c *Cell) []byte { return c.appendText(dst) }

func (t *table[T]) appendText(dst []byte, width int) []byte {
	dst = append(append(dst, t.title...), '\n')
	return append(t.appendRows(dst, width), '\n')
}

// appendRows appends the rows with their columns as wide as they must be, the
// last one cut to the terminal, and the columns meant for it under each row.
func (t *table[T]) appendRows(dst []byte, width int) []byte {
	beside, below := t.shown()
	grid, widths := t.grid(beside)
	if width > 0 && total(widths) > width {
		beside = slices.DeleteFunc(beside, func(c Column[T]) bool { return c.Wide })
		grid, widths = t.grid(beside)
	}
	under := cells(below, t.rows, putText)
	for n, line := range grid {
		begin := len(dst)
		for i, text := range line {
			dst = append(dst, ' ', ' ')
			from := len(dst)
			dst = append(dst, text...)
			if i < len(line)-1 || beside[i].Right {
				dst = align(dst, from, widths[i], beside[i].Right)
			}
		}
		if width > 0 {
			dst = cutTo(dst, begin, width)
		}
		dst = append(bytes.TrimRight(dst, " "), '\n')
		for i, text := range under[n] {
			if n == 0 {
				continue // what is on a line of its own needs no head
			}
			from := len(dst)
			dst = append(append(dst, belowIndent...), text...)
			switch {
			case width > 0 && below[i].Wrap:
				dst = wrap(dst, from, width, len(belowIndent))
			case width > 0:
				dst = cutTo(dst, from, width)
			}
			dst = append(dst, '\n')
		}
	}
	if t.left > 0 {
		dst = append(dst, "  … and "...)
		dst = append(appendCount(dst, int64(t.left)), " more (--limit 0 shows all)\n"...)
	}
	return dst
}

// grid renders columns, and says how wide each must be.
func (t *table[T]) grid(columns []Column[T]) (grid [][][]byte, widths []int) {
	grid = cells(columns, t.rows, putText)
	widths = make([]int, len(columns))
	for _, line := range grid {
		for i := range line {
			widths[i] = max(widths[i], columnsOf(line[i]))
		}
	}
	return grid, widths
}

// total is how wide a row is.
func total(widths []int) (n int) {
	for _, w := range widths {
		n += 2 + w
	}
	return n
}

// belowIndent is before what is under a row.
const belowIndent = "     "

func (t *table[T]) appendMarkdown(dst []byte) []byte {
	dst = append(append(append(dst, "## "...), t.title...), "\n\n"...)
	return append(t.appendMarkdownRows(dst), '\n')
}

// appendMarkdownRows appends the rows as GitHub's Markdown has tables.
func (t *table[T]) appendMarkdownRows(dst []byte) []byte {
	beside, below := t.shown()
	columns := append(beside, below...)
	for n, line := range cells(columns, t.rows, putText) {
		dst = append(dst, '|')
		for i, text := range line {
			dst = append(dst, ' ')
			if n > 0 && (columns[i].Below || columns[i].Head == "PATH") {
				dst = appendCode(dst, text)
			} else {
				dst = appendMarkdownText(dst, text)
			}
			dst = append(dst, " |"...)
		}
		dst = append(dst, '\n')
		if n > 0 {
			continue
		}
		dst = append(dst, '|')
		for i := range line {
			if columns[i].Right {
				dst = append(dst, " ---: |"...)
			} else {
				dst = append(dst, " --- |"...)
			}
		}
		dst = append(dst, '\n')
	}
	if t.left > 0 {
		dst = append(dst, "\n… and "...)
		dst = append(appendCount(dst, int64(t.left)), " more\n"...)
	}
	return dst
}

// appendMarkdownText appends text that shall look as it is, whatever Markdown
// or HTML makes of its characters.
func appendMarkdownText(dst, text []byte) []byte {
	for _, c := range text {
		switch c {
		case '\\', '`', '*', '_', '{', '}', '[', ']', '<', '>', '#', '|', '~', '!':
			dst = append(dst, '\\', c)
		case '&':
			dst = append(dst, "&amp;"...)
		default:
			dst = append(dst, c)
		}
	}
	return dst
}

// appendCode appends text as code, which may contain anything but the fence,
// and in a table no bar.
func appendCode(dst, text []byte) []byte {
	fence := longestRun(text, '`') + 1
	for range fence {
		dst = append(dst, '`')
	}
	dst = append(dst, ' ')
	dst = append(dst, bytes.ReplaceAll(text, []byte("|"), []byte(`\|`))...)
	dst = append(dst, ' ')
	for range fence {
		dst = append(dst, '`')
	}
	return dst
}

func longestRun(text []byte, c byte) (longest int) {
	n := 0
	for _, b := range text {
		if b != c {
			n = 0
			continue
		}
		n++
		longest = max(longest, n)
	}
	return longest
}
