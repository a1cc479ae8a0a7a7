package pcapng_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"testing"

	"unixcap/pcapng"
)

// packets writes n packets of size bytes, with the options a recorder gives
// them.
func packets(tb testing.TB, n, size int) []byte {
	tb.Helper()
	var file bytes.Buffer
	w := pcapng.NewWriter(&file)
	check(tb, w.WriteBlock(&pcapng.SectionHeader{}))
	check(tb, w.WriteBlock(pcapng.NewInterface("lo", 101)))
	p := packet(size)
	for i := range n {
		p.Timestamp, p.PacketID.Value = uint64(i), uint64(i)
		check(tb, w.WritePacket(p))
	}
	check(tb, w.Flush())
	return file.Bytes()
}

func packet(size int) *pcapng.EnhancedPacket {
	p := &pcapng.EnhancedPacket{
		Headers:      make([]byte, min(60, size)),
		Data:         make([]byte, size-min(60, size)),
		Flags:        pcapng.Some(pcapng.PacketFlags(pcapng.Outbound)),
		PacketID:     pcapng.Some(uint64(1)),
		DropCount:    pcapng.Some(uint64(1)),
		Hashes:       []pcapng.Hash{{Algorithm: pcapng.HashCRC32, Value: make([]byte, 4)}},
		ProcessIndex: pcapng.Some(uint32(0)),
	}
	p.Comments = [][]byte{[]byte("pid=24970 tid=24971 comm=mysqld sk=0xffff81009df84000")}
	p.Custom = []pcapng.CustomOption{{Code: pcapng.OptionCustomBinary, PEN: 32473, Data: make([]byte, 3)}}
	p.Unknown = []pcapng.Option{{Code: 40000, Value: make([]byte, 5)}}
	return p
}

func check(tb testing.TB, err error) {
	tb.Helper()
	if err != nil {
		tb.Fatal(err)
	}
}

func BenchmarkReader(b *testing.B) {
	for _, size := range []int{64, 2048, 65000} {
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			file := packets(b, 16<<20/size, size)
			b.SetBytes(int64(len(file)))
			b.ReportAllocs()
			for b.Loop() {
				r, err := pcapng.NewReader(bytes.NewReader(file))
				check(b, err)
				for err == nil {
					_, err = r.Next()
				}
				if err != io.EOF {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkWriter(b *testing.B) {
	for _, size := range []int{64, 2048, 65000} {
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			w := pcapng.NewWriter(io.Discard)
			check(b, w.WriteBlock(&pcapng.SectionHeader{}))
			check(b, w.WriteBlock(pcapng.NewInterface("lo", 101)))
			p := packet(size)
			b.SetBytes(int64(size))
			b.ReportAllocs()
			for b.Loop() {
				if err := w.WritePacket(p); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// forever repeats the packets of a file without end.
type forever struct {
	head, packets []byte
	pos           int
}

func (f *forever) Read(p []byte) (int, error) {
	if len(f.head) > 0 {
		n := copy(p, f.head)
		f.head = f.head[n:]
		return n, nil
	}
	n := copy(p, f.packets[f.pos:])
	f.pos = (f.pos + n) % len(f.packets)
	return n, nil
}

func TestReaderAllocs(t *testing.T) {
	file := packets(t, 100, 2048)
	const head = 28 + 40 // section header, interface description
	r, err := pcapng.NewReader(&forever{head: file[:head], packets: file[head:]})
	check(t, err)
	next := func() {
		if _, err := r.Next(); err != nil {
			t.Fatal(err)
		}
	}
	for range 3 {
		next()
	}
	if n := testing.AllocsPerRun(10000, next); n != 0 {
		t.Errorf("%v allocations a packet", n)
	}
}

func TestWriterAllocs(t *testing.T) {
	w := pcapng.NewWriter(io.Discard)
	check(t, w.WriteBlock(&pcapng.SectionHeader{}))
	check(t, w.WriteBlock(pcapng.NewInterface("lo", 101)))
	p := packet(2048)
	write := func() {
		if err := errors.Join(w.WritePacket(p), w.WriteBlock(p)); err != nil {
			t.Fatal(err)
		}
	}
	for range 1000 {
		write()
	}
	if n := testing.AllocsPerRun(10000, write); n != 0 {
		t.Errorf("%v allocations a packet", n)
	}
}
