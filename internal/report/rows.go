package report

import (
	"bufio"
	"fmt"
	"io"
	"slices"
	"strings"
)

// A Format is a way to write rows.
type Format string

const (
	Text     Format = "text"
	JSONL    Format = "jsonl"
	CSV      Format = "csv"
	TSV      Format = "tsv"
	JSON     Format = "json"
	Markdown Format = "markdown"
	Stap     Format = "stap"
	Hex      Format = "hex"
)

// RowFormats are those that Rows knows.
var RowFormats = []Format{Text, JSONL, CSV, TSV}

// A Column is one field of a row.
type Column[T any] struct {
	// Name is the field's name for machines. A dot makes it part of an object
	// in JSON: client.pid. Columns without a name are for people only.
	Name string
	// Head is its title for people; columns without one are for machines only.
	Head string
	// Pick is the name by which a column without one can be chosen.
	Pick string
	Get  func(*T, *Cell)

	Width int  // in text
	Right bool // aligned to the right
	Wide  bool // left out in text when there is little room
	Tail  bool // cut at the front when too long
	Below bool // in a table, on a line of its own under the rest
	Wrap  bool // below, and broken into lines when too long, not cut
}

// narrow is how many columns a terminal must have to be shown the Wide ones.
const narrow = 120

// Rows writes one row after the other, without knowing the next.
type Rows[T any] struct {
	w       *bufio.Writer
	format  Format
	columns []Column[T]
	width   int
	object  object[T] // in JSONL
	begun   bool
	buf     []byte
	cell    Cell
}

// chosenWidth is how wide a column is in text that says nothing of it.
const chosenWidth = 12

// ChooseColumns returns the columns of these names, in this order, for text,
// csv and tsv.
func ChooseColumns[T any](all []Column[T], names []string) (list []Column[T], err error) {
	for _, name := range names {
		i := slices.IndexFunc(all, func(c Column[T]) bool { return c.pick() == name })
		if i < 0 {
			var known []string
			for _, c := range all {
				known = append(known, c.pick())
			}
			return nil, fmt.Errorf("no column %q (there are %s)", name, strings.Join(known, ", "))
		}
		c := all[i]
		c.Name, c.Head, c.Wide = name, strings.ToUpper(name), false
		if c.Width == 0 {
			c.Width = chosenWidth
		}
		c.Width = max(c.Width, len(c.Head))
		list = append(list, c)
	}
	return list, nil
}

// pick is the name by which a column can be chosen.
func (c *Column[T]) pick() string {
	if c.Name != "" {
		return c.Name
	}
	return c.Pick
}

// NewRows returns a writer of rows. width is that of the terminal; 0 means
// that there is none, and then nothing is cut.
func NewRows[T any](w io.Writer, f Format, width int, columns []Column[T]) *Rows[T] {
	r := &Rows[T]{w: bufio.NewWriterSize(w, 64<<10), format: f, width: width}
	for _, c := range columns {
		if f == Text && c.Head != "" && !(c.Wide && width > 0 && width < narrow) || f != Text && c.Name != "" {
			r.columns = append(r.columns, c)
		}
	}
	r.object = newObject(r.columns)
	return r
}

// Write writes a row.
func (r *Rows[T]) Write(row *T) error {
	if !r.begun {
		r.begin()
	}
	_, err := r.w.Write(r.Line(row))
	return err
}

// Line returns a row's line without writing it. It is valid until the next
// call.
func (r *Rows[T]) Line(row *T) []byte {
	r.buf = r.buf[:0]
	switch r.format {
	case JSONL:
		r.buf = append(r.object.append(r.buf, row, &r.cell), '\n')
	case CSV, TSV:
		r.separated(row)
	default:
		r.text(row)
	}
	return r.buf
}

// Flush writes what is buffered, and the header if there was no row.
func (r *Rows[T]) Flush() error {
	if !r.begun {
		r.begin()
	}
	return r.w.Flush()
}

// begin writes the header line.
func (r *Rows[T]) begin() {
	r.begun = true
	r.buf = r.buf[:0]
	for i, c := range r.columns {
		switch {
		case r.format == Text:
			from := len(r.buf)
			r.buf = append(r.buf, c.Head...)
			r.pad(i, from)
		case r.format == CSV || r.format == TSV:
			if i > 0 {
				r.buf = append(r.buf, r.separator())
			}
			r.buf = append(r.buf, c.Name...)
		}
	}
	if len(r.buf) > 0 {
		r.w.Write(append(r.buf, '\n')) // an error comes again with Flush
	}
}

func (r *Rows[T]) separator() byte {
	if r.format == CSV {
		return ','
	}
	return '\t'
}

func (r *Rows[T]) separated(row *T) {
	for i := range r.columns {
		if i > 0 {
			r.buf = append(r.buf, r.separator())
		}
		r.cell.clear()
		r.columns[i].Get(row, &r.cell)
		from := len(r.buf)
		r.buf = r.cell.appendPlain(r.buf)
		if r.format == CSV {
			r.buf = quoteCSV(r.buf, from)
		} else {
			r.buf = escapeTSV(r.buf, from)
		}
	}
	r.buf = append(r.buf, '\n')
}

func (r *Rows[T]) text(row *T) {
	for i := range r.columns {
		r.cell.clear()
		r.columns[i].Get(row, &r.cell)
		from := len(r.buf)
		r.buf = r.cell.appendText(r.buf)
		r.pad(i, from)
	}
	r.buf = append(r.buf, '\n')
}

// pad brings the text of column i, which begins at from, to its width.
func (r *Rows[T]) pad(i, from int) {
	c := &r.columns[i]
	last := i == len(r.columns)-1
	if r.width > 0 {
		room := c.Width
		if last {
			room = max(r.width-columnsOf(r.buf[:from]), 8)
		}
		if c.Tail {
			r.buf = cutHead(r.buf, from, room)
		} else {
			r.buf = cutTo(r.buf, from, room)
		}
	}
	if last {
		return
	}
	r.buf = align(r.buf, from, c.Width, c.Right)
	r.buf = append(r.buf, ' ', ' ')
}

// align fills the text from from on to n columns.
func align(buf []byte, from, n int, right bool) []byte {
	missing := n - columnsOf(buf[from:])
	if missing <= 0 {
		return buf
	}
	size := len(buf) - from
	for range missing {
		buf = append(buf, ' ')
	}
	if right {
		copy(buf[from+missing:], buf[from:from+size])
		for i := range missing {
			buf[from+i] = ' '
		}
	}
	return buf
}

// quoteCSV quotes the field from from on if it must be (RFC 4180), and writes
// control characters other than line ends and tabs as in text.
func quoteCSV(buf []byte, from int) []byte {
	field := buf[from:]
	plain := true
	for _, c := range field {
		if c < 0x20 || c == '"' || c == ',' || c == 0x7f {
			plain = false
			break
		}
	}
	if plain {
		return buf
	}
	field = append([]byte(nil), field...)
	buf = append(buf[:from], '"')
	for _, c := range field {
		switch {
		case c == '"':
			buf = append(buf, '"', '"')
		case c == '\n' || c == '\r' || c == '\t':
			buf = append(buf, c)
		case c < 0x20 || c == 0x7f:
			buf = appendSafeByte(buf, c)
		default:
			buf = append(buf, c)
		}
	}
	return append(buf, '"')
}

// escapeTSV writes control characters and backslashes of the field from from
// on with a backslash, so that a row stays a line.
func escapeTSV(buf []byte, from int) []byte {
	field := buf[from:]
	plain := true
	for _, c := range field {
		if c < 0x20 || c == '\\' || c == 0x7f {
			plain = false
			break
		}
	}
	if plain {
		return buf
	}
	field = append([]byte(nil), field...)
	buf = buf[:from]
	for _, c := range field {
		switch {
		case c == '\\':
			buf = append(buf, '\\', '\\')
		case c < 0x20 || c == 0x7f:
			buf = appendSafeByte(buf, c)
		default:
			buf = append(buf, c)
		}
	}
	return buf
}

// ParseFormat returns the format of that name, which must be one of known.
func ParseFormat(name string, known []Format) (Format, error) {
	names := make([]string, len(known))
	for i, f := range known {
		if string(f) == name {
			return f, nil
		}
		names[i] = string(f)
	}
	return "", fmt.Errorf("no format %q (there are %s)", name, strings.Join(names, ", "))
}
