package pcapng

import (
	"fmt"
	"math"
	"math/bits"
	"time"
)

// A Resolution is the unit of an interface's timestamps, the value of
// if_tsresol: 10 to the power of -n, or with the upper bit set 2 to the power
// of -n, of a second.
type Resolution uint8

const (
	Microsecond Resolution = 6 // the draft's default
	Nanosecond  Resolution = 9

	resolutionBinary Resolution = 0x80
)

// BinaryResolution returns the resolution of 2 to the power of -n of a second.
// Only the lower 7 bits of n count.
func BinaryResolution(n uint8) Resolution { return resolutionBinary | Resolution(n) }

func (r Resolution) String() string {
	if r&resolutionBinary != 0 {
		return fmt.Sprintf("2^-%d s", r&^resolutionBinary)
	}
	return fmt.Sprintf("10^-%d s", r)
}

const nanosPerSecond = 1_000_000_000

// pow10 has the powers of 10 that fit in 64 bits.
var pow10 = func() (p [20]uint64) {
	p[0] = 1
	for i := 1; i < len(p); i++ {
		p[i] = p[i-1] * 10
	}
	return p
}()

// split divides ts into whole seconds and nanoseconds, rounding down.
func (r Resolution) split(ts uint64) (sec uint64, nsec uint32) {
	n := uint(r &^ resolutionBinary)
	if r&resolutionBinary != 0 {
		return splitBinary(ts, n)
	}
	switch {
	case n <= 9:
		return ts / pow10[n], uint32(ts % pow10[n] * pow10[9-n])
	case n <= 19:
		return ts / pow10[n], uint32(ts % pow10[n] / pow10[n-9])
	case n <= 28: // 10^n exceeds 64 bits: no timestamp reaches a second
		return 0, uint32(ts / pow10[n-9])
	}
	return 0, 0 // nor a nanosecond
}

func splitBinary(ts uint64, n uint) (sec uint64, nsec uint32) {
	if n >= 64 {
		hi, _ := bits.Mul64(ts, nanosPerSecond)
		return 0, uint32(hi >> (n - 64))
	}
	frac := ts & (1<<n - 1)
	hi, lo := bits.Mul64(frac, nanosPerSecond)
	return ts >> n, uint32(hi<<(64-n) | lo>>n)
}

// join is the reverse of split: the timestamp of a time, whose split gives the
// same time again, or with units coarser than nanoseconds the last unit before
// it. It reports false if there is none.
func (r Resolution) join(sec uint64, nsec uint32) (uint64, bool) {
	n := uint(r &^ resolutionBinary)
	if r&resolutionBinary != 0 {
		return joinBinary(sec, nsec, n)
	}
	if n <= 9 {
		hi, lo := bits.Mul64(sec, pow10[n])
		ts, carry := bits.Add64(lo, uint64(nsec)/pow10[9-n], 0)
		return ts, hi == 0 && carry == 0
	}
	if n > 28 {
		return 0, sec == 0 && nsec == 0
	}
	// All of it in nanoseconds, then times what a nanosecond has of units.
	hi, ns := bits.Mul64(sec, nanosPerSecond)
	ns, carry := bits.Add64(ns, uint64(nsec), 0)
	over, ts := bits.Mul64(ns, pow10[n-9])
	return ts, hi == 0 && carry == 0 && over == 0
}

func joinBinary(sec uint64, nsec uint32, n uint) (uint64, bool) {
	if n >= 64 {
		// A nanosecond has at least 2^34 units: only very few fit.
		if sec != 0 || n-64 >= 30 {
			return 0, sec == 0 && nsec == 0
		}
		hi := uint64(nsec) << (n - 64)
		if hi >= nanosPerSecond {
			return 0, false
		}
		ts, rem := bits.Div64(hi, 0, nanosPerSecond)
		ts, carry := bits.Add64(ts, min(rem, 1), 0)
		return ts, carry == 0
	}
	if n > 0 && sec>>(64-n) != 0 {
		return 0, false
	}
	var frac uint64
	if n < 30 {
		// Units longer than a nanosecond: the last to begin before nsec is over.
		frac = ((uint64(nsec)+1)<<n - 1) / nanosPerSecond
	} else {
		// Shorter ones: the first to begin within nsec.
		f, rem := bits.Div64(uint64(nsec)>>(64-n), uint64(nsec)<<n, nanosPerSecond)
		frac = f + min(rem, 1)
	}
	ts, carry := bits.Add64(sec<<n, frac, 0)
	return ts, carry == 0
}

// resolution is the unit of the interface's timestamps. It is called on nil
// for packets without one.
func (d *InterfaceDescription) resolution() Resolution {
	if d == nil || !d.TSResol.Valid {
		return Microsecond
	}
	return d.TSResol.Value
}

// Resolution returns the unit of the interface's timestamps: if_tsresol, or
// microseconds if it has none.
func (d *InterfaceDescription) Resolution() Resolution { return d.resolution() }

// unix returns the time of a timestamp with the offsets applied. Seconds beyond
// 64 bits are cut to the greatest or least there are.
func (d *InterfaceDescription) unix(ts uint64) (sec int64, nsec int64) {
	s, ns := d.resolution().split(ts)
	nsec = int64(ns)
	var off int64
	if d != nil {
		off = d.TSOffset.Value
		nsec += int64(d.TSOffsetNS.Value)
	}
	sec = addSaturated(s, off)
	carry := nsec / nanosPerSecond
	if nsec %= nanosPerSecond; nsec < 0 {
		nsec += nanosPerSecond
		carry--
	}
	switch {
	case carry > 0 && sec > math.MaxInt64-carry:
		return math.MaxInt64, nanosPerSecond - 1
	case carry < 0 && sec < math.MinInt64-carry:
		return math.MinInt64, 0
	}
	return sec + carry, nsec
}

// addSaturated returns a + b within the bounds of an int64.
func addSaturated(a uint64, b int64) int64 {
	if b >= 0 {
		sum, carry := bits.Add64(a, uint64(b), 0)
		if carry != 0 || sum > math.MaxInt64 {
			return math.MaxInt64
		}
		return int64(sum)
	}
	neg := -uint64(b)
	if a >= neg {
		return int64(min(a-neg, math.MaxInt64))
	}
	return -int64(min(neg-a, math.MaxInt64))
}

// UnixNano returns the time of one of the interface's timestamps in nanoseconds
// since 1970 UTC. Times an int64 cannot hold (before 1677, after 2262) become
// the least or the greatest there is; Time gives those exactly.
func (d *InterfaceDescription) UnixNano(ts uint64) int64 {
	if d != nil && d.TSResol.Value == Nanosecond && d.TSOffset.Value == 0 && d.TSOffsetNS.Value == 0 {
		return int64(min(ts, math.MaxInt64))
	}
	const (
		maxSec  = math.MaxInt64 / nanosPerSecond
		maxNsec = math.MaxInt64 % nanosPerSecond
		minSec  = -maxSec - 1
		minNsec = nanosPerSecond - maxNsec - 1
	)
	sec, nsec := d.unix(ts)
	switch {
	case sec > maxSec || sec == maxSec && nsec > maxNsec:
		return math.MaxInt64
	case sec < minSec || sec == minSec && nsec < minNsec:
		return math.MinInt64
	case sec < 0: // in this order neither step overflows
		return (sec+1)*nanosPerSecond + (nsec - nanosPerSecond)
	}
	return sec*nanosPerSecond + nsec
}

// maxTimeSec is the last second that time.Unix can take: it counts from the
// year 1 inside.
const maxTimeSec = math.MaxInt64 - 62135596800

// Time returns the time of one of the interface's timestamps, in UTC, rounded
// down to nanoseconds.
func (d *InterfaceDescription) Time(ts uint64) time.Time {
	sec, nsec := d.unix(ts)
	return time.Unix(min(sec, maxTimeSec), nsec).UTC()
}

// Timestamp returns t as a timestamp of the interface, and whether it can be
// one: not before 1970 (or the interface's offset), and not beyond 64 bits.
// A resolution coarser than nanoseconds rounds down.
func (d *InterfaceDescription) Timestamp(t time.Time) (uint64, bool) {
	sec, nsec := t.Unix(), int64(t.Nanosecond())
	if d != nil {
		off := d.TSOffset.Value
		if off > 0 && sec < math.MinInt64+off || off < 0 && sec > math.MaxInt64+off {
			return 0, false
		}
		// An int32 of nanoseconds is at most 3 seconds either way.
		if sec -= off; sec < -3 || sec > math.MaxInt64-3 {
			return 0, false
		}
		nsec -= int64(d.TSOffsetNS.Value)
		for ; nsec < 0; nsec += nanosPerSecond {
			sec--
		}
		for ; nsec >= nanosPerSecond; nsec -= nanosPerSecond {
			sec++
		}
	}
	if sec < 0 {
		return 0, false
	}
	return d.resolution().join(uint64(sec), uint32(nsec))
}
