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
	// cacheSlots is how many requests the classCache remembers the class of,
	// and maxCached how long they can be.
	cacheSlots = 1024
	maxCached  = 1024
)

// A classCache remembers the classes of requests whose text was seen before:
// of prepared statements, and of what a program asks again and again.
type classCache struct {
	seed  maphash.Seed
	slots [cacheSlots]struct {
		proto, op string
		request   []byte
		class     *group
	}
	class []byte // to build one in
}

func newClassCache() *classCache { return &classCache{seed: maphash.MakeSeed()} }

// class returns the group of an exchange's class.
func (s *Summary) class(e *Entry) *group {
	x := e.Exchange
	if len(x.Request) > maxCached {
		return s.newClass(e)
	}
	slot := &s.cache.slots[maphash.Bytes(s.cache.seed, x.Request)%cacheSlots]
	if slot.class != nil && slot.op == x.Op && slot.proto == e.Flow.Proto && bytes.Equal(slot.request, x.Request) {
		return slot.class
	}
	slot.proto, slot.op, slot.request = e.Flow.Proto, x.Op, append(slot.request[:0], x.Request...)
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
