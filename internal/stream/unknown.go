package stream

import (
	"encoding/binary"
	"fmt"
	"math"

	"unixcap/decoders"
	"unixcap/internal/capture"
)

const (
	// sampleBytes and sampleMessages bound what is kept of either end to tell what an
	// unknown protocol looks like.
	sampleBytes    = 1 << 10
	sampleMessages = 16
)

// A sample is what one end sent first.
type sample struct {
	bytes []byte
	// Of each message its length, and as much of its beginning and its end as
	// framing is told by.
	messages []sampled
}

type sampled struct {
	size int
	head [8]byte
	last byte
}

// note adds a message.
func (s *sample) note(p []byte) {
	if n := min(sampleBytes-len(s.bytes), len(p)); n > 0 {
		s.bytes = append(s.bytes, p[:n]...)
	}
	if len(s.messages) < sampleMessages && len(p) > 0 {
		m := sampled{size: len(p), last: p[len(p)-1]}
		copy(m.head[:], p)
		s.messages = append(s.messages, m)
	}
}

// taste keeps a sample of what was said until the protocol is known.
func (f *Flow) taste(from decoders.End, p []byte) {
	l := &f.line
	if l.decoder != nil || len(l.set.Protocols) == 0 {
		return
	}
	if l.samples == nil {
		l.samples = new([2]sample)
	}
	l.samples[from].note(p)
}

// characterise says in words what an unknown conversation looks like, as far as
// that can be said of its beginning.
func (f *Flow) characterise() string {
	s := f.line.samples
	if s == nil || len(s[0].bytes)+len(s[1].bytes) == 0 {
		return "nothing said"
	}
	if what := tlsName(s[0].bytes, s[1].bytes); what != "" {
		return what
	}
	all := append(append([]byte(nil), s[0].bytes...), s[1].bytes...)
	printable, entropy := measure(all)
	what := "binary"
	switch {
	case printable >= 0.97:
		what = "text"
	case len(all) >= 512 && entropy > 7.5:
		what = "compressed or encrypted"
	}
	low, high := math.MaxInt, 0
	for end := range s {
		for _, m := range s[end].messages {
			low, high = min(low, m.size), max(high, m.size)
		}
	}
	sizes := fmt.Sprint(low)
	if high > low {
		sizes = fmt.Sprintf("%d to %d", low, high)
	}
	return fmt.Sprintf("%s, %s, %.0f%% printable, %.1f bits a byte, messages of %s bytes", what, f.framing(), printable*100, entropy, sizes)
}

// measure returns which part of b is printable ASCII or white space, and its
// entropy in bits a byte.
func measure(b []byte) (printable, entropy float64) {
	var count [256]int
	for _, c := range b {
		count[c]++
	}
	n := float64(len(b))
	for c, k := range count {
		if k == 0 {
			continue
		}
		if c >= ' ' && c < 0x7f || c == '\n' || c == '\r' || c == '\t' {
			printable += float64(k) / n
		}
		entropy -= float64(k) / n * math.Log2(float64(k)/n)
	}
	return printable, entropy
}

// framing guesses how messages are told apart.
func (f *Flow) framing() string {
	var list []sampled
	for i := range f.line.samples {
		list = append(list, f.line.samples[i].messages...)
	}
	switch {
	case f.Kind != capture.Stream:
		return f.Kind.String()
	case ends(list, '\n'):
		return "lines"
	case ends(list, 0):
		return "ended by zero bytes"
	}
	if name := lengthPrefix(list); name != "" {
		return name
	}
	return "framing unknown"
}

func ends(list []sampled, c byte) bool {
	for _, m := range list {
		if m.last != c {
			return false
		}
	}
	return len(list) >= 2
}

// lengthPrefix finds out whether the messages begin with their lengths, which
// count themselves or not. Messages of one size could do so by chance.
func lengthPrefix(list []sampled) string {
	differ := false
	for _, m := range list {
		differ = differ || m.size != list[0].size
	}
	if len(list) < 3 || !differ {
		return ""
	}
	for _, width := range []int{8, 4, 2, 1} {
		for _, big := range []bool{true, false} {
			for _, self := range []int{width, 0} {
				if prefixed(list, width, self, big) {
					order := " big-endian"
					switch {
					case width == 1:
						order = ""
					case !big:
						order = " little-endian"
					}
					return fmt.Sprintf("lengths of %d%s bytes before", width, order)
				}
			}
		}
	}
	return ""
}

func prefixed(list []sampled, width, self int, big bool) bool {
	for _, m := range list {
		if m.size < width {
			return false
		}
		var b [8]byte
		var n uint64
		if big {
			copy(b[8-width:], m.head[:width])
			n = binary.BigEndian.Uint64(b[:])
		} else {
			copy(b[:], m.head[:width])
			n = binary.LittleEndian.Uint64(b[:])
		}
		if n != uint64(m.size-self) {
			return false
		}
	}
	return true
}

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
