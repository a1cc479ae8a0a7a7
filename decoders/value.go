package decoders

import (
	"math"
	"strconv"
	"unicode/utf8"
)

// A ValueKind says what a Value is.
type ValueKind uint8

const (
	Null ValueKind = iota
	Int
	Uint
	Float
	Text   // Bytes, UTF-8 or another character set's text
	Binary // Bytes, not text
)

// A Value is one value of a request or a response: a bound parameter, an
// attribute. It is a flat and small struct, so that a slice of them costs little to
// fill and nothing to reuse.
type Value struct {
	Kind   ValueKind
	number uint64 // an Int, a Uint, or a Float's bits
	Bytes  []byte // of Text and Binary
}

// Int, Uint and Float return the number that a value of that kind is.
func (v Value) Int() int64     { return int64(v.number) }
func (v Value) Uint() uint64   { return v.number }
func (v Value) Float() float64 { return math.Float64frombits(v.number) }

func IntValue(v int64) Value     { return Value{Kind: Int, number: uint64(v)} }
func UintValue(v uint64) Value   { return Value{Kind: Uint, number: v} }
func FloatValue(v float64) Value { return Value{Kind: Float, number: math.Float64bits(v)} }
func TextValue(v []byte) Value   { return Value{Kind: Text, Bytes: v} }
func StringValue(v string) Value { return Value{Kind: Text, Bytes: []byte(v)} }
func BinaryValue(v []byte) Value { return Value{Kind: Binary, Bytes: v} }

// AppendJSON appends v as a JSON value. Bytes that are not UTF-8 become
// {"base64": "…"}, floats that JSON has no word for become strings.
func (v Value) AppendJSON(dst []byte) []byte {
	switch v.Kind {
	case Int:
		return strconv.AppendInt(dst, v.Int(), 10)
	case Uint:
		return strconv.AppendUint(dst, v.Uint(), 10)
	case Float:
		f := v.Float()
		if math.IsNaN(f) || math.IsInf(f, 0) {
			return strconv.AppendQuote(dst, strconv.FormatFloat(f, 'g', -1, 64))
		}
		return strconv.AppendFloat(dst, f, 'g', -1, 64)
	case Text, Binary:
		if utf8.Valid(v.Bytes) {
			return AppendJSONString(dst, v.Bytes)
		}
		dst = append(dst, `{"base64":"`...)
		dst = appendBase64(dst, v.Bytes)
		return append(dst, `"}`...)
	}
	return append(dst, "null"...)
}

// AppendText appends v as a person would read it in a list of values.
func (v Value) AppendText(dst []byte) []byte {
	switch v.Kind {
	case Text:
		return strconv.AppendQuote(dst, string(v.Bytes))
	case Binary:
		dst = append(dst, "0x"...)
		for _, c := range v.Bytes {
			dst = append(dst, "0123456789abcdef"[c>>4], "0123456789abcdef"[c&15])
		}
		return dst
	case Null:
		return append(dst, "NULL"...)
	}
	return v.AppendJSON(dst)
}
