package http2

import (
	"golang.org/x/net/http2/hpack"

	"unixcap/decoders/httpsemantics"
	"unixcap/decoders/uri"
)

// The library's decoder of HPACK is for one end of a connection: it stops at an
// index that its table does not have, and makes strings of every name and value.
// A capture may begin in the middle, where most indexes are of that kind, and what
// is not looked at need not be read. So the table is here; its static part and the
// Huffman code are the library's.

const (
	// initialTable is the size of a dynamic table as long as nothing else was
	// agreed: RFC 9113, 6.5.2.
	initialTable = 4096

	// maxTable bounds it. Browsers and servers ask for up to 64 KiB; of a larger
	// one the oldest entries are not known.
	maxTable = 64 << 10

	// entryOverhead is what an entry counts besides name and value: RFC 7541, 4.1.
	entryOverhead = 32

	// maxInteger bounds what an integer of a header block says: RFC 7541, 5.1 lets
	// an implementation choose.
	maxInteger = 1 << 28

	// staticEntries is how many entries the static table has: RFC 7541, A.
	staticEntries = 61
)

// A fieldLine is a field of a header block. name and value are valid until the
// next one is read. value is as it is shown (see display), and empty for fields
// that are not looked at.
type fieldLine struct {
	kind   field
	secret bool  // of a target: the contents are not shown
	cut    int32 // bytes of it that are not in value
	sent   int32 // how long value was, unless it is not looked at
	name   []byte
	value  []byte
}

// An entry is one of the dynamic table.
type entry struct {
	kind      field
	secret    bool
	cut       int32
	at        int32 // of name and value in the table's bytes
	nameLen   int32
	valueLen  int32
	reckoning int32 // its size, or less
}

// A table is the dynamic table of one direction: RFC 7541, 2.3.2.
//
// It has the newest entries that its encoder has, in the same order, perhaps more
// of them and perhaps less. More does no harm, for an encoder does not refer to
// what it has no more: so sizes are reckoned without values that are not looked
// at. Less is what a capture that begins in the middle, or lacks something, makes
// of it: an index behind its end is an entry that is not known.
type table struct {
	line    fieldLine
	limit   int
	size    int
	entries []entry // oldest first, from first on
	first   int
	bytes   []byte
	name    scratch
	value   scratch
	shown   []byte
}

// forget is where entries may have been added that the capture lacks: then no
// index says any more which of those before is meant.
func (t *table) forget() {
	t.entries, t.bytes, t.first, t.size = t.entries[:0], t.bytes[:0], 0, 0
}

// resize is the encoder's new size: RFC 7541, 6.3.
func (t *table) resize(n int) {
	t.limit = min(n, maxTable)
	t.evict()
}

// tidy lets go of memory that only an unusual header block takes.
func (t *table) tidy() {
	if cap(t.value.b)+cap(t.name.b)+cap(t.shown) > maxIdle+httpsemantics.MaxTarget {
		t.value.b, t.name.b, t.shown = nil, nil, nil
	}
}

func (t *table) evict() {
	for t.size > t.limit && t.first < len(t.entries) {
		t.size -= int(t.entries[t.first].reckoning)
		t.first++
	}
	if t.first == len(t.entries) {
		t.forget()
	}
}

// add adds the current line.
func (t *table) add() {
	l := &t.line
	// What moves is no more than what was added since it last did.
	if t.first > 0 && (int(t.entries[t.first].at) > len(t.bytes)/2 || t.first > len(t.entries)/2) {
		t.compact()
	}
	t.entries = append(t.entries, entry{})
	e := &t.entries[len(t.entries)-1] // which is not copied
	e.kind, e.secret, e.cut, e.at, e.nameLen, e.valueLen = l.kind, l.secret, l.cut, int32(len(t.bytes)), int32(len(l.name)), int32(len(l.value))
	e.reckoning = entryOverhead + e.nameLen + min(e.valueLen, l.sent) // what is shown may be longer
	t.bytes = append(append(t.bytes, l.name...), l.value...)
	t.size += int(e.reckoning)
	if t.size > t.limit {
		t.evict()
	}
}

// compact moves the entries to the beginning of the memory they are in.
func (t *table) compact() {
	from := t.entries[t.first].at
	t.bytes = t.bytes[:copy(t.bytes, t.bytes[from:])]
	t.entries = t.entries[:copy(t.entries, t.entries[t.first:])]
	for i := range t.entries {
		t.entries[i].at -= from
	}
	t.first = 0
}

// indexed makes the entry of an index the current line, but no more than its kind if
// that is before first. Index 0 is not used: RFC 7541, 6.1.
func (t *table) indexed(i int, first field) {
	l := &t.line // whose parts are set one by one, which is quicker
	if i <= staticEntries {
		s := &staticTable[i]
		if l.kind = s.kind; l.kind >= first {
			l.secret, l.cut, l.name, l.value = false, 0, s.name, s.value
		}
		return
	}
	if i -= staticEntries; i > len(t.entries)-t.first {
		l.kind, l.secret, l.cut, l.name, l.value = fieldUnknown, false, 0, nil, nil
		return
	}
	e := &t.entries[len(t.entries)-i]
	if l.kind = e.kind; l.kind < first {
		return
	}
	name := e.at + e.nameLen
	l.secret, l.cut, l.name, l.value = e.secret, e.cut, t.bytes[e.at:name], t.bytes[name:name+e.valueLen]
}

// next reads a field from a header block and returns what is left of it. The line
// has no kind if it was a size update, and perhaps nothing but its kind if that is
// before first. ok is false if it cannot be: then the table is in doubt.
func (t *table) next(b []byte, first field) (rest []byte, ok bool) {
	var i int
	c := b[0]
	switch {
	case c > 0x80 && c < 0xff: // most fields: RFC 7541, 6.1, in one byte
		t.indexed(int(c&0x7f), first)
		return b[1:], true
	case c&0x80 != 0:
		if i, b, ok = integer(b, 7); !ok || i == 0 {
			return nil, false
		}
		t.indexed(i, first)
		return b, true
	case c&0xc0 == 0x40: // 6.2.1
		if b, ok = t.literal(b, 6); ok {
			t.add()
		}
		return b, ok
	case c&0xe0 == 0x20: // 6.3
		if i, b, ok = integer(b, 5); ok {
			t.resize(i)
			t.line.kind = noField
		}
		return b, ok
	}
	return t.literal(b, 4) // 6.2.2 and 6.2.3
}

// literal reads a field with its value, whose name may be indexed.
func (t *table) literal(b []byte, prefix uint) (rest []byte, ok bool) {
	i, b, ok := integer(b, prefix)
	if !ok {
		return nil, false
	}
	l := &t.line
	if i > 0 {
		t.indexed(i, noField)
		if i > staticEntries { // add may move it
			t.name.b = append(t.name.b[:0], l.name...)
			l.name = t.name.b
		}
	} else {
		raw, huffman, rest, ok := text(b)
		if !ok {
			return nil, false
		}
		if b = rest; huffman {
			if raw, ok = t.name.decode(raw); !ok {
				return nil, false
			}
		}
		l.name = raw[:min(len(raw), maxName)]
		l.kind = fieldOf(l.name)
	}
	raw, huffman, rest, ok := text(b)
	if !ok {
		return nil, false
	}
	l.secret, l.cut, l.sent, l.value = false, 0, 0, nil
	if l.kind < firstShown {
		return rest, true
	}
	if huffman {
		if raw, ok = t.value.decode(raw); !ok {
			return nil, false
		}
	}
	l.sent = int32(len(raw))
	t.display(raw)
	return rest, true
}

// display makes what is shown of a value the line's. It is done before the value
// enters the table, so that it is done once for those that come again, and no
// secret is kept. A method of gRPC has messages in which nothing has a name, so its
// own tells whether they are shown.
func (t *table) display(raw []byte) {
	l := &t.line
	switch l.kind {
	case fieldPath, fieldLocation:
		t.shown, l.secret = uri.AppendTarget(t.shown[:0], raw, httpsemantics.MaxTarget)
		l.cut = int32(max(len(raw)-httpsemantics.MaxTarget, 0))
		l.secret = l.secret || isSecretMethod(t.shown)
	case fieldAuthorization:
		if len(raw) == 0 {
			return
		}
		t.shown = append(t.shown[:0], httpsemantics.SchemeOf(raw)...)
	case fieldAuthority, fieldHost:
		t.shown = httpsemantics.KeepAuthority(t.shown, raw)
	default:
		l.value = raw[:min(len(raw), maxMessage)]
		return
	}
	l.value = t.shown
}

// integer reads an integer whose first byte has a prefix of so many bits: RFC
// 7541, 5.1.
func integer(b []byte, prefix uint) (n int, rest []byte, ok bool) {
	if most := byte(1)<<prefix - 1; len(b) > 0 && b[0]&most < most {
		return int(b[0] & most), b[1:], true
	}
	return longInteger(b, 1<<prefix-1)
}

// longInteger reads an integer of which the first byte has most.
func longInteger(b []byte, most int) (n int, rest []byte, ok bool) {
	all := int64(most)
	for shift, i := 0, 1; i < len(b) && shift <= 28; i, shift = i+1, shift+7 {
		all += int64(b[i]&0x7f) << shift
		if b[i]&0x80 == 0 {
			return int(min(all, maxInteger)), b[i+1:], all <= maxInteger
		}
	}
	return 0, nil, false
}

// text reads a string: RFC 7541, 5.2.
func text(b []byte) (raw []byte, huffman bool, rest []byte, ok bool) {
	n, rest, ok := integer(b, 7)
	if !ok || n > len(rest) {
		return nil, false, nil, false
	}
	return rest[:n], b[0]&0x80 != 0, rest[n:], true
}

// staticTable is RFC 7541, A, from index 1 on, with values as they are shown. It
// is read out of the library, by asking for each entry.
var staticTable = func() (list [staticEntries + 1]fieldLine) {
	i := 0
	d := hpack.NewDecoder(0, func(f hpack.HeaderField) {
		l := fieldLine{name: []byte(f.Name), kind: fieldOf([]byte(f.Name))}
		if l.kind >= firstShown {
			l.value = []byte(f.Value)
		}
		list[i] = l
	})
	for i = 1; i <= staticEntries; i++ {
		if _, err := d.Write([]byte{0x80 | byte(i)}); err != nil {
			panic(err)
		}
	}
	return list
}()
