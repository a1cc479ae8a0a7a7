package report

import (
	"math"
	"net/netip"
	"strconv"
	"time"

	"unixcap/decoders"
)

type cellKind uint8

const (
	cellNone cellKind = iota
	cellInt
	cellCount
	cellSize
	cellQuantity
	cellAddress
	cellIP
	cellTime
	cellDuration
	cellShare
	cellText
	cellString
	cellPayload
	cellValues
	cellAttrs
)

// A Cell is the value that one column has in one row. It is reused from row to
// row, so that filling it allocates nothing. An empty Cell is a value that is
// absent.
type Cell struct {
	kind   cellKind
	int    int64
	uint   uint64
	share  float64
	ip     netip.AddrPort
	time   time.Time
	text   []byte
	string string
	values []decoders.Value
	attrs  []decoders.Attr

	buf     []byte // for a text that is put together
	second  int64  // whose text is in seconds
	seconds []byte
}

// clear empties the cell. It keeps what formats later ones faster.
func (c *Cell) clear() { c.kind = cellNone }

// Int sets a number that identifies something: a pid, a packet.
func (c *Cell) Int(v int64) { c.kind, c.int = cellInt, v }

// Count sets a number of things.
func (c *Cell) Count(v int64) { c.kind, c.int = cellCount, v }

// Size sets a number of bytes.
func (c *Cell) Size(v int64) { c.kind, c.int = cellSize, v }

// Quantity sets an average or the like of numbers of things.
func (c *Cell) Quantity(v float64) { c.kind, c.share = cellQuantity, v }

// Address sets a kernel address, which JSON has as a string: numbers above
// 2^53 lose digits in many readers.
func (c *Cell) Address(v uint64) { c.kind, c.uint = cellAddress, v }

// IP sets an IP address and its port, which is left out if it is 0.
func (c *Cell) IP(v netip.AddrPort) { c.kind, c.ip = cellIP, v }

// Time sets a point in time.
func (c *Cell) Time(v time.Time) { c.kind, c.time = cellTime, v }

// Duration sets a duration, which machines get in nanoseconds.
func (c *Cell) Duration(v time.Duration) { c.kind, c.int = cellDuration, int64(v) }

// Share sets a part of a whole, from 0 to 1.
func (c *Cell) Share(v float64) { c.kind, c.share = cellShare, v }

// Text sets bytes from the capture.
func (c *Cell) Text(v []byte) { c.kind, c.text = cellText, v }

// String sets a string.
func (c *Cell) String(v string) { c.kind, c.string = cellString, v }

// Values sets a list of values.
func (c *Cell) Values(v []decoders.Value) { c.kind, c.values = cellValues, v }

// Attrs sets named values.
func (c *Cell) Attrs(v []decoders.Attr) { c.kind, c.attrs = cellAttrs, v }

const secondLayout = "2006-01-02T15:04:05"

// appendTime appends a time with nine digits behind the second. Most are of the
// same second as the one before.
func (c *Cell) appendTime(dst []byte) []byte {
	if at := c.time.Unix(); at != c.second || len(c.seconds) == 0 {
		c.second = at
		c.seconds = c.time.UTC().AppendFormat(c.seconds[:0], secondLayout)
	}
	dst = append(append(dst, c.seconds...), ".000000000Z"...)
	ns := c.time.Nanosecond()
	for i := len(dst) - 2; ns > 0; i-- {
		dst[i] = byte('0' + ns%10)
		ns /= 10
	}
	return dst
}

// appendJSON appends the value as JSON.
func (c *Cell) appendJSON(dst []byte) []byte {
	switch c.kind {
	case cellInt, cellCount, cellSize, cellDuration:
		return strconv.AppendInt(dst, c.int, 10)
	case cellAddress, cellIP:
		dst = append(dst, '"')
		return append(c.appendPlain(dst), '"')
	case cellTime:
		return append(c.appendTime(append(dst, '"')), '"')
	case cellShare, cellQuantity:
		return appendShare(dst, c.share)
	case cellText:
		return decoders.AppendJSONString(dst, c.text)
	case cellString:
		return decoders.AppendJSONString(dst, []byte(c.string))
	case cellPayload:
		return appendPayload(dst, c.text)
	case cellValues:
		return appendValues(dst, c.values)
	case cellAttrs:
		return appendAttrs(dst, c.attrs)
	}
	return append(dst, "null"...)
}

// appendPlain appends the value for csv and tsv: as JSON has it, without
// quotes.
func (c *Cell) appendPlain(dst []byte) []byte {
	switch c.kind {
	case cellNone:
		return dst
	case cellAddress:
		return strconv.AppendUint(append(dst, "0x"...), c.uint, 16)
	case cellIP:
		if c.ip.Port() == 0 {
			return c.ip.Addr().AppendTo(dst)
		}
		return c.ip.AppendTo(dst)
	case cellTime:
		return c.appendTime(dst)
	case cellText:
		return append(dst, c.text...)
	case cellString:
		return append(dst, c.string...)
	}
	return c.appendJSON(dst)
}

// appendText appends the value as people read it. Nothing from the capture
// reaches the terminal as a control character.
func (c *Cell) appendText(dst []byte) []byte {
	switch c.kind {
	case cellNone:
		return append(dst, '-')
	case cellCount:
		return appendCount(dst, c.int)
	case cellSize:
		return appendSize(dst, c.int)
	case cellQuantity:
		return appendQuantity(dst, c.share)
	case cellDuration:
		return appendDuration(dst, time.Duration(c.int))
	case cellShare:
		return append(strconv.AppendFloat(dst, 100*c.share, 'f', 1, 64), '%')
	case cellTime:
		return c.time.UTC().AppendFormat(dst, "15:04:05.000000")
	case cellText, cellPayload:
		return appendSafe(dst, c.text)
	case cellString:
		return appendSafe(dst, []byte(c.string))
	case cellValues:
		return appendValuesText(dst, c.values)
	case cellAttrs:
		for i, a := range c.attrs {
			if i > 0 {
				dst = append(dst, ' ')
			}
			dst = append(append(dst, a.Key...), '=')
			dst = a.Value.AppendText(dst)
		}
		return dst
	}
	return c.appendPlain(dst)
}

func appendShare(dst []byte, v float64) []byte {
	if math.IsNaN(v) {
		v = 0
	}
	return strconv.AppendFloat(dst, math.Round(v*1e6)/1e6, 'f', -1, 64)
}

func appendValues(dst []byte, list []decoders.Value) []byte {
	dst = append(dst, '[')
	for i := range list {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = list[i].AppendJSON(dst)
	}
	return append(dst, ']')
}

func appendValuesText(dst []byte, list []decoders.Value) []byte {
	for i := range list {
		if i > 0 {
			dst = append(dst, ", "...)
		}
		dst = list[i].AppendText(dst)
	}
	return dst
}

func appendAttrs(dst []byte, list []decoders.Attr) []byte {
	dst = append(dst, '{')
	for i := range list {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = decoders.AppendJSONString(dst, []byte(list[i].Key))
		dst = list[i].Value.AppendJSON(append(dst, ':'))
	}
	return append(dst, '}')
}

// appendCount appends 1,234,567.
func appendCount(dst []byte, n int64) []byte {
	var digits [20]byte
	s := strconv.AppendInt(digits[:0], n, 10)
	if n < 0 {
		dst, s = append(dst, '-'), s[1:]
	}
	for i, c := range s {
		if i > 0 && (len(s)-i)%3 == 0 {
			dst = append(dst, ',')
		}
		dst = append(dst, c)
	}
	return dst
}

// appendSize appends a number of bytes in three digits: 999, 1.23k, 45.6M.
func appendSize(dst []byte, n int64) []byte {
	if n < 1000 {
		return strconv.AppendInt(dst, n, 10)
	}
	v := float64(n)
	for _, unit := range "kMGTPE" {
		if v /= 1000; v < 999.5 {
			return append(appendThree(dst, v), byte(unit))
		}
	}
	return strconv.AppendInt(dst, n, 10)
}

// appendQuantity appends a number in three digits that can be a fraction.
func appendQuantity(dst []byte, v float64) []byte {
	if v >= 999.5 || v == math.Trunc(v) {
		return appendSize(dst, int64(math.Round(v)))
	}
	return appendThree(dst, v)
}

// appendDuration appends a duration in three digits: 850ns, 12.3µs, 1.23ms.
func appendDuration(dst []byte, d time.Duration) []byte {
	v := float64(d)
	if d < 0 {
		dst, v = append(dst, '-'), -v
	}
	for _, unit := range [...]string{"ns", "µs", "ms"} {
		if v < 999.5 {
			if unit == "ns" {
				return append(strconv.AppendInt(dst, int64(v), 10), unit...)
			}
			return append(appendThree(dst, v), unit...)
		}
		v /= 1000
	}
	if v < 99.95 {
		return append(appendThree(dst, v), 's')
	}
	return append(dst, d.Round(time.Second).String()...)
}

// appendThree appends v, which is below 1000, with three digits.
func appendThree(dst []byte, v float64) []byte {
	decimals := 0
	switch {
	case v < 9.995:
		decimals = 2
	case v < 99.95:
		decimals = 1
	}
	return strconv.AppendFloat(dst, v, 'f', decimals, 64)
}
