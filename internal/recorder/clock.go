package recorder

import (
	"time"

	"golang.org/x/sys/unix"
)

// A clock turns the kernel's monotonic time into the time of day.
type clock struct {
	offset int64 // CLOCK_REALTIME - CLOCK_MONOTONIC, ns
}

// clockStep is a difference that can't be the noise of reading two clocks: the
// time of day was set, or the machine slept.
const clockStep = 5 * time.Millisecond

func newClock() clock { return clock{offset: clockOffset()} }

func clockOffset() int64 {
	best, width := int64(0), int64(1<<62)
	for range 5 {
		before := read(unix.CLOCK_MONOTONIC)
		wall := read(unix.CLOCK_REALTIME)
		after := read(unix.CLOCK_MONOTONIC)
		if after-before < width {
			best, width = wall-(before+after)/2, after-before
		}
	}
	return best
}

// read returns 0 for a clock that can't be read; Linux has both.
func read(id int32) int64 {
	var ts unix.Timespec
	if err := unix.ClockGettime(id, &ts); err != nil {
		return 0
	}
	return ts.Nano()
}

// adjust follows a step of the time of day.
func (c *clock) adjust() {
	now := clockOffset()
	if d := time.Duration(now - c.offset); d.Abs() > clockStep {
		c.offset = now
	}
}

func (c *clock) monotonic() uint64 { return uint64(read(unix.CLOCK_MONOTONIC)) }

func (c *clock) wall(monotonic uint64) time.Time {
	return time.Unix(0, int64(monotonic)+c.offset)
}
