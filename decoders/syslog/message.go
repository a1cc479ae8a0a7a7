package syslog

import (
	"bytes"
)

// severities and facilities are named as logger(1) and syslog.conf(5) name them
// (RFC 5424, section 6.2.1).
var (
	severities = [8]string{"emerg", "alert", "crit", "err", "warning", "notice", "info", "debug"}
	facilities = [24]string{
		"kern", "user", "mail", "daemon", "auth", "syslog", "lpr", "news", "uucp", "cron", "authpriv", "ftp",
		"ntp", "audit", "alert", "clock", "local0", "local1", "local2", "local3", "local4", "local5", "local6", "local7",
	}
	// priorities are all pairs, as logger -p has them.
	priorities = func() (list [192]string) {
		for i := range list {
			list[i] = facilities[i/8] + "." + severities[i%8]
		}
		return list
	}()
)

// userNotice is what a message without a priority has (RFC 3164, section 4.3.3).
const userNotice = 13

// A message is one of syslog's. Its slices are those of the bytes it was read
// from.
type message struct {
	priority  int
	explicit  bool // the priority was there
	rfc5424   bool
	timestamp []byte
	hostname  []byte
	app       []byte // RFC 3164's TAG
	pid       []byte
	id        []byte
	data      []byte // STRUCTURED-DATA
	text      []byte
}

// priorityOf reads "<PRI>" (RFC 5424, section 6.2.1) and returns what is behind it.
func priorityOf(b []byte) (n int, rest []byte, ok bool) {
	if len(b) < 3 || b[0] != '<' {
		return 0, b, false
	}
	for i := 1; i < len(b) && i < 5; i++ {
		switch c := b[i]; {
		case c == '>' && i > 1:
			return n, b[i+1:], n < len(priorities) && (b[1] != '0' || i == 2)
		case c < '0' || c > '9':
			return 0, b, false
		default:
			n = n*10 + int(c-'0')
		}
	}
	return 0, b, false
}

// read reads a message. All that is not as the RFCs have it is text.
func (m *message) read(b []byte) {
	*m = message{priority: userNotice}
	if n, rest, ok := priorityOf(b); ok {
		m.priority, m.explicit = n, true
		b = rest
	}
	if m.explicit && m.read5424(b) {
		return
	}
	m.read3164(b)
}

// read5424 reads what follows the priority by RFC 5424, section 6.
func (m *message) read5424(b []byte) bool {
	if len(b) < 2 || b[0] != '1' || b[1] != ' ' {
		return false
	}
	rest := b[2:]
	var words [5][]byte
	for i := range words {
		n := bytes.IndexByte(rest, ' ')
		if n <= 0 {
			return false
		}
		words[i], rest = rest[:n], rest[n+1:]
	}
	if string(words[0]) != "-" && !isISODate(words[0]) {
		return false
	}
	end := structuredEnd(rest)
	if end < 0 {
		return false
	}
	m.rfc5424 = true
	m.timestamp, m.hostname, m.app, m.pid, m.id = nilled(words[0]), nilled(words[1]), nilled(words[2]), nilled(words[3]), nilled(words[4])
	m.data = nilled(rest[:end])
	m.text = bytes.TrimPrefix(bytes.TrimPrefix(rest[end:], []byte{' '}), []byte("\xef\xbb\xbf"))
	return true
}

// nilled returns nil for a NILVALUE.
func nilled(b []byte) []byte {
	if len(b) == 1 && b[0] == '-' {
		return nil
	}
	return b
}

// structuredEnd returns how long STRUCTURED-DATA is (section 6.3), -1 if it is
// not valid.
func structuredEnd(b []byte) int {
	if len(b) > 0 && b[0] == '-' && (len(b) == 1 || b[1] == ' ') {
		return 1
	}
	i := 0
	for i < len(b) && b[i] == '[' {
		if i = elementEnd(b, i); i < 0 {
			return -1
		}
	}
	if i == 0 || i < len(b) && b[i] != ' ' {
		return -1
	}
	return i
}

// structural are the bytes that mean something in an SD-ELEMENT.
var structural = [256]bool{'"': true, '\\': true, ']': true}

// elementEnd returns where the SD-ELEMENT that begins at i ends, -1 if it does not.
func elementEnd(b []byte, i int) int {
	for quoted := false; i < len(b); i++ {
		if !structural[b[i]] {
			continue
		}
		switch b[i] {
		case '"':
			quoted = !quoted
		case '\\':
			if quoted {
				i++
			}
		case ']':
			if !quoted {
				return i + 1
			}
		}
	}
	return -1
}

// read3164 reads what follows the priority by RFC 3164, section 4.1: time and
// host, of which there may be none, the program with its number, and the text.
func (m *message) read3164(b []byte) {
	if n := dateLength(b); n > 0 {
		m.timestamp, b = b[:n], bytes.TrimPrefix(b[n:], []byte{' '})
	}
	tag := tagEnd(b)
	if tag < 0 && len(m.timestamp) > 0 {
		// A host's name comes first only where there is a time, and only before
		// a program's.
		if i := bytes.IndexByte(b, ' '); i > 0 && isHost(b[:i]) && tagEnd(b[i+1:]) > 0 {
			m.hostname, b = b[:i], b[i+1:]
			tag = tagEnd(b)
		}
	}
	if tag < 0 {
		m.text = b
		return
	}
	m.app = b[:tag]
	b = b[tag:]
	if b[0] == '[' {
		i := bytes.IndexByte(b, ']')
		m.pid, b = b[1:i], b[i+1:]
	}
	m.text = bytes.TrimPrefix(bytes.TrimPrefix(b, []byte{':'}), []byte{' '})
}

const (
	// maxTag is how long a program's name may be. RFC 3164 has 32; programs
	// have not all read it.
	maxTag = 128
	maxPID = 24
)

// tagEnd returns how long the TAG at the beginning of b is: up to ":" or
// "[PID]:", -1 if there is none.
func tagEnd(b []byte) int {
	for i, c := range b[:min(len(b), maxTag)] {
		switch {
		case c == ':':
			if i == 0 || i+1 < len(b) && b[i+1] != ' ' {
				return -1
			}
			return i
		case c == '[':
			end := bytes.IndexByte(b[i:min(len(b), i+maxPID)], ']')
			if i == 0 || end < 2 || i+end+1 < len(b) && b[i+end+1] != ':' && b[i+end+1] != ' ' {
				return -1
			}
			return i
		case c <= ' ' || c >= 0x7f || c == '<':
			return -1
		}
	}
	return -1
}

func isHost(b []byte) bool {
	for _, c := range b {
		if (c|0x20 < 'a' || c|0x20 > 'z') && (c < '0' || c > '9') && c != '-' && c != '.' && c != ':' && c != '_' {
			return false
		}
	}
	return len(b) <= 255
}

// dateLength returns how long the time at the beginning of b is: "Mmm dd
// hh:mm:ss" (RFC 3164, section 4.1.2), or one of RFC 3339, which programs write there, too.
func dateLength(b []byte) int {
	if isShortDate(b) {
		return 15
	}
	i := bytes.IndexByte(b[:min(len(b), 40)], ' ')
	if i > 0 && isISODate(b[:i]) {
		return i
	}
	return 0
}

func isShortDate(b []byte) bool {
	const form = "Mmm _0 00:00:00"
	if len(b) < len(form) || len(b) > len(form) && b[len(form)] != ' ' ||
		b[3] != ' ' || b[6] != ' ' || b[9] != ':' || b[12] != ':' || b[4] != ' ' && !isDigit(b[4]) {
		return false
	}
	for _, i := range [...]int{5, 7, 8, 10, 11, 13, 14} {
		if !isDigit(b[i]) {
			return false
		}
	}
	switch string(b[:3]) {
	case "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec":
		return true
	}
	return false
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

// isISODate says whether b is a time of RFC 3339.
func isISODate(b []byte) bool {
	const form = "0000-00-00T00:00:00"
	if len(b) <= len(form) {
		return false
	}
	for i := range len(form) {
		if digit := b[i] >= '0' && b[i] <= '9'; form[i] == '0' != digit || form[i] != '0' && b[i] != form[i] {
			return false
		}
	}
	for _, c := range b[len(form):] {
		if (c < '0' || c > '9') && c != '.' && c != ':' && c != '+' && c != '-' && c != 'Z' {
			return false
		}
	}
	return true
}
