package journald

import (
	"bytes"
	"encoding/binary"
)

const (
	// maxFields is how many fields of an entry are shown. journald takes 1024
	// (ENTRY_FIELD_COUNT_MAX); programs send a dozen.
	maxFields = 64
	// maxValue is how much of a field's value is shown, but for the message.
	maxValue = 4 << 10
	// maxName is the longest name of a field (journal_field_valid).
	maxName = 64
)

// An entry is one of the journal's. Its slices are those of the bytes it was
// read from.
type entry struct {
	fields [maxFields]field
	n      int
	more   int // fields beyond
	// The first values of what is not shown with the other fields.
	message, priority, identifier []byte
	shown                         []byte // values without their secrets
}

// A field is a name and a value. The same name may come more than once.
type field struct{ name, value []byte }

func (e *entry) reset() {
	e.n, e.more = 0, 0
	e.message, e.priority, e.identifier = nil, nil, nil
}

// read reads an entry from b and returns what is behind it. It is not valid, or
// not all there, if ended is false; the rest of b is then not read.
func (e *entry) read(b []byte) (rest []byte, ended bool) {
	e.reset()
	for len(b) > 0 {
		if b[0] == '\n' {
			return b[1:], true
		}
		line := b
		i := bytes.IndexByte(b, '\n')
		if i >= 0 {
			line = b[:i]
		}
		name, value, ok := bytes.Cut(line, []byte{'='})
		switch {
		case !isName(name):
			return nil, false
		case ok && i >= 0:
			b = b[i+1:]
		case ok: // the last line may lack its end
			e.add(name, value)
			return nil, true
		default: // a value of any bytes, with its length before it
			if i < 0 || len(b)-i-1 < 8 {
				return nil, false
			}
			n := binary.LittleEndian.Uint64(b[i+1:])
			b = b[i+1+8:]
			if n > uint64(len(b)) {
				e.add(name, b)
				return nil, false
			}
			value, b = b[:n], bytes.TrimPrefix(b[n:], []byte{'\n'})
		}
		e.add(name, value)
	}
	return nil, true
}

func (e *entry) add(name, value []byte) {
	var special *[]byte
	switch string(name) {
	case "MESSAGE":
		special = &e.message
	case "PRIORITY":
		special = &e.priority
	case "SYSLOG_IDENTIFIER":
		special = &e.identifier
	}
	if special != nil && *special == nil {
		*special = value
	}
	if e.n == maxFields {
		e.more++
		return
	}
	f := &e.fields[e.n]
	f.name, f.value = name, value
	e.n++
}

// isName says whether b can be a field's name: capitals, digits and underscores,
// no digit at the beginning.
func isName(b []byte) bool {
	for _, c := range b {
		if !nameBytes[c] {
			return false
		}
	}
	return len(b) > 0 && len(b) <= maxName && (b[0] < '0' || b[0] > '9')
}

var nameBytes = func() (t [256]bool) {
	for c := range t {
		t[c] = c >= 'A' && c <= 'Z' || c == '_' || c >= '0' && c <= '9'
	}
	return t
}()
