package pcapng_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"

	"unixcap/pcapng"
)

// seeds adds files of all kinds of blocks, ours and others'.
func seeds(f *testing.F) {
	for _, big := range []bool{false, true} {
		for _, b := range everything(big)[2:] {
			file := write(f, sectionHeader(big), interfaceDescription(), b)
			if len(file) < 10_000 {
				f.Add(file)
			}
		}
		f.Add(write(f, sectionHeader(big), interfaceDescription(), sectionHeader(!big), interfaceDescription(), enhancedPacket()))
	}
	f.Add([]byte(shb + idb + epb(1, "1", option(2, 2, "12")+option(5, 0, "")) + block(4, "")))
	names, err := filepath.Glob("testdata/*.pcapng")
	if err != nil || len(names) == 0 {
		f.Fatal("no samples", err)
	}
	for _, name := range names {
		file, err := os.ReadFile(name)
		check(f, err)
		f.Add(file[:min(len(file), 3000)])
	}
}

// smallBlocks makes the limits reachable with small inputs.
var smallBlocks = pcapng.ReaderOptions{MaxBlockSize: 1 << 16, BufferSize: 1}

// fuzzBlocks calls f with each block, and returns why there are no more.
func fuzzBlocks(t *testing.T, input []byte, f func(pcapng.Block)) error {
	r, err := pcapng.NewReaderOptions(bytes.NewReader(input), smallBlocks)
	if err != nil {
		return err
	}
	last := int64(-1)
	for {
		b, err := r.Next()
		if r.Offset() <= last || r.Offset() > int64(len(input)) {
			t.Fatalf("offset %d after %d in %d bytes", r.Offset(), last, len(input))
		}
		last = r.Offset()
		var e *pcapng.Error
		switch {
		case err == nil:
			f(b)
		case err == io.EOF:
			return err
		case !errors.As(err, &e) || e.Offset != last || e.Error() == "":
			t.Fatalf("error %#v", err)
		case !e.Skipped:
			return err
		}
	}
}

// FuzzReader: whatever the input, the Reader ends, stays within it, and
// whatever it returns can be used.
func FuzzReader(f *testing.F) {
	seeds(f)
	f.Fuzz(func(t *testing.T, input []byte) {
		_ = fuzzBlocks(t, input, func(b pcapng.Block) {
			switch b := b.(type) {
			case *pcapng.EnhancedPacket:
				if b.Interface() == nil || int(b.OriginalLength) < len(b.Data) || len(b.Headers) != 0 {
					t.Fatal(canon(b))
				}
				b.UnixNano()
				b.Time()
			case *pcapng.ObsoletePacket:
				b.UnixNano()
				b.Time()
			case *pcapng.SimplePacket:
				if b.Interface() == nil || int(b.OriginalLength) < len(b.Data) {
					t.Fatal(canon(b))
				}
			case *pcapng.InterfaceStatistics:
				b.Interface().Time(b.Timestamp)
			case *pcapng.NameResolution:
				for _, r := range b.Records {
					r.Addr()
					for range r.Names() {
					}
				}
			}
		})
	})
}

// FuzzRoundTrip: all that was read is written, reads the same again, and is
// written the same again.
func FuzzRoundTrip(f *testing.F) {
	seeds(f)
	f.Fuzz(roundTrip)
}

// FuzzBlock is FuzzRoundTrip with a sound frame around any two bodies, which
// random bytes rarely have.
func FuzzBlock(f *testing.F) {
	for _, big := range []bool{false, true} {
		for _, b := range everything(big) {
			file := write(f, sectionHeader(big), interfaceDescription(), b)
			body := file[len(write(f, sectionHeader(big), interfaceDescription()))+8 : len(file)-4]
			if len(body) < 10_000 {
				f.Add(big, pcapng.TypeInterfaceDescription, []byte("12345678"), b.BlockType(), body)
			}
		}
	}
	f.Fuzz(func(t *testing.T, big bool, t1 uint32, body1 []byte, t2 uint32, body2 []byte) {
		file := write(t, &pcapng.SectionHeader{BigEndian: big}, pcapng.NewInterface("", 1))
		file = frame(file, big, t1, body1)
		roundTrip(t, frame(file, big, t2, body2))
	})
}

// frame appends a block.
func frame(file []byte, big bool, t uint32, body []byte) []byte {
	var order binary.AppendByteOrder = binary.LittleEndian
	if big {
		order = binary.BigEndian
	}
	body = append(body[:len(body):len(body)], make([]byte, -len(body)&3)...)
	n := uint32(len(body) + 12)
	file = order.AppendUint32(order.AppendUint32(file, t), n)
	return order.AppendUint32(append(file, body...), n)
}

func roundTrip(t *testing.T, input []byte) {
	var blocks []string
	first := rewrite(t, input, func(b pcapng.Block) { blocks = append(blocks, canonRewritten(b)) })
	var again []string
	second := rewrite(t, first, func(b pcapng.Block) { again = append(again, canonRewritten(b)) })
	if len(again) != len(blocks) {
		t.Fatalf("%d blocks became %d", len(blocks), len(again))
	}
	for i := range blocks {
		if blocks[i] != again[i] {
			t.Fatalf("block %d\n was %s\n now %s", i, blocks[i], again[i])
		}
	}
	if !bytes.Equal(first, second) {
		t.Fatal("written twice, it differs")
	}
}

// rewrite writes all blocks of a file to another.
func rewrite(t *testing.T, input []byte, f func(pcapng.Block)) []byte {
	var out bytes.Buffer
	// A block may come out longer than it was: opt_endofopt is added.
	w := pcapng.NewWriterOptions(&out, pcapng.WriterOptions{MaxBlockSize: 1 << 17})
	_ = fuzzBlocks(t, input, func(b pcapng.Block) {
		f(b)
		if err := w.WriteBlock(b); err != nil {
			t.Fatalf("%v: %s", err, canon(b))
		}
	})
	check(t, w.Flush())
	return out.Bytes()
}

// canonRewritten is canon without what a Writer sets by itself.
func canonRewritten(b pcapng.Block) string {
	if h, ok := b.(*pcapng.SectionHeader); ok {
		c := *h
		c.Major, c.Minor, c.SectionLength = 1, 0, -1
		b = &c
	}
	return canon(b)
}
