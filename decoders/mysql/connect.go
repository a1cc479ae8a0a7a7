package mysql

import (
	"bytes"

	"unixcap/decoders"
)

// The "Connection Phase" and COM_CHANGE_USER.

// greet takes in the server's first packet: a greeting, or the refusal to
// talk to this client at all.
func (d *decoder) greet(pkt *packet, at decoders.Mark) {
	s := d.server()
	var refusal ERRPacket
	switch {
	case d.greeting.Decode(pkt.payload) == nil:
		// Packets' memory is not ours.
		d.greeting.ServerVersion = bytes.Clone(d.greeting.ServerVersion)
		d.greeting.AuthPluginName = bytes.Clone(d.greeting.AuthPluginName)
		d.phase = phaseGreeted
		d.whole, d.spoke = true, true
		s.hunting = false
	case d.phase == phaseStart && refusal.Decode(pkt.payload) == nil && plausibleError(&refusal):
		r := d.queue.take()
		r.x.Op = "connect"
		r.saw(pkt.start, at, pkt.wire)
		r.fail(&refusal)
		d.out(r)
		d.phase = phaseCommand
		s.hunting = false
	default:
		d.lose(s)
	}
}

// plausibleError says whether e is an error as servers write it: a code of
// theirs and a text.
func plausibleError(e *ERRPacket) bool {
	if e.Code < 1000 || e.Code >= 0xf000 || len(e.Message) < 4 {
		return false
	}
	return plausibleText(e.Message)
}

// handshakeResponse takes in the client's answer to the greeting, and says
// whether it was one.
func (d *decoder) handshakeResponse(pkt *packet, at decoders.Mark) bool {
	offered := d.greeting.Capabilities
	if d.phase != phaseGreeted {
		offered = ^clientMySQL // the greeting was not seen
	}
	var m HandshakeResponse41
	if m.Decode(pkt.payload, offered) != nil {
		return false
	}
	r := d.queue.take()
	r.reply = replyAuth
	r.next = pkt.last + 1
	r.x.Op = "connect"
	r.x.Sent = decoders.Span{First: pkt.start, Last: at, Bytes: pkt.wire}
	if d.phase == phaseGreeted {
		r.x.Add("server_version", decoders.TextValue(r.keep(d.greeting.ServerVersion)))
		r.x.AddUint("connection_id", uint64(d.greeting.ThreadID))
	}
	d.phase = phaseCommand
	d.caps, d.capsKnown = m.Capabilities, true
	d.eof = eofSent
	if d.caps&clientDeprecateEOF != 0 {
		d.eof = eofDeprecated
	}
	r.x.AddUint("character_set", uint64(m.CharacterSet))
	if m.IsSSLRequest {
		r.x.Add("encryption", decoders.StringValue("tls"))
		r.x.Status = decoders.Encrypted
		d.out(r)
		d.phase = phaseOpaque
		return true
	}
	r.identify(m.Username, m.Database, m.AuthPluginName, m.Attributes)
	if d.greeting.AuthPluginName != nil && len(m.AuthPluginName) == 0 {
		r.setAttr("auth_plugin", d.greeting.AuthPluginName)
	}
	d.queue.push(r)
	return true
}

// identify notes who the client says it is.
func (r *request) identify(user, database, plugin, attributes []byte) {
	r.user, r.setsUser = string(user), true
	r.setDatabase(database)
	r.keepText("auth_plugin", plugin)
	eachAttribute(attributes, func(key, value []byte) {
		if decoders.IsSecretName(key) {
			value = decoders.SecretBytes
		}
		r.x.Add(string(key), decoders.TextValue(r.keep(value)))
	})
}

// switchPlugin notes that the server wants another method than the client
// began with.
func (r *request) switchPlugin(name []byte) {
	for i := range r.x.Attrs {
		if r.x.Attrs[i].Key == "auth_plugin" {
			first := r.x.Attrs[i].Value
			r.x.Attrs[i].Value = decoders.TextValue(r.keep(name))
			if !r.switched {
				r.x.Add("auth_switched_from", first)
			}
			r.switched = true
			return
		}
	}
	r.keepText("auth_plugin", name)
}

// setAttr sets an attribute to another text.
func (r *request) setAttr(key string, v []byte) {
	for i := range r.x.Attrs {
		if r.x.Attrs[i].Key == key {
			r.x.Attrs[i].Value = decoders.TextValue(r.keep(v))
			return
		}
	}
	r.keepText(key, v)
}

func (d *decoder) changeUser(r *request, b []byte) {
	caps := d.caps
	if !d.capsKnown {
		caps = clientSecureConnection | clientPluginAuth | clientConnectAttrs
	}
	var m ChangeUser
	if m.Decode(b, caps) != nil {
		return // the server will say so
	}
	r.identify(m.Username, m.Database, m.AuthPluginName, m.Attributes)
	if m.CharacterSet != 0 {
		r.x.AddUint("character_set", uint64(m.CharacterSet))
	}
}

// What AuthMoreData says with caching_sha2_password, "Caching_sha2_password
// information".
const (
	fastAuthSuccess           = 3
	performFullAuthentication = 4
)

// authReply takes in the server's part of an authentication.
func (d *decoder) authReply(r *request, b []byte) {
	var change AuthSwitchRequest
	switch {
	case len(b) == 0:
	case b[0] == headerEOF:
		if change.Decode(b) == nil {
			r.switchPlugin(change.PluginName)
		}
	case b[0] == headerAuthMore && len(b) == 2 && b[1] == fastAuthSuccess:
		r.setAttr("caching_sha2", []byte("fast"))
	case b[0] == headerAuthMore && len(b) == 2 && b[1] == performFullAuthentication:
		r.setAttr("caching_sha2", []byte("full"))
	case b[0] == headerOK:
		d.simpleReply(r, b)
	}
}

// authenticated starts what the handshake agreed on.
func (d *decoder) authenticated(r *request) {
	d.inTransaction = false
	if r.com == comChangeUser {
		d.forgetStatements()
		return
	}
	switch {
	case d.caps&clientCompress != 0:
		r.x.Add("compression", decoders.StringValue("zlib"))
		d.compress()
	case d.caps&clientZstdCompression != 0:
		r.x.Add("compression", decoders.StringValue("zstd"))
		d.compress()
	}
}
