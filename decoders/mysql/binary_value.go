package mysql

import (
	"math"
	"strconv"

	"unixcap/decoders"
)

// Values in the "Binary Protocol Value" encoding.

// A valueReader decodes bound values. Values that need another form than the
// one on the wire (dates and times) are written to text; all others point
// into the packet.
type valueReader struct {
	payload
	text []byte
}

// knownType says whether t is a type that a client can bind.
func knownType(t uint16) bool {
	t &^= unsignedFlag
	return t <= typeTime2 || t >= typeVector && t <= typeGeometry
}

// value reads one value of the type t, a parameter's two type bytes.
func (r *valueReader) value(t uint16) decoders.Value {
	unsigned := t&unsignedFlag != 0
	switch t & 0xff {
	case typeNull:
		return decoders.Value{}
	case typeTiny, typeBool:
		return integer(uint64(r.uint8()), 8, unsigned)
	case typeShort, typeYear:
		return integer(uint64(r.uint16()), 16, unsigned)
	case typeLong, typeInt24:
		return integer(uint64(r.uint32()), 32, unsigned)
	case typeLongLong:
		return integer(r.uint64(), 64, unsigned)
	case typeFloat:
		return decoders.FloatValue(float(math.Float32frombits(r.uint32())))
	case typeDouble:
		return decoders.FloatValue(math.Float64frombits(r.uint64()))
	case typeDate, typeNewDate:
		return r.date(false)
	case typeDateTime, typeTimestamp, typeDateTime2, typeTimestamp2:
		return r.date(true)
	case typeTime, typeTime2:
		return r.time()
	case typeBit, typeGeometry, typeVector:
		return decoders.BinaryValue(r.lenencString())
	}
	if k := t & 0xff; k >= typeTinyBlob && k <= typeBlob {
		return decoders.BinaryValue(r.lenencString())
	}
	return decoders.TextValue(r.lenencString())
}

func integer(v uint64, bits int, unsigned bool) decoders.Value {
	if unsigned {
		return decoders.UintValue(v)
	}
	return decoders.IntValue(int64(v<<(64-bits)) >> (64 - bits))
}

// float returns the float64 that is written like v, so that a FLOAT of 0.1
// comes out as 0.1.
func float(v float32) float64 {
	if v == float32(int32(v)) {
		return float64(v)
	}
	f, err := strconv.ParseFloat(strconv.FormatFloat(float64(v), 'g', -1, 32), 64)
	if err != nil {
		return float64(v)
	}
	return f
}

// date reads a DATE, DATETIME or TIMESTAMP of 0, 4, 7 or 11 bytes and writes
// it as the server does.
func (r *valueReader) date(withTime bool) decoders.Value {
	n := int(r.uint8())
	if n != 0 && n != 4 && n != 7 && n != 11 {
		r.fail()
	}
	var year uint16
	var month, day, hour, minute, second uint8
	var micro uint32
	if n >= 4 {
		year, month, day = r.uint16(), r.uint8(), r.uint8()
	}
	if n >= 7 {
		hour, minute, second = r.uint8(), r.uint8(), r.uint8()
	}
	if n >= 11 {
		micro = r.uint32()
	}
	start := len(r.text)
	r.digits(uint64(year), 4)
	r.two('-', month)
	r.two('-', day)
	if withTime || hour|minute|second != 0 {
		r.two(' ', hour)
		r.two(':', minute)
		r.two(':', second)
		r.fraction(micro)
	}
	return r.written(start)
}

// time reads a TIME of 0, 8 or 12 bytes and writes it as the server does,
// with days as hours.
func (r *valueReader) time() decoders.Value {
	n := int(r.uint8())
	if n != 0 && n != 8 && n != 12 {
		r.fail()
	}
	var negative, hour, minute, second uint8
	var days, micro uint32
	if n >= 8 {
		negative, days = r.uint8(), r.uint32()
		hour, minute, second = r.uint8(), r.uint8(), r.uint8()
	}
	if n >= 12 {
		micro = r.uint32()
	}
	start := len(r.text)
	if negative != 0 {
		r.text = append(r.text, '-')
	}
	r.digits(uint64(days)*24+uint64(hour), 2)
	r.two(':', minute)
	r.two(':', second)
	r.fraction(micro)
	return r.written(start)
}

func (r *valueReader) written(start int) decoders.Value {
	if r.bad {
		r.text = r.text[:start]
		return decoders.Value{}
	}
	return decoders.TextValue(r.text[start:len(r.text):len(r.text)])
}

// digits writes v with at least width digits.
func (r *valueReader) digits(v uint64, width int) {
	for limit := uint64(10); width > 1; width, limit = width-1, limit*10 {
		if v < limit {
			for ; width > 1; width-- {
				r.text = append(r.text, '0')
			}
			break
		}
	}
	r.text = strconv.AppendUint(r.text, v, 10)
}

func (r *valueReader) two(before byte, v uint8) {
	r.text = append(r.text, before)
	r.digits(uint64(v), 2)
}

func (r *valueReader) fraction(micro uint32) {
	if micro != 0 {
		r.text = append(r.text, '.')
		r.digits(uint64(micro), 6)
	}
}
