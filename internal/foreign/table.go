package foreign

import (
	"encoding/binary"
	"net/netip"

	"unixcap/internal/capture"
)

// A table has the connections that are remembered: at least the last limit/2 that
// packets came of, and at most limit. It is two maps: when the young one is
// full it becomes the old one, and what is used in that moves to the young one.
type table struct {
	limit      int
	count      uint64 // of connections so far
	young, old map[connKey]*conn
	// Of the last packet looked up.
	key  connKey
	last *conn
}

// A connKey is the protocol and the addresses and ports of both ends, the lower
// ones first: flat, since it is hashed for most packets.
type connKey [1 + 2*endpointLen]byte

const endpointLen = 16 + 2

// A conn is what is known of a connection.
type conn struct {
	info capture.Conn
	sock [2]capture.Socket // in the order of the key
	end  [2]end
}

// An end is how far one end of a connection has come.
type end struct {
	known bool
	fin   bool // has closed
	// isn is the initial sequence number, if handshake is set.
	handshake bool
	isn       uint32
	// next is the offset behind the last byte that any segment had, seq its
	// sequence number.
	next uint64
	seq  uint32
}

// offset returns the offset that a sequence number stands for. It is negative
// for what lies before the connection's first byte.
func (e *end) offset(seq uint32) int64 { return int64(e.next) + int64(int32(seq-e.seq)) }

// over reports whether both ends have closed.
func (c *conn) over() bool { return c.end[0].fin && c.end[1].fin }

// find returns the connection that a packet belongs to, nil if it is not
// remembered, and which of its ends sent it.
func (t *table) find(g *datagram, src, dst uint16) (*conn, int) {
	var a, b [endpointLen]byte
	from, to := g.src.As16(), g.dst.As16()
	copy(a[:], from[:])
	copy(b[:], to[:])
	binary.BigEndian.PutUint16(a[16:], src)
	binary.BigEndian.PutUint16(b[16:], dst)
	i := 0
	if string(a[:]) > string(b[:]) {
		a, b, i = b, a, 1
	}
	var k connKey
	k[0] = byte(g.proto)
	copy(k[1:], a[:])
	copy(k[1+endpointLen:], b[:])
	if t.last != nil && t.key == k {
		return t.last, i
	}
	t.key, t.last = k, t.young[k]
	if t.last == nil {
		if c := t.old[k]; c != nil {
			delete(t.old, k)
			t.put(k, c)
			t.last = c
		}
	}
	return t.last, i
}

// add makes a connection of the packet that find was asked for last, in place
// of the one it found, if any. Its end i sent the packet; server is the end that is
// the server, -1 if the packet does not say.
func (t *table) add(i int, g *datagram, kind capture.Kind, server int, again uint32) *conn {
	c := new(conn)
	c.info.Again, c.info.Number = again, t.count
	t.count++
	addrs := [2]netip.Addr{g.src, g.dst}
	for j := range c.sock {
		port := binary.BigEndian.Uint16(t.key[1+j*endpointLen+16:])
		c.sock[j] = capture.Socket{Kind: kind, Addr: netip.AddrPortFrom(addrs[i^j], port), Conn: &c.info}
	}
	if server >= 0 {
		c.info.Server = c.sock[server].Addr
	}
	if kind == capture.Datagram {
		c.end[0].known, c.end[1].known = true, true
	}
	t.put(t.key, c)
	t.last = c
	return c
}

func (t *table) put(k connKey, c *conn) {
	if _, there := t.young[k]; !there && len(t.young) >= (t.limit+1)/2 {
		t.old, t.young = t.young, nil
	}
	if t.young == nil {
		t.young = make(map[connKey]*conn)
	}
	t.young[k] = c
}
