package decoders

import (
	"math"
	"time"
)

// A Time says when something was seen. The zero Time is that of what was not.
// A decoder copies several for each message, so it is a number and not a
// time.Time, which is three times as large and has a pointer in it: it counts
// nanoseconds from the first one that a number of 64 bits can tell from 1970, in
// September 1677. The later of two is the greater.
type Time uint64

// year1970 is the first nanosecond of 1970.
const year1970 Time = 1 << 63

// TimeOf returns t as a Time. Times before 1677 and after 2262 become the first or
// the last there is; the zero one becomes zero.
func TimeOf(t time.Time) Time {
	const (
		first = math.MinInt64/int64(time.Second) - 1 // in part
		last  = math.MaxInt64 / int64(time.Second)   // likewise
	)
	switch s := t.Unix(); {
	case t.IsZero():
		return 0
	case s <= first:
		return 1
	case s >= last:
		return math.MaxUint64
	}
	return max(year1970+Time(t.UnixNano()), 1)
}

// IsZero says whether it is not known when it was.
func (t Time) IsZero() bool { return t == 0 }

// UTC returns the time as package time has it.
func (t Time) UTC() time.Time {
	if t == 0 {
		return time.Time{}
	}
	return time.Unix(0, int64(t-year1970)).UTC()
}

// Sub returns the time from u to t, as much of it as a Duration can hold.
func (t Time) Sub(u Time) time.Duration {
	switch {
	case t >= u && t-u > math.MaxInt64:
		return math.MaxInt64
	case t < u && u-t > math.MaxInt64:
		return math.MinInt64
	}
	return time.Duration(t - u)
}

// Add returns the time d after t.
func (t Time) Add(d time.Duration) Time { return t + Time(d) }
