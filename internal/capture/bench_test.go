package capture

import (
	"bytes"
	"fmt"
	"io"
	"testing"
)

// discard is an io.Writer that only counts.
type discard struct{ n int64 }

func (d *discard) Write(b []byte) (int, error) { d.n += int64(len(b)); return len(b), nil }

// pingPong sends messages to and fro on one connection for ever.
type pingPong struct {
	c  *talk
	m  [2]Message
	at [2]uint64
	n  int
}

func newPingPong(kind Kind, size int) *pingPong {
	p := &pingPong{c: newTalk(kind, "/run/mysqld/mysqld.sock")}
	p.m[0], p.m[1] = *p.c.say(false, pattern(size, 1)), *p.c.say(true, pattern(size, 2))
	return p
}

func (p *pingPong) next() *Message {
	i := p.n & 1
	m := &p.m[i]
	p.n++
	m.Number = uint64(p.n)
	m.Offset = p.at[i]
	m.Time = t0
	p.at[i] += m.Length
	return m
}

func TestWriteMessageAllocatesNothing(t *testing.T) {
	for _, kind := range []Kind{Stream, Datagram, SeqPacket} {
		for _, size := range []int{64, 65536, 300000} {
			w, err := NewWriter(&discard{}, WriterOptions{})
			if err != nil {
				t.Fatal(err)
			}
			p := newPingPong(kind, size)
			write := func() {
				if err := w.WriteMessage(p.next()); err != nil {
					t.Fatal(err)
				}
			}
			for range 100 {
				write()
			}
			if n := testing.AllocsPerRun(2000, write); n != 0 {
				t.Errorf("%s, %d bytes: %v allocations a message", kind, size, n)
			}
		}
	}
}

func TestNextAllocatesNothing(t *testing.T) {
	for i, kind := range []Kind{Stream, Datagram, SeqPacket, Stream} {
		p := newPingPong(kind, []int{64, 64, 64, 70000}[i])
		var b bytes.Buffer
		w, err := NewWriter(&b, WriterOptions{})
		if err != nil {
			t.Fatal(err)
		}
		for range 5000 {
			if err := w.WriteMessage(p.next()); err != nil {
				t.Fatal(err)
			}
		}
		if err := w.Close(nil); err != nil {
			t.Fatal(err)
		}
		r, err := NewReader(&b, ReaderOptions{})
		if err != nil {
			t.Fatal(err)
		}
		read := func() {
			if _, err := r.Next(); err != nil {
				t.Fatal(err)
			}
		}
		for range 1000 {
			read()
		}
		if n := testing.AllocsPerRun(2000, read); n != 0 {
			t.Errorf("%s: %v allocations a message", kind, n)
		}
	}
}

func BenchmarkWriteMessage(b *testing.B) {
	for _, size := range []int{64, 4096, 65536, 1 << 20} {
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			w, err := NewWriter(&discard{}, WriterOptions{})
			if err != nil {
				b.Fatal(err)
			}
			p := newPingPong(Stream, size)
			b.SetBytes(int64(size))
			b.ReportAllocs()
			for b.Loop() {
				if err := w.WriteMessage(p.next()); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "messages/s")
		})
	}
}

// Many connections in turn, as on a busy server.
func BenchmarkWriteMessageConnections(b *testing.B) {
	w, err := NewWriter(&discard{}, WriterOptions{})
	if err != nil {
		b.Fatal(err)
	}
	ps := make([]*pingPong, 10000)
	for i := range ps {
		ps[i] = newPingPong(Stream, 64)
	}
	for i := 0; b.Loop(); i++ {
		if err := w.WriteMessage(ps[i%len(ps)].next()); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "messages/s")
}

func BenchmarkNext(b *testing.B) {
	for _, size := range []int{64, 4096, 65536, 1 << 20} {
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			p := newPingPong(Stream, size)
			var file bytes.Buffer
			w, err := NewWriter(&file, WriterOptions{})
			if err != nil {
				b.Fatal(err)
			}
			for range max(64<<20/(size+200), 10) {
				if err := w.WriteMessage(p.next()); err != nil {
					b.Fatal(err)
				}
			}
			if err := w.Close(nil); err != nil {
				b.Fatal(err)
			}
			b.SetBytes(int64(size))
			b.ReportAllocs()
			var r *Reader
			for b.Loop() {
				if r == nil {
					if r, err = NewReader(bytes.NewReader(file.Bytes()), ReaderOptions{}); err != nil {
						b.Fatal(err)
					}
				}
				if _, err := r.Next(); err == io.EOF {
					r = nil
				} else if err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "messages/s")
		})
	}
}
