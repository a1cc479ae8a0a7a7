package journald

import "unixcap/decoders"

// detect judges a conversation's first bytes: fields of an entry of which one
// is a message's or a priority, or the header of a stream. Nobody answers.
func detect(client, server []byte, _ bool) decoders.Verdict {
	if len(server) > 0 {
		return decoders.No
	}
	if len(client) == 0 {
		return decoders.Maybe
	}
	if n, ok := parseHeader(client, new(lines)); n > 0 {
		return decoders.Yes
	} else if ok {
		return decoders.Maybe
	}
	var e entry
	_, ended := e.read(client)
	if e.n == 0 {
		return decoders.No
	}
	for i := range e.fields[:e.n] {
		if known[string(e.fields[i].name)] {
			return decoders.Yes
		}
	}
	if !ended {
		return decoders.Maybe
	}
	return decoders.No
}

// known are the fields by which an entry is told from other lines with "=": those that
// the library writes, and what is in any of them (systemd.journal-fields(7)).
var known = map[string]bool{
	"MESSAGE": true, "PRIORITY": true, "SYSLOG_IDENTIFIER": true, "SYSLOG_FACILITY": true, "CODE_FILE": true,
}
