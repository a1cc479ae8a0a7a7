package decoders

// maxMessageClass is how long the class of a message is at most. What makes
// messages the same stands at their beginning.
const maxMessageClass = 160

// AppendMessageClass appends the class of a message that a program logged: its
// first line with what differs from one to the next as "?". That are words
// with digits that are not just a name's last letters, what is in quotes, and of NAME=VALUE
// the value if it has digits.
func AppendMessageClass(dst, text []byte) []byte {
	start := len(dst)
	for i := 0; i < len(text) && text[i] != '\n'; {
		if len(dst)-start >= maxMessageClass {
			return append(dst, "..."...)
		}
		c := text[i]
		switch {
		case c == ' ' || c == '\t':
			for i < len(text) && (text[i] == ' ' || text[i] == '\t') {
				i++
			}
			dst = append(dst, ' ')
		case c == '"' || c == '\'' && (i == 0 || !isNameByte(text[i-1])):
			end := i + 1
			for end < len(text) && text[end] != c && text[end] != '\n' {
				end++
			}
			if end < len(text) && text[end] == c {
				dst = append(dst, c, '?', c)
				i = end + 1
				continue
			}
			dst = append(dst, c)
			i++
		case isClassByte(c):
			end := i
			for end < len(text) && isClassByte(text[end]) {
				end++
			}
			dst = appendClassWord(dst, text[i:end])
			i = end
		default:
			dst = append(dst, c)
			i++
		}
	}
	return dst
}

// isClassByte says whether c is of a word, as numbers, addresses, dates, paths
// and names are.
func isClassByte(c byte) bool {
	return c|0x20 >= 'a' && c|0x20 <= 'z' || c >= '0' && c <= '9' || c == '_' || c == '-' || c == '.' || c == '/' || c == '+' || c == ':' || c >= 0x80
}

// appendClassWord appends a word, or ? if it has digits. ssh2, eth0 and x86 are
// words: letters with a digit or two behind. A colon at the end does not count.
func appendClassWord(dst, w []byte) []byte {
	end := len(w)
	for end > 0 && (w[end-1] == ':' || w[end-1] == '.') {
		end--
	}
	digits, first, others := 0, -1, false
	for i, c := range w[:end] {
		switch {
		case c >= '0' && c <= '9':
			if digits++; first < 0 {
				first = i
			}
		case c|0x20 < 'a' || c|0x20 > 'z':
			others = true
		}
	}
	if digits == 0 || first > 0 && digits <= 2 && !others && first+digits == end {
		return append(dst, w...)
	}
	return append(append(dst, '?'), w[end:]...)
}
