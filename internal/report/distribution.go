package report

import (
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"math"
	"math/big"
	"math/bits"
	"strconv"
	"time"

	"github.com/DataDog/sketches-go/ddsketch/mapping"
	"github.com/DataDog/sketches-go/ddsketch/store"
)

// quantileError is how far a quantile may be from the true one, as a part of
// it: a p99 of 100 ms is one of 99 to 101 ms.
const quantileError = 0.01

// buckets says which bucket of a sketch a value falls in.
var buckets = newBuckets()

func newBuckets() *mapping.CubicallyInterpolatedMapping {
	m, err := mapping.NewCubicallyInterpolatedMapping(quantileError)
	if err != nil {
		panic(err) // not with this constant
	}
	return m
}

// A distribution sums up numbers that are not negative in little memory,
// however many they are. Two that are merged are what one would have been that
// was given all of the numbers.
type distribution struct {
	count, zeros  int64
	sum, min, max int64
	squares       [2]uint64 // their sum, the high part first
	bins          *store.BufferedPaginatedStore
}

func (d *distribution) add(v int64) {
	// A reply can seem to precede its request when the two were stamped on
	// different processors.
	v = max(v, 0)
	if d.count == 0 || v < d.min {
		d.min = v
	}
	d.max = max(d.max, v)
	d.count++
	d.sum += v
	high, low := bits.Mul64(uint64(v), uint64(v))
	d.square(high, low)
	if v == 0 {
		d.zeros++
		return
	}
	if d.bins == nil {
		d.bins = store.NewBufferedPaginatedStore()
	}
	if v < int64(len(smallBuckets)) {
		d.bins.Add(int(smallBuckets[v]))
		return
	}
	d.bins.Add(buckets.Index(float64(v)))
}

// smallBuckets are the buckets of small numbers, as most numbers of rows and
// bytes are.
var smallBuckets = func() (list [2048]int16) {
	for v := range list[1:] {
		list[v+1] = int16(buckets.Index(float64(v + 1)))
	}
	return list
}()

func (d *distribution) square(high, low uint64) {
	var carry uint64
	d.squares[1], carry = bits.Add64(d.squares[1], low, 0)
	d.squares[0], _ = bits.Add64(d.squares[0], high, carry)
}

// merge adds what o was given.
func (d *distribution) merge(o *distribution) {
	if o.count == 0 {
		return
	}
	if d.count == 0 {
		d.min = o.min
	}
	d.min, d.max = min(d.min, o.min), max(d.max, o.max)
	d.count += o.count
	d.zeros += o.zeros
	d.sum += o.sum
	d.square(o.squares[0], o.squares[1])
	if o.bins == nil {
		return
	}
	if d.bins == nil {
		d.bins = store.NewBufferedPaginatedStore()
	}
	d.bins.MergeWith(o.bins)
}

// IsZero reports whether nothing was added.
func (d *distribution) IsZero() bool { return d.count == 0 }

func (d *distribution) mean() float64 {
	if d.count == 0 {
		return 0
	}
	return float64(d.sum) / float64(d.count)
}

// variance is that of a sample, as pt-query-digest has it: 0 of one number.
func (d *distribution) variance() float64 {
	if d.count < 2 {
		return 0
	}
	n := big.NewInt(d.count)
	squares := new(big.Int).Lsh(new(big.Int).SetUint64(d.squares[0]), 64)
	squares.Add(squares, new(big.Int).SetUint64(d.squares[1])).Mul(squares, n)
	sum := big.NewInt(d.sum)
	squares.Sub(squares, sum.Mul(sum, sum))
	v, _ := new(big.Float).SetInt(squares).Float64()
	return max(v, 0) / float64(d.count) / float64(d.count-1)
}

func (d *distribution) stddev() float64 { return math.Sqrt(d.variance()) }

// dispersion is the variance-to-mean ratio.
func (d *distribution) dispersion() float64 {
	if d.sum == 0 {
		return 0
	}
	return d.variance() / d.mean()
}

// quantile returns the smallest number that at least a part q of all are not
// above. It is never outside of what was added.
func (d *distribution) quantile(q float64) int64 {
	rank := int64(math.Ceil(q*float64(d.count))) - 1 // from 0
	switch {
	case d.count == 0:
		return 0
	case rank >= d.count-1:
		return d.max
	case rank < d.zeros || d.bins == nil:
		return d.min
	}
	v := buckets.Value(d.bins.KeyAtRank(float64(max(rank, 0)-d.zeros) + 0.5))
	return min(max(int64(math.Round(v)), d.min), d.max)
}

// appendJSON appends the numbers for people, their names ending in unit, and
// with them the sketch that another report can be merged with.
func (d *distribution) appendJSON(dst []byte, unit string) []byte {
	number := func(name string, v int64) {
		dst = append(append(append(append(dst, '"'), name...), unit...), '"', ':')
		dst = append(strconv.AppendInt(dst, v, 10), ',')
	}
	fraction := func(name string, v float64) {
		dst = append(append(append(append(dst, '"'), name...), unit...), '"', ':')
		dst = append(strconv.AppendFloat(dst, math.Round(v*1000)/1000, 'f', -1, 64), ',')
	}
	dst = append(dst, '{')
	number("min", d.min)
	if unit == "" {
		fraction("mean", d.mean())
		fraction("stddev", d.stddev())
	} else {
		number("mean", int64(math.Round(d.mean())))
		number("stddev", int64(math.Round(d.stddev())))
	}
	number("p50", d.quantile(0.50))
	number("p95", d.quantile(0.95))
	number("p99", d.quantile(0.99))
	number("max", d.max)
	dst = append(dst, `"count":`...)
	dst = strconv.AppendInt(dst, d.count, 10)
	dst = append(dst, `,"sketch":"`...)
	return append(base64.RawStdEncoding.AppendEncode(dst, d.encode()), '"', '}')
}

// encode writes the sketch as variable-length integers: the sums, then for
// each bucket how far it is from the one before, and how many are in it.
func (d *distribution) encode() []byte {
	var b []byte
	for _, v := range []int64{d.count, d.zeros, d.sum, d.min, d.max} {
		b = binary.AppendUvarint(b, uint64(v))
	}
	b = binary.AppendUvarint(b, d.squares[0])
	b = binary.AppendUvarint(b, d.squares[1])
	if d.bins == nil {
		return b
	}
	last := lowest
	d.bins.ForEach(func(index int, count float64) bool {
		b = binary.AppendUvarint(b, uint64(index-last))
		b = binary.AppendUvarint(b, uint64(count))
		last = index
		return false
	})
	return b
}

// lowest and highest are the buckets that a number can be in.
var lowest, highest = buckets.Index(1), buckets.Index(math.MaxInt64)

// maxSum bounds what a sketch can say that was written by others, so that
// many can be added up.
const maxSum = 1 << 56

var errSketch = errors.New("a sketch is damaged")

// decode reads what encode wrote. It believes nothing.
func (d *distribution) decode(b []byte) error {
	next := func() uint64 {
		v, n := binary.Uvarint(b)
		if n <= 0 {
			b = nil
			return math.MaxUint64 // which fits nowhere
		}
		b = b[n:]
		return v
	}
	*d = distribution{}
	for _, v := range []*int64{&d.count, &d.zeros, &d.sum, &d.min, &d.max} {
		n := next()
		if n > maxSum {
			return errSketch
		}
		*v = int64(n)
	}
	d.squares[0] = next()
	if len(b) == 0 {
		return errSketch
	}
	d.squares[1] = next()
	left := d.count - d.zeros
	index := lowest
	for len(b) > 0 {
		delta, n := next(), next()
		if delta > uint64(highest-index) || n == 0 || n > uint64(max(left, 0)) {
			return errSketch
		}
		index += int(delta)
		left -= int64(n)
		if d.bins == nil {
			d.bins = store.NewBufferedPaginatedStore()
		}
		d.bins.AddWithCount(index, float64(n))
	}
	if left != 0 || d.min > d.max || d.count == 0 || d.sum < d.max {
		return errSketch
	}
	return nil
}

// decodeJSON reads what appendJSON wrote: the sketch says it all.
func (d *distribution) decodeJSON(p []byte) error {
	var text struct {
		Sketch string `json:"sketch"`
	}
	if err := json.Unmarshal(p, &text); err != nil {
		return err
	}
	b, err := base64.RawStdEncoding.DecodeString(text.Sketch)
	if err != nil {
		return errSketch
	}
	return d.decode(b)
}

// durations is a distribution of nanoseconds.
type durations struct{ distribution }

func (d durations) MarshalJSON() ([]byte, error)  { return d.appendJSON(nil, "_ns"), nil }
func (d *durations) UnmarshalJSON(p []byte) error { return d.decodeJSON(p) }
func (d *durations) addIf(v time.Duration, ok bool) {
	if ok {
		d.add(int64(v))
	}
}

// numbers is a distribution of sizes and counts.
type numbers struct{ distribution }

func (n numbers) MarshalJSON() ([]byte, error)  { return n.appendJSON(nil, ""), nil }
func (n *numbers) UnmarshalJSON(p []byte) error { return n.decodeJSON(p) }
