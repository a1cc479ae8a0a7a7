package http2

import (
	"bytes"
	"encoding/binary"

	"unixcap/decoders"
	"unixcap/decoders/httpsemantics"
	"unixcap/decoders/uri"
)

const (
	// prefixLength is that of what stands before a message: the compressed flag
	// and the length. This and the names below are those of gRPC over HTTP/2,
	// PROTOCOL-HTTP2.md.
	prefixLength = 5

	// maxKept is how much is kept of the first message of either direction.
	maxKept = 1 << 10
)

// statusNames are the status codes: gRPC's statuscodes.md.
var statusNames = [...]string{"OK", "CANCELLED", "UNKNOWN", "INVALID_ARGUMENT", "DEADLINE_EXCEEDED", "NOT_FOUND",
	"ALREADY_EXISTS", "PERMISSION_DENIED", "RESOURCE_EXHAUSTED", "FAILED_PRECONDITION", "ABORTED", "OUT_OF_RANGE",
	"UNIMPLEMENTED", "INTERNAL", "UNAVAILABLE", "DATA_LOSS", "UNAUTHENTICATED"}

// statusUnknown is the status of a call that was answered without one.
const statusUnknown = 2

// statusName returns a status code's name. Libraries take others for UNKNOWN, but
// they are not called so.
func statusName(code int) string {
	if code < len(statusNames) {
		return statusNames[code]
	}
	return httpsemantics.CodeText(code)
}

// isGRPC says whether content of a media type is gRPC's: "application/grpc" with
// or without "+proto" or the like. What browsers send, application/grpc-web, has
// its trailers in the content.
func isGRPC(mediaType []byte) bool {
	rest, ok := bytes.CutPrefix(mediaType, []byte("application/grpc"))
	return ok && (len(rest) == 0 || rest[0] == '+')
}

// A messages reads length-prefixed messages from one direction of a stream.
type messages struct {
	prefix     [prefixLength]byte
	have       int
	left       uint32 // of the message
	n          int64
	bytes      int64 // without prefixes
	compressed int64 // messages
	first      []byte
	firstCut   bool // there is more of the first one than that
	firstFlag  byte
	lost       bool // where messages begin is not known
}

func (m *messages) reset() {
	first := m.first[:0]
	*m = messages{first: first}
}

// add takes in content, of which at most room bytes are kept.
func (m *messages) add(p []byte, room int) {
	for len(p) > 0 && !m.lost {
		if m.left == 0 {
			n := copy(m.prefix[m.have:], p)
			p = p[n:]
			if m.have += n; m.have < prefixLength {
				return
			}
			m.begin()
			continue
		}
		n := int(min(int64(m.left), int64(len(p))))
		if m.n == 1 {
			kept := min(n, min(room, maxKept)-len(m.first))
			if kept > 0 {
				m.first = append(m.first, p[:kept]...)
			}
			m.firstCut = m.firstCut || kept < n
		}
		m.left -= uint32(n)
		p = p[n:]
	}
}

// begin is where a message's prefix is complete.
func (m *messages) begin() {
	m.have = 0
	if m.prefix[0] > 1 { // other flags than compressed are not defined
		m.lost = true
		return
	}
	m.left = binary.BigEndian.Uint32(m.prefix[1:])
	m.n++
	m.bytes += int64(m.left)
	m.compressed += int64(m.prefix[0])
	if m.n == 1 {
		m.firstFlag = m.prefix[0]
	}
}

// skip passes over content that is missing, at most to the end of a message.
func (m *messages) skip(n int64) {
	if m.lost || n > int64(m.left) {
		m.lost = true
		return
	}
	m.left -= uint32(n)
	m.firstCut = m.firstCut || m.n == 1
}

// messageKeys are the attributes of the messages of one direction.
type messageKeys struct{ n, bytes, compressed, encoding, first, lost string }

var grpcKeys = [2]messageKeys{
	{"request_messages", "request_message_bytes", "request_compressed", "request_encoding", "request_message", "request_missing_messages"},
	{"response_messages", "response_message_bytes", "response_compressed", "response_encoding", "response_message", "response_missing_messages"},
}

// describeMessages adds what is known of the messages of one direction.
func (d *decoder) describeMessages(s *stream, from decoders.End) {
	h, k, x := &s.halves[from], &grpcKeys[from], &d.x
	m := &h.messages
	if !h.headed && h.content.Length == 0 {
		return
	}
	d.previewer.Facts(x, &h.content, contentKeys[from])
	x.AddInt(k.n, m.n)
	x.AddInt(k.bytes, m.bytes-int64(m.left)) // of the last one, what was sent
	if m.compressed > 0 {
		x.AddInt(k.compressed, m.compressed)
		x.AddText(k.encoding, h.encoding.Name())
	}
	if m.lost {
		x.AddInt(k.lost, 1)
	}
	if h.content.Secret || len(m.first) == 0 {
		return
	}
	message, whole := m.first, !m.firstCut && m.left == 0
	if m.firstFlag != 0 {
		message = d.previewer.Decode(h.encoding, m.first)
		whole = whole && len(message) < httpsemantics.MaxPreview
	}
	if bytes.HasSuffix(h.content.MediaType, []byte("+json")) {
		x.AddText(k.first, d.previewer.Text(message, int(from), int64(len(message))))
		return
	}
	x.AddText(k.first, d.printers[from].print(message, whole))
}

// grpcStatus takes in a grpc-status.
func (s *stream) grpcStatus(value []byte) {
	if n, ok := decoders.Decimal(value); ok && n < 1<<16 {
		s.status = int(n)
	}
}

// call fills in what is gRPC's of an exchange.
func (d *decoder) call(s *stream) {
	x := &d.x
	x.Op = "call"
	if s.status == noStatus {
		if s.code == 200 && s.halves[decoders.Server].ended && !s.hasGap() {
			x.Status, x.ErrorCode = decoders.Error, statusName(statusUnknown) // as clients take it
		}
		return
	}
	x.AddInt("grpc_status", int64(s.status))
	if s.status == 0 {
		return
	}
	x.Status = decoders.Error
	x.ErrorCode = statusName(s.status)
	d.text = appendPercentDecoded(d.text[:0], s.message)
	x.Error = uri.AppendMasked(x.Error[:0], d.text)
}

// appendPercentDecoded appends a grpc-message, in which all but printable ASCII
// characters are percent-encoded. What is no escape stays, as the protocol demands.
func appendPercentDecoded(dst, b []byte) []byte {
	for i := 0; i < len(b); i++ {
		if b[i] == '%' && i+2 < len(b) {
			high, low := decoders.Unhex(b[i+1]), decoders.Unhex(b[i+2])
			if high >= 0 && low >= 0 {
				dst = append(dst, byte(high<<4|low))
				i += 2
				continue
			}
		}
		dst = append(dst, b[i])
	}
	return dst
}

// isMethodPath says whether a target is /SERVICE/METHOD of gRPC, with a service
// in a package.
func isMethodPath(target []byte) bool {
	service, _, ok := cutMethod(target)
	return ok && bytes.IndexByte(service, '.') > 0
}

// cutMethod returns the parts of a target that may be /SERVICE/METHOD of gRPC: names
// as those of Protocol Buffers are.
func cutMethod(target []byte) (service, method []byte, ok bool) {
	if len(target) == 0 || target[0] != '/' {
		return nil, nil, false
	}
	i := 1 + bytes.IndexByte(target[1:], '/')
	if i <= 1 || i+1 == len(target) || target[i+1] < 'A' || target[i+1] > 'Z' {
		return nil, nil, false
	}
	service, method = target[1:i], target[i+1:]
	return service, method, isIdentifier(service, true) && isIdentifier(method, false)
}

func isIdentifier(b []byte, dots bool) bool {
	for i, c := range b {
		switch {
		case c|0x20 >= 'a' && c|0x20 <= 'z' || c == '_':
		case i > 0 && (c >= '0' && c <= '9' || dots && c == '.'):
		default:
			return false
		}
	}
	return true
}

// appendClass appends the class of a request: that of gRPC is the method, as it
// is, and so is what is not known; others have a route.
func appendClass(dst, target []byte) []byte {
	if len(target) <= uri.MaxRoute && (isMethodPath(target) || string(target) == string(unknownText)) {
		return append(dst, target...)
	}
	return uri.AppendRoute(dst, target)
}
