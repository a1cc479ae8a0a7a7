package stream

import (
	"encoding/base32"
	"encoding/binary"
	"hash/fnv"

	"unixcap/decoders"
	"unixcap/internal/capture"
)

// idText has no letters that are easily confused, and a flow's id in it can be
// selected with a double click.
var idText = base32.NewEncoding("0123456789abcdefghjkmnpqrstvwxyz").WithPadding(base32.NoPadding)

// flowID names a conversation by the socket of its client, which tells all
// connections apart: the server's may not be accepted yet and so lack its
// inode. Which end that is must not hang on who sends first in this part of a
// recording; capture.ServerEnd decides. A datagram socket can talk to many, so there both ends are needed.
// Fifty bits make two equal ids among a million flows unlikely (1 in 2,000).
func flowID(kind capture.Kind, ends *[2]Peer) string {
	if ends[decoders.Client].Socket.Conn != nil {
		return connID(kind, ends)
	}
	a, b := &ends[decoders.Client].Socket, &ends[decoders.Server].Socket
	if a.SK == 0 {
		a, b = b, a
	}
	var key [24]byte
	binary.BigEndian.PutUint64(key[0:], a.SK)
	binary.BigEndian.PutUint32(key[8:], a.Inode)
	n := 12
	if kind == capture.Datagram {
		binary.BigEndian.PutUint64(key[12:], b.SK)
		binary.BigEndian.PutUint32(key[20:], b.Inode)
		n = 24
	}
	return idOf(key[:n])
}

// connID names a connection of network traffic by what it has in all captures of it: protocol,
// addresses and ports. Of several with the same ones, one after the
// other, the later ones are counted.
func connID(kind capture.Kind, ends *[2]Peer) string {
	a, b := &ends[0].Socket, &ends[1].Socket
	if b.Addr.Compare(a.Addr) < 0 {
		a, b = b, a
	}
	key := make([]byte, 0, 48)
	key = append(key, byte(kind))
	for _, s := range [2]*capture.Socket{a, b} {
		addr := s.Addr.Addr().As16()
		key = append(key, addr[:]...)
		key = binary.BigEndian.AppendUint16(key, s.Addr.Port())
	}
	return idOf(binary.BigEndian.AppendUint32(key, a.Conn.Again))
}

// idOf makes an id of what names a conversation.
func idOf(key []byte) string {
	h := fnv.New64a()
	h.Write(key)
	// FNV leaves the high bits of short keys poorly mixed.
	x := h.Sum64()
	x ^= x >> 32
	x *= 0xd6e8feb86659fd93
	x ^= x >> 32
	x *= 0xd6e8feb86659fd93
	x ^= x >> 32
	var out [8]byte
	binary.BigEndian.PutUint64(out[:], x)
	return idText.EncodeToString(out[:])[:10]
}
