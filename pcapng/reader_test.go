package pcapng_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"runtime"
	"strings"
	"testing"
	"testing/iotest"

	"unixcap/pcapng"
)

// block frames a body, little endian.
func block(t uint32, body string) string {
	for len(body)%4 != 0 {
		body += "\x00"
	}
	n := binary.LittleEndian.AppendUint32(nil, uint32(len(body)+12))
	return string(binary.LittleEndian.AppendUint32(nil, t)) + string(n) + body + string(n)
}

func u16(v uint16) string { return string(binary.LittleEndian.AppendUint16(nil, v)) }
func u32(v uint32) string { return string(binary.LittleEndian.AppendUint32(nil, v)) }

// option is an option whose length may be a lie.
func option(code, length uint16, value string) string {
	for len(value)%4 != 0 {
		value += "\x00"
	}
	return u16(code) + u16(length) + value
}

const shbBody = "\x4D\x3C\x2B\x1A\x01\x00\x00\x00\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF"

var (
	shb = block(0x0A0D0D0A, shbBody)
	idb = block(1, u16(101)+u16(0)+u32(0))
)

// epb is a packet of interface 0 with the given data and options.
func epb(captured uint32, data, options string) string {
	for len(data)%4 != 0 {
		data += "\x00"
	}
	return block(6, u32(0)+u32(0)+u32(0)+u32(captured)+u32(captured)+data+options)
}

var readerErrors = []struct {
	name    string
	file    string
	blocks  int // read in all
	offset  int64
	skipped bool
	err     string
}{
	{"captured length too long", shb + idb + epb(9, "12345678", "") + epb(1, "1", ""), 3, 48, true,
		"enhanced packet block: captured length 9 is beyond the end of the block (8 bytes left)"},
	{"captured length far too long", shb + idb + epb(0xFFFFFFFF, "", "") + epb(1, "1", ""), 3, 48, true, "captured length 4294967295"},
	{"packet block too short", shb + idb + block(6, "1234") + idb, 3, 48, true, "body of 4 bytes, needs 20"},
	{"no such interface", shb + epb(1, "1", "") + idb, 2, 28, true, "interface 0 has no description"},
	{"option too long", shb + idb + epb(1, "1", option(2, 5, "1234")) + idb, 3, 48, true, "option 2: length 5 is beyond the end"},
	{"obsolete packet too short", shb + idb + block(2, "") + idb, 3, 48, true, "body of 0 bytes"},
	{"obsolete packet too long", shb + idb + block(2, strings.Repeat("\x01", 20)) + idb, 3, 48, true, "captured length 16843009"},
	{"simple packet without interface", shb + block(3, u32(0)) + idb, 2, 28, true, "interface 0 has no description"},
	{"simple packet too long", shb + idb + block(3, u32(9)+"12345678") + idb, 3, 48, true, "captured length 9"},
	{"simple packet too short", shb + idb + block(3, "") + idb, 3, 48, true, "body of 0 bytes"},
	{"name record too long", shb + block(4, u16(1)+u16(9)+"12345678") + idb, 2, 28, true, "name record of type 1: length 9"},
	{"statistics too short", shb + idb + block(5, "") + idb, 3, 48, true, "body of 0 bytes"},
	{"secrets too short", shb + block(10, "1234") + idb, 2, 28, true, "body of 4 bytes"},
	{"secrets too long", shb + block(10, "1234"+u32(1)) + idb, 2, 28, true, "secrets length 1"},
	{"custom block too short", shb + block(0xBAD, "") + idb, 2, 28, true, "custom block: body of 0 bytes"},
	{"process too short", shb + block(0x80000001, "") + idb, 2, 28, true, "process information block: body"},

	{"interface too short", shb + block(1, "1234") + idb, 1, 28, false, "interface description block: body of 4 bytes"},
	{"section too short", shb + block(0x0A0D0D0A, "\x4D\x3C\x2B\x1A") + idb, 1, 28, false, "section header block: body of 4 bytes"},
	{"version 2", shb + block(0x0A0D0D0A, "\x4D\x3C\x2B\x1A\x02"+shbBody[5:]), 1, 28, false, "version 2.0 of the format"},
	{"no magic", shb + block(0x0A0D0D0A, "1234"+shbBody[4:]), 1, 28, false, "byte-order magic is 0x34333231, not 0x1a2b3c4d"},
	{"length 0", shb + u32(7) + u32(0) + u32(0), 1, 28, false, "length out of bounds: 0 bytes"},
	{"length 11", shb + u32(7) + u32(11) + u32(0), 1, 28, false, "length out of bounds: 11 bytes"},
	{"length 14", shb + u32(7) + u32(14) + u32(0) + u32(14), 1, 28, false, "length out of bounds: 14 bytes"},
	{"length 4 GiB", shb + u32(7) + u32(0xFFFFFFFC) + u32(0), 1, 28, false, "length out of bounds: 4294967292 bytes"},
	{"lengths differ", shb + u32(7) + u32(12) + u32(16), 1, 28, false, "length at its end is 16, at its beginning 12"},
	{"half a header", shb + u32(7), 1, 28, false, "offset 28: unexpected EOF"},
	{"half a block", shb + idb + epb(4, "1234", "")[:20], 2, 48, false, "enhanced packet block: unexpected EOF"},
}

// What is damaged is an error that says what and where; the blocks before it
// are read, and those after it if the block's length can be trusted.
func TestReaderErrors(t *testing.T) {
	for _, c := range readerErrors {
		t.Run(c.name, func(t *testing.T) {
			r, err := pcapng.NewReader(strings.NewReader(c.file))
			check(t, err)
			blocks := 0
			var first error
			for err != io.EOF {
				_, err = r.Next()
				var e *pcapng.Error
				switch {
				case err == nil:
					blocks++
				case first == nil:
					first = err
					if !errors.As(err, &e) || e.Offset != c.offset || e.Skipped != c.skipped || r.Offset() != c.offset {
						t.Errorf("%#v", err)
					}
				}
				if err != nil && !c.skipped {
					break
				}
			}
			if first == nil || !strings.Contains(first.Error(), c.err) || !strings.Contains(first.Error(), fmt.Sprintf("offset %d: ", c.offset)) {
				t.Errorf("error %q, want %q", first, c.err)
			}
			if blocks != c.blocks {
				t.Errorf("%d blocks, want %d", blocks, c.blocks)
			}
			if _, again := r.Next(); !c.skipped && again != first {
				t.Errorf("then %v", again)
			}
		})
	}
}

// What is unusual but clear is read, and nothing of it is lost.
func TestReaderLenient(t *testing.T) {
	end := option(0, 0, "")
	packet := func(data string, o pcapng.Options) *pcapng.EnhancedPacket {
		return &pcapng.EnhancedPacket{Data: []byte(data), OriginalLength: uint32(len(data)), Options: o}
	}
	unknown := func(o ...pcapng.Option) pcapng.Options { return pcapng.Options{Unknown: o} }
	for _, c := range []struct {
		name, block string
		want        pcapng.Block
	}{
		{"no end of options", epb(1, "1", option(1, 2, "hi")), packet("1", pcapng.Options{Comments: [][]byte{[]byte("hi")}})},
		{"bytes after the end", epb(1, "1", end+"1234"), packet("1", pcapng.Options{})},
		{"end with a length", epb(1, "1", option(0, 4, "1234")), packet("1", pcapng.Options{})},
		{"comment with NUL", epb(1, "1", option(1, 3, "a\x00b")+end), packet("1", pcapng.Options{Comments: [][]byte{[]byte("a")}})},
		{"empty comment", epb(1, "1", option(1, 0, "")+end), packet("1", pcapng.Options{Comments: [][]byte{{}}})},
		{"flags of 2 bytes", epb(1, "1", option(2, 2, "12")+end), packet("1", unknown(pcapng.Option{Code: 2, Value: []byte("12")}))},
		{"hash without algorithm", epb(1, "1", option(3, 0, "")), packet("1", unknown(pcapng.Option{Code: 3}))},
		{"verdict without type", epb(1, "1", option(7, 0, "")), packet("1", unknown(pcapng.Option{Code: 7}))},
		{"verdict too short", epb(1, "1", option(7, 2, "\x01\x02")), packet("1", unknown(pcapng.Option{Code: 7, Value: []byte{1, 2}}))},
		{"custom option too short", epb(1, "1", option(2988, 3, "abc")), packet("1", unknown(pcapng.Option{Code: 2988, Value: []byte("abc")}))},
		{"packet ID twice", epb(1, "1", option(5, 8, "\x01\x00\x00\x00\x00\x00\x00\x00")+option(5, 8, "12345678")), &pcapng.EnhancedPacket{
			OriginalLength: 1, Data: []byte("1"), PacketID: pcapng.Some(uint64(1)), Options: unknown(pcapng.Option{Code: 5, Value: []byte("12345678")})}},
		{"original less than captured", block(6, u32(0)+u32(0)+u32(0)+u32(4)+u32(2)+"1234"), packet("1234", pcapng.Options{})},
		{"names without end", block(4, u16(1)+u16(4)+"\x01\x02\x03\x04"), &pcapng.NameResolution{
			Records: []pcapng.NameRecord{{Type: 1, Value: []byte{1, 2, 3, 4}}}}},
		{"no names at all", block(4, ""), &pcapng.NameResolution{}},
		{"empty name", block(1, u16(1)+u16(0)+u32(0)+option(2, 0, "")+option(2, 1, "x")), &pcapng.InterfaceDescription{
			LinkType: 1, Name: "x", Options: unknown(pcapng.Option{Code: 2})}},
		{"IPv6 prefix of 129", block(1, u16(1)+u16(0)+u32(0)+option(5, 17, "1234567890123456\x81")), &pcapng.InterfaceDescription{
			LinkType: 1, Options: unknown(pcapng.Option{Code: 5, Value: []byte("1234567890123456\x81")})}},
		{"second of nanoseconds", block(1, u16(1)+u16(0)+u32(0)+option(19, 4, u32(1e9))), &pcapng.InterfaceDescription{
			LinkType: 1, Options: unknown(pcapng.Option{Code: 19, Value: []byte(u32(1e9))})}},
		{"minor version", block(0x0A0D0D0A, "\x4D\x3C\x2B\x1A\x01\x00\x02\x00"+u32(40)+u32(0)), &pcapng.SectionHeader{
			Major: 1, Minor: 2, SectionLength: 40}},
		{"journal of NULs", block(9, "\x00\x00\x00\x00"), &pcapng.SystemdJournal{Entry: []byte{0}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			blocks, err := readAll([]byte(shb + idb + c.block + shb))
			if err != io.EOF || len(blocks) != 4 {
				t.Fatalf("%d blocks, %v", len(blocks), err)
			}
			if blocks[2] != canon(c.want) {
				t.Errorf("got %s\nwant %s", blocks[2], canon(c.want))
			}
		})
	}
}

func TestFormat(t *testing.T) {
	for _, c := range []struct {
		name, file  string
		format, cut bool
	}{
		{"empty", "", true, true},
		{"text", "Hello, world. This is text.", true, false},
		{"short text", "Hi", true, false},
		{"pcap", "\xD4\xC3\xB2\xA1\x02\x00\x04\x00\x00\x00\x00\x00\x00\x00\x00\x00", true, false},
		{"no magic", "\x0A\x0D\x0D\x0A\x1C\x00\x00\x00abcd\x01\x00\x00\x00", true, false},
		{"cut in the type", shb[:3], false, true},
		{"cut in the length", shb[:7], false, true},
		{"cut in the magic", shb[:11], false, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			r, err := pcapng.NewReader(strings.NewReader(c.file))
			if r != nil || errors.Is(err, pcapng.ErrFormat) != c.format || errors.Is(err, io.ErrUnexpectedEOF) != c.cut {
				t.Errorf("%v", err)
			}
		})
	}
}

// However a file is cut, its whole blocks are read; however it is handed over,
// it is the same.
func TestReaderSplits(t *testing.T) {
	for _, big := range []bool{false, true} {
		blocks := []pcapng.Block{sectionHeader(big), interfaceDescription(), enhancedPacket(), &pcapng.SimplePacket{OriginalLength: 5, Data: []byte("hello")}}
		file := write(t, blocks...)
		ends := []int{0}
		for i := range blocks {
			ends = append(ends, len(write(t, blocks[:i+1]...)))
		}
		whole := 0
		for n := 12; n <= len(file); n++ {
			for whole+1 < len(ends) && ends[whole+1] <= n {
				whole++
			}
			want := io.ErrUnexpectedEOF
			if n == ends[whole] {
				want = io.EOF
			}
			got, err := readAll(file[:n])
			if len(got) != whole || !errors.Is(err, want) {
				t.Fatalf("cut at %d: %d blocks, %v; want %d, %v", n, len(got), err, whole, want)
			}
		}
		for name, wrap := range map[string]func(io.Reader) io.Reader{
			"byte by byte": iotest.OneByteReader, "halves": iotest.HalfReader, "error with data": iotest.DataErrReader,
		} {
			r, err := pcapng.NewReader(wrap(bytes.NewReader(file)))
			check(t, err)
			for _, want := range blocks {
				b, err := r.Next()
				if err != nil || canon(b) != canon(want) {
					t.Fatalf("%s: %v, want %s", name, err, canon(want))
				}
			}
			if _, err := r.Next(); err != io.EOF {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
}

// A countedReader counts the calls of Read.
type countedReader struct {
	io.Reader
	calls int
}

func (r *countedReader) Read(p []byte) (int, error) {
	r.calls++
	return r.Reader.Read(p)
}

// Ready tells whether Next reads, as long as the byte order stays.
func TestReaderReady(t *testing.T) {
	for _, big := range []bool{false, true} {
		file := write(t, sectionHeader(big), interfaceDescription(), enhancedPacket(), enhancedPacket(), &pcapng.SimplePacket{OriginalLength: 5, Data: []byte("hello")})
		for size := 1; size < len(file); size++ {
			src := &countedReader{Reader: &pieces{bytes.NewReader(file), size}}
			r, err := pcapng.NewReader(src)
			check(t, err)
			for first := true; err == nil; first = false {
				ready, before := r.Ready(), src.calls
				if _, err = r.Next(); !first && ready != (src.calls == before) {
					t.Fatalf("%d bytes at a time, before %d: ready %v, but %d reads", size, r.Offset(), ready, src.calls-before)
				}
			}
			if err != io.EOF {
				t.Error(err)
			}
		}
	}
}

// pieces reads no more than so many bytes at once.
type pieces struct {
	io.Reader
	size int
}

func (c *pieces) Read(p []byte) (int, error) { return c.Reader.Read(p[:min(len(p), c.size)]) }

// An error of the input comes after the blocks that came before it.
func TestReaderInputError(t *testing.T) {
	broken := errors.New("broken")
	r, err := pcapng.NewReader(io.MultiReader(strings.NewReader(shb+idb+idb[:5]), iotest.ErrReader(broken)))
	check(t, err)
	for range 2 {
		_, err := r.Next()
		check(t, err)
	}
	_, err = r.Next()
	if !errors.Is(err, broken) || errors.Is(err, io.ErrUnexpectedEOF) {
		t.Error(err)
	}
	if _, err := pcapng.NewReader(iotest.ErrReader(broken)); !errors.Is(err, broken) || errors.Is(err, pcapng.ErrFormat) {
		t.Error(err)
	}
	if _, err := pcapng.NewReader(stuck{}); !errors.Is(err, io.ErrNoProgress) {
		t.Error(err)
	}
}

type stuck struct{}

func (stuck) Read([]byte) (int, error) { return 0, nil }

// A length alone costs no memory, and blocks up to the limit are read whatever
// the buffer.
func TestReaderMemory(t *testing.T) {
	lie := shb + u32(7) + u32(1<<30) + "few bytes"
	r, err := pcapng.NewReaderOptions(strings.NewReader(lie), pcapng.ReaderOptions{MaxBlockSize: 1 << 30, BufferSize: 1})
	check(t, err)
	_, err = r.Next()
	check(t, err)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	_, err = r.Next()
	runtime.ReadMemStats(&after)
	if n := after.TotalAlloc - before.TotalAlloc; n > 64<<10 || !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("%d bytes for a length alone; %v", n, err)
	}

	for _, size := range []int{1, 4000, 4096, 5000, 100_000, 1<<20 - 12} {
		body := bytes.Repeat([]byte{1}, size&^3)
		file := write(t, &pcapng.SectionHeader{}, &pcapng.Unknown{Type: 7, Body: body}, &pcapng.Unknown{Type: 8, Body: body})
		r, err := pcapng.NewReaderOptions(bytes.NewReader(file), pcapng.ReaderOptions{MaxBlockSize: 1 << 20, BufferSize: 1})
		check(t, err)
		_, err = r.Next()
		check(t, err)
		for range 2 {
			b, err := r.Next()
			check(t, err)
			if u := b.(*pcapng.Unknown); !bytes.Equal(u.Body, body) {
				t.Errorf("%d: not the same", size)
			}
		}
	}

	many := shb + strings.Repeat(idb, 1<<16)
	if blocks, err := readAll([]byte(many)); len(blocks) != 1<<16+1 || err != io.EOF {
		t.Errorf("%d interfaces, %v", len(blocks)-1, err)
	}
	if _, err := readAll([]byte(many + idb)); err == io.EOF || !strings.Contains(err.Error(), "more than 65536") {
		t.Errorf("one interface more: %v", err)
	}
}
