// Package shell writes words as a shell takes them.
package shell

import "strings"

// Word returns s as one word.
func Word(s string) string {
	plain := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("/._-+=,:@%", r)
	}
	if s != "" && strings.IndexFunc(s, func(r rune) bool { return !plain(r) }) < 0 {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}

// Line returns words as a command line.
func Line(words []string) string {
	list := make([]string, len(words))
	for i, w := range words {
		list[i] = Word(w)
	}
	return strings.Join(list, " ")
}
