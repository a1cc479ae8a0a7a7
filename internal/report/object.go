package report

import "strings"

// An object writes rows as JSON objects.
type object[T any] []field[T]

// A field is a column's value in an object.
type field[T any] struct {
	get   func(*T, *Cell)
	outer string // the object it is in, "" if it is in none
	open  string // how that begins
	key   string
}

func newObject[T any](columns []Column[T]) object[T] {
	var o object[T]
	for i := range columns {
		if columns[i].Name == "" {
			continue
		}
		f := field[T]{get: columns[i].Get}
		outer, name, nested := strings.Cut(columns[i].Name, ".")
		if nested {
			f.outer, f.open = outer, `"`+outer+`":{`
		} else {
			name = columns[i].Name
		}
		f.key = `"` + name + `":`
		o = append(o, f)
	}
	return o
}

// append appends a row. Absent values are left out.
func (o object[T]) append(dst []byte, row *T, cell *Cell) []byte {
	return append(o.appendFields(append(dst, '{'), row, cell), '}')
}

// appendFields appends what is between the braces.
func (o object[T]) appendFields(dst []byte, row *T, cell *Cell) []byte {
	outer := "" // the one that is open
	comma := false
	for i := range o {
		f := &o[i]
		cell.clear()
		f.get(row, cell)
		if cell.kind == cellNone {
			continue
		}
		if outer != "" && outer != f.outer {
			dst = append(dst, '}')
		}
		if comma {
			dst = append(dst, ',')
		}
		if f.outer != "" && outer != f.outer {
			dst = append(dst, f.open...)
		}
		outer, comma = f.outer, true
		dst = append(dst, f.key...)
		dst = cell.appendJSON(dst)
	}
	if outer != "" {
		dst = append(dst, '}')
	}
	return dst
}
