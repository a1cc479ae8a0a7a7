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

	SchemaChanged bool
	Schema        []byte // if SchemaChanged
	GTIDs         []byte
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
	if track && m.StatusFlags&serverSessionStateChanged != 0 && len(p.b) > 0 {
		p.lenencString() // info
		if changes := p.lenencString(); !p.bad {
			m.decodeSessionState(changes)
		}
		return nil // a state nobody can read does not make it another message
	}
	return p.err(errOK)
}

func (m *OKPacket) decodeSessionState(changes []byte) {
	p := payload{b: changes}
	for len(p.b) > 0 {
		kind, data := p.uint8(), payload{b: p.lenencString()}
		switch kind {
		case sessionTrackSchema:
			if schema := data.lenencString(); !data.bad {
				m.SchemaChanged, m.Schema = true, schema
			}
		case sessionTrackGTIDs:
			data.uint8() // encoding specification
			m.GTIDs = data.lenencString()
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
