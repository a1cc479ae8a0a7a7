package http2

import (
	"bytes"
	"strconv"
	"unicode/utf8"

	"google.golang.org/protobuf/encoding/protowire"

	"unixcap/decoders"
	"unixcap/decoders/httpsemantics"
	"unixcap/decoders/uri"
)

const (
	// maxFields bounds the text that fields are shown as.
	maxFields = 512

	// maxDepth bounds how deep messages within messages are looked for.
	maxDepth = 8

	// maxDeclared is more than the length of any message: 2 GiB is the limit.
	maxDeclared = 1 << 31

	// unknownLength is one that is not all there.
	unknownLength = -1

	// maxBytes is how much is shown of a value that is neither text nor a message.
	maxBytes = 16
)

var cutMark = []byte("...")

// A printer shows Protocol Buffers without their schema, in the form of
// protoc --decode_raw on one line: number and value of each field. Bytes may be
// text, a message or neither, which is guessed: text if all of it is printable,
// else a message if it can be one.
type printer struct {
	dst     []byte
	full    bool
	masked  []byte
	command decoders.Arguments // that a repeated field may be the words of
}

// print returns the fields of a message, nothing if it is none. whole says that b
// is all of it. It is valid until the next call.
func (p *printer) print(b []byte, whole bool) []byte {
	p.dst, p.full = p.dst[:0], false
	if whole && !isMessage(b) {
		return nil
	}
	if !p.message(b, maxDepth) || p.full || !whole {
		if len(p.dst) > 0 {
			p.dst = append(p.dst, ' ')
		}
		p.dst = append(p.dst, cutMark...)
	}
	return p.dst
}

// isMessage says whether b can be a message.
func isMessage(b []byte) bool {
	for len(b) > 0 {
		_, _, n := protowire.ConsumeField(b)
		if n < 0 {
			return false
		}
		b = b[n:]
	}
	return true
}

// message appends the fields of b and says whether they were all.
func (p *printer) message(b []byte, depth int) bool {
	begin := len(p.dst)
	var key []byte                // field 1, which may be the name of a secret whose value is in one behind it
	var named bool                // it is such a name
	var repeated protowire.Number // the number of the field before
	for len(b) > 0 {
		number, kind, n := protowire.ConsumeTag(b)
		if n < 0 {
			return false
		}
		if len(p.dst) >= maxFields {
			p.full = true
			return true
		}
		if len(p.dst) > begin {
			p.dst = append(p.dst, ' ')
		}
		p.dst = strconv.AppendInt(p.dst, int64(number), 10)
		b = b[n:]
		if kind == protowire.BytesType {
			v, rest, length := consumeBytes(b)
			if number != repeated {
				p.command.Reset()
			}
			repeated = number
			shown := p.command.Secret(v)
			if number != 1 {
				named = named || decoders.IsSecretName(key)
				key = nil
				if named {
					shown = 0
				}
			} else if !named {
				named = decoders.IsSecretName(key) // of several, which is a key is not known
				key = v[:min(len(v), maxName)]
			}
			p.bytes(v, length, depth, shown)
			if b = rest; length != len(v) {
				return false
			}
			continue
		}
		if n = p.other(number, kind, b, depth); n < 0 {
			return false
		}
		b = b[n:]
	}
	return true
}

// other appends the value of a field that is no string, bytes or message, and
// returns how long it is, -1 if it is not all there.
func (p *printer) other(number protowire.Number, kind protowire.Type, b []byte, depth int) (n int) {
	switch kind {
	case protowire.VarintType:
		var v uint64
		if v, n = protowire.ConsumeVarint(b); n >= 0 {
			p.dst = strconv.AppendUint(append(p.dst, ": "...), v, 10)
		}
	case protowire.Fixed32Type:
		var v uint32
		if v, n = protowire.ConsumeFixed32(b); n >= 0 {
			p.hex(uint64(v), 8)
		}
	case protowire.Fixed64Type:
		var v uint64
		if v, n = protowire.ConsumeFixed64(b); n >= 0 {
			p.hex(v, 16)
		}
	case protowire.StartGroupType:
		var v []byte
		if v, n = protowire.ConsumeGroup(number, b); n >= 0 {
			p.nested(v, depth-1)
		}
	default:
		n = -1
	}
	return n
}

// consumeBytes returns the bytes of a field, as many as there are, and how many
// there should be.
func consumeBytes(b []byte) (v, rest []byte, length int) {
	n, k := protowire.ConsumeVarint(b)
	if k < 0 {
		return nil, nil, unknownLength
	}
	b = b[k:]
	if n > uint64(len(b)) {
		return b, nil, int(min(n, maxDeclared))
	}
	return b[:n], b[n:], int(n)
}

// hex appends a number of fixed length, which may be one with a point: as
// decode_raw does.
func (p *printer) hex(v uint64, digits int) {
	p.dst = append(p.dst, ": 0x"...)
	for i := digits - 1; i >= 0; i-- {
		p.dst = append(p.dst, "0123456789abcdef"[v>>(4*i)&15])
	}
}

// bytes appends the value of a field that is a string, bytes or a message of so
// many bytes, of which v may have less. What is behind the first shown bytes is
// secret.
func (p *printer) bytes(v []byte, length, depth, shown int) {
	whole := length == len(v)
	switch {
	case shown < len(v):
		p.masked = append(append(p.masked[:0], v[:shown]...), decoders.Secret...)
		p.quoted(p.masked)
	case isPrintable(v, whole):
		p.text(v)
	case depth > 0 && (whole && isMessage(v) || !whole && startsMessage(v, length)):
		p.nested(v, depth-1)
	default:
		p.dst = append(p.dst, ": "...)
		p.dst = decoders.BinaryValue(v[:min(len(v), maxBytes)]).AppendText(p.dst)
		if len(v) > maxBytes {
			p.dst = append(p.dst, cutMark...)
		}
	}
}

// startsMessage says whether b, whose end is missing, can be the beginning of a
// message of that length: its first field is all there, or takes all of it.
func startsMessage(b []byte, length int) bool {
	if _, _, n := protowire.ConsumeField(b); n > 0 {
		return true
	}
	_, kind, n := protowire.ConsumeTag(b)
	if n < 0 || kind != protowire.BytesType {
		return false
	}
	m, k := protowire.ConsumeVarint(b[n:])
	return k > 0 && m < maxDeclared && n+k+int(m) == length
}

func (p *printer) nested(v []byte, depth int) {
	p.dst = append(p.dst, " {"...)
	if depth >= 0 {
		p.message(v, depth)
	}
	p.dst = append(p.dst, '}')
}

// text appends a text without its secrets.
func (p *printer) text(v []byte) {
	if isCredential(v) {
		p.quoted(decoders.SecretBytes)
		return
	}
	if room := max(maxFields-len(p.dst), maxBytes); len(v) > room {
		v = v[:room]
		p.full = true
	}
	p.masked = uri.AppendMasked(p.masked[:0], v)
	p.quoted(p.masked)
}

// quoted appends a text as JSON has it, which differs from what decode_raw prints
// in nothing but characters that are not ASCII.
func (p *printer) quoted(v []byte) { p.dst = decoders.AppendJSONString(append(p.dst, ": "...), v) }

// isPrintable says whether b is text without control characters, which a message
// has but for rare cases. What is cut may be so within a character.
func isPrintable(b []byte, whole bool) bool {
	if !whole {
		for i := 0; i < utf8.UTFMax && len(b) > 0 && !utf8.Valid(b); i++ {
			b = b[:len(b)-1]
		}
	}
	return httpsemantics.IsText(b, &controls)
}

// controls has all control characters of ASCII.
var controls = func() (t [256]bool) {
	for c := range t {
		t[c] = c < ' ' || c == 0x7f
	}
	return t
}()

// credentials begin texts that are secrets by themselves: those of HTTP's
// Authorization, a JSON Web Token, a private key.
var credentials = [][]byte{[]byte("bearer "), []byte("basic "), []byte("digest "), []byte("negotiate "), []byte("eyj"), []byte("-----begin")}

// isCredential says whether a text needs no name to be a secret.
func isCredential(b []byte) bool {
	for _, c := range credentials {
		if len(b) > len(c) && bytes.EqualFold(b[:len(c)], c) {
			return true
		}
	}
	return false
}
