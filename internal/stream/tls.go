package stream

import (
	"encoding/binary"
	"fmt"
)

// tlsName returns what TLS says of itself in the clear: the version and the
// server's name, "" if it is none (RFC 8446, sections 4.1.2, 4.2.1 and 5.1; RFC 6066, section 3).
func tlsName(client, server []byte) string {
	hello := handshakeOf(client, 1)
	if hello == nil {
		client, server = server, client // which is which was not known
		hello = handshakeOf(client, 1)
	}
	if hello == nil {
		for _, b := range [][]byte{client, server} {
			if len(b) > 5 && b[0] >= 20 && b[0] <= 23 && b[1] == 3 && b[2] <= 4 && (len(b) == 5+int(binary.BigEndian.Uint16(b[3:])) || b[0] == 23) {
				return "TLS, from the middle"
			}
		}
		return ""
	}
	what := "TLS"
	version, _ := helloFacts(handshakeOf(server, 2), true)
	offered, name := helloFacts(hello, false)
	if version == 0 {
		version, what = offered, "TLS, up to"
	}
	if version >= 0x0301 && version <= 0x0304 {
		what += fmt.Sprintf(" 1.%d", version-0x0301)
	}
	if name != "" {
		what += fmt.Sprintf(" for %q", name)
	}
	return what
}

// handshakeOf returns the body of a handshake message that a record begins with, or as
// much of it as there is.
func handshakeOf(b []byte, kind byte) []byte {
	if len(b) < 9 || b[0] != 22 || b[1] != 3 || b[5] != kind {
		return nil
	}
	n := int(b[6])<<16 | int(b[7])<<8 | int(b[8])
	return b[9:min(len(b), 9+n)]
}

// helloFacts returns the highest version and the server's name of a ClientHello, or
// the version of a ServerHello.
func helloFacts(b []byte, fromServer bool) (version uint16, name string) {
	if len(b) < 35 {
		return 0, ""
	}
	version = binary.BigEndian.Uint16(b)
	rest := b[34:]
	pass := func(width int) {
		n := 0
		for i := range min(width, len(rest)) {
			n = n<<8 | int(rest[i])
		}
		rest = rest[min(len(rest), width+n):]
	}
	pass(1) // session id
	if fromServer {
		rest = rest[min(len(rest), 3):] // cipher suite, compression
	} else {
		pass(2)
		pass(1)
	}
	rest = rest[min(len(rest), 2):]
	for len(rest) >= 4 {
		kind, n := binary.BigEndian.Uint16(rest), int(binary.BigEndian.Uint16(rest[2:]))
		body := rest[4:min(len(rest), 4+n)]
		rest = rest[min(len(rest), 4+n):]
		switch {
		case kind == 43 && fromServer && len(body) == 2:
			version = binary.BigEndian.Uint16(body)
		case kind == 43 && !fromServer && len(body) > 1:
			for v := body[1:]; len(v) >= 2; v = v[2:] {
				if x := binary.BigEndian.Uint16(v); x <= 0x0304 { // beyond are GREASE values
					version = max(version, x)
				}
			}
		case kind == 0 && !fromServer && len(body) > 5:
			name = string(body[5:min(len(body), 5+int(binary.BigEndian.Uint16(body[3:])))])
		}
	}
	return version, name
}
