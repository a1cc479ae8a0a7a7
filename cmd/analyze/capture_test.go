package main

import (
	"encoding/binary"
	"os"
	"strconv"
	"testing"
	"time"

	"unixcap/internal/capture"
)

// A session is a conversation being written to a capture.
type session struct {
	t              testing.TB
	w              *capture.Writer
	client, server capture.Socket
	app, db        capture.Process
	offset         [2]uint64
	number         *uint64
	now            *time.Time
}

// say writes a message; ms is how long after the one before it.
func (s *session) say(fromServer bool, ms int, payload []byte) {
	s.t.Helper()
	m := s.message(fromServer, ms)
	m.Payload, m.Length = payload, uint64(len(payload))
	s.write(m)
}

func (s *session) ask(ms int, payload []byte)    { s.t.Helper(); s.say(false, ms, payload) }
func (s *session) answer(ms int, payload []byte) { s.t.Helper(); s.say(true, ms, payload) }

// lose lets bytes pass that the recorder did not get.
func (s *session) lose(fromServer bool, n uint64) { s.offset[side(fromServer)] += n }

func (s *session) hangUp() {
	s.t.Helper()
	for _, fromServer := range []bool{false, true} {
		m := s.message(fromServer, 0)
		m.Op = capture.Close
		s.write(m)
	}
}

func side(fromServer bool) int {
	if fromServer {
		return 1
	}
	return 0
}

func (s *session) message(fromServer bool, ms int) *capture.Message {
	*s.number++
	*s.now = s.now.Add(time.Duration(ms) * time.Millisecond)
	m := &capture.Message{
		Number: *s.number, Time: *s.now, Offset: s.offset[side(fromServer)],
		From: &s.client, To: &s.server, Sender: s.app, Peer: s.db,
	}
	if fromServer {
		m.From, m.To, m.Sender, m.Peer = m.To, m.From, m.Peer, m.Sender
	}
	return m
}

func (s *session) write(m *capture.Message) {
	s.t.Helper()
	s.offset[side(m.From == &s.server)] += m.Length
	if err := s.w.WriteMessage(m); err != nil {
		s.t.Fatal(err)
	}
}

// packet is a packet of MySQL's protocol.
func packet(seq byte, payload string) []byte {
	p := binary.LittleEndian.AppendUint32(nil, uint32(len(payload)))
	p[3] = seq
	return append(p, payload...)
}

func packets(list ...string) (p []byte) {
	for i, s := range list {
		p = append(p, packet(byte(i+1), s)...)
	}
	return p
}

const (
	okPacket  = "\x00\x00\x00\x02\x00\x00\x00"
	eofPacket = "\xfe\x00\x00\x02\x00"
	greeting  = "\x0a8.0.36\x00\x07\x00\x00\x00abcdefgh\x00\xff\xf7\x08\x02\x00\xff\x81\x15" +
		"\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00ijklmnopqrst\x00mysql_native_password\x00"
	login = "\x0d\xa2\x08\x00\x00\x00\x00\x01\x21" +
		"\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00" +
		"shop\x00\x14aaaaaaaaaaaaaaaaaaaaorders\x00mysql_native_password\x00"
	column = "\x03def\x00\x00\x00\x01n\x00\x0c\x3f\x00\x0b\x00\x00\x00\x03\x01\x00\x00\x00\x00"
)

func (s *session) mysql() {
	s.answer(0, packet(0, greeting))
	s.ask(1, packet(1, login))
	s.answer(1, packet(2, okPacket))
	for i, id := range []string{"1", "2", "42"} {
		s.ask(5, packet(0, "\x03SELECT n FROM t WHERE id = "+id))
		s.answer(1+i, packets("\x01", column, eofPacket, "\x017", "\x018", eofPacket))
	}
	s.ask(3, packet(0, "\x03SELECT '\x1b[31m' FROM nowhere"))
	s.answer(1, packet(1, "\xff\x7a\x04#42S02Table 'orders.nowhere' doesn't exist"))
}

var testOrigin = capture.Origin{
	Exe: "/usr/sbin/mysqld (deleted)", CgroupPath: "/docker/6d1f", Container: "6d1f", ContainerName: "orders\x1b[31m",
}

// newSession begins a capture. done completes it.
func newSession(t testing.TB, name string, begin time.Time) (base session, done func()) {
	t.Helper()
	f, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	w, err := capture.NewWriter(f, capture.WriterOptions{})
	if err != nil {
		t.Fatal(err)
	}
	var number uint64
	base = session{
		t: t, w: w, number: &number, now: &begin,
		client: capture.Socket{SK: 0xffff888000000100, Inode: 1001},
		server: capture.Socket{SK: 0xffff888000000200, Inode: 1002, Path: "/run/mysqld/mysqld.sock"},
		app:    capture.Process{PID: 4242, TID: 4243, UID: 1000, Comm: "shop"},
		db:     capture.Process{PID: 777, TID: 780, UID: 999, Comm: "mysqld", Origin: &testOrigin},
	}
	return base, func() {
		t.Helper()
		if err := w.Close(nil); err != nil {
			t.Fatal(err)
		}
		f.Close()
	}
}

// writeCapture writes the capture that the scripts read: a client and a server
// of MySQL, one that is turned away, and somebody who talks of something else.
func writeCapture(t testing.TB, name string, begin time.Time) {
	t.Helper()
	base, done := newSession(t, name, begin)
	defer done()
	shop, stranger, other := base, base, base
	shop.mysql()

	stranger.client.SK, stranger.client.Inode = 0xffff888000000300, 1003
	stranger.server.SK, stranger.server.Inode = 0xffff888000000400, 1004
	stranger.app = capture.Process{PID: 5000, TID: 5000, UID: 1001, Comm: "cron"}
	stranger.answer(2, packet(0, greeting))
	stranger.ask(1, packet(1, login))
	stranger.answer(1, packet(2, "\xff\x15\x04#28000Access denied for user 'shop'"))
	stranger.hangUp()

	other.client = capture.Socket{SK: 0xffff888000000500, Inode: 1005}
	other.server = capture.Socket{SK: 0xffff888000000600, Inode: 1006, Path: "@hello"}
	other.app.Comm, other.db.Comm = "a", "b"
	other.app.Origin = &capture.Origin{Exe: "/bin/a", CgroupPath: "/user.slice"}
	other.db.Origin = &capture.Origin{Container: "0123456789abcdef"}
	other.ask(1, []byte("hello"))
	other.answer(1, []byte("\x00\x01\xff world, this is more than sixteen bytes\n"))

	shop.lose(true, 100)
	shop.ask(10, packet(0, "\x0e"))
	shop.answer(1, packet(1, okPacket))
	shop.ask(2, packet(0, "\x01"))
	shop.hangUp()
}

// writeTransactions writes a capture of transactions, of a loop of queries, and of
// prepared statements of which one is closed.
func writeTransactions(t testing.TB, name string, begin time.Time) {
	t.Helper()
	s, done := newSession(t, name, begin)
	defer done()
	s.client.SK, s.client.Inode = 0xffff888000000700, 1007
	s.server.SK, s.server.Inode = 0xffff888000000800, 1008
	s.mysql()
	do := func(statement string) {
		s.ask(1, packet(0, "\x03"+statement))
		s.answer(1, packet(1, okPacket))
	}
	do("START TRANSACTION")
	for i := range 12 {
		s.ask(1, packet(0, "\x03SELECT n FROM t WHERE id = "+strconv.Itoa(i)))
		s.answer(1+i%2, packets("\x01", column, eofPacket, "\x017", eofPacket))
	}
	do("COMMIT")
	do("BEGIN")
	do("DELETE FROM t")
	do("ROLLBACK")
	do("SET autocommit = 0")
	do("INSERT INTO t VALUES (1)")
	do("CREATE TABLE u (n int)") // commits
	do("INSERT INTO u VALUES (1)")
	for id := range 2 {
		s.ask(1, packet(0, "\x16SELECT ?"))
		s.answer(1, packets("\x00"+string(rune(id+1))+"\x00\x00\x00\x01\x00\x01\x00\x00\x00\x00", column, eofPacket, column, eofPacket))
	}
	s.ask(1, packet(0, "\x19\x01\x00\x00\x00"))
	s.ask(1, packet(0, "\x01"))
	s.hangUp()
}

// writeLargeCapture writes one conversation of n queries.
func writeLargeCapture(t testing.TB, name string, n int) {
	t.Helper()
	s, done := newSession(t, name, time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC))
	defer done()
	s.mysql()
	query := packet(0, "\x03SELECT a, b, c FROM t JOIN u ON t.id = u.id WHERE t.id = 1234 AND u.name = 'somebody'")
	result := packets("\x01", column, eofPacket, "\x017", "\x018", eofPacket)
	for range n {
		s.ask(1, query)
		s.answer(1, result)
	}
	s.hangUp()
}
