// Package glob matches the patterns that users give for socket paths and
// process names, everywhere by the same rules.
package glob

import (
	"fmt"
	"path"
	"strings"
)

// Check reports whether a pattern is well formed.
func Check(pattern string) error {
	if _, err := path.Match(pattern, ""); err != nil {
		return fmt.Errorf("%q is no valid pattern (a [ must have its ])", pattern)
	}
	return nil
}

// MatchPath matches a pattern with a socket's bound name. A pattern without a
// slash is about the last part of a path; the @ of an abstract name may be left
// out.
func MatchPath(pattern, name string) bool {
	if !strings.Contains(pattern, "/") {
		if i := strings.LastIndexByte(name, '/'); i >= 0 && Match(pattern, name[i+1:]) {
			return true
		}
	}
	return Match(pattern, name) || Match(pattern, strings.TrimPrefix(name, "@"))
}

// Match matches a pattern with a whole name: * is any characters, slashes
// included, since nobody wants to count directories; ? is one, and [a-z],
// [^a-z] and \ are as in path.Match.
func Match(pattern, name string) bool {
	// path.Match does not let * stand for a slash; no name has NUL in it.
	ok, err := path.Match(strings.ReplaceAll(pattern, "/", "\x00"), strings.ReplaceAll(name, "/", "\x00"))
	return err == nil && ok
}

// Stars returns a pattern that matches what another one does where only * and ?
// have a meaning, as in the kernel's filters.
func Stars(pattern string) string { return stars.Replace(pattern) }

var stars = strings.NewReplacer(`\`, `\\`, "[", `\[`)
