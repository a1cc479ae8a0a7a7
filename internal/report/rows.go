package report

import (
	"bufio"
	"fmt"
	"io"
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
	Get  func(*T, *Cell)

	Width int  // in text
	Right bool // aligned to the right
	Wide  bool // left out in text when there is little room
	Tail  bool // cut at the front when too long
	Below bool // in a table, on a line of its own under the rest
}

// narrow is how many columns a terminal must have to be shown the Wide ones.
const narrow = 120

// Rows writes one row after the other, without knowing the next.
type Rows[T any] struct {
	w       *bufio.Writer
	format  Format
	columns []Column[T]
	width   int
	begun   bool
	buf     []byte
	cell    Cell
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
		r.buf = append(appendObject(r.buf, r.columns, row, &r.cell), '\n')
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
		r.cell = Cell{}
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
		r.cell = Cell{}
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

// appendObject appends a row as a JSON object. Absent values are left out.
func appendObject[T any](dst []byte, columns []Column[T], row *T, cell *Cell) []byte {
	dst = append(dst, '{')
	object := "" // the one that is open
	comma := false
	for i := range columns {
		c := &columns[i]
		if c.Name == "" {
			continue
		}
		*cell = Cell{}
		c.Get(row, cell)
		if cell.kind == cellNone {
			continue
		}
		outer, name, nested := strings.Cut(c.Name, ".")
		if !nested {
			outer, name = "", c.Name
		}
		if object != "" && object != outer {
			dst = append(dst, '}')
		}
		if comma {
			dst = append(dst, ',')
		}
		if outer != "" && object != outer {
			dst = append(append(append(dst, '"'), outer...), `":{`...)
		}
		object, comma = outer, true
		dst = append(append(append(dst, '"'), name...), `":`...)
		dst = cell.appendJSON(dst)
	}
	if object != "" {
		dst = append(dst, '}')
	}
	return append(dst, '}')
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
