package postgresql

import (
	"bytes"
	"encoding/binary"
	"strings"

	"unixcap/decoders"
)

// The codes of packets that have no type, "Message Formats".
const (
	protocol3      = 3 << 16
	cancelRequest  = 1234<<16 | 5678
	sslRequest     = 1234<<16 | 5679
	gssencRequest  = 1234<<16 | 5680
	codeLength     = 4
	maxParameters  = 64 // of a StartupMessage; clients send fewer than ten
	requestLength  = lengthField + codeLength
	maxMinor       = 9999 // what clients ask for, to see whether it is refused
	negotiatedByte = 1
)

// plausibleStartup says whether p may begin a packet without a type.
func plausibleStartup(p []byte) bool {
	if len(p) < lengthField {
		return p[0] == 0 && (len(p) < 2 || p[1] == 0)
	}
	length := binary.BigEndian.Uint32(p)
	if length < requestLength || length > maxStartup {
		return false
	}
	if len(p) < requestLength {
		return true
	}
	switch code := binary.BigEndian.Uint32(p[lengthField:]); code {
	case sslRequest, gssencRequest:
		return length == requestLength
	case cancelRequest:
		return length > requestLength && length <= requestLength+lengthField+256
	default:
		return code>>16 == protocol3>>16 && code&0xffff <= maxMinor
	}
}

// startupPacket takes in what a connection begins with.
func (d *decoder) startupPacket(m *message, at decoders.Mark) {
	c, s := d.client(), d.server()
	b := reader{b: m.body}
	code := b.uint32()
	if b.bad || code>>16 != protocol3>>16 && code != cancelRequest && code != sslRequest && code != gssencRequest {
		d.lose(c)
		return
	}
	d.abandon("gap", 0) // a server does not answer before
	c.hunting = false
	s.hunting, d.doubt = false, false
	s.framer.reset()
	d.phase = phaseStartup
	switch code {
	case cancelRequest:
		r := d.begin(stepNegotiate, m, at)
		r.count = 0
		r.x.Op = "cancel_request"
		r.x.AddUint("backend_pid", uint64(b.uint32())) // its secret key follows
		d.out(r)
	case sslRequest, gssencRequest:
		r := d.begin(stepNegotiate, m, at)
		r.x.Op = "ssl_request"
		if code == gssencRequest {
			r.x.Op = "gssenc_request"
		}
		d.push(r)
	default:
		c.framer.untyped = false
		r := d.begin(stepStartup, m, at)
		if minor := code & 0xffff; minor > 0 {
			r.x.AddUint("protocol_minor", uint64(minor))
		}
		d.parameters(r, &b)
		d.push(r)
	}
}

// parameters reads who the client says it is, and what it wishes.
func (d *decoder) parameters(r *request, b *reader) {
	d.user, d.database, d.replication = "", "", ""
	for range maxParameters {
		key := b.text()
		if b.bad || len(key) == 0 {
			break
		}
		value := b.text()
		switch string(key) {
		case "user":
			d.user = string(value)
		case "database":
			d.database = string(value)
		case "replication":
			d.replication = replicationOf(string(value))
			r.keepString("replication", d.replication)
		default:
			if decoders.IsSecretName(key) || mentionsSecret(value) {
				value = decoders.SecretBytes
			}
			r.x.Add(strings.ToLower(string(key)), decoders.TextValue(r.keep(value)))
		}
	}
	if d.database == "" {
		d.database = d.user
	}
}

// mentionsSecret says whether a parameter's value, such as options, may set a
// secret.
func mentionsSecret(value []byte) bool {
	return !bytes.Equal(decoders.AppendWithoutSecrets(nil, value), value)
}

// replicationOf names the kind of replication that a client asks for.
func replicationOf(value string) string {
	switch strings.ToLower(value) {
	case "database":
		return "logical"
	case "true", "on", "yes", "1":
		return "physical"
	}
	return ""
}

// negotiated takes in the server's answer to a SSLRequest or GSSENCRequest,
// and returns what follows it.
func (d *decoder) negotiated(r *request, at decoders.Mark, p []byte) []byte {
	switch p[0] {
	case 'N':
		r.saw(at, at, negotiatedByte)
		r.keepString("answer", "refused")
		d.finish(r)
		return p[negotiatedByte:]
	case 'S', 'G':
		r.saw(at, at, negotiatedByte)
		r.keepString("answer", "accepted")
		r.x.Status = decoders.Encrypted
		d.finish(r)
		d.phase = phaseOpaque
		return nil
	case kindErrorResponse:
		return p
	}
	d.lose(d.server())
	return p
}

// password takes in what a client answers to a request for authentication, of
// which nothing but the name of the mechanism may be shown.
func (d *decoder) password(m *message) {
	r := d.queue.first()
	if r == nil || r.steps[0] != stepStartup || !r.sasl {
		return
	}
	r.sasl = false
	b := reader{b: m.body}
	if name := b.text(); !b.bad && plausibleMechanism(name) {
		r.keepText("sasl_mechanism", name)
	}
}

// plausibleMechanism says whether b is the name of a SASL mechanism (RFC 4422,
// section 3.1) and of PostgreSQL's: nothing that a user made up.
func plausibleMechanism(b []byte) bool {
	return bytes.HasPrefix(b, []byte("SCRAM-SHA-256")) || string(b) == "OAUTHBEARER"
}

// authentication takes in what the server wants, or that it is content.
func (d *decoder) authentication(r *request, m *message) {
	b := reader{b: m.body}
	code := b.uint32()
	method := ""
	switch code {
	case 2:
		method = "kerberos_v5"
	case 3:
		method = "cleartext_password"
	case 5:
		method = "md5_password"
	case 7:
		method = "gss"
	case 9:
		method = "sspi"
	case 10:
		method = "sasl"
		r.sasl = true
	}
	r.keepString("auth_method", method)
}

// parameterStatus takes in a setting's value. The version is worth telling.
func (r *request) parameterStatus(m *message) {
	b := reader{b: m.body}
	key, value := b.text(), b.text()
	switch string(key) {
	case "server_version", "client_encoding", "server_encoding":
		if len(r.x.Attrs) < maxAttrs {
			r.x.Add(parameterKeys[string(key)], decoders.TextValue(r.keep(value)))
		}
	}
}

var parameterKeys = map[string]string{
	"server_version":  "server_version",
	"client_encoding": "client_encoding",
	"server_encoding": "server_encoding",
}
