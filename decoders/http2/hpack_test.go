package http2

import (
	"bytes"
	"math/rand/v2"
	"strings"
	"testing"

	"golang.org/x/net/http2/hpack"
)

// What is decoded is what the library decodes, and it is wrong where that says so.
func TestHuffman(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	var s, theirs scratch
	same := func(src []byte) {
		t.Helper()
		got, ok := s.decode(src)
		theirs.b = theirs.b[:0]
		_, err := hpack.HuffmanDecode(&theirs, src)
		if ok != (err == nil) || ok && !bytes.Equal(got, theirs.b) {
			t.Errorf("% x: %q %v, want %q %v", src, got, ok, theirs.b, err)
		}
		if short, ok := s.huffman(src); ok && (err != nil || !bytes.Equal(short, theirs.b)) {
			t.Errorf("% x: %q, want %q %v", src, short, theirs.b, err)
		}
	}
	for range 100_000 {
		b := make([]byte, r.IntN(20))
		for i := range b {
			b[i] = byte(r.Uint32())
			if r.IntN(2) == 0 {
				b[i] |= 0xf0
			}
		}
		same(b)
		for i := range b {
			b[i] = ' ' + b[i]%95
		}
		src := hpack.AppendHuffmanString(nil, string(b))
		same(src)
		if len(src) > 0 {
			src[r.IntN(len(src))] ^= 1 << r.IntN(8)
			same(src)
		}
	}
}

// text is a field as "name: value", what is not shown left out.
func (l *fieldLine) text() string {
	switch l.kind {
	case fieldUnknown:
		return "?"
	}
	return string(l.name) + ": " + string(l.value)
}

// read reads a block and returns its fields without size updates, with "!" at the
// end if it is wrong.
func (t *table) read(block []byte) string {
	var list []string
	for ok := true; len(block) > 0; {
		if block, ok = t.next(block, noField); !ok {
			list = append(list, "!")
			break
		}
		if t.line.kind != noField {
			list = append(list, t.line.text())
		}
	}
	return strings.Join(list, ", ")
}

// A table has what the library's has, however small or large an encoder makes its
// own: fields of random texts, some of which come again.
func TestTable(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	names := []string{":path", "user-agent", "grpc-message", "x-other", "server", "location"}
	for range 200 {
		var b bytes.Buffer
		e := hpack.NewEncoder(&b)
		e.SetMaxDynamicTableSizeLimit(1 << 16)
		var want []string
		d := hpack.NewDecoder(1<<16, func(f hpack.HeaderField) {
			if fieldOf([]byte(f.Name)) == fieldOther {
				f.Value = ""
			}
			want = append(want, f.Name+": "+f.Value)
		})
		var own table
		own.limit = initialTable
		for range 300 {
			b.Reset()
			want = want[:0]
			if r.IntN(20) == 0 {
				e.SetMaxDynamicTableSize(uint32(r.IntN(1 << r.IntN(17))))
			}
			for range 1 + r.IntN(4) {
				f := hpack.HeaderField{Name: names[r.IntN(len(names))], Value: "/" + strings.Repeat("a", r.IntN(1<<r.IntN(12))), Sensitive: r.IntN(10) == 0}
				if err := e.WriteField(f); err != nil {
					t.Fatal(err)
				}
			}
			if _, err := d.Write(b.Bytes()); err != nil {
				t.Fatal(err)
			}
			if err := d.Close(); err != nil {
				t.Fatal(err)
			}
			if got := own.read(b.Bytes()); got != strings.Join(want, ", ") {
				t.Fatalf("got %q\nwant %q", got, want)
			}
		}
		if n := cap(own.bytes) + 32*cap(own.entries); n > 4*maxTable {
			t.Errorf("%d bytes are held", n)
		}
	}
}

// From the middle on, and after a loss, what was said before is not known, and what
// is said then is, though its indexes are the same.
func TestTableFromTheMiddle(t *testing.T) {
	var b bytes.Buffer
	e := hpack.NewEncoder(&b)
	say := func(fields ...string) []byte {
		b.Reset()
		for i := 0; i < len(fields); i += 2 {
			if err := e.WriteField(hpack.HeaderField{Name: fields[i], Value: fields[i+1]}); err != nil {
				t.Fatal(err)
			}
		}
		return bytes.Clone(b.Bytes())
	}
	own := table{limit: initialTable}
	expect := func(block []byte, want string) {
		t.Helper()
		if got := own.read(block); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	first := say(":method", "GET", ":path", "/a", "user-agent", "one")
	second := say(":method", "GET", ":path", "/a", "user-agent", "one", "x-y", "z")
	expect(second, ":method: GET, ?, ?, x-y: ")
	expect(say(":path", "/b", "user-agent", "one", ":path", "/a"), ":path: /b, ?, ?")
	expect(say(":path", "/b", "x-y", "other"), ":path: /b, x-y: ")
	own.forget()
	expect(say(":path", "/b", ":path", "/c", ":status", "200"), "?, :path: /c, :status: 200")
	expect(say(":path", "/c", ":path", "/b"), ":path: /c, ?")

	own.forget()
	expect(first, ":method: GET, :path: /a, user-agent: one")
	expect([]byte{0x80}, "!")                               // index 0
	expect([]byte{0x40, 0x05, 'a'}, "!")                    // a name that is not all there
	expect([]byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}, "!") // an index without an end
}

// FuzzTable looks for blocks that the library reads otherwise, as long as it reads
// them. data is blocks, each with its length before it.
func FuzzTable(f *testing.F) {
	for _, r := range golden.Recordings {
		var blocks []byte
		for _, m := range r.Read(f) {
			for b := m.Data; len(b) >= headerLength; {
				h, _ := parseHeader(b)
				if h.length > 255 || len(b) < headerLength+int(h.length) || h.kind >= frameTypes {
					break
				}
				if block := b[headerLength : headerLength+h.length]; h.kind == frameHeaders && h.flags&(flagPadded|flagPriority) == 0 {
					blocks = append(append(blocks, byte(h.length)), block...)
				}
				b = b[headerLength+h.length:]
			}
		}
		f.Add(blocks)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var want []string
		theirs := hpack.NewDecoder(initialTable, func(f hpack.HeaderField) {
			l := fieldLine{name: []byte(f.Name[:min(len(f.Name), maxName)])}
			if l.kind = fieldOf(l.name); l.kind >= firstShown {
				var own table
				own.line = l
				own.display([]byte(f.Value))
				l = own.line
			}
			want = append(want, l.text())
		})
		theirs.SetAllowedMaxDynamicTableSize(maxTable)
		own := table{limit: initialTable}
		for len(data) > 1 {
			n := min(int(data[0]), len(data)-1)
			block := data[1 : 1+n]
			data, want = data[1+n:], want[:0]
			if _, err := theirs.Write(block); err != nil || theirs.Close() != nil {
				return
			}
			if got := own.read(block); got != strings.Join(want, ", ") {
				t.Fatalf("% x: got %q, want %q", block, got, want)
			}
		}
	})
}

// An entry counts what was sent, not what is shown, which may be longer: otherwise
// entries would be forgotten that the encoder still refers to.
func TestReckoning(t *testing.T) {
	var b bytes.Buffer
	e := hpack.NewEncoder(&b)
	own := table{limit: initialTable}
	for range 4 {
		b.Reset()
		for i := range 90 {
			value := "/?pw=" + string(rune('a'+i%26)) + strings.Repeat("a", i/26)
			if err := e.WriteField(hpack.HeaderField{Name: ":path", Value: value}); err != nil {
				t.Fatal(err)
			}
		}
		if got := own.read(b.Bytes()); strings.Contains(got, "?,") {
			t.Fatal(got)
		}
	}
}
