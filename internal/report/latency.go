package report

import (
	"math"
	"time"

	"github.com/DataDog/sketches-go/ddsketch"
)

// quantileError is how far a quantile may be from the true one, as a part of
// it: a p99 of 100 ms is one of 99 to 101 ms.
const quantileError = 0.01

// A distribution sums up durations in little memory, whatever their number.
// Two can be merged.
type distribution struct {
	count    int64
	sum      time.Duration
	min, max time.Duration
	sketch   *ddsketch.DDSketch
}

func (d *distribution) add(v time.Duration) {
	// A reply can seem to precede its request when the two were stamped on
	// different processors.
	v = max(v, 0)
	if d.sketch == nil {
		sketch, err := ddsketch.NewDefaultDDSketch(quantileError)
		if err != nil {
			return // not with this constant
		}
		d.sketch = sketch
	}
	if d.count == 0 || v < d.min {
		d.min = v
	}
	d.max = max(d.max, v)
	d.count++
	d.sum += v
	d.sketch.Add(float64(v))
}

// merge adds what o was given. o must not be used any more.
func (d *distribution) merge(o *distribution) {
	if o.count == 0 {
		return
	}
	if d.count == 0 {
		*d = *o
		return
	}
	// Both sketches have the same mapping, so that they can always be merged.
	if err := d.sketch.MergeWith(o.sketch); err != nil {
		panic(err)
	}
	d.min, d.max = min(d.min, o.min), max(d.max, o.max)
	d.count += o.count
	d.sum += o.sum
}

func (d *distribution) mean() time.Duration {
	if d.count == 0 {
		return 0
	}
	return d.sum / time.Duration(d.count)
}

// quantile returns the smallest value that at least a part q of all are not
// above. It is never outside of what was added.
func (d *distribution) quantile(q float64) time.Duration {
	if d.count == 0 {
		return 0
	}
	rank := int64(math.Ceil(q*float64(d.count))) - 1 // from 0
	if rank >= d.count-1 {
		return d.max
	}
	// The sketch takes a part of count-1, and then the next lower rank; the
	// half keeps rounding from making that the wrong one.
	v, err := d.sketch.GetValueAtQuantile((float64(max(rank, 0)) + 0.5) / float64(d.count-1))
	if err != nil {
		return 0
	}
	return min(max(time.Duration(v), d.min), d.max)
}
