package decodertest

import (
	"syscall"
	"testing"
	"time"

	"unixcap/decoders"
)

// Benchmark has a decoder read a conversation again and again. MB/cpu-s is what
// it reads in a second of the processor's time, which other programs do not
// change.
func Benchmark(b *testing.B, p decoders.Protocol, c Conversation) {
	total, exchanges := 0, 0
	for _, m := range c {
		total += len(m.Data)
	}
	b.SetBytes(int64(total))
	b.ReportAllocs()
	before := cpuTime(b)
	for b.Loop() {
		d := p.New(func(*decoders.Exchange) { exchanges++ })
		for i := range c {
			d.Data(c[i].From, decoders.Mark{Packet: uint64(i + 1)}, c[i].Data)
		}
		d.Close(decoders.Mark{})
	}
	b.ReportMetric(float64(total)*float64(b.N)/1e6/(cpuTime(b)-before), "MB/cpu-s")
	b.ReportMetric(float64(exchanges)/float64(b.N), "exchanges/op")
}

// cpuTime returns how many seconds this process has run.
func cpuTime(b *testing.B) float64 {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return float64(u.Utime.Nano()+u.Stime.Nano()) / 1e9
}

// NoAllocations tests that what is said on a steady connection, again and again,
// costs no memory. opening is what was said on it before.
func NoAllocations(t *testing.T, p decoders.Protocol, opening, steady Conversation) {
	t.Helper()
	exchanges := 0
	d := p.New(func(*decoders.Exchange) { exchanges++ })
	at := decoders.Mark{Time: decoders.TimeOf(time.Unix(1, 0))}
	feed := func(c Conversation) {
		for i := range c {
			d.Data(c[i].From, at, c[i].Data)
		}
	}
	feed(opening)
	exchanges = 0
	if n := testing.AllocsPerRun(50, func() { feed(steady) }); n > 0 {
		t.Errorf("%v allocations for %d messages", n, len(steady))
	}
	if exchanges == 0 {
		t.Error("no exchanges")
	}
}
