package mysql

import (
	"unixcap/decoders"
)

// What the answer to a statement says of its session.

// A transaction is whether one is open once a statement is through.
type transaction uint8

const (
	transactionUnknown transaction = iota
	transactionIdle
	transactionOpen
)

var wordIdle, wordOpen = []byte("idle"), []byte("open")

// noteTransaction says that a transaction is open after a statement, or that
// one no longer is.
func (d *decoder) noteTransaction(r *request) {
	switch {
	case r.transaction == transactionOpen:
		r.x.AddText("transaction", wordOpen)
	case r.transaction == transactionIdle && d.inTransaction:
		r.x.AddText("transaction", wordIdle)
	case r.transaction == transactionUnknown:
		return
	}
	d.inTransaction = r.transaction == transactionOpen
}

// session takes over what an OK_Packet or EOF_Packet says of the session.
func (r *request) session(m *OKPacket) {
	if r.reply != replyAuth {
		r.transaction = transactionIdle
		if m.StatusFlags&serverStatusInTrans != 0 {
			r.transaction = transactionOpen
		}
	}
	if len(m.Info) > 0 {
		r.join("info", m.Info, nil)
	}
	s := &m.State
	if s.SchemaChanged {
		r.setDatabase(s.Schema)
	}
	if len(s.changes) == 0 {
		return
	}
	s.eachSystemVariable(func(name, value []byte) {
		if decoders.IsSecretName(name) {
			value = decoders.SecretBytes
		}
		r.join("system_variables", name, value)
	})
	if len(s.GTIDs) > 0 {
		r.join("gtid", s.GTIDs, nil)
	}
	if len(s.Characteristics) > 0 {
		r.setAttr("transaction_characteristics", s.Characteristics)
	}
	if len(s.Transaction) > 0 {
		r.setAttr("transaction_state", s.Transaction)
	}
	if s.Changed {
		r.setAttr("state_changed", oneDigit)
	}
}

var oneDigit = []byte("1")

// maxJoined bounds an attribute that is put together from those of several
// results, of which a request can have any number.
const maxJoined = 4096

// join adds text, or name=value, to an attribute, with "; " before it if it is
// not the first.
func (r *request) join(key string, name, value []byte) {
	var old *decoders.Value
	for i := range r.x.Attrs {
		if r.x.Attrs[i].Key == key {
			old = &r.x.Attrs[i].Value
		}
	}
	start := len(r.scratch)
	if old != nil {
		if len(old.Bytes)+len(name)+len(value) > maxJoined {
			return
		}
		r.scratch = append(append(r.scratch, old.Bytes...), "; "...)
	}
	r.scratch = append(r.scratch, name...)
	if value != nil {
		r.scratch = append(append(r.scratch, '='), value...)
	}
	v := decoders.TextValue(r.scratch[start:len(r.scratch):len(r.scratch)])
	if old != nil {
		*old = v
		return
	}
	r.x.Add(key, v)
}
