package http2

import (
	"unixcap/decoders"
)

// preface is what a client begins with: RFC 9113, 3.4.
const preface = PrefaceLine + "\r\nSM\r\n\r\n"

// PrefaceLine is its first line, which HTTP/1.1 takes for a request.
const PrefaceLine = "PRI * HTTP/2.0\r\n"

// A place is what is known of the place in a direction's bytes.
type place uint8

const (
	beginning place = iota // the first byte is still to come, or the preface is not complete
	hunting                // not known
	doubtful               // a frame was found, and the one behind it is to be likely too
	inHeader
	inPayload
)

// A framer cuts one direction's bytes into frames.
type framer struct {
	place place
	head  frameHeader
	raw   [headerLength]byte // of the header that is not complete
	have  int                // bytes of it, or of the preface
	left  int                // bytes of the payload
	at    decoders.Mark      // where the frame begins
}

// lose is where the place is not known any more.
func (f *framer) lose() { *f = framer{place: hunting} }

// start finds out at the beginning of p, and of a Data call, whether HTTP/2
// begins here, or goes on. It returns what is left of p.
func (f *framer) start(from decoders.End, p []byte) []byte {
	if from == decoders.Client {
		n := 0
		for n < len(p) && f.have+n < len(preface) && p[n] == preface[f.have+n] {
			n++
		}
		switch f.have += n; {
		case f.have == len(preface):
			*f = framer{place: inHeader}
			return p[n:]
		case n == len(p):
			return nil
		}
		f.lose()
		return p
	}
	// A server begins with SETTINGS, which may come in pieces.
	n := copy(f.raw[f.have:], p)
	if f.have += n; f.have < headerLength {
		return nil
	}
	h, ok := likely(from, f.raw[:])
	if ok && h.kind == frameSettings {
		f.place = inHeader // of which all is there
		return p[n:]
	}
	f.lose()
	return p
}

// minChain is how many likely headers in a row are believed anywhere, sureChain
// how many where a send begins. Of more than maxChain it makes no difference what
// comes behind.
const (
	minChain  = 3
	sureChain = 2
	maxChain  = 8
)

// hunt looks for a frame in p and returns where one begins; len(p) if there is
// none. sends says that p is the beginning of a Data call: in our captures a send
// begins there, and most begin with a frame. But large ones may be cut anywhere.
func (f *framer) hunt(from decoders.End, p []byte, sends bool) int {
	for i := 0; i+headerLength <= len(p); i++ {
		if p[i] != 0 {
			continue
		}
		if _, ok := likely(from, p[i:]); !ok {
			continue
		}
		first := sends && i == 0
		chain, end := follow(from, p[i:])
		end += i
		switch {
		case chain == 0: // a later one is not
		case chain >= minChain, first && f.begins(from, p), end == len(p) && chain >= sureChain:
			*f = framer{place: inHeader}
			return i
		default:
			f.place, f.left = doubtful, max(end-len(p), 0)
			f.have = copy(f.raw[:], p[min(end, len(p)):])
			return len(p)
		}
	}
	return len(p)
}

// begins says whether p, with which a Data call begins, surely begins with a frame,
// which then is next.
func (f *framer) begins(from decoders.End, p []byte) bool {
	chain, end := follow(from, p)
	if chain < sureChain && (chain == 0 || end != len(p)) {
		return false
	}
	*f = framer{place: inHeader}
	return true
}

// follow returns how many likely headers follow each other in p, up to maxChain, and
// where the last one's frame ends, which may be behind p. What is not a whole header at the
// end counts for nothing. chain is 0 if one of them is not likely.
func follow(from decoders.End, p []byte) (chain, end int) {
	for end+headerLength <= len(p) && chain < maxChain {
		h, ok := likely(from, p[end:])
		if !ok {
			return 0, end
		}
		chain++
		end += headerLength + int(h.length)
	}
	return chain, end
}

// settle is where a frame was found whose end was behind p's beginning: the next
// one must be likely, too. It returns what is left of p.
func (f *framer) settle(from decoders.End, p []byte) []byte {
	n := min(f.left, len(p))
	f.left -= n
	p = p[n:]
	if f.left > 0 || len(p) == 0 {
		return nil
	}
	n = copy(f.raw[f.have:], p)
	if f.have += n; f.have < headerLength {
		return nil
	}
	if _, ok := likely(from, f.raw[:]); !ok {
		f.lose()
		return p
	}
	f.place = inHeader // of which all is there
	return p[n:]
}

// ready says whether a header is complete but was not taken in.
func (f *framer) ready() bool { return f.place == inHeader && f.have == headerLength }

// header takes in bytes of a header. It returns what is left of p, and whether the
// header is complete and may be sent.
func (f *framer) header(at decoders.Mark, p []byte) (rest []byte, complete, ok bool) {
	if f.have == 0 || f.have == headerLength {
		f.at = at
		if f.have == 0 && len(p) >= headerLength {
			f.head, _ = parseHeader(p)
			f.place, f.left = inPayload, int(f.head.length)
			return p[headerLength:], true, f.head.allowed()
		}
	}
	n := copy(f.raw[f.have:], p)
	if f.have += n; f.have < headerLength {
		return nil, false, true
	}
	f.head, _ = parseHeader(f.raw[:])
	f.place, f.left, f.have = inPayload, int(f.head.length), 0
	return p[n:], true, f.head.allowed()
}
