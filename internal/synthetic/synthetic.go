// Package synthetic makes captures of any size, to show that reading one takes
// no more memory the larger it is.
package synthetic

import (
	"encoding/binary"
	"fmt"
	"io"
	"time"

	"unixcap/internal/capture"
)

// A Load is conversations in MySQL's protocol, none of which ever ends.
type Load struct {
	Bytes         int64 // of payload at the least, after which it is over
	Conversations int   // that are begun at the most; then the first ones go on
	Rows          int   // of a hundred bytes, in the answer to each query
}

// rowBytes is the length of the value in a row.
const rowBytes = 100

// Write writes the capture.
func (l Load) Write(to io.Writer) error {
	w, err := capture.NewWriter(to, capture.WriterOptions{Program: "unixcap synthetic", MaxConnections: max(l.Conversations, 1)})
	if err != nil {
		return err
	}
	answer := result(l.Rows)
	offsets := make([][2]uint64, max(l.Conversations, 1))
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	number := uint64(0)
	var query []byte
	for sent := int64(0); sent < l.Bytes; {
		i := int(number/2) % len(offsets)
		client := &capture.Socket{SK: 0xffff888000000000 + uint64(i)<<11, Inode: uint32(2*i + 10)}
		server := &capture.Socket{SK: client.SK + 1<<10, Inode: client.Inode + 1, Path: "/run/mysqld/mysqld.sock"}
		query = packet(query[:0], 0, append([]byte{3}, fmt.Sprintf("select c from t where id = %d", number)...))
		for end, payload := range [2][]byte{query, answer} {
			number++
			now = now.Add(20 * time.Microsecond)
			m := capture.Message{Number: number, Time: now, From: client, To: server, Offset: offsets[i][end], Length: uint64(len(payload)), Payload: payload}
			m.Sender, m.Peer = capture.Process{PID: 100, TID: 100, UID: 1000, Comm: "client"}, capture.Process{PID: 200, TID: 200, UID: 27, Comm: "mysqld"}
			if end == 1 {
				m.From, m.To, m.Sender, m.Peer = server, client, m.Peer, m.Sender
			}
			if err := w.WriteMessage(&m); err != nil {
				return err
			}
			offsets[i][end] += m.Length
			sent += int64(m.Length)
		}
	}
	return w.Close(nil)
}

// packet appends a packet of MySQL's protocol.
func packet(b []byte, seq byte, payload []byte) []byte {
	b = binary.LittleEndian.AppendUint32(b, uint32(len(payload))|uint32(seq)<<24)
	return append(b, payload...)
}

// result is a result set with one column.
func result(rows int) []byte {
	eof := []byte{0xfe, 0, 0, 2, 0}
	text := func(s string) []byte { return append([]byte{byte(len(s))}, s...) }
	var column []byte
	for _, s := range []string{"def", "d", "t", "t", "c", "c"} {
		column = append(column, text(s)...)
	}
	column = append(column, 12, 0x21, 0, 200, 0, 0, 0, 0xfd, 0, 0, 0, 0, 0)
	b := packet(nil, 1, []byte{1})
	b = packet(b, 2, column)
	b = packet(b, 3, eof)
	seq := byte(4)
	for range rows {
		row := make([]byte, rowBytes)
		for i := range row {
			row[i] = 'a' + byte(i%26)
		}
		b = packet(b, seq, append([]byte{rowBytes}, row...))
		seq++
	}
	return packet(b, seq, eof)
}
