package mysql

// What stands at the head of a "Text Resultset" or "Binary Protocol
// Resultset", and of the answer to COM_STMT_PREPARE.

var (
	errColumnCount   = &MalformedError{"column count"}
	errStmtPrepareOK = &MalformedError{"COM_STMT_PREPARE_OK"}
)

// maxColumns is the most columns a result can have; the count is sent as 16
// bits in COM_STMT_PREPARE_OK. The servers stop at 4096 per table.
const maxColumns = 65535

// ColumnCount is a result set's first packet.
type ColumnCount struct {
	Columns  int
	Metadata bool // column definitions follow
}

// Decode reads a column count in each of its three shapes, which cannot be
// mistaken for one another: the plain number; MySQL's with
// CLIENT_OPTIONAL_RESULTSET_METADATA, where one byte, 0 or 1, stands before it
// ("Text Resultset"); MariaDB's with MARIADB_CLIENT_CACHE_METADATA, where that
// byte stands behind it ("Result Set Packets").
func (m *ColumnCount) Decode(src []byte) error {
	*m = ColumnCount{Metadata: true}
	p := payload{b: src}
	n := p.lenenc()
	switch {
	case len(p.b) == 0:
	case len(p.b) == 1 && p.b[0] <= 1 && n > 1:
		m.Metadata = p.uint8() == 1
	case n <= 1:
		// "1 5": definitions follow, 5 columns. "1 0": 1 column, none follow.
		// "1 1" means the same either way.
		if second := p.lenenc(); second == 0 {
			m.Metadata = false
		} else {
			m.Metadata = n == 1
			n = second
		}
	}
	if p.bad || len(p.b) != 0 || n == 0 || n > maxColumns {
		return errColumnCount
	}
	m.Columns = int(n)
	return nil
}

// maxColumnCountLength is the longest packet ColumnCount takes.
const maxColumnCountLength = 4

// StmtPrepareOK is COM_STMT_PREPARE_OK.
type StmtPrepareOK struct {
	StatementID  uint32
	Columns      uint16
	Params       uint16
	WarningCount uint16
	Metadata     bool // definitions follow
}

const stmtPrepareOKLength = 12

// Decode reads the first packet of the answer to COM_STMT_PREPARE.
func (m *StmtPrepareOK) Decode(src []byte) error {
	*m = StmtPrepareOK{Metadata: true}
	p := payload{b: src}
	ok := p.uint8() == headerOK
	m.StatementID = p.uint32()
	m.Columns = p.uint16()
	m.Params = p.uint16()
	p.uint8()
	if len(p.b) >= 2 { // absent before MySQL 5.0
		m.WarningCount = p.uint16()
	}
	if len(p.b) == 1 { // CLIENT_OPTIONAL_RESULTSET_METADATA
		m.Metadata = p.uint8() != 0
	}
	if !ok || len(p.b) != 0 {
		return errStmtPrepareOK
	}
	return p.err(errStmtPrepareOK)
}
