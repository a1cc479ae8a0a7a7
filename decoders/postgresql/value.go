package postgresql

import (
	"encoding/binary"
	"fmt"
	"math"
	"strconv"
	"time"

	"unixcap/decoders"
)

// The object identifiers of the types whose binary form is read, pg_type.dat.
// Their numbers are part of PostgreSQL's interface.
const (
	oidBool        = 16
	oidBytea       = 17
	oidChar        = 18
	oidName        = 19
	oidInt8        = 20
	oidInt2        = 21
	oidInt4        = 23
	oidText        = 25
	oidOID         = 26
	oidJSON        = 114
	oidXML         = 142
	oidFloat4      = 700
	oidFloat8      = 701
	oidUnknown     = 705
	oidBPChar      = 1042
	oidVarchar     = 1043
	oidDate        = 1082
	oidTime        = 1083
	oidTimestamp   = 1114
	oidTimestampTZ = 1184
	oidNumeric     = 1700
	oidUUID        = 2950
	oidJSONB       = 3802
)

// value reads a parameter. What is binary and of another type, or of one that
// is not known, stays as it is.
func (r *request) value(oid uint32, isBinary bool, b []byte) decoders.Value {
	if !isBinary {
		return decoders.TextValue(r.keep(b))
	}
	if v, ok := number(oid, b); ok {
		return v
	}
	start := len(r.scratch)
	ok := true
	switch oid {
	case oidText, oidVarchar, oidBPChar, oidName, oidJSON, oidXML, oidUnknown, oidChar:
		r.scratch = append(r.scratch, b...)
	case oidJSONB: // behind the number of its format
		ok = len(b) > 0 && b[0] == 1
		r.scratch = append(r.scratch, b[min(len(b), 1):]...)
	default:
		r.scratch, ok = appendBinary(r.scratch, oid, b)
	}
	if !ok {
		r.scratch = append(r.scratch[:start], b...)
		return decoders.BinaryValue(r.scratch[start:len(r.scratch):len(r.scratch)])
	}
	return decoders.TextValue(r.scratch[start:len(r.scratch):len(r.scratch)])
}

// number reads the types whose values are numbers.
func number(oid uint32, b []byte) (v decoders.Value, ok bool) {
	switch {
	case oid == oidInt2 && len(b) == 2:
		return decoders.IntValue(int64(int16(binary.BigEndian.Uint16(b)))), true
	case oid == oidInt4 && len(b) == 4:
		return decoders.IntValue(int64(int32(binary.BigEndian.Uint32(b)))), true
	case oid == oidInt8 && len(b) == 8:
		return decoders.IntValue(int64(binary.BigEndian.Uint64(b))), true
	case oid == oidOID && len(b) == 4:
		return decoders.UintValue(uint64(binary.BigEndian.Uint32(b))), true
	case oid == oidFloat4 && len(b) == 4:
		return decoders.FloatValue(shortFloat(math.Float32frombits(binary.BigEndian.Uint32(b)))), true
	case oid == oidFloat8 && len(b) == 8:
		return decoders.FloatValue(math.Float64frombits(binary.BigEndian.Uint64(b))), true
	}
	return decoders.Value{}, false
}

// shortFloat is the float that is written as f is: 0.1, not 0.10000000149.
func shortFloat(f float32) float64 {
	v, err := strconv.ParseFloat(strconv.FormatFloat(float64(f), 'g', -1, 32), 64)
	if err != nil { // NaN and the infinities have no error, so there is none
		return float64(f)
	}
	return v
}

// appendBinary appends a value as PostgreSQL writes it as text, with
// DateStyle ISO and in UTC.
func appendBinary(dst []byte, oid uint32, b []byte) ([]byte, bool) {
	switch {
	case oid == oidBool && len(b) == 1 && b[0] <= 1:
		return append(dst, "ft"[b[0]]), true
	case oid == oidUUID && len(b) == 16:
		return appendUUID(dst, b), true
	case oid == oidDate && len(b) == 4:
		return appendDate(dst, int64(int32(binary.BigEndian.Uint32(b)))), true
	case oid == oidTime && len(b) == 8:
		return appendClock(dst, binary.BigEndian.Uint64(b))
	case (oid == oidTimestamp || oid == oidTimestampTZ) && len(b) == 8:
		return appendTimestamp(dst, int64(binary.BigEndian.Uint64(b)), oid == oidTimestampTZ), true
	case oid == oidNumeric:
		return appendNumeric(dst, b)
	}
	return dst, false
}

func appendUUID(dst, b []byte) []byte {
	for i, c := range b {
		if i == 4 || i == 6 || i == 8 || i == 10 {
			dst = append(dst, '-')
		}
		dst = append(dst, "0123456789abcdef"[c>>4], "0123456789abcdef"[c&15])
	}
	return dst
}

// epoch is where PostgreSQL's dates begin.
var epoch = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)

func appendDate(dst []byte, days int64) []byte {
	switch days {
	case math.MaxInt32:
		return append(dst, "infinity"...)
	case math.MinInt32:
		return append(dst, "-infinity"...)
	}
	return appendDay(dst, epoch.AddDate(0, 0, int(days)), "-01-02")
}

// appendDay appends a time; layout is of what follows the year. Years before 1
// are BC.
func appendDay(dst []byte, t time.Time, layout string) []byte {
	if t.Year() >= 1 {
		return t.AppendFormat(t.AppendFormat(dst, "2006"), layout)
	}
	dst = fmt.Appendf(dst, "%04d", 1-t.Year())
	return append(t.AppendFormat(dst, layout), " BC"...)
}

const day = 24 * 60 * 60 * 1_000_000 // in microseconds

func appendClock(dst []byte, us uint64) ([]byte, bool) {
	if us > day {
		return dst, false
	}
	if us == day {
		return append(dst, "24:00:00"...), true
	}
	return epoch.Add(time.Duration(us)*time.Microsecond).AppendFormat(dst, "15:04:05.999999"), true
}

func appendTimestamp(dst []byte, us int64, zone bool) []byte {
	switch us {
	case math.MaxInt64:
		return append(dst, "infinity"...)
	case math.MinInt64:
		return append(dst, "-infinity"...)
	}
	layout := "-01-02 15:04:05.999999"
	if zone {
		layout += "+00"
	}
	days, rest := us/day, us%day
	if rest < 0 {
		days, rest = days-1, rest+day
	}
	return appendDay(dst, epoch.AddDate(0, 0, int(days)).Add(time.Duration(rest)*time.Microsecond), layout)
}

// The signs of a numeric, numeric.c.
const (
	numericPositive  = 0x0000
	numericNegative  = 0x4000
	numericNaN       = 0xc000
	numericInfinity  = 0xd000
	numericMinusInf  = 0xf000
	numericBase      = 4 // decimal digits of one of its digits
	maxNumericScale  = 16383
	maxNumericWeight = 131072 / numericBase
)

// appendNumeric appends a numeric: digits in base 10000, of which weight says
// where the first stands.
func appendNumeric(dst, b []byte) ([]byte, bool) {
	r := reader{b: b}
	count, weight, sign, scale := r.uint16(), int(int16(r.uint16())), r.uint16(), r.uint16()
	if r.bad || len(r.b) != 2*count || scale > maxNumericScale || weight > maxNumericWeight {
		return dst, false
	}
	switch sign {
	case numericNaN:
		return append(dst, "NaN"...), true
	case numericInfinity:
		return append(dst, "Infinity"...), true
	case numericMinusInf:
		return append(dst, "-Infinity"...), true
	case numericNegative:
		dst = append(dst, '-')
	case numericPositive:
	default:
		return dst, false
	}
	digit := func(i int) int { // the one of weight -i to the first
		if i < 0 || i >= count {
			return 0
		}
		return int(binary.BigEndian.Uint16(r.b[2*i:]))
	}
	if weight < 0 {
		dst = append(dst, '0')
	}
	for i := 0; i <= weight; i++ {
		dst = appendDigits(dst, digit(i), i > 0)
	}
	if scale == 0 {
		return dst, true
	}
	dst = append(dst, '.')
	end := len(dst) + scale
	for i := weight + 1; len(dst) < end; i++ {
		dst = appendDigits(dst, digit(i), true)
	}
	return dst[:end], true
}

// appendDigits appends a digit in base 10000, with its zeros if it is not the
// first.
func appendDigits(dst []byte, d int, zeros bool) []byte {
	if zeros {
		for limit := 1000; limit > max(d, 1) && limit > 1; limit /= 10 {
			if d < limit {
				dst = append(dst, '0')
			}
		}
	}
	return strconv.AppendInt(dst, int64(d), 10)
}
