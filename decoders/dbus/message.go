package dbus

// Message types ("Message Format").
const (
	methodCall   = 1
	methodReturn = 2
	errorReply   = 3
	signal       = 4
)

// Flags ("Message Format").
const (
	noReplyExpected               = 0x1
	noAutoStart                   = 0x2
	allowInteractiveAuthorization = 0x4
)

// Header fields ("Header Fields").
const (
	fieldPath        = 1
	fieldInterface   = 2
	fieldMember      = 3
	fieldErrorName   = 4
	fieldReplySerial = 5
	fieldDestination = 6
	fieldSender      = 7
	fieldSignature   = 8
	fieldUnixFDs     = 9
)

// fieldTypes are the types that the header fields must have.
var fieldTypes = [...]byte{
	fieldPath: 'o', fieldInterface: 's', fieldMember: 's', fieldErrorName: 's', fieldReplySerial: 'u',
	fieldDestination: 's', fieldSender: 's', fieldSignature: 'g', fieldUnixFDs: 'u',
}

const (
	// fixedHeader is the header up to the length of the array of fields.
	fixedHeader = 16
	// maxMessage is the specification's limit of a message, header included.
	maxMessage = 128 << 20
	// maxFields is how long the array of header fields may be. Names have 255
	// bytes at most and paths are short, though the specification sets them no limit.
	maxFields = 64 << 10
	// maxBody is how much of a body is read. The rest is counted.
	maxBody = 64 << 10
)

// A message is one of D-Bus's. Its slices are those of the bytes it was read from.
type message struct {
	big    bool
	kind   byte
	flags  byte
	serial uint32

	path, iface, member, errorName []byte
	destination, sender, signature []byte
	replySerial, unixFDs           uint32

	raw    []byte // what it was read from
	length int64  // of the body
	body   []byte // as much of it as there is
}

// sizes reads the fixed part of a header. It returns the length of the whole
// header with the padding behind it, and that of the body; ok is false if this
// is no message.
func sizes(b []byte) (header, body int64, ok bool) {
	big := b[0] == 'B'
	body, fields := int64(load32(b[4:], big)), int64(load32(b[12:], big))
	header = fixedHeader + (fields+7)&^7
	return header, body, fields <= maxFields && header+body <= maxMessage && load32(b[8:], big) != 0
}

// begins says whether b, of which there may be little, can be the beginning of
// a message.
func begins(b []byte) bool {
	if b[0] != 'l' && b[0] != 'B' {
		return false
	}
	for i, c := range b[1:min(len(b), 4)] {
		switch {
		case i == 0 && (c < methodCall || c > signal):
			return false
		case i == 1 && c >= 8, i == 2 && c != 1:
			return false
		}
	}
	return true
}

// read reads a message from b, which has the whole header at least, and as much
// of the body as was kept. It reports whether the header is as the
// specification wants it.
func (m *message) read(b []byte, header, body int64) bool {
	*m = message{} // which is faster than with the five in it
	m.big, m.kind, m.flags, m.raw, m.length = b[0] == 'B', b[1], b[2], b, body
	m.serial = load32(b[8:], m.big)
	fields := b[:fixedHeader+int(load32(b[12:], m.big))]
	seen := uint16(0)
	for at := fixedHeader; at < len(fields); {
		var ok bool
		if at, ok = m.field(fields, (at+7)&^7, &seen); !ok {
			return false
		}
	}
	m.body = b[header:]
	return m.complete()
}

// field reads a header field, a struct of a byte and a variant, at a place that
// is a multiple of eight. It returns where it ends.
func (m *message) field(b []byte, at int, seen *uint16) (end int, ok bool) {
	if at+6 > len(b) || b[at] == 0 {
		return 0, false
	}
	code := b[at]
	if int(code) >= len(fieldTypes) { // to be ignored, the specification says
		r := reader{b: b, at: at + 1, big: m.big}
		sig := r.signature()
		return r.at, len(sig) > 0 && !r.bad && r.skip(sig, 0)
	}
	kind := fieldTypes[code]
	if b[at+1] != 1 || b[at+2] != kind || b[at+3] != 0 || *seen&(1<<code) != 0 {
		return 0, false
	}
	*seen |= 1 << code
	start := at + 5
	n := int64(b[at+4])
	if kind != 'g' {
		if start = at + 8; start > len(b) {
			return 0, false
		}
		n = int64(load32(b[at+4:], m.big))
		if kind == 'u' {
			if code == fieldReplySerial {
				m.replySerial = uint32(n)
			} else {
				m.unixFDs = uint32(n)
			}
			return start, true
		}
	}
	if n >= int64(len(b)-start) || b[start+int(n)] != 0 {
		return 0, false
	}
	m.name(code, b[start:start+int(n)])
	return start + int(n) + 1, true
}

// name takes over a field that is a text.
func (m *message) name(code byte, text []byte) {
	switch code {
	case fieldPath:
		m.path = text
	case fieldInterface:
		m.iface = text
	case fieldMember:
		m.member = text
	case fieldErrorName:
		m.errorName = text
	case fieldDestination:
		m.destination = text
	case fieldSender:
		m.sender = text
	case fieldSignature:
		m.signature = text
	}
}

// complete says whether the fields that the type requires are there.
func (m *message) complete() bool {
	switch m.kind {
	case methodCall:
		return len(m.path) > 0 && m.path[0] == '/' && isName(m.member)
	case signal:
		return len(m.path) > 0 && m.path[0] == '/' && isName(m.member) && len(m.iface) > 0
	case errorReply:
		return len(m.errorName) > 0 && m.replySerial != 0
	}
	return m.replySerial != 0
}

// isName says whether b can be a member's name ("Member names").
func isName(b []byte) bool {
	for _, c := range b {
		if (c|0x20 < 'a' || c|0x20 > 'z') && (c < '0' || c > '9') && c != '_' {
			return false
		}
	}
	return len(b) > 0 && len(b) <= 255
}

// text appends what a message is about: interface, member and path of a call or
// signal, as busctl has them in the opposite order.
func (m *message) text(dst []byte) []byte {
	if len(m.iface) > 0 {
		dst = append(append(dst, m.iface...), '.')
	}
	dst = append(dst, m.member...)
	return append(append(dst, ' '), m.path...)
}
