package endtoend

import (
	"bytes"
	"encoding/binary"
	"io"
	"net"
	"testing"
)

// Capabilities of MySQL's and MariaDB's clients.
const (
	longPassword    = 1 << 0 // not set: MariaDB's own capabilities follow
	foundRows       = 1 << 1
	connectWithDB   = 1 << 3
	localFiles      = 1 << 7
	protocol41      = 1 << 9
	transactions    = 1 << 13
	secureConn      = 1 << 15
	multiStatements = 1 << 16
	multiResults    = 1 << 17
	psMultiResults  = 1 << 18
	pluginAuth      = 1 << 19
	connectAttrs    = 1 << 20
	sessionTrack    = 1 << 23
	deprecateEOF    = 1 << 24
	bulkOperations  = 1 << 34
)

const usual = connectWithDB | localFiles | protocol41 | transactions | secureConn | multiStatements | multiResults |
	psMultiResults | pluginAuth | connectAttrs | bulkOperations

// An outcome is what a client did, and what came of it.
type outcome struct {
	op   string
	code int // of the error, 0 if there was none
	rows int // returned or affected
}

// A mysqlClient says whatever it is told to, unlike those of the connectors, and
// notes what the server answers.
type mysqlClient struct {
	t     *testing.T
	conn  net.Conn
	caps  uint64
	seq   byte
	id    int // that the server gave the connection
	notes []outcome
	file  string // sent when the server asks for one
}

func dialMySQL(t *testing.T, socket string, caps uint64) *mysqlClient {
	t.Helper()
	conn, err := net.Dial("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	c := &mysqlClient{t: t, conn: conn, caps: caps}
	greeting := c.read()
	version := bytes.IndexByte(greeting, 0)
	c.id = int(binary.LittleEndian.Uint32(greeting[version+1:]))
	response := binary.LittleEndian.AppendUint32(nil, uint32(caps))
	response = append(binary.LittleEndian.AppendUint32(response, 1<<24-1), 45)
	response = binary.LittleEndian.AppendUint32(append(response, make([]byte, 19)...), uint32(caps>>32))
	attributes := "\x0c_client_name\x04raw!"
	response = append(response, "root\x00\x00"...)
	if caps&connectWithDB != 0 {
		response = append(response, "test\x00"...)
	}
	response = append(response, "mysql_native_password\x00"+string([]byte{byte(len(attributes))})+attributes...)
	c.write(response)
	p := c.read()
	if p[0] == 0xfe { // AuthSwitchRequest
		c.write(nil)
		p = c.read()
	}
	c.note("connect", c.simple(p))
	return c
}

func (c *mysqlClient) write(payload []byte) {
	c.t.Helper()
	for {
		n := min(len(payload), 1<<24-1)
		head := []byte{byte(n), byte(n >> 8), byte(n >> 16), c.seq}
		c.seq++
		if _, err := c.conn.Write(append(head, payload[:n]...)); err != nil {
			c.t.Fatal(err)
		}
		if payload = payload[n:]; n < 1<<24-1 {
			return
		}
	}
}

func (c *mysqlClient) read() (payload []byte) {
	c.t.Helper()
	for {
		var head [4]byte
		if _, err := io.ReadFull(c.conn, head[:]); err != nil {
			c.t.Fatal(err)
		}
		c.seq = head[3] + 1
		part := make([]byte, int(head[0])|int(head[1])<<8|int(head[2])<<16)
		if _, err := io.ReadFull(c.conn, part); err != nil {
			c.t.Fatal(err)
		}
		if payload = append(payload, part...); len(part) < 1<<24-1 {
			return payload
		}
	}
}

func (c *mysqlClient) note(op string, s outcome) {
	s.op = op
	c.notes = append(c.notes, s)
}

// send sends a command that is not answered.
func (c *mysqlClient) send(op string, payload string) {
	c.t.Helper()
	c.seq = 0
	c.write([]byte(payload))
	c.note(op, outcome{})
}

// ask sends a command and reads its answer: a result, or several.
func (c *mysqlClient) ask(op string, payload string) outcome {
	c.t.Helper()
	c.seq = 0
	c.write([]byte(payload))
	var all outcome
	for more := true; more; {
		var s outcome
		s, more = c.result()
		all.rows += s.rows
		all.code = s.code
	}
	c.note(op, all)
	return all
}

func (c *mysqlClient) query(text string) outcome {
	c.t.Helper()
	return c.ask("query", "\x03"+text)
}

// changeUser says nothing but the name, so that the server asks for more.
func (c *mysqlClient) changeUser(name string) {
	c.t.Helper()
	c.seq = 0
	c.write([]byte("\x11" + name + "\x00\x00mysql\x00\x2d\x00mysql_native_password\x00\x00"))
	p := c.read()
	if p[0] == 0xfe {
		c.write(nil)
		p = c.read()
	}
	c.note("change_user", c.simple(p))
}

// text asks for what is answered by one packet of text.
func (c *mysqlClient) text(op, payload string) {
	c.t.Helper()
	c.seq = 0
	c.write([]byte(payload))
	c.read()
	c.note(op, outcome{})
}

const moreResults = 8

// simple reads an OK_Packet, ERR_Packet or EOF_Packet.
func (c *mysqlClient) simple(p []byte) outcome {
	switch p[0] {
	case 0:
		n, _ := lengthEncoded(p[1:])
		return outcome{rows: n}
	case 0xff:
		return outcome{code: int(binary.LittleEndian.Uint16(p[1:]))}
	}
	return outcome{}
}

// more says whether another result follows an OK_Packet or EOF_Packet.
func (c *mysqlClient) more(p []byte) bool {
	if p[0] == 0xff {
		return false
	}
	if len(p) == 5 {
		return p[3]&moreResults != 0
	}
	_, n := lengthEncoded(p[1:])
	_, m := lengthEncoded(p[1+n:])
	return p[1+n+m]&moreResults != 0
}

func (c *mysqlClient) result() (s outcome, more bool) {
	c.t.Helper()
	p := c.read()
	switch p[0] {
	case 0xfb:
		if c.file != "" {
			c.write([]byte(c.file))
		}
		c.write(nil)
		p = c.read()
		return c.simple(p), c.more(p)
	case 0, 0xff, 0xfe:
		return c.simple(p), c.more(p)
	}
	columns, _ := lengthEncoded(p)
	c.skip(columns)
	for {
		switch p = c.read(); {
		case p[0] == 0xff:
			s.code = c.simple(p).code
			return s, false
		case p[0] == 0xfe && len(p) < 1<<24-1:
			return s, c.more(p)
		}
		s.rows++
	}
}

// skip reads definitions, and the EOF_Packet behind them unless both ends do without.
func (c *mysqlClient) skip(definitions int) {
	c.t.Helper()
	for range definitions {
		c.read()
	}
	if definitions > 0 && c.caps&deprecateEOF == 0 {
		c.read()
	}
}

// prepare returns the statement's id as it stands in commands.
func (c *mysqlClient) prepare(text string) (id string) {
	c.t.Helper()
	c.seq = 0
	c.write([]byte("\x16" + text))
	p := c.read()
	if p[0] == 0xff {
		c.note("stmt_prepare", c.simple(p))
		return ""
	}
	c.note("stmt_prepare", outcome{})
	c.skip(int(binary.LittleEndian.Uint16(p[7:])))
	c.skip(int(binary.LittleEndian.Uint16(p[5:])))
	return string(p[1:5])
}

// cursor executes a statement with a cursor, whose rows are fetched later.
func (c *mysqlClient) cursor(id string) {
	c.t.Helper()
	c.seq = 0
	c.write([]byte("\x17" + id + "\x01\x01\x00\x00\x00"))
	columns, _ := lengthEncoded(c.read())
	for range columns + 1 { // the EOF_Packet always comes
		c.read()
	}
	c.note("stmt_execute", outcome{})
}

// rows asks for rows alone, as COM_STMT_FETCH and COM_FIELD_LIST are answered.
func (c *mysqlClient) rows(op, payload string, count bool) {
	c.t.Helper()
	c.seq = 0
	c.write([]byte(payload))
	var s outcome
	for {
		p := c.read()
		if p[0] == 0xff || p[0] == 0xfe {
			s.code = c.simple(p).code
			break
		}
		if count {
			s.rows++
		}
	}
	c.note(op, s)
}

// lengthEncoded returns a length-encoded integer and its length.
func lengthEncoded(p []byte) (v, n int) {
	switch p[0] {
	case 0xfc:
		return int(binary.LittleEndian.Uint16(p[1:])), 3
	case 0xfd:
		return int(p[1]) | int(p[2])<<8 | int(p[3])<<16, 4
	case 0xfe:
		return int(binary.LittleEndian.Uint64(p[1:])), 9
	}
	return int(p[0]), 1
}

// A value is a parameter of a statement: its type, and how it is sent.
type value struct {
	kind uint16
	sent string // NULL is "\x00NULL"
}

const null = "\x00NULL"

// execute executes a statement with values. Their types are left out if typed is false.
func (c *mysqlClient) execute(id string, typed bool, values ...value) outcome {
	c.t.Helper()
	b := "\x17" + id + "\x00\x01\x00\x00\x00"
	if len(values) == 0 {
		return c.ask("stmt_execute", b)
	}
	nulls := make([]byte, (len(values)+7)/8)
	var types, sent string
	for i, v := range values {
		types += string([]byte{byte(v.kind), byte(v.kind >> 8)})
		if v.sent == null {
			nulls[i/8] |= 1 << (i % 8)
		} else {
			sent += v.sent
		}
	}
	if b += string(nulls); typed {
		b += "\x01" + types
	} else {
		b += "\x00"
	}
	return c.ask("stmt_execute", b+sent)
}
