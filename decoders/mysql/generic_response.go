package mysql

// The messages of "Generic Response Packets".

var (
	errOK  = &MalformedError{"OK_Packet"}
	errErr = &MalformedError{"ERR_Packet"}
	errEOF = &MalformedError{"EOF_Packet"}
)

// eofLength is the length of an EOF_Packet. An OK_Packet with its header has
// two more bytes at least, so the two can be told apart whether or not
// CLIENT_DEPRECATE_EOF is known to be on.
const eofLength = 5

// minOKLength is an OK_Packet with one-byte integers and no text.
const minOKLength = 7

// OKPacket is OK_Packet, or EOF_Packet, which has only the last two of these
// numbers.
type OKPacket struct {
	AffectedRows uint64
	LastInsertID uint64
	StatusFlags  uint16
	Warnings     uint16

	Info  []byte // what the statement did, in words
	State SessionState
}

// SessionState is the "Session State Information" of an OK_Packet: what the
// statement changed in its session, as far as the client asked to be told.
type SessionState struct {
	SchemaChanged   bool
	Schema          []byte // if SchemaChanged
	Changed         bool   // something of the session did
	GTIDs           []byte
	Characteristics []byte // of the transaction, as statements
	Transaction     []byte // eight letters

	changes []byte // all of it
}

// Decode reads an OK_Packet with header 0x00 or 0xfe or an EOF_Packet; its
// slices point into src. track is whether session state may follow.
func (m *OKPacket) Decode(src []byte, track bool) error {
	*m = OKPacket{}
	p := payload{b: src}
	if h := p.uint8(); h == headerEOF && len(src) < minOKLength {
		if len(src) != eofLength {
			return errEOF
		}
		m.Warnings = p.uint16()
		m.StatusFlags = p.uint16()
		return nil
	} else if h != headerOK && h != headerEOF {
		return errOK
	}
	m.AffectedRows = p.lenenc()
	m.LastInsertID = p.lenenc()
	m.StatusFlags = p.uint16()
	m.Warnings = p.uint16()
	if !m.decodeInfo(&p) {
		return errOK
	}
	if track && m.StatusFlags&serverSessionStateChanged != 0 && len(p.b) > 0 {
		if changes := p.lenencString(); !p.bad {
			m.State.decode(changes)
		}
		return nil // a state nobody can read does not make it another message
	}
	return p.err(errOK)
}

// decodeInfo reads the text behind the numbers, which servers write as a
// string<lenenc>, though without session state a string<EOF> is promised. It
// says whether it is text: if not, this is another message.
func (m *OKPacket) decodeInfo(p *payload) bool {
	if p.bad || len(p.b) == 0 {
		return !p.bad
	}
	rest := p.b
	m.Info = p.lenencString()
	if p.bad || len(p.b) > 0 && m.StatusFlags&serverSessionStateChanged == 0 {
		m.Info = rest
		*p = payload{}
	}
	return plausibleText(m.Info)
}

func (m *SessionState) decode(changes []byte) {
	m.changes = changes
	p := payload{b: changes}
	for len(p.b) > 0 {
		kind, data := p.uint8(), payload{b: p.lenencString()}
		switch kind {
		case sessionTrackSchema:
			if schema := data.lenencString(); !data.bad {
				m.SchemaChanged, m.Schema = true, schema
			}
		case sessionTrackStateChange:
			m.Changed = string(data.lenencString()) == "1"
		case sessionTrackGTIDs:
			data.uint8() // encoding specification
			m.GTIDs = data.lenencString()
		case sessionTrackTransactionCharacteristics:
			m.Characteristics = data.lenencString()
		case sessionTrackTransactionState:
			m.Transaction = data.lenencString()
		}
	}
}

// eachSystemVariable calls f with every system variable that changed, of which
// there are several in an entry (MariaDB) or an entry for each (MySQL).
func (m *SessionState) eachSystemVariable(f func(name, value []byte)) {
	p := payload{b: m.changes}
	for len(p.b) > 0 {
		kind, data := p.uint8(), payload{b: p.lenencString()}
		for kind == sessionTrackSystemVariables && len(data.b) > 0 {
			if name, value := data.lenencString(), data.lenencString(); !data.bad {
				f(name, value)
			}
		}
	}
}

// ERRPacket is ERR_Packet, or one of MariaDB's progress reports.
type ERRPacket struct {
	Code     uint16
	SQLState []byte // nil if there is none, as before the handshake
	Message  []byte
}

// Decode reads an ERR_Packet; its slices point into src.
func (m *ERRPacket) Decode(src []byte) error {
	*m = ERRPacket{}
	p := payload{b: src}
	if p.uint8() != headerErr {
		return errErr
	}
	m.Code = p.uint16()
	if m.Code != progressCode && len(p.b) >= 6 && p.b[0] == '#' {
		m.SQLState = p.take(6)[1:]
	}
	m.Message = p.rest()
	return p.err(errErr)
}
