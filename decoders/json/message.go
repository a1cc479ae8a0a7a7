package json

import "bytes"

// A message is a value and what its members make of it. The slices are those of
// the bytes it was read from: of strings what is between the quotes, of others all.
// Method and id are without escapes, which differ between those who write the same:
// Python's ujson has the slash of textDocument/hover as \/.
type message struct {
	kind    kind
	dialect string
	method  []byte // or the command, or the event
	params  []byte
	id      []byte
	textID  bool   // the id is a string: "1" is not 1
	failure []byte // the value of error
	oneway  bool   // varlink
	more    bool   // varlink: a reply that is not the last

	plainMethod, plainID []byte // room for those that had escapes
}

type kind uint8

const (
	plain    kind = iota // none of the below
	call                 // wants a reply
	notice               // wants none
	reply                // with a result or an error
	greeting             // QMP's
)

// The dialects.
const (
	jsonRPC = "jsonrpc"
	qmp     = "qmp"
	varlink = "varlink"
	others  = "json"
)

// members are the members of an object that mean something.
type members struct {
	jsonrpc, id, method, params, result, failure         []byte
	execute, oob, arguments, ret, event, data, greeting  []byte
	parameters, oneway, continues                        []byte
	hasResult, hasParameters, hasReturn, hasID, hasError bool
	textID                                               bool // the id is a string
}

// read reads an object.
func (m *message) read(b []byte) {
	*m = message{dialect: others, plainMethod: m.plainMethod[:0], plainID: m.plainID[:0]}
	var o members
	o.read(b)
	m.classify(&o)
	m.textID = o.textID && m.id != nil
	if bytes.IndexByte(m.method, '\\') >= 0 {
		m.plainMethod = appendUnescaped(m.plainMethod, m.method)
		m.method = m.plainMethod
	}
	if m.textID && bytes.IndexByte(m.id, '\\') >= 0 {
		m.plainID = appendUnescaped(m.plainID, m.id)
		m.id = m.plainID
	}
}

// classify says what an object's members make of it.
func (m *message) classify(o *members) {
	switch {
	case o.greeting != nil:
		m.kind, m.dialect, m.params = greeting, qmp, o.greeting
	case o.execute != nil || o.oob != nil:
		m.kind, m.dialect, m.method, m.params, m.id = call, qmp, o.execute, o.arguments, o.id
		if o.execute == nil {
			m.method = o.oob
		}
	case o.event != nil && o.method == nil && o.jsonrpc == nil:
		m.kind, m.dialect, m.method, m.params = notice, qmp, o.event, o.data
	case o.hasReturn:
		m.kind, m.dialect, m.id = reply, qmp, o.id
	case o.method != nil:
		m.called(o)
	case o.jsonrpc != nil && (o.hasResult || o.hasError), o.hasID && (o.hasResult || o.hasError):
		m.kind, m.dialect, m.id, m.failure = reply, jsonRPC, o.id, nonNull(o.failure)
		if o.jsonrpc == nil && bytes.Contains(o.failure, []byte(`"class"`)) {
			m.dialect = qmp
		}
	case o.hasError && len(o.failure) > 0 && o.failure[0] == '{':
		m.kind, m.dialect, m.failure = reply, qmp, o.failure
	case o.hasError, o.hasParameters:
		m.kind, m.dialect, m.failure, m.params = reply, varlink, nonNull(o.failure), o.parameters
		m.more = string(o.continues) == "true"
	}
}

// called makes a call of JSON-RPC or of varlink, whose names have an interface
// and which has neither ids nor "params".
func (m *message) called(o *members) {
	m.kind, m.dialect, m.method, m.params, m.id = call, jsonRPC, o.method, o.params, o.id
	switch {
	case o.jsonrpc != nil || o.hasID || o.params != nil:
		if !o.hasID {
			m.kind = notice
		}
	case bytes.IndexByte(o.method, '.') > 0:
		m.dialect, m.params = varlink, o.parameters
		if m.oneway = string(o.oneway) == "true"; m.oneway {
			m.kind = notice
		}
	default:
		m.kind = notice
	}
}

func nonNull(b []byte) []byte {
	if string(b) == "null" {
		return nil
	}
	return b
}

// read finds the members of an object.
func (o *members) read(b []byte) {
	walk(b, func(name, v []byte, text bool) {
		switch string(name) {
		case "jsonrpc":
			o.jsonrpc = v
		case "id":
			o.id, o.textID, o.hasID = v, text, text || string(v) != "null"
		case "method":
			o.method = v
		case "params":
			o.params = v
		case "result":
			o.result, o.hasResult = v, true
		case "error":
			o.failure, o.hasError = v, true
		case "execute":
			o.execute = v
		case "exec-oob":
			o.oob = v
		case "arguments":
			o.arguments = v
		case "return":
			o.ret, o.hasReturn = v, true
		case "event":
			o.event = v
		case "data":
			o.data = v
		case "QMP":
			o.greeting = v
		case "parameters":
			o.parameters, o.hasParameters = v, true
		case "oneway":
			o.oneway = v
		case "continues":
			o.continues = v
		}
	})
}

// walk calls f with the members of an object, and with whether each is a string.
func walk(b []byte, f func(name, value []byte, text bool)) {
	if len(b) == 0 || b[0] != '{' {
		return
	}
	for i := 1; i < len(b); {
		i = skipSpace(b, i)
		if i >= len(b) || b[i] != '"' {
			return
		}
		end := stringEnd(b, i)
		if end < 0 {
			return
		}
		name := b[i+1 : end-1]
		if i = skipSpace(b, end); i >= len(b) || b[i] != ':' {
			return
		}
		i = skipSpace(b, i+1)
		end = valueEnd(b, i)
		if end <= i {
			return
		}
		v := b[i:end]
		text := v[0] == '"'
		if text {
			v = v[1 : len(v)-1]
		}
		f(name, v, text)
		if i = skipSpace(b, end); i < len(b) && b[i] == ',' {
			i++
		}
	}
}

func skipSpace(b []byte, i int) int {
	for i < len(b) && (b[i] == ' ' || b[i] == '\t' || b[i] == '\n' || b[i] == '\r') {
		i++
	}
	return i
}

// stringEnd returns where the string that begins at i ends, -1 if it does not.
func stringEnd(b []byte, i int) int {
	for i++; i < len(b); i++ {
		if i = stringStop(b, i); i < len(b) && b[i] == '"' {
			return i + 1
		}
		i++ // what is behind a backslash
	}
	return -1
}

// valueEnd returns where the value at i ends, -1 if it does not.
func valueEnd(b []byte, i int) int {
	if i >= len(b) {
		return -1
	}
	switch b[i] {
	case '"':
		return stringEnd(b, i)
	case '{', '[':
		var s side
		n, ended, _ := s.scan(b[i:])
		if !ended {
			return -1
		}
		return i + n
	}
	for i < len(b) && b[i] != ',' && b[i] != '}' && b[i] != ']' && b[i] > ' ' {
		i++
	}
	return i
}
