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
	{program: "sshpass", flag: 'p', glued: true, apart: true, first: true},
	{program: "docker", flag: 'p', apart: true, command: " login "}, // of run it is a port
	{program: "podman", flag: 'p', apart: true, command: " login "},
	{program: "redis-cli", flag: 'a', apart: true},
	{program: "valkey-cli", flag: 'a', apart: true},
	{program: "ldap", flag: 'w', glued: true, apart: true}, // ldapsearch, ldapmodify, …
	{program: "curl", flag: 'u', glued: true, apart: true, user: true},
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

// flagAt returns where the secret is behind the flag whose dash is at i.
func flagAt(text []byte, i int) (from, to int) {
	if i+2 >= len(text) || i == 0 || !flagLetters[text[i+1]] {
		return 0, 0
	}
	word := i // of which the quotes may be around the flag
	if text[i-1] == '"' || text[i-1] == '\'' {
		word--
	}
	if word == 0 || text[word-1] != ' ' {
		return 0, 0
	}
	f := programBefore(text[max(0, word-maxCommand):word], text[i+1])
	if f == nil {
		return 0, 0
	}
	from = i + 2
	if apart := text[from] == ' '; apart && !f.apart || !apart && !f.glued {
		return 0, 0
	}
	if word < i {
		end := bytes.IndexByte(text[from:], text[word])
		if end < 0 {
			end = len(text) - from
		}
		return from, from + end
	}
	from, to = commandWord(text, from)
	if f.user {
		colon := bytes.IndexByte(text[from:to], ':')
		if colon < 0 {
			return 0, 0
		}
		from += colon + 1
	}
	return from, to
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
	if f.first {
		return bytes.Count(between, []byte(" -")) == len(bytes.Fields(between))
	}
	return bytes.Contains(between, []byte(f.command))
}
