package mysql

import (
	"bytes"

	"unixcap/decoders"
	"unixcap/decoders/sql"
)

// What the commands of "Prepared Statements" do to a connection.

func (d *decoder) stmtPrepare(r *request, b []byte) {
	r.setStatement(b[1:])
	r.stmt = &statement{text: bytes.Clone(r.x.Request), params: -1, hidden: r.hidden.Clone()}
	d.lastPrepared = r.stmt
}

// prepareReply takes in the statement's id and waits for the definitions of
// its parameters and columns.
func (d *decoder) prepareReply(r *request, b []byte) {
	m := &r.prepared
	if m.Decode(b) != nil {
		d.lose(d.server())
		return
	}
	r.x.AddUint("statement_id", uint64(m.StatementID))
	r.x.AddCount("params", uint64(m.Params))
	r.x.AddCount("columns", uint64(m.Columns))
	r.warnings = uint64(m.WarningCount)
	r.stmt.id, r.stmt.params = m.StatementID, int(m.Params)
	d.statements.add(r.stmt)
	r.left = int(m.Params) + int(m.Columns)
	r.state = replyDefinitions
	if r.left == 0 || !m.Metadata {
		d.finish(r)
	}
}

// lastDefinition ends the answer to COM_STMT_PREPARE, or lets it wait for the
// EOF_Packet behind the definitions.
func (d *decoder) lastDefinition(r *request) {
	if d.eof == eofDeprecated {
		d.finish(r)
		return
	}
	r.state = replyTrailing
}

// unseenStatement stands for a statement whose COM_STMT_PREPARE was not seen.
func (d *decoder) unseenStatement(id uint32) *statement {
	st := &statement{id: id, params: -1, unseen: true}
	d.statements.add(st)
	return st
}

// statement finds the statement that a command names.
func (d *decoder) statement(r *request, id uint32) *statement {
	var st *statement
	if id == lastStatement && d.lastPrepared != nil {
		st = d.lastPrepared
	} else if st = d.statements.find(id); st == nil {
		// The COM_STMT_PREPARE went just ahead, and its answer comes first.
		r.partial = id == lastStatement
		st = d.unseenStatement(id)
	}
	if st.epoch != d.epoch {
		st.epoch, st.types = d.epoch, nil
		d.dropLong(st)
	}
	r.stmt = st
	if id != lastStatement {
		r.x.AddUint("statement_id", uint64(id))
	}
	if st.unseen && !d.whole {
		r.x.AddUint("prepared_before_capture", 1)
	}
	return st
}

func (d *decoder) dropLong(st *statement) (cut int64) {
	kept, cut := st.longBytes()
	d.longHeld -= kept
	st.long = nil
	return cut
}

func (d *decoder) forgetStatements() {
	d.statements.clear()
	d.lastPrepared = nil
	d.longHeld = 0
}

func (d *decoder) stmtExecute(r *request, b []byte) {
	var m StmtExecute
	if m.Decode(b) != nil {
		return
	}
	st := d.statement(r, m.StatementID)
	r.repeat(st)
	params := r.keep(m.Parameters)
	d.values.text = nil
	if d.bind(st, params, m.Flags) {
		n := d.parameters.positional(st.params)
		r.bind(st, d.parameters.Values[:n])
		for i := n; i < min(len(d.parameters.Values), n+maxQueryAttributes); i++ {
			r.queryAttribute(d.parameters.Names[i], d.parameters.Values[i])
		}
		st.types = append(st.types[:0], d.parameters.Types...)
	}
	// COM_STMT_EXECUTE uses up the long data. Values may still point into it.
	r.x.AddCount("truncated_bytes", uint64(d.dropLong(st)))
}

// bind decodes the parameters of a COM_STMT_EXECUTE. Which of the layouts it
// has depends on CLIENT_QUERY_ATTRIBUTES; the right one uses up the packet to
// the last byte.
func (d *decoder) bind(st *statement, src []byte, flags uint8) bool {
	try := func(l paramLayout) bool {
		return d.parameters.decode(src, l, st.types, st.longFor, &d.values)
	}
	attributes := d.caps&clientQueryAttributes != 0 || !d.capsKnown
	if attributes && flags&parameterCountAvailable != 0 &&
		(try(paramLayout{counted: true, named: true}) || try(paramLayout{counted: true})) {
		return true
	}
	if n := st.expected(); n >= 0 {
		return try(paramLayout{count: n}) || attributes && try(paramLayout{count: n, named: true})
	}
	for n := range min(len(src)/2, maxInferred) + 1 {
		if try(paramLayout{count: n}) {
			return true
		}
	}
	return false
}

// maxInferred bounds the search for the number of parameters of a statement
// that was prepared before the capture began.
const maxInferred = 256

// expected returns the number of parameters, -1 if it is not known. Before the
// server has answered the COM_STMT_PREPARE it is that of the placeholders.
func (st *statement) expected() int {
	if st.params < 0 && !st.unseen {
		return sql.CountPlaceholders(st.text)
	}
	return st.params
}

// repeat makes a prepared statement's text the request's.
func (r *request) repeat(st *statement) {
	r.x.Request = st.text
	r.hidden.Add(&st.hidden)
}

// bind makes values the request's arguments. They must last as long as it.
func (r *request) bind(st *statement, values []decoders.Value) {
	r.x.Args = append(r.x.Args[:0], values...)
	if st.hidden.Params() {
		st.hidden.Hide(r.x.Args, st.expected(), &r.hidden)
	}
	params := len(values)
	if st.params > 0 { // there may be more rows
		params = st.params
	}
	r.scratch = sql.HideContents(r.x.Args, params, r.scratch, &r.hidden)
}

func (d *decoder) stmtBulkExecute(r *request, b []byte) {
	var m StmtBulkExecute
	if m.Decode(b) != nil {
		return
	}
	st := d.statement(r, m.StatementID)
	r.repeat(st)
	params := r.keep(m.Parameters)
	n := st.expected()
	if n < 0 {
		return
	}
	d.values.text = nil
	rows, ok := d.parameters.decodeBulk(params, m.Flags, n, st.types, &d.values)
	if ok {
		r.bind(st, d.parameters.Values)
		st.types = append(st.types[:0], d.parameters.Types...)
		r.x.AddCount("bulk_rows", uint64(rows))
	}
}

func (d *decoder) stmtSendLongData(r *request, b []byte, size int64) {
	var m StmtSendLongData
	if m.Decode(b) != nil {
		return
	}
	st := d.statement(r, m.StatementID)
	r.x.AddUint("param", uint64(m.ParamID))
	d.longHeld += st.addLong(m.ParamID, m.Data, size-stmtSendLongDataHead, maxLongData-d.longHeld)
}

func (d *decoder) stmtOther(r *request, b []byte) {
	var m Stmt
	if m.Decode(b) != nil {
		return
	}
	st := d.statement(r, m.StatementID)
	switch r.com {
	case comStmtClose:
		d.dropLong(st)
		d.statements.remove(st)
	case comStmtReset:
		d.dropLong(st)
	case comStmtFetch:
		r.repeat(st)
	}
}
