package dbus

import (
	"encoding/binary"
	"math"
)

// maxDepth is how deep containers may lie in each other: the specification
// allows 32 arrays and 32 structs in a signature, and 64 with variants in all
// ("Valid Signatures", "Message Format").
const maxDepth = 64

func load32(b []byte, big bool) uint32 {
	if big {
		return binary.BigEndian.Uint32(b)
	}
	return binary.LittleEndian.Uint32(b)
}

// A reader reads marshalled values ("Marshaling (Wire Format)"). b begins
// where a message or its body does, so that alignment is that of the index.
type reader struct {
	b   []byte
	at  int
	big bool
	bad bool // there is less than there should be, or it is not valid
}

func (r *reader) align(n int) {
	r.at = (r.at + n - 1) &^ (n - 1)
}

// take returns the next n bytes.
func (r *reader) take(n int) []byte {
	if r.bad || n < 0 || r.at > len(r.b) || n > len(r.b)-r.at {
		r.bad = true
		return nil
	}
	b := r.b[r.at : r.at+n]
	r.at += n
	return b
}

func (r *reader) byte() byte {
	if b := r.take(1); b != nil {
		return b[0]
	}
	return 0
}

func (r *reader) uint16() uint16 {
	r.align(2)
	b := r.take(2)
	switch {
	case b == nil:
		return 0
	case r.big:
		return binary.BigEndian.Uint16(b)
	}
	return binary.LittleEndian.Uint16(b)
}

func (r *reader) uint32() uint32 {
	r.align(4)
	if b := r.take(4); b != nil {
		return load32(b, r.big)
	}
	return 0
}

func (r *reader) uint64() uint64 {
	r.align(8)
	b := r.take(8)
	switch {
	case b == nil:
		return 0
	case r.big:
		return binary.BigEndian.Uint64(b)
	}
	return binary.LittleEndian.Uint64(b)
}

func (r *reader) float() float64 { return math.Float64frombits(r.uint64()) }

// string reads a STRING or OBJECT_PATH.
func (r *reader) string() []byte {
	n := r.uint32()
	if n > maxMessage {
		r.bad = true
		return nil
	}
	return r.terminated(int(n))
}

// signature reads a SIGNATURE.
func (r *reader) signature() []byte { return r.terminated(int(r.byte())) }

func (r *reader) terminated(n int) []byte {
	b := r.take(n + 1)
	if b == nil || b[n] != 0 {
		r.bad = true
		return nil
	}
	return b[:n]
}

// single returns how much of a signature its first complete type takes, 0 if it
// is not valid.
func single(sig []byte, depth int) int {
	if len(sig) == 0 || depth > maxDepth {
		return 0
	}
	switch sig[0] {
	case 'a':
		n := single(sig[1:], depth+1)
		if n == 0 {
			return 0
		}
		return n + 1
	case '(', '{':
		end := byte(')')
		if sig[0] == '{' {
			end = '}'
		}
		at := 1
		for at < len(sig) && sig[at] != end {
			n := single(sig[at:], depth+1)
			if n == 0 {
				return 0
			}
			at += n
		}
		if at >= len(sig) || at == 1 {
			return 0
		}
		return at + 1
	}
	if alignments[sig[0]] == 0 {
		return 0
	}
	return 1
}

// alignments of the types ("Summary of types").
var alignments = [256]int{
	'y': 1, 'b': 4, 'n': 2, 'q': 2, 'i': 4, 'u': 4, 'x': 8, 't': 8, 'd': 8,
	's': 4, 'o': 4, 'g': 1, 'v': 1, 'h': 4, 'a': 4, '(': 8, '{': 8,
}

// skip passes over the values of a signature.
func (r *reader) skip(sig []byte, depth int) bool {
	for len(sig) > 0 && !r.bad {
		n := single(sig, depth)
		if n == 0 {
			return false
		}
		r.skipOne(sig[:n], depth)
		sig = sig[n:]
	}
	return !r.bad
}

func (r *reader) skipOne(sig []byte, depth int) {
	switch sig[0] {
	case 's', 'o':
		r.string()
	case 'g':
		r.signature()
	case 'v':
		if inner := r.signature(); len(inner) == 0 || depth >= maxDepth || single(inner, depth) != len(inner) || !r.skip(inner, depth+1) {
			r.bad = true
		}
	case 'a':
		n := r.uint32()
		r.align(alignments[sig[1]])
		if n > maxMessage {
			r.bad = true
			return
		}
		r.take(int(n))
	case '(', '{':
		r.align(8)
		r.skip(sig[1:len(sig)-1], depth+1)
	default:
		size := alignments[sig[0]]
		r.align(size)
		r.take(size)
	}
}
