package decoders

import (
	"math"
	"testing"
	"time"
)

func TestTime(t *testing.T) {
	first, last := time.Unix(0, math.MinInt64), time.Unix(0, math.MaxInt64)
	for _, test := range []struct{ of, want time.Time }{
		{time.Time{}, time.Time{}},
		{time.Unix(0, 0), time.Unix(0, 0)}, // which is a time as good as any other
		{time.Unix(0, -1), time.Unix(0, -1)},
		{time.Date(2026, 1, 2, 3, 4, 5, 123456789, time.FixedZone("", 3600)), time.Date(2026, 1, 2, 2, 4, 5, 123456789, time.UTC)},
		{time.Date(1700, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(1700, 1, 1, 0, 0, 0, 0, time.UTC)},
		{time.Date(2262, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(2262, 1, 1, 0, 0, 0, 0, time.UTC)},
		{first, first.Add(1)},
		{last, last},
		{last.Add(1), last},
		{time.Date(1, 1, 1, 0, 0, 0, 1, time.UTC), first.Add(1)},
		{time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC), last},
		{time.Unix(math.MaxInt64-62135596800, 0), last},
	} {
		got := TimeOf(test.of)
		if !got.UTC().Equal(test.want) || got.IsZero() != test.of.IsZero() {
			t.Errorf("%v: %v, want %v", test.of, got.UTC(), test.want)
		}
	}
	early, late := TimeOf(time.Date(1700, 1, 1, 0, 0, 0, 0, time.UTC)), TimeOf(time.Date(2200, 1, 1, 0, 0, 0, 0, time.UTC))
	now := TimeOf(time.Unix(1, 0))
	for _, test := range []struct {
		t, u Time
		want time.Duration
	}{
		{now.Add(5), now, 5},
		{now, now.Add(5), -5},
		{late, early, math.MaxInt64},
		{early, late, math.MinInt64},
	} {
		if got := test.t.Sub(test.u); got != test.want {
			t.Errorf("%v - %v: %v, want %v", test.t.UTC(), test.u.UTC(), got, test.want)
		}
	}
}
