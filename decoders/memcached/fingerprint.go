package memcached

import "unixcap/decoders"

const (
	// maxFingerprint bounds a class. Behind it comes " ...".
	maxFingerprint = 240

	// maxPatterns bounds the different patterns of a command with many keys.
	maxPatterns = 4
)

// appendFingerprint appends the class of a command: its name, and the patterns
// of its keys, in which numbers and ids are "?".
func appendFingerprint(dst, request []byte) []byte {
	start := len(dst)
	name, rest := nextWord(request)
	dst = append(dst, name...)
	c, known := commands[string(name)]
	if !known {
		c.keys = 1
	}
	patterns := 0
	for i := 1; len(rest) > 0 && c.keys > 0; i++ {
		var w []byte
		if w, rest = nextWord(rest); len(w) == 0 || i > c.keys && !c.many {
			break
		}
		if i < c.keys {
			continue
		}
		at := len(dst)
		dst = append(dst, ' ')
		dst = decoders.AppendPattern(dst, w)
		if isListed(dst[start:at], dst[at:]) {
			dst = dst[:at]
			continue
		}
		if patterns++; patterns > maxPatterns || len(dst)-start > maxFingerprint {
			return append(dst[:min(at, start+maxFingerprint)], " ..."...)
		}
	}
	return dst
}

// isListed says whether a class has a word, which has a space before it.
func isListed(class, word []byte) bool {
	_, class = nextWord(class)
	for len(class) > 0 {
		one, rest := nextWord(class)
		if string(one) == string(word[1:]) {
			return true
		}
		class = rest
	}
	return false
}
