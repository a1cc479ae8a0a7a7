package decoders

import (
	"math"
	"strconv"
	"unicode/utf8"
)

// A ValueKind says which field of a Value holds it.
type ValueKind uint8

const (
	Null   ValueKind = iota
	Int              // Int
	Uint             // Uint
	Float            // Float
	Text             // Bytes, UTF-8 or another character set's text
	Binary           // Bytes, not text
)

// A Value is one value of a request or a response: a bound parameter, an
// attribute. It is a flat struct so that a slice of them costs nothing to
// reuse.
type Value struct {
	Kind  ValueKind
	Int   int64
	Uint  uint64
	Float float64
	Bytes []byte
}

func IntValue(v int64) Value     { return Value{Kind: Int, Int: v} }
func UintValue(v uint64) Value   { return Value{Kind: Uint, Uint: v} }
func FloatValue(v float64) Value { return Value{Kind: Float, Float: v} }
func TextValue(v []byte) Value   { return Value{Kind: Text, Bytes: v} }
func StringValue(v string) Value { return Value{Kind: Text, Bytes: []byte(v)} }
func BinaryValue(v []byte) Value { return Value{Kind: Binary, Bytes: v} }

// AppendJSON appends v as a JSON value. Bytes that are not UTF-8 become
// {"base64": "…"}, floats that JSON has no word for become strings.
func (v Value) AppendJSON(dst []byte) []byte {
	switch v.Kind {
	case Int:
		return strconv.AppendInt(dst, v.Int, 10)
	case Uint:
		return strconv.AppendUint(dst, v.Uint, 10)
	case Float:
		if math.IsNaN(v.Float) || math.IsInf(v.Float, 0) {
			return strconv.AppendQuote(dst, strconv.FormatFloat(v.Float, 'g', -1, 64))
		}
		return strconv.AppendFloat(dst, v.Float, 'g', -1, 64)
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
