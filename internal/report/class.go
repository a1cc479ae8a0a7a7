package report

import (
	"bytes"
	"hash/maphash"
	"unicode/utf8"

	"unixcap/decoders"
)

// Class is the class an exchange belongs to: its fingerprint if the protocol
// has such a thing, otherwise its request, or its operation.
func Class(p *decoders.Protocol, x *decoders.Exchange) string {
	return string(appendClass(nil, p, x))
}

func appendClass(dst []byte, p *decoders.Protocol, x *decoders.Exchange) []byte {
	switch {
	case len(x.Request) == 0:
		return append(dst, x.Op...)
	case p != nil && p.AppendFingerprint != nil:
		return p.AppendFingerprint(dst, x.Request)
	}
	return append(dst, x.Request...)
}

const (
	// cacheSlots is how many shapes the classCache remembers the class of, and
	// maxCached how long they can be.
	cacheSlots = 1024
	maxCached  = 1024
)

// A classCache remembers the classes of requests by their shape: of prepared
// statements, and of what a program asks again and again with other values.
type classCache struct {
	seed  maphash.Seed
	slots [cacheSlots]struct {
		proto, op string
		shape     []byte
		whole     bool // shape is the request itself
		class     *group
	}
	shape, class []byte // to build one in
}

func newClassCache() *classCache { return &classCache{seed: maphash.MakeSeed()} }

// class returns the group of an exchange's class.
func (s *Summary) class(e *Entry) *group {
	x, c := e.Exchange, s.cache
	shape, whole := x.Request, true
	if e.Protocol != nil && e.Protocol.AppendShape != nil {
		if b, ok := e.Protocol.AppendShape(c.shape[:0], x.Request); ok {
			shape, whole, c.shape = b, false, b
		}
	}
	if len(shape) > maxCached {
		return s.newClass(e)
	}
	slot := &c.slots[maphash.Bytes(c.seed, shape)%cacheSlots]
	if slot.class != nil && slot.whole == whole && slot.op == x.Op && slot.proto == e.Flow.Proto && bytes.Equal(slot.shape, shape) {
		return slot.class
	}
	slot.proto, slot.op, slot.shape, slot.whole = e.Flow.Proto, x.Op, append(slot.shape[:0], shape...), whole
	slot.class = s.newClass(e)
	return slot.class
}

// newClass finds the group of a class by the class itself.
func (s *Summary) newClass(e *Entry) *group {
	c := s.cache
	c.class = appendClass(c.class[:0], e.Protocol, e.Exchange)
	if len(c.class) > maxClass {
		c.class = c.class[:maxClass]
	}
	if !utf8.Valid(c.class) {
		c.class = bytes.ToValidUTF8(c.class, replacement)
	}
	proto, op := e.Flow.Proto, e.Exchange.Op
	if g := s.groups[ByClass][groupKey{Proto: proto, Op: op, Class: string(c.class)}]; g != nil {
		return g
	}
	g := s.find(ByClass, groupKey{Proto: proto, Op: clean(op), Class: string(c.class)})
	if g.Count == 0 && g.Class != other {
		g.kind = kindOf(proto, op, g.Class)
	}
	return g
}
