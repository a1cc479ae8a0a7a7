package mysql

import "unixcap/decoders"

// The messages of "Prepared Statements" that clients send.

var (
	errStmtExecute      = &MalformedError{"COM_STMT_EXECUTE"}
	errStmtBulkExecute  = &MalformedError{"COM_STMT_BULK_EXECUTE"}
	errStmtSendLongData = &MalformedError{"COM_STMT_SEND_LONG_DATA"}
	errStmt             = &MalformedError{"COM_STMT_CLOSE, _RESET or _FETCH"}
)

// StmtExecute is COM_STMT_EXECUTE up to its parameters, which can only be read
// by who knows the statement.
type StmtExecute struct {
	StatementID    uint32
	Flags          uint8
	IterationCount uint32
	Parameters     []byte
}

// Decode reads a COM_STMT_EXECUTE; its slices point into src.
func (m *StmtExecute) Decode(src []byte) error {
	p := payload{b: src}
	p.uint8()
	m.StatementID = p.uint32()
	m.Flags = p.uint8()
	m.IterationCount = p.uint32()
	m.Parameters = p.rest()
	return p.err(errStmtExecute)
}

// StmtBulkExecute is MariaDB's COM_STMT_BULK_EXECUTE up to its parameters.
type StmtBulkExecute struct {
	StatementID uint32
	Flags       uint16
	Parameters  []byte
}

// Decode reads a COM_STMT_BULK_EXECUTE; its slices point into src.
func (m *StmtBulkExecute) Decode(src []byte) error {
	p := payload{b: src}
	p.uint8()
	m.StatementID = p.uint32()
	m.Flags = p.uint16()
	m.Parameters = p.rest()
	return p.err(errStmtBulkExecute)
}

// StmtSendLongData is COM_STMT_SEND_LONG_DATA.
type StmtSendLongData struct {
	StatementID uint32
	ParamID     uint16
	Data        []byte
}

const stmtSendLongDataHead = 7

// Decode reads a COM_STMT_SEND_LONG_DATA; its slices point into src.
func (m *StmtSendLongData) Decode(src []byte) error {
	p := payload{b: src}
	p.uint8()
	m.StatementID = p.uint32()
	m.ParamID = p.uint16()
	m.Data = p.rest()
	return p.err(errStmtSendLongData)
}

// Stmt is what COM_STMT_CLOSE, COM_STMT_RESET and COM_STMT_FETCH have in
// common.
type Stmt struct {
	StatementID uint32
}

// Decode reads one of the three.
func (m *Stmt) Decode(src []byte) error {
	p := payload{b: src}
	p.uint8()
	m.StatementID = p.uint32()
	return p.err(errStmt)
}

// Parameters are the values bound to a statement's parameters.
type Parameters struct {
	Types  []uint16 // kept from one execution to the next
	Names  [][]byte // of query attributes; empty if none were sent
	Values []decoders.Value
}

// A paramLayout says how the parameters stand in a COM_STMT_EXECUTE.
type paramLayout struct {
	count   int  // of parameters; ignored if counted
	counted bool // the packet says how many there are
	named   bool // a name follows each type
}

// decode reads src, which must end with the last value: if it does not, it
// was written for another layout, and m is not of use. types are those of the
// execution before, long finds the values that went ahead of this packet.
func (m *Parameters) decode(src []byte, l paramLayout, types []uint16, long func(i int) ([]byte, bool), r *valueReader) bool {
	m.Types, m.Names, m.Values = m.Types[:0], m.Names[:0], m.Values[:0]
	r.payload = payload{b: src}
	count := l.count
	if l.counted {
		n := r.lenenc()
		if n > maxParameters {
			return false
		}
		count = int(n)
	}
	if count == 0 {
		return !r.bad && len(r.b) == 0
	}
	nulls := r.take((count + 7) / 8)
	switch r.uint8() { // new_params_bind_flag
	case 0:
		m.Types = append(m.Types, types...)
	case 1:
		if !m.decodeTypes(r, count, l.named) {
			return false
		}
	default:
		return false
	}
	if r.bad || len(m.Types) != count {
		return false
	}
	for i, t := range m.Types {
		var v decoders.Value
		if data, ok := long(i); ok {
			v = longValue(t, data)
		} else if nulls[i/8]&(1<<(i%8)) == 0 {
			v = r.value(t)
		}
		if r.bad {
			return false
		}
		m.Values = append(m.Values, v)
	}
	return len(r.b) == 0
}

// positional returns how many of the values are the statement's, which has
// params parameters or an unknown number of them (-1). The others are query
// attributes. Without names there are none.
func (m *Parameters) positional(params int) int {
	if len(m.Names) != len(m.Values) {
		return len(m.Values)
	}
	if params >= 0 {
		return min(params, len(m.Values))
	}
	for i, name := range m.Names {
		if len(name) > 0 {
			return i
		}
	}
	return len(m.Values)
}

func longValue(t uint16, data []byte) decoders.Value {
	if k := t & 0xff; k >= typeTinyBlob && k <= typeBlob {
		return decoders.BinaryValue(data)
	}
	return decoders.TextValue(data)
}

func (m *Parameters) decodeTypes(r *valueReader, count int, named bool) bool {
	for range count {
		t := r.uint16()
		if r.bad || !knownType(t) {
			return false
		}
		m.Types = append(m.Types, t)
		if named {
			m.Names = append(m.Names, r.lenencString())
		}
	}
	return true
}

// maxParameters is the most parameters a statement can have; it is sent as 16
// bits in COM_STMT_PREPARE_OK.
const maxParameters = 65535

// maxBulkValues bounds how many values of a COM_STMT_BULK_EXECUTE come out;
// its rows can be millions.
const maxBulkValues = 65535

// decodeBulk reads the parameters of a COM_STMT_BULK_EXECUTE, row after row,
// and returns the number of rows. The first maxBulkValues values are kept.
func (m *Parameters) decodeBulk(src []byte, flags uint16, count int, types []uint16, r *valueReader) (rows int64, ok bool) {
	m.Types, m.Names, m.Values = m.Types[:0], m.Names[:0], m.Values[:0]
	r.payload = payload{b: src}
	if flags&bulkSendTypes == 0 {
		m.Types = append(m.Types, types...)
	} else if !m.decodeTypes(r, count, false) {
		return 0, false
	}
	if count == 0 || len(m.Types) != count {
		return 0, false
	}
	for ; len(r.b) > 0; rows++ {
		for _, t := range m.Types {
			v := r.bulkValue(t)
			if r.bad {
				return 0, false
			}
			if len(m.Values) < maxBulkValues {
				m.Values = append(m.Values, v)
			}
		}
	}
	return rows, true
}

var defaultWord = []byte("DEFAULT")

// bulkValue reads a value with its indicator. A parameter that stands for the
// column's default or is to be left alone has no value.
func (r *valueReader) bulkValue(t uint16) decoders.Value {
	switch r.uint8() {
	case indicatorNone:
		return r.value(t)
	case indicatorDefault:
		return decoders.TextValue(defaultWord)
	case indicatorNull, indicatorIgnore:
	default:
		r.fail()
	}
	return decoders.Value{}
}
