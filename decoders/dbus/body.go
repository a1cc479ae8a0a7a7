package dbus

import (
	"bytes"
	"math"
	"strconv"
	"unicode/utf8"

	"unixcap/decoders"
)

// maxText is how much text is made of the values of a body.
const maxText = 64 << 10

// A printer makes values of a body. Values of simple types are what they are;
// containers are JSON: arrays and structs arrays, dictionaries objects, and of
// a variant only what is in it.
type printer struct {
	reader
	out     []byte
	room    int                // how long out may get
	hide    bool               // texts, bytes and numbers are secret
	last    []byte             // the last text read: it may name the value behind it
	mask    []byte             // a text without its secrets
	command decoders.Arguments // that an array may be the words of
	word    []byte             // one of them without its secret
	args    []decoders.Value
	ends    []int  // of the texts in out
	raw     []bool // which are JSON
}

// print reads a body and makes texts of it, about as long as there is room for.
// It returns whether all of it was read and was valid.
func (p *printer) print(m *message, room int, hide bool) bool {
	p.reader = reader{b: m.body, big: m.big}
	p.out, p.args, p.ends, p.raw = p.out[:0], p.args[:0], p.ends[:0], p.raw[:0]
	p.room, p.hide, p.last = room, hide, nil
	sig := m.signature
	for len(sig) > 0 {
		n := single(sig, 0)
		if n == 0 {
			return p.finish(false)
		}
		p.hide = hide || len(p.args) > 0 && p.named(m.signature[:len(m.signature)-len(sig)])
		v, raw, ok := p.arg(sig[:n])
		if !ok {
			return p.finish(false)
		}
		p.args = append(p.args, v)
		p.ends, p.raw = append(p.ends, len(p.out)), append(p.raw, raw)
		sig = sig[n:]
	}
	return p.finish(p.at >= len(m.body))
}

// named says whether the value before, the last of a signature, is a text that
// is a secret's name: Set("a.b", "Password", …), SetProperty("Passphrase", …).
func (p *printer) named(before []byte) bool {
	return len(before) > 0 && before[len(before)-1] == 's' && decoders.IsSecretName(p.last)
}

// finish lets the values have their texts, now that these stay where they are.
func (p *printer) finish(ok bool) bool {
	start := 0
	for i := range p.args {
		if k := p.args[i].Kind; k == decoders.Text || k == decoders.Binary {
			p.args[i].Bytes = p.out[start:p.ends[i]]
		}
		start = p.ends[i]
	}
	return ok
}

// arg reads a value of a body's signature. raw says that its text is JSON.
func (p *printer) arg(sig []byte) (v decoders.Value, raw, ok bool) {
	for depth := 0; sig[0] == 'v'; depth++ {
		sig = p.signature()
		if p.bad || depth > maxDepth || len(sig) == 0 || single(sig, 0) != len(sig) {
			return v, false, false
		}
	}
	if start := p.at; p.hide && isNumber(sig[0]) {
		if p.skipOne(sig, 0); p.at > start {
			p.out = append(p.out, decoders.Secret...)
		}
		v.Kind = decoders.Text
		return v, false, !p.bad
	}
	switch sig[0] {
	case 'y':
		v = decoders.UintValue(uint64(p.byte()))
	case 'n':
		v = decoders.IntValue(int64(int16(p.uint16())))
	case 'q':
		v = decoders.UintValue(uint64(p.uint16()))
	case 'i':
		v = decoders.IntValue(int64(int32(p.uint32())))
	case 'u', 'h':
		v = decoders.UintValue(uint64(p.uint32()))
	case 'x':
		v = decoders.IntValue(int64(p.uint64()))
	case 't':
		v = decoders.UintValue(p.uint64())
	case 'd':
		v = decoders.FloatValue(p.float())
	case 's', 'o', 'g':
		v.Kind = decoders.Text
		p.plain(p.text(sig[0]), p.hide && sig[0] == 's', true)
	case 'a':
		if sig[1] == 'y' {
			v.Kind = decoders.Binary
			p.plain(p.bytes(), p.hide, false)
			break
		}
		fallthrough
	default:
		v.Kind, raw = decoders.Text, true
		p.json(sig, 0)
	}
	return v, raw, !p.bad
}

// isNumber says whether values of a type can be a PIN.
func isNumber(kind byte) bool {
	switch kind {
	case 'y', 'n', 'q', 'i', 'u', 'x', 't':
		return true
	}
	return false
}

func (p *printer) plain(b []byte, secret, text bool) {
	if secret && len(b) > 0 {
		p.out = append(p.out, decoders.Secret...)
		return
	}
	n := min(len(b), max(p.room-len(p.out), 0))
	if text && n > 0 && decoders.MayHaveSecrets(b) { // all of it: where it is cut may be within a secret
		p.mask = decoders.AppendWithoutSecrets(p.mask[:0], b)
		b = p.mask
		n = min(n, len(b))
	}
	p.out = append(p.out, b[:n]...)
}

// text reads a string of one of the three types.
func (p *printer) text(kind byte) []byte {
	if kind == 'g' {
		return p.signature()
	}
	p.last = p.string()
	return p.last
}

// bytes reads an array of bytes.
func (p *printer) bytes() []byte {
	n := p.uint32()
	if n > maxMessage {
		p.bad = true
		return nil
	}
	return p.take(int(n))
}

// json appends one value as JSON. When there is no more room, values are passed
// over.
func (p *printer) json(sig []byte, depth int) {
	if p.bad || depth > maxDepth {
		p.bad = true
		return
	}
	if p.hide && isNumber(sig[0]) {
		p.skipOne(sig, depth)
		p.quoted(decoders.SecretBytes, false)
		return
	}
	switch sig[0] {
	case 'b':
		p.out = strconv.AppendBool(p.out, p.uint32() != 0)
	case 'y':
		p.out = strconv.AppendUint(p.out, uint64(p.byte()), 10)
	case 'n':
		p.out = strconv.AppendInt(p.out, int64(int16(p.uint16())), 10)
	case 'q':
		p.out = strconv.AppendUint(p.out, uint64(p.uint16()), 10)
	case 'i':
		p.out = strconv.AppendInt(p.out, int64(int32(p.uint32())), 10)
	case 'u', 'h':
		p.out = strconv.AppendUint(p.out, uint64(p.uint32()), 10)
	case 'x':
		p.out = strconv.AppendInt(p.out, int64(p.uint64()), 10)
	case 't':
		p.out = strconv.AppendUint(p.out, p.uint64(), 10)
	case 'd':
		p.out = appendFloat(p.out, p.float())
	case 's', 'o', 'g':
		p.quoted(p.text(sig[0]), p.hide && sig[0] == 's')
	case 'v':
		inner := p.signature()
		if p.bad || len(inner) == 0 || single(inner, depth) != len(inner) {
			p.bad = true
			return
		}
		p.json(inner, depth+1)
	case '(':
		p.structure(sig, depth)
	case 'a':
		p.array(sig[1:], depth)
	default:
		p.bad = true
	}
}

func appendFloat(dst []byte, f float64) []byte {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return strconv.AppendQuote(dst, strconv.FormatFloat(f, 'g', -1, 64))
	}
	return strconv.AppendFloat(dst, f, 'g', -1, 64)
}

func (p *printer) quoted(b []byte, secret bool) {
	if secret && len(b) > 0 {
		b = decoders.SecretBytes
	}
	n := max(p.room-len(p.out), 0)
	if n > 0 && decoders.MayHaveSecrets(b) {
		p.mask = decoders.AppendWithoutSecrets(p.mask[:0], b)
		b = p.mask
	}
	p.out = decoders.AppendJSONString(p.out, b[:min(len(b), n)])
}

func (p *printer) structure(sig []byte, depth int) {
	p.align(8)
	// The Secret Service API's Secret: session, parameters, value, content type.
	before := p.hide
	hide := before || string(sig) == "(oayays)"
	p.out = append(p.out, '[')
	all := sig[1 : len(sig)-1]
	for sig = all; len(sig) > 0 && !p.bad; {
		p.hide = hide || p.named(all[:len(all)-len(sig)])
		n := single(sig, depth+1)
		if n == 0 {
			p.bad = true
			break
		}
		p.json(sig[:n], depth+1)
		if sig = sig[n:]; len(sig) > 0 {
			p.out = append(p.out, ',')
		}
	}
	p.out = append(p.out, ']')
	p.hide = before
}

// array appends an array of the type elem: a string of bytes as such.
func (p *printer) array(elem []byte, depth int) {
	if elem[0] == 'y' {
		p.binary(p.bytes())
		return
	}
	n := p.uint32()
	p.align(alignments[elem[0]])
	end := p.at + int(n)
	if n > maxMessage {
		p.bad = true
	}
	open, shut := byte('['), byte(']')
	if elem[0] == '{' {
		open, shut = '{', '}'
	}
	p.out = append(p.out, open)
	p.command.Reset()
	for first := true; p.at < end && !p.bad; first = false {
		if len(p.out) >= p.room {
			p.at = end // the rest is not shown
			if end > len(p.b) {
				p.bad = true
			}
			break
		}
		if !first {
			p.out = append(p.out, ',')
		}
		switch {
		case elem[0] == '{':
			p.entry(elem, depth+1)
		case elem[0] == 's':
			b := p.text('s')
			p.quoted(p.argument(b, len(b)), p.hide)
		case elem[0] == 'a' && elem[1] == 'y':
			p.byteArgument()
		default:
			p.json(elem, depth+1)
		}
	}
	if p.at > end {
		p.bad = true
	}
	p.out = append(p.out, shut)
}

// argument returns an element of an array, of which the first n bytes may be a word
// of a command, without its secret.
func (p *printer) argument(b []byte, n int) []byte {
	from := p.command.Secret(b[:n])
	if from == n {
		return b
	}
	p.word = append(append(p.word[:0], b[:from]...), decoders.Secret...)
	return p.word
}

// byteArgument appends a string of bytes of an array: of Flatpak's HostCommand, it is
// a word with a zero byte behind it.
func (p *printer) byteArgument() {
	b := p.bytes()
	if p.hide || !utf8.Valid(b) {
		p.binary(b)
		return
	}
	b = p.argument(b, len(bytes.TrimSuffix(b, []byte{0})))
	if decoders.MayHaveSecrets(b) {
		p.mask = decoders.AppendWithoutSecrets(p.mask[:0], b)
		b = p.mask
	}
	p.binary(b)
}

// binary appends a string of bytes.
func (p *printer) binary(b []byte) {
	if p.hide && len(b) > 0 {
		b = decoders.SecretBytes
	}
	v := decoders.BinaryValue(b[:min(len(b), max(p.room-len(p.out), 0))])
	p.out = v.AppendJSON(p.out)
}

// entry appends an entry of a dictionary. What a secret's name says is hidden.
func (p *printer) entry(sig []byte, depth int) {
	p.align(8)
	if depth > maxDepth {
		p.bad = true
		return
	}
	start := len(p.out)
	hide := p.hide
	switch k := sig[1]; k {
	case 's', 'o', 'g':
		name := p.text(k)
		p.quoted(name, false)
		p.hide = hide || decoders.IsSecretName(name)
	case 'a', '(', '{', 'v': // keys are of simple types only
		p.bad = true
		return
	default:
		p.json(sig[1:2], depth)
		if p.out[start] != '"' {
			p.out = append(p.out, '"')
			copy(p.out[start+1:], p.out[start:])
			p.out[start] = '"'
			p.out = append(p.out, '"')
		}
	}
	p.out = append(p.out, ':')
	if n := single(sig[2:], depth); n == 0 || n != len(sig)-3 {
		p.bad = true
		return
	}
	p.json(sig[2:len(sig)-1], depth)
	p.hide = hide
}
