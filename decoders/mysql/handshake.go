package mysql

import "bytes"

// The messages of the "Connection Phase".

var (
	errHandshakeV10        = &MalformedError{"HandshakeV10"}
	errHandshakeResponse41 = &MalformedError{"HandshakeResponse41"}
	errHandshakeResponse   = &MalformedError{"HandshakeResponse320"}
	errAuthSwitchRequest   = &MalformedError{"AuthSwitchRequest"}
	errChangeUser          = &MalformedError{"COM_CHANGE_USER"}
)

// HandshakeV10 is the server's greeting, "Protocol::HandshakeV10". The nonce
// is passed over.
type HandshakeV10 struct {
	ServerVersion  []byte
	ThreadID       uint32
	Capabilities   capabilities
	CharacterSet   uint8
	StatusFlags    uint16
	AuthPluginName []byte
}

// Decode reads a greeting; its slices point into src.
func (m *HandshakeV10) Decode(src []byte) error {
	*m = HandshakeV10{}
	p := payload{b: src}
	if p.uint8() != 10 {
		return errHandshakeV10
	}
	m.ServerVersion = p.nulString()
	m.ThreadID = p.uint32()
	p.take(8)
	if p.uint8() != 0 || !plausibleVersion(m.ServerVersion) {
		return errHandshakeV10
	}
	m.Capabilities = capabilities(p.uint16())
	if p.bad || len(p.b) == 0 { // as servers before 4.1 end it
		return p.err(errHandshakeV10)
	}
	m.CharacterSet = p.uint8()
	m.StatusFlags = p.uint16()
	m.Capabilities |= capabilities(p.uint16()) << 16
	nonce := int(p.uint8())
	p.take(6)
	extended := p.uint32()
	if m.Capabilities&clientMySQL == 0 {
		m.Capabilities |= capabilities(extended) << mariadbCapabilitiesShift
	}
	if m.Capabilities&clientSecureConnection != 0 {
		p.take(min(max(13, nonce-8), len(p.b)))
	}
	if m.Capabilities&clientPluginAuth != 0 {
		m.AuthPluginName = p.nulOrRest()
	}
	return p.err(errHandshakeV10)
}

// plausibleVersion says whether v may be a server's version: printable ASCII
// with a digit in it, such as "8.4.3" or "5.5.5-10.11.6-MariaDB".
func plausibleVersion(v []byte) bool {
	digit := false
	for _, c := range v {
		if c < 0x20 || c > 0x7e {
			return false
		}
		digit = digit || '0' <= c && c <= '9'
	}
	return digit && len(v) <= maxVersion
}

// maxVersion bounds a greeting's version string; MySQL's SERVER_VERSION_LENGTH
// is 60, vendors add to it.
const maxVersion = 128

// HandshakeResponse41 is the client's answer to the greeting,
// "Protocol::HandshakeResponse41", or the older "HandshakeResponse320", or
// the beginning of either, "Protocol::SSLRequest". What proves the user's
// identity is passed over and never kept.
type HandshakeResponse41 struct {
	Capabilities   capabilities
	CharacterSet   uint8
	Username       []byte
	Database       []byte
	AuthPluginName []byte
	Attributes     []byte // pairs of string<lenenc>: key, value
	IsSSLRequest   bool   // nothing after CharacterSet, TLS follows
}

const sslRequestLength = 32

// Decode reads a response to a greeting with the capabilities server; its
// slices point into src.
func (m *HandshakeResponse41) Decode(src []byte, server capabilities) error {
	*m = HandshakeResponse41{}
	p := payload{b: src}
	m.Capabilities = capabilities(p.uint16())
	if m.Capabilities&clientProtocol41 == 0 {
		return m.decode320(&p)
	}
	m.Capabilities |= capabilities(p.uint16()) << 16
	p.uint32() // max_packet_size
	m.CharacterSet = p.uint8()
	p.take(19)
	extended := p.uint32()
	if m.Capabilities&clientMySQL == 0 && server&clientMySQL == 0 {
		m.Capabilities |= capabilities(extended) << mariadbCapabilitiesShift
	}
	m.Capabilities &= server
	if len(src) == sslRequestLength && m.Capabilities&clientSSL != 0 {
		m.IsSSLRequest = true
		return nil
	}
	m.Username = p.nulString()
	switch {
	case m.Capabilities&clientPluginAuthLenenc != 0:
		p.lenencString()
	case m.Capabilities&clientSecureConnection != 0:
		p.take(int(p.uint8()))
	default:
		p.nulOrRest()
	}
	if p.bad {
		return errHandshakeResponse41
	}
	// Several clients end here although their flags promise more.
	if m.Capabilities&clientConnectWithDB != 0 && len(p.b) > 0 {
		m.Database = p.nulOrRest()
	}
	if m.Capabilities&clientPluginAuth != 0 && len(p.b) > 0 {
		m.AuthPluginName = p.nulOrRest()
	}
	if m.Capabilities&clientConnectAttrs != 0 && len(p.b) > 0 {
		m.Attributes = p.lenencString()
	}
	return p.err(errHandshakeResponse41)
}

func (m *HandshakeResponse41) decode320(p *payload) error {
	p.take(3) // max_packet_size
	if len(p.b) == 0 && m.Capabilities&clientSSL != 0 && !p.bad {
		m.IsSSLRequest = true
		return nil
	}
	m.Username = p.nulString()
	p.nulOrRest()
	if m.Capabilities&clientConnectWithDB != 0 {
		m.Database = p.nulOrRest()
	}
	return p.err(errHandshakeResponse)
}

// eachAttribute calls f with every pair of connection attributes, at most
// maxConnectAttrs of them.
func eachAttribute(attributes []byte, f func(key, value []byte)) {
	p := payload{b: attributes}
	for range maxConnectAttrs {
		key, value := p.lenencString(), p.lenencString()
		if p.bad || len(key) == 0 {
			return
		}
		f(key, value)
	}
}

// maxConnectAttrs bounds how many connection attributes come out. Clients
// send about ten; the protocol lets them send 64 KiB.
const maxConnectAttrs = 64

// AuthSwitchRequest is the server's wish for another authentication method,
// "Protocol::AuthSwitchRequest".
type AuthSwitchRequest struct {
	PluginName []byte
}

// Decode reads an AuthSwitchRequest; its slices point into src.
func (m *AuthSwitchRequest) Decode(src []byte) error {
	*m = AuthSwitchRequest{}
	p := payload{b: src}
	if p.uint8() != headerEOF {
		return errAuthSwitchRequest
	}
	if len(p.b) == 0 { // Protocol::OldAuthSwitchRequest
		m.PluginName = oldPasswordPlugin
		return nil
	}
	m.PluginName = p.nulOrRest()
	return nil
}

var oldPasswordPlugin = []byte("mysql_old_password")

// ChangeUser is COM_CHANGE_USER. What proves the user's identity is passed
// over and never kept.
type ChangeUser struct {
	Username       []byte
	Database       []byte
	CharacterSet   uint16
	AuthPluginName []byte
	Attributes     []byte
}

// Decode reads a command sent under the capabilities caps; its slices point
// into src.
func (m *ChangeUser) Decode(src []byte, caps capabilities) error {
	*m = ChangeUser{}
	p := payload{b: src}
	p.uint8()
	m.Username = p.nulString()
	if caps&clientSecureConnection != 0 {
		p.take(int(p.uint8()))
	} else {
		p.nulString()
	}
	m.Database = p.nulOrRest()
	if len(p.b) < 2 {
		return p.err(errChangeUser)
	}
	m.CharacterSet = p.uint16()
	if caps&clientPluginAuth != 0 && len(p.b) > 0 {
		m.AuthPluginName = p.nulOrRest()
	}
	if caps&clientConnectAttrs != 0 && len(p.b) > 0 {
		m.Attributes = p.lenencString()
	}
	return p.err(errChangeUser)
}

// plausibleResponse says whether b, a client's packet without its header,
// may be a HandshakeResponse41 or SSLRequest whose greeting was not seen.
func plausibleResponse(b []byte) bool {
	if len(b) < sslRequestLength {
		return false
	}
	p := payload{b: b}
	caps := capabilities(p.uint32())
	p.take(5)
	return caps&clientProtocol41 != 0 && caps&clientSecureConnection != 0 &&
		len(bytes.Trim(p.take(19), "\x00")) == 0
}
