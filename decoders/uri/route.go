package uri

import (
	"bytes"

	"unixcap/decoders"
)

const (
	// MaxRoute bounds a class. Behind it comes "...".
	MaxRoute = 240

	// maxParameters bounds the parameters' names in a class.
	maxParameters = 12
)

// AppendRoute appends the class of a request target: the path, in which
// numbers and ids are "?", and the names of the parameters in their order.
// Versions, as in /v1.43, stay.
func AppendRoute(dst, target []byte) []byte {
	start := len(dst)
	if i := bytes.Index(target, []byte("://")); i > 0 && target[0] != '/' {
		n := bytes.IndexByte(target[i+3:], '/')
		if n < 0 {
			n = len(target) - i - 3
		}
		dst = append(dst, target[:i+3+n]...)
		target = target[i+3+n:]
	}
	path, query := target, []byte(nil)
	if i := bytes.IndexAny(target, "?#"); i >= 0 {
		path, query = target[:i], target[i+1:]
	}
	for len(path) > 0 && len(dst)-start <= MaxRoute {
		if path[0] == '/' {
			dst = append(dst, '/')
			path = path[1:]
			continue
		}
		n := bytes.IndexByte(path, '/')
		if n < 0 {
			n = len(path)
		}
		dst = appendSegment(dst, path[:n])
		path = path[n:]
	}
	if len(query) > 0 {
		dst = appendNames(dst, query)
	}
	if len(dst)-start > MaxRoute {
		dst = append(dst[:start+MaxRoute], "..."...)
	}
	return dst
}

// appendNames appends the names of parameters, each once.
func appendNames(dst, query []byte) []byte {
	begin := len(dst)
	for n := 0; len(query) > 0; n++ {
		one := query
		if i := bytes.IndexAny(query, "&;"); i >= 0 {
			one, query = query[:i], query[i+1:]
		} else {
			query = nil
		}
		name, _, _ := bytes.Cut(one, []byte{'='})
		if n == maxParameters {
			return append(dst, "&..."...)
		}
		at := len(dst)
		dst = append(dst, '&')
		dst = appendSegment(dst, name[:min(len(name), maxName)])
		if isRepeated(dst[begin:at], dst[at+1:]) {
			dst = dst[:at]
		}
	}
	if len(dst) > begin {
		dst[begin] = '?'
	}
	return dst
}

// isRepeated says whether a list, in which each name has a character before it,
// has a name.
func isRepeated(list, name []byte) bool {
	for len(list) > 0 {
		one, _, _ := bytes.Cut(list[1:], []byte{'&'})
		if bytes.Equal(one, name) {
			return true
		}
		list = list[1+len(one):]
	}
	return false
}

// appendSegment appends a segment of a path with what is an id in it as "?".
func appendSegment(dst, s []byte) []byte {
	if isVersion(s) {
		return append(dst, s...)
	}
	for len(s) > 0 {
		i := bytes.IndexByte(s, '=') // of a matrix parameter, whose value goes
		if i < 0 || bytes.IndexByte(s, ';') < 0 {
			return decoders.AppendPattern(dst, s)
		}
		dst = append(decoders.AppendPattern(dst, s[:i]), '=', '?')
		n := bytes.IndexAny(s[i:], ";,")
		if n < 0 {
			return dst
		}
		s = s[i+n:]
	}
	return dst
}

// isVersion says whether s is one of an interface: v1, v1.43, v1beta2.
func isVersion(s []byte) bool {
	if len(s) < 2 || len(s) > 12 || s[0] != 'v' || s[1] < '0' || s[1] > '9' {
		return false
	}
	for _, c := range s[1:] {
		if c != '.' && (c < '0' || c > '9') && (c < 'a' || c > 'z') {
			return false
		}
	}
	return true
}
