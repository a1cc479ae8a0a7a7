package stream

import (
	"encoding/binary"
	"fmt"
	"math"

	"unixcap/decoders"
	"unixcap/internal/capture"
)

const (
	// sampleBytes and sampleMessages bound what is kept of either end to tell what an
	// unknown protocol looks like.
	sampleBytes    = 1 << 10
	sampleMessages = 16
)

// A sample is what one end sent first.
type sample struct {
	bytes []byte
	// Of each message its length, and as much of its beginning and its end as
	// framing is told by.
	messages []sampled
}

type sampled struct {
	size int
	head [8]byte
	last byte
}

// note adds a message.
func (s *sample) note(p []byte) {
	if n := min(sampleBytes-len(s.bytes), len(p)); n > 0 {
		s.bytes = append(s.bytes, p[:n]...)
	}
	if len(s.messages) < sampleMessages && len(p) > 0 {
		m := sampled{size: len(p), last: p[len(p)-1]}
		copy(m.head[:], p)
		s.messages = append(s.messages, m)
	}
}

// taste keeps a sample of what was said until the protocol is known.
func (f *Flow) taste(from decoders.End, p []byte) {
	l := &f.line
	if len(l.set.Protocols) == 0 {
		return
	}
	if l.samples == nil {
		l.samples = new([2]sample)
	}
	l.samples[from].note(p)
}

// characterise says in words what an unknown conversation looks like, as far as
// that can be said of its beginning.
func (f *Flow) characterise() string {
	s := f.line.samples
	if s == nil || len(s[0].bytes)+len(s[1].bytes) == 0 {
		return "nothing said"
	}
	if what := tlsName(s[0].bytes, s[1].bytes); what != "" {
		return what
	}
	all := append(append([]byte(nil), s[0].bytes...), s[1].bytes...)
	printable, entropy := measure(all)
	what := "binary"
	switch {
	case printable >= 0.97:
		what = "text"
	case len(all) >= 512 && entropy > 7.5:
		what = "compressed or encrypted"
	}
	low, high := math.MaxInt, 0
	for end := range s {
		for _, m := range s[end].messages {
			low, high = min(low, m.size), max(high, m.size)
		}
	}
	sizes := fmt.Sprint(low)
	if high > low {
		sizes = fmt.Sprintf("%d to %d", low, high)
	}
	return fmt.Sprintf("%s, %s, %.0f%% printable, %.1f bits a byte, messages of %s bytes", what, f.framing(), printable*100, entropy, sizes)
}

// measure returns which part of b is printable ASCII or white space, and its
// entropy in bits a byte.
func measure(b []byte) (printable, entropy float64) {
	var count [256]int
	for _, c := range b {
		count[c]++
	}
	n := float64(len(b))
	for c, k := range count {
		if k == 0 {
			continue
		}
		if c >= ' ' && c < 0x7f || c == '\n' || c == '\r' || c == '\t' {
			printable += float64(k) / n
		}
		entropy -= float64(k) / n * math.Log2(float64(k)/n)
	}
	return printable, entropy
}

// framing guesses how messages are told apart.
func (f *Flow) framing() string {
	var list []sampled
	for i := range f.line.samples {
		list = append(list, f.line.samples[i].messages...)
	}
	switch {
	case f.Kind != capture.Stream:
		return f.Kind.String()
	case ends(list, '\n'):
		return "lines"
	case ends(list, 0):
		return "ended by zero bytes"
	}
	if name := lengthPrefix(list); name != "" {
		return name
	}
	return "framing unknown"
}

func ends(list []sampled, c byte) bool {
	for _, m := range list {
		if m.last != c {
			return false
		}
	}
	return len(list) >= 2
}

// lengthPrefix finds out whether the messages begin with their lengths, which
// count themselves or not. Messages of one size could do so by chance.
func lengthPrefix(list []sampled) string {
	differ := false
	for _, m := range list {
		differ = differ || m.size != list[0].size
	}
	if len(list) < 3 || !differ {
		return ""
	}
	for _, width := range []int{8, 4, 2, 1} {
		for _, big := range []bool{true, false} {
			for _, self := range []int{width, 0} {
				if prefixed(list, width, self, big) {
					order := " big-endian"
					switch {
					case width == 1:
						order = ""
					case !big:
						order = " little-endian"
					}
					return fmt.Sprintf("lengths of %d%s bytes before", width, order)
				}
			}
		}
	}
	return ""
}

func prefixed(list []sampled, width, self int, big bool) bool {
	for _, m := range list {
		if m.size < width {
			return false
		}
		var b [8]byte
		var n uint64
		if big {
			copy(b[8-width:], m.head[:width])
			n = binary.BigEndian.Uint64(b[:])
		} else {
			copy(b[:], m.head[:width])
			n = binary.LittleEndian.Uint64(b[:])
		}
		if n != uint64(m.size-self) {
			return false
		}
	}
	return true
}
