package decoders

import "bytes"

// A secretFlag is a flag of one letter behind which a program takes a secret.
type secretFlag struct {
	program string // the beginning of its name
	flag    byte
	glued   bool   // the secret may follow at once: -pSECRET
	apart   bool   // it may be the next word: -a SECRET
	user    bool   // it is what is behind the colon of user:SECRET
	first   bool   // only before the first word that is no flag, as then another command begins
	command string // of the program's, that has the flag
}

var secretFlags = []secretFlag{
	{program: "mysql", flag: 'p', glued: true}, // and mysqldump, mysqladmin, …
	{program: "mariadb", flag: 'p', glued: true},
	{program: "mongo", flag: 'p', apart: true}, // and mongosh, mongodump, …
	{program: "sshpass", flag: 'p', glued: true, apart: true, first: true},
	{program: "docker", flag: 'p', apart: true, command: "login"}, // of run it is a port
	{program: "podman", flag: 'p', apart: true, command: "login"},
	{program: "helm", flag: 'p', apart: true, command: "login"},
	{program: "useradd", flag: 'p', glued: true, apart: true},
	{program: "usermod", flag: 'p', glued: true, apart: true},
	{program: "7z", flag: 'p', glued: true},
	{program: "redis-cli", flag: 'a', apart: true},
	{program: "valkey-cli", flag: 'a', apart: true},
	{program: "ldap", flag: 'w', glued: true, apart: true}, // ldapsearch, ldapmodify, …
	{program: "curl", flag: 'u', glued: true, apart: true, user: true},
	{program: "zip", flag: 'P', glued: true, apart: true},
	{program: "unzip", flag: 'P', glued: true, apart: true},
	{program: "ipmitool", flag: 'P', glued: true, apart: true},
	{program: "sqlcmd", flag: 'P', glued: true, apart: true},
	{program: "bcp", flag: 'P', glued: true, apart: true},
	{program: "mosquitto_", flag: 'P', apart: true},
}

// flagLetters are those of secretFlags.
var flagLetters = func() (t [256]bool) {
	for _, f := range secretFlags {
		t[f.flag] = true
	}
	return t
}()

// maxCommand is how far before a flag its program is looked for.
const maxCommand = 256

// flagSecret returns where the secret is behind the flag of a command whose dash is
// at i: --passphrase …, mysql -p…, also where the command is a list of JSON. from is not
// less than to if it is none.
func flagSecret(text []byte, i int) (from, to int) {
	if i+1 < len(text) && text[i+1] == '-' {
		return longFlagAt(text, i)
	}
	return flagAt(text, i)
}

// longFlagAt is flagSecret of a flag with two dashes.
func longFlagAt(text []byte, i int) (from, to int) {
	if i+2 >= len(text) || i > 0 && text[i-1] == '-' {
		return 0, 0
	}
	end := i + 2
	for end < len(text) && end-i-2 <= maxSecretName && isNameByte(text[end]) {
		end++
	}
	if end == len(text) || !IsSecretName(text[i+2:end]) {
		return userFlagAt(text, i, end)
	}
	if next := nextElement(text, end); next > 0 {
		return valueAt(text, next)
	}
	if text[end] != ' ' {
		return 0, 0
	}
	return valueAt(text, end+1)
}

// userFlags are flags of curl whose value is user:SECRET.
var userFlags = []string{"user", "proxy-user"}

// userFlagAt is longFlagAt of one of userFlags, whose name ends at end.
func userFlagAt(text []byte, i, end int) (from, to int) {
	if end == len(text) || !among(userFlags, text[i+2:end]) {
		return 0, 0
	}
	if f := programBefore(text[max(0, i-maxCommand):i], 'u'); f == nil || !f.user {
		return 0, 0
	}
	switch next := nextElement(text, end); {
	case next > 0:
		from, to = valueAt(text, next)
	case text[end] == ' ', text[end] == '=':
		from, to = commandWord(text, end+1)
	}
	return behindColon(text, from, to)
}

// behindColon returns where the secret of user:SECRET is.
func behindColon(text []byte, from, to int) (int, int) {
	colon := bytes.IndexByte(text[from:to], ':')
	if colon < 0 {
		return 0, 0
	}
	return from + colon + 1, to
}

// flagAt is flagSecret of a flag of one letter.
func flagAt(text []byte, i int) (from, to int) {
	if i+2 >= len(text) || i == 0 || !flagLetters[text[i+1]] {
		return 0, 0
	}
	word := i // of which the quotes may be around the flag
	if text[i-1] == '"' || text[i-1] == '\'' {
		word--
		for word > 0 && text[word-1] == '\\' { // of a list in a text of JSON
			word--
		}
	}
	if word == 0 || text[word-1] != ' ' && (word == i || !betweenElements[text[word-1]]) {
		return 0, 0
	}
	f := programBefore(text[max(0, word-maxCommand):word], text[i+1])
	if f == nil {
		return 0, 0
	}
	from = i + 2
	next := 0
	if word < i {
		next = nextElement(text, from)
	}
	if apart := next > 0 || text[from] == ' '; apart && !f.apart || !apart && !f.glued {
		return 0, 0
	}
	switch {
	case next > 0:
		from, to = valueAt(text, next)
	case word < i:
		_, to = valueAt(text, i-1)
	default:
		from, to = commandWord(text, from)
	}
	if f.user {
		return behindColon(text, from, to)
	}
	return from, to
}

// betweenElements are what is between those of a list of JSON, and before those that
// the kernel's audit has of a command: a0="mysql" a1="-p…".
var betweenElements = [256]bool{',': true, '=': true, ' ': true, '\t': true, '\n': true, '\r': true}

// nextElement returns where the next string of a list begins, behind one that
// ends at i; 0 if there is none.
func nextElement(text []byte, i int) int {
	const blank = " \t\r\n"
	rest := bytes.TrimLeft(text[i:], `\`)
	if len(rest) == 0 || rest[0] != '"' && rest[0] != '\'' {
		return 0
	}
	rest = bytes.TrimLeft(rest[1:], blank)
	switch {
	case len(rest) > 0 && rest[0] == ',':
		rest = bytes.TrimLeft(rest[1:], blank+`\`)
	case len(rest) > 0 && rest[0] == 'a':
		rest, _ = bytes.CutPrefix(bytes.TrimLeft(rest[1:], "0123456789"), []byte("="))
	default:
		return 0
	}
	if len(rest) == 0 || rest[0] != '"' && rest[0] != '\'' {
		return 0
	}
	return len(text) - len(rest)
}

// commandWord returns where a word of a command line is, without its quotes. A
// bracket at its end is around the command.
func commandWord(text []byte, i int) (from, to int) {
	for i < len(text) && text[i] == ' ' {
		i++
	}
	if i < len(text) && (text[i] == '"' || text[i] == '\'') {
		return valueAt(text, i)
	}
	to = i
	for to < len(text) && text[to] > ' ' && text[to] != '"' {
		to++
	}
	return i, to
}

// programBefore returns the flag of the last program that is named in a
// text, if it takes a secret behind it. What ends a command ends the search.
func programBefore(text []byte, flag byte) *secretFlag {
	for at := len(text) - 1; at >= 0; at-- {
		switch c := text[at]; {
		case c == ';' || c == '|' || c == '&':
			return nil
		case !isNameByte(c) || at > 0 && isNameByte(text[at-1]):
			continue // where no word begins
		}
		for k := range secretFlags {
			f := &secretFlags[k]
			if f.flag == flag && text[at] == f.program[0] && bytes.HasPrefix(text[at:], []byte(f.program)) && f.among(text[at+len(f.program):]) {
				return f
			}
		}
	}
	return nil
}

// among says whether what is between the program and the flag lets it be one.
func (f *secretFlag) among(between []byte) bool {
	if !f.first && f.command == "" {
		return true
	}
	words := bytes.FieldsFunc(between, func(r rune) bool { return r <= ' ' || r == '"' || r == '\'' || r == ',' || r == '\\' })
	for _, w := range words {
		switch {
		case f.first && w[0] != '-':
			return false
		case f.command != "" && string(w) == f.command:
			return true
		}
	}
	return f.command == ""
}

// Arguments are the words of a command that come one by one, as in an array of
// D-Bus: a secret may follow the flag that announces it, or be in one word with it.
type Arguments struct {
	line []byte // the last of them
}

// Reset begins another command.
func (a *Arguments) Reset() { a.line = a.line[:0] }

// Secret takes in a word, and returns where in it a secret begins, len(word) if there
// is none.
func (a *Arguments) Secret(word []byte) int {
	before := bytes.LastIndexByte(a.line, ' ') + 1 // the word before
	a.line = append(a.line, ' ')
	at := len(a.line)
	a.line = append(a.line, word[:min(len(word), maxCommand)]...)
	for _, dash := range []int{before, at} {
		if dash == 0 || dash >= len(a.line) || a.line[dash] != '-' {
			continue
		}
		if from, to := flagSecret(a.line, dash); from < to && from >= at {
			return from - at
		}
	}
	if surplus := len(a.line) - maxCommand; surplus > 0 {
		a.line = append(a.line[:0], a.line[surplus:]...)
	}
	return len(word)
}
