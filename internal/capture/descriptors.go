package capture

import "bytes"

// FDTypes are the types of up to 16 file descriptors, from the lowest four bits
// on, as i_mode has them (S_IFMT >> 12).
type FDTypes uint64

// fdNames are the names of the types. What has none is no file of any kind but,
// say, an eventfd.
var fdNames = [16]string{
	0: "anon", 1: "fifo", 2: "char", 4: "dir", 6: "block", 8: "file", 10: "link", 12: "socket",
}

// Append appends the names of the types of n descriptors, with commas between
// them.
func (t FDTypes) Append(b []byte, n int) []byte {
	for i := range min(n, 16) {
		if i > 0 {
			b = append(b, ',')
		}
		name := fdNames[t>>(4*i)&15]
		if name == "" {
			name = fdNames[0]
		}
		b = append(b, name...)
	}
	return b
}

// parseFDTypes reads what Append wrote. A name that it does not know is "anon".
func parseFDTypes(names []byte) (t FDTypes) {
	for i := range 16 {
		name, rest, more := bytes.Cut(names, []byte{','})
		for number, known := range fdNames {
			if known != "" && known == string(name) {
				t |= FDTypes(number) << (4 * i)
			}
		}
		if !more {
			break
		}
		names = rest
	}
	return t
}
