package httpsemantics

import (
	"bytes"
	"encoding/binary"
	"io"
	"sync"
	"unicode/utf8"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/flate"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zlib"
	"github.com/klauspost/compress/zstd"

	"unixcap/decoders"
	"unixcap/decoders/uri"
)

const (
	// MaxPreview is how much of a content is shown: enough for an error's
	// message or a small object.
	MaxPreview = 256

	// maxEncoded is how much of a content with a coding is kept for that.
	// gzip's first block can begin with tables of some hundred bytes.
	maxEncoded = 4 << 10

	// MaxKept is the same for zstd, which shows nothing before the end of a
	// block (of up to 128 KiB).
	MaxKept = 64 << 10

	// maxWindow bounds the memory that a frame of zstd can ask for: what RFC
	// 9659 allows as content coding.
	maxWindow = 8 << 20
)

// A Coding is a content coding: RFC 9110, 8.4.1.
type Coding uint8

const (
	Identity Coding = iota
	codingGzip
	codingDeflate
	codingBrotli
	codingZstd
	codingOther // unknown, or several
)

var codingNames = [...][]byte{codingGzip: []byte("gzip"), codingDeflate: []byte("deflate"), codingBrotli: []byte("br"),
	codingZstd: []byte("zstd"), codingOther: []byte("other")}

// Name is the coding as it is shown.
func (c Coding) Name() []byte { return codingNames[c] }

// CodingOf returns the coding that a field names.
func CodingOf(value []byte) Coding {
	switch {
	case decoders.EqualFold(value, "identity"), len(value) == 0:
		return Identity
	case decoders.EqualFold(value, "gzip"), decoders.EqualFold(value, "x-gzip"):
		return codingGzip
	case decoders.EqualFold(value, "deflate"):
		return codingDeflate
	case decoders.EqualFold(value, "br"):
		return codingBrotli
	case decoders.EqualFold(value, "zstd"):
		return codingZstd
	}
	return codingOther
}

// A Previewer shows the beginning of contents.
type Previewer struct {
	plain [MaxPreview + utf8.UTFMax]byte
	shown [2][]byte // of a request and its response
}

// preview returns the beginning of a content if it is text, without secrets.
// It is valid until slot is used again.
func (p *Previewer) preview(c *Content, slot int) []byte {
	if len(c.begin) == 0 || c.Secret || hidden(c.MediaType) {
		return nil
	}
	plain, total := c.begin, c.Length
	if c.Coding != Identity {
		plain = p.Decode(c.Coding, c.begin)
		total = int64(len(plain)) // how much there is, is not known
		if len(plain) > MaxPreview {
			total++
		}
	}
	if isForm(c.MediaType) {
		if p.shown[slot] = p.shown[slot][:0]; !IsText(plain, &control) {
			return nil
		}
		p.shown[slot] = uri.AppendForm(p.shown[slot], plain[:min(len(plain), MaxPreview)])
		return p.shown[slot]
	}
	return p.Text(plain, slot, total)
}

// hidden says whether a content of that type is not shown: it may have
// passwords where they are not found.
func hidden(mediaType []byte) bool {
	const multipart = "multipart/"
	return len(mediaType) >= len(multipart) && decoders.EqualFold(mediaType[:len(multipart)], multipart)
}

func isForm(mediaType []byte) bool {
	return decoders.EqualFold(mediaType, "application/x-www-form-urlencoded")
}

// Text returns the beginning of a text of which b is at least as much as is
// shown; nil if it is none.
func (p *Previewer) Text(b []byte, slot int, total int64) []byte {
	if len(b) > MaxPreview {
		b = b[:MaxPreview]
	}
	if int64(len(b)) < total { // it may be cut within a character
		for i := 1; i < utf8.UTFMax && i < len(b); i++ {
			if c := b[len(b)-i]; utf8.RuneStart(c) {
				if c >= utf8.RuneSelf && !utf8.FullRune(b[len(b)-i:]) {
					b = b[:len(b)-i]
				}
				break
			}
		}
	}
	if !IsText(b, &control) {
		return nil
	}
	p.shown[slot] = uri.AppendMasked(p.shown[slot][:0], b)
	return p.shown[slot]
}

// IsText says whether b is UTF-8 without some control characters. What may be cut
// within a character has lost that.
func IsText(b []byte, without *[256]bool) bool {
	const (
		ones = 0x0101010101010101
		high = 0x80 * ones
	)
	ascii := true
	for i := 0; i < len(b); {
		if i+8 <= len(b) { // without control characters, as most are
			x := binary.LittleEndian.Uint64(b[i:])
			if (x|(x-' '*ones)|((x^0x7f*ones)-ones))&high == 0 {
				i += 8
				continue
			}
		}
		for end := min(i+8, len(b)); i < end; i++ {
			if without[b[i]] {
				return false
			}
			ascii = ascii && b[i] < utf8.RuneSelf
		}
	}
	return ascii || utf8.Valid(b)
}

// control has the control characters but those of lines and colours.
var control = func() (t [256]bool) {
	for c := range t {
		t[c] = c < ' ' && c != '\n' && c != '\r' && c != '\t' && c != '\f' && c != 0x1b || c == 0x7f
	}
	return t
}()

// Decode undoes a coding of the beginning of something, as far as it goes, up to
// a little more than is shown. It is valid until the next call.
func (p *Previewer) Decode(how Coding, begin []byte) []byte {
	u := uncoders.Get().(*uncoder)
	defer uncoders.Put(u)
	u.src.Reset(begin)
	r, err := u.reader(how, begin)
	if r == nil || err != nil {
		return nil
	}
	n, err := io.ReadFull(r, p.plain[:])
	if err != nil && n == 0 { // the rest is missing, which is as it should be
		return nil
	}
	return p.plain[:n]
}

// An uncoder undoes content codings. It is large, so the connections share
// those there are.
type uncoder struct {
	src    bytes.Reader
	gzip   *gzip.Reader
	zlib   io.ReadCloser
	flate  io.ReadCloser
	brotli *brotli.Reader
	zstd   *zstd.Decoder
}

var uncoders = sync.Pool{New: func() any { return new(uncoder) }}

// reader returns a decoder that reads from u.src.
func (u *uncoder) reader(how Coding, begin []byte) (io.Reader, error) {
	var err error
	switch how {
	case codingGzip:
		if u.gzip == nil {
			u.gzip = new(gzip.Reader)
		}
		return u.gzip, u.gzip.Reset(&u.src)
	case codingDeflate:
		return u.inflate(begin)
	case codingBrotli:
		if u.brotli == nil {
			u.brotli = brotli.NewReader(nil)
		}
		return u.brotli, u.brotli.Reset(&u.src)
	case codingZstd:
		if u.zstd == nil {
			u.zstd, err = zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(maxWindow))
			if err != nil {
				return nil, err
			}
		}
		return u.zstd, u.zstd.Reset(&u.src)
	}
	return nil, nil
}

// inflate returns a decoder of "deflate", which is zlib's format, though some
// send the bare data: RFC 9110, 8.4.1.2.
func (u *uncoder) inflate(begin []byte) (io.Reader, error) {
	if len(begin) >= 2 && begin[0]&15 == 8 && (int(begin[0])<<8|int(begin[1]))%31 == 0 {
		if u.zlib == nil {
			var err error
			u.zlib, err = zlib.NewReader(&u.src)
			return u.zlib, err
		}
		return u.zlib, u.zlib.(zlib.Resetter).Reset(&u.src, nil)
	}
	if u.flate == nil {
		u.flate = flate.NewReader(&u.src)
		return u.flate, nil
	}
	return u.flate, u.flate.(flate.Resetter).Reset(&u.src, nil)
}
