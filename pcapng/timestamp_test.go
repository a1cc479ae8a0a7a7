package pcapng_test

import (
	"math"
	"math/big"
	"math/rand/v2"
	"testing"
	"time"

	"unixcap/pcapng"
)

func TestUnixNano(t *testing.T) {
	const s = 1_000_000_000
	bin := pcapng.BinaryResolution
	for _, c := range []struct {
		name     string
		resol    pcapng.Resolution
		offset   int64
		offsetNS int32
		ts       uint64
		want     int64
	}{
		{"nanoseconds", 9, 0, 0, 1, 1},
		{"seconds", 0, 0, 0, 7, 7 * s},
		{"microseconds", 6, 0, 0, 1_000_001, s + 1000},
		{"picoseconds are cut", 12, 0, 0, 1_999_999_999_999, 2*s - 1},
		{"10^-19", 19, 0, 0, math.MaxUint64, 1_844_674_407},
		{"10^-20", 20, 0, 0, math.MaxUint64, 184_467_440},
		{"10^-28", 28, 0, 0, math.MaxUint64, 1},
		{"10^-29", 29, 0, 0, math.MaxUint64, 0},
		{"10^-127", 127, 0, 0, math.MaxUint64, 0},
		{"2^-10", bin(10), 0, 0, 1<<10 + 512, s + s/2},
		{"2^-63", bin(63), 0, 0, math.MaxUint64, 2*s - 1},
		{"2^-64", bin(64), 0, 0, math.MaxUint64, s - 1},
		{"2^-94", bin(94), 0, 0, math.MaxUint64, 0},
		{"2^-127", bin(127), 0, 0, math.MaxUint64, 0},
		{"offset", 9, 10, 5, 1, 10*s + 6},
		{"negative offset", 9, -10, -5, 1, -10*s - 4},
		{"borrow", 9, 1, -1, 0, s - 1},
		{"greatest", 9, 0, 0, math.MaxInt64, math.MaxInt64},
		{"too great", 9, 0, 0, math.MaxInt64 + 1, math.MaxInt64},
		{"greatest of another unit", 6, 0, 807, math.MaxInt64 / 1000, math.MaxInt64},
		{"too great of another unit", 6, 0, 808, math.MaxInt64 / 1000, math.MaxInt64},
		{"seconds beyond 64 bits", 0, math.MaxInt64, 0, math.MaxUint64, math.MaxInt64},
		{"brought back by the offset", 0, math.MinInt64, 0, 1<<63 + 5, 5 * s},
		{"least", 9, -9223372037, 0, 145224192, math.MinInt64},
		{"too small", 9, -9223372037, 0, 145224191, math.MinInt64},
		{"far too small", 0, math.MinInt64, -1, 0, math.MinInt64},
	} {
		d := &pcapng.InterfaceDescription{TSResol: pcapng.Some(c.resol), TSOffset: pcapng.Some(c.offset), TSOffsetNS: pcapng.Some(c.offsetNS)}
		if got := d.UnixNano(c.ts); got != c.want {
			t.Errorf("%s: %d, want %d", c.name, got, c.want)
		}
	}
	var none *pcapng.InterfaceDescription
	if got := none.UnixNano(1_000_001); got != s+1000 {
		t.Errorf("no interface: %d", got)
	}
	p := pcapng.EnhancedPacket{Timestamp: 3_000_000}
	if p.UnixNano() != 3*s || !p.Time().Equal(time.Unix(3, 0)) {
		t.Errorf("packet without interface: %d, %v", p.UnixNano(), p.Time())
	}
}

// exact is the time of a timestamp in nanoseconds, rounded down, by arithmetic
// without bounds.
func exact(d *pcapng.InterfaceDescription, ts uint64) *big.Int {
	r := d.Resolution()
	base := big.NewInt(10)
	if r >= 0x80 {
		base.SetInt64(2)
	}
	unit := base.Exp(base, big.NewInt(int64(r&0x7F)), nil)
	ns := new(big.Int).SetUint64(ts)
	ns.Mul(ns, big.NewInt(1e9)).Div(ns, unit)
	off := big.NewInt(d.TSOffset.Value)
	ns.Add(ns, off.Mul(off, big.NewInt(1e9)))
	return ns.Add(ns, big.NewInt(int64(d.TSOffsetNS.Value)))
}

// any64 returns numbers of all sizes, often near a power of 2.
func any64(rnd *rand.Rand) uint64 {
	switch n := rnd.Uint64() >> rnd.IntN(64); rnd.IntN(3) {
	case 0:
		return n
	case 1:
		return 1<<rnd.IntN(64) + uint64(rnd.IntN(3)) - 1
	default:
		return uint64(rnd.IntN(2_000_000_000))
	}
}

func TestTimesExact(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	least, greatest := big.NewInt(math.MinInt64), big.NewInt(math.MaxInt64)
	for range 100_000 {
		d := &pcapng.InterfaceDescription{TSResol: pcapng.Some(pcapng.Resolution(rnd.Uint32()))}
		if rnd.IntN(2) == 0 {
			d.TSOffset = pcapng.Some(int64(any64(rnd)))
			d.TSOffsetNS = pcapng.Some(int32(rnd.IntN(2e9) - 1e9))
		}
		ts := any64(rnd)
		want := exact(d, ts)
		switch {
		case want.Cmp(least) < 0:
			want = least
		case want.Cmp(greatest) > 0:
			want = greatest
		}
		got := d.UnixNano(ts)
		if got != want.Int64() {
			t.Fatalf("%v %v %v: UnixNano(%d) = %d, want %v", d.Resolution(), d.TSOffset, d.TSOffsetNS, ts, got, want)
		}
		if inside := got != math.MinInt64 && got != math.MaxInt64; inside && !d.Time(ts).Equal(time.Unix(0, got)) {
			t.Fatalf("Time(%d) = %v", ts, d.Time(ts))
		}
	}
}

// A time made a timestamp and back is the same, or less than a unit before.
func TestTimestamp(t *testing.T) {
	rnd := rand.New(rand.NewPCG(3, 4))
	made := 0
	for range 100_000 {
		d := &pcapng.InterfaceDescription{TSResol: pcapng.Some(pcapng.Resolution(rnd.Uint32()))}
		if rnd.IntN(2) == 0 {
			d.TSOffset = pcapng.Some(int64(any64(rnd)) >> rnd.IntN(64))
			d.TSOffsetNS = pcapng.Some(int32(rnd.IntN(2e9) - 1e9))
		}
		want := time.Unix(0, int64(any64(rnd)))
		ts, ok := d.Timestamp(want)
		if !ok {
			continue
		}
		made++
		got, next := d.Time(ts), d.Time(ts+1)
		if got.After(want) || d.Resolution() >= 9 && d.Resolution() < 0x80 && !got.Equal(want) ||
			ts != math.MaxUint64 && !next.After(want) && !next.Equal(got) {
			t.Fatalf("%v %v %v: Timestamp(%v) = %d, which is %v, the next %v", d.Resolution(), d.TSOffset, d.TSOffsetNS, want, ts, got, next)
		}
	}
	if made < 10_000 {
		t.Errorf("only %d could be made a timestamp", made)
	}
}

func TestTimestampBounds(t *testing.T) {
	d := pcapng.NewInterface("", 0)
	if ts, ok := d.Timestamp(time.Unix(1700000000, 5)); !ok || ts != 1700000000_000000005 {
		t.Error(ts, ok)
	}
	for _, tm := range []time.Time{{}, time.Unix(0, -1), time.Unix(1<<40, 0), time.Unix(math.MaxInt64, 0), time.Unix(math.MinInt64, 0)} {
		if ts, ok := d.Timestamp(tm); ok {
			t.Errorf("%v is timestamp %d", tm, ts)
		}
	}
	d.TSOffset = pcapng.Some(int64(math.MinInt64))
	if ts, ok := d.Timestamp(time.Unix(5, 0)); ok {
		t.Error("far offset:", ts)
	}
	for r, want := range map[pcapng.Resolution]string{pcapng.Microsecond: "10^-6 s", pcapng.BinaryResolution(10): "2^-10 s"} {
		if r.String() != want {
			t.Error(r, want)
		}
	}
}
