package redis

import (
	"bytes"
	"strings"

	"unixcap/decoders"
)

// A form is how a command's values belong to names.
type form uint8

const (
	noValues    form = iota
	behindKeys       // all from first on are values of the keys
	setValue         // the same, with the options of SET behind the value
	pairsAtEnd       // names and values by turns, up to the end
	behindNames      // what the arguments are is not known: all behind a name may be its value
)

// values says where a command has values, which are secret if their key or field
// is called so, and of which others may be texts with secrets in them.
type values struct {
	form  form
	first int // argument: of the values, or of pairs the first name, 0 if that varies
	total int // how many arguments there must be, 0 if that varies
}

// valueTable has the commands with values. Those that only read have none, but for
// those that ask for one.
var valueTable = []struct {
	values values
	names  string
}{
	{values{form: setValue, first: 2}, "set"},
	{values{form: behindKeys, first: 2}, "setnx getset append lpush lpushx rpush rpushx sadd srem sismember smismember publish spublish " +
		"pfadd zadd zincrby zrem zrank zrevrank zscore zmscore lpos delifeq"},
	{values{form: behindKeys, first: 3, total: 4}, "setex psetex lset lrem setrange"},
	{values{form: behindKeys, first: 3, total: 5}, "linsert"},
	{values{form: behindKeys, first: 3}, "restore restore-asking smove"},
	{values{form: pairsAtEnd, first: 1}, "mset msetnx"},
	{values{form: pairsAtEnd, first: 2}, "hset hmset hsetnx"},
	{values{form: pairsAtEnd}, "xadd hsetex"},
	{values{form: behindNames, first: 3}, "eval eval_ro evalsha evalsha_ro fcall fcall_ro"},
}

func addValues(m map[string]*command) {
	for _, row := range valueTable {
		for name := range strings.FieldsSeq(row.names) {
			m[name].values = row.values
		}
	}
}

// pushes are what a server sends unasked, as if they were commands.
var pushes = map[string]*command{
	"message":    {keys: oneKey, values: values{form: behindKeys, first: 2}},
	"smessage":   {keys: oneKey, values: values{form: behindKeys, first: 2}},
	"pmessage":   {keys: twoKeys, values: values{form: behindKeys, first: 3}},
	"invalidate": {keys: allKeys},
}

// A sight is how much of an argument is shown.
type sight uint8

const (
	asIs     sight = iota
	textOnly       // without the secrets that it says it has
	notAtAll       // it is a secret
)

// behindKeys is sees of a command with values behind its keys.
func (m *mask) behindKeys(k *command, i, total int, arg []byte) sight {
	if i <= k.keys.last {
		m.named = m.named || isNamedSecret(arg)
		return asIs
	}
	if !m.named {
		return textOnly
	}
	first := k.values.first
	if k.values.total != 0 && total != k.values.total {
		first = k.keys.last + 1
	}
	if i < first || k.values.form == setValue && i > first && m.option(i, arg) {
		return asIs
	}
	return notAtAll
}

// option says whether an argument is one of SET's options, or the number of one.
func (m *mask) option(i int, arg []byte) bool {
	if m.at == i {
		_, ok := decoders.Decimal(arg)
		return ok
	}
	var b [maxName]byte
	switch string(appendLower(b[:0], arg)) {
	case "ex", "px", "exat", "pxat":
		m.at = i + 1
		return true
	case "nx", "xx", "keepttl", "get":
		return true
	}
	return false
}

// pair is sees of names and values by turns. Which one an argument is shows from
// the end: before them may be options.
func (m *mask) pair(k *command, i, total int, arg []byte) sight {
	first := k.values.first
	if first == 0 {
		if m.first == 0 && i >= 2 && len(arg) == 1 && arg[0] == '*' { // XADD: behind it they begin
			m.first = i + 1
			return asIs
		}
		first = m.first
	}
	odd := first > 0 && (total-first)&1 != 0 // something is missing, or too much
	switch {
	case m.at >= i:
		return notAtAll
	case i == 1 && k.values.first != 1:
		m.named = isNamedSecret(arg)
		return asIs
	case odd:
		if isNamedSecret(arg) {
			m.at = total
		}
	case (total-i)&1 == 0:
		if isNamedSecret(arg) {
			m.at = i + 1
		}
		return asIs
	}
	switch {
	case i == 1 || i < first:
		return asIs
	case m.named && (i > 2 || odd):
		return notAtAll
	}
	return textOnly
}

// behindNames is sees of a script, whose keys are counted, or of a command that
// is not known, which has the key first.
func (m *mask) behindNames(k *command, i, total int, arg []byte) sight {
	if i == 2 && k.values.first == 3 {
		n, _ := decoders.Decimal(arg)
		m.first = 3 + int(min(n, int64(total)))
	}
	switch {
	case i < k.values.first:
		return asIs
	case m.named && i >= m.first:
		return notAtAll
	case isNamedSecret(arg):
		m.named = true
	}
	if i < m.first || i == 1 {
		return asIs
	}
	return textOnly
}

// isNamedSecret says whether the last part of a key, a field or a path is the name
// of a secret: user:1:password, app.token.
func isNamedSecret(key []byte) bool {
	letters := byte(0)
	i := len(key)
	for i > 0 && len(key)-i <= maxName && !endsPart[key[i-1]] {
		i--
		letters |= key[i]
	}
	return letters&0x40 != 0 && decoders.IsSecretName(key[i:])
}

var endsPart = [256]bool{':': true, '.': true, '/': true}

// lookahead is how far behind the end of what is shown of a text it is looked at: an @
// makes a password of what is before it.
const lookahead = 256

// appendText appends the first n bytes of a text as a word. If there are secrets in
// it, it appends what there is room for of the text without them, made in buf.
func (m *mask) appendText(dst, text []byte, n, room int, buf *[]byte) []byte {
	if n == len(text) {
		plain, marked := scan(text)
		switch {
		case plain && !marked:
			return append(dst, text...)
		case !marked:
			return appendWord(dst, text)
		}
	}
	seen := text[:min(len(text), n+lookahead)]
	if !decoders.MayHaveSecrets(seen) {
		return appendWord(dst, text[:n])
	}
	*buf = decoders.AppendWithoutSecrets((*buf)[:0], seen)
	if bytes.Equal(*buf, seen) {
		return appendWord(dst, text[:n])
	}
	m.some = true
	return appendWord(dst, (*buf)[:min(len(*buf), room)])
}
