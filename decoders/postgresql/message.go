package postgresql

import (
	"bytes"
	"encoding/binary"
)

// A messageType is what the decoder knows of a message of one type.
type messageType struct {
	name string // in the operation and in "messages"
	// The body's length.
	min, max int64
	keep     int // how much of it is read
}

const (
	// maxBody is the largest message: PQ_LARGE_MESSAGE_LIMIT is MaxAllocSize
	// - 1.
	maxBody = 1<<30 - 2

	// maxRequest is how much of a statement or of its values is kept, while
	// the server takes 1 GiB, which would let one connection fill the
	// memory. What is longer is cut there and says so.
	maxRequest = 64 << 20

	// maxName bounds the messages that have only a name in them. Names are of
	// NAMEDATALEN, 64, but those of prepared statements are not checked.
	maxName = 1024

	// maxStartup is MAX_STARTUP_PACKET_LENGTH.
	maxStartup = 10000

	// maxReply is how much is kept of errors and notices, whose message may
	// repeat a statement.
	maxReply = 64 << 10

	// maxNotification: a payload is shorter than 8000 bytes.
	maxNotification = 8 << 10

	// maxTypes is a ParameterDescription of as many parameters as there can
	// be.
	maxTypes = 2 + 4*65535

	// maxAuth is as much of a password message as the name of a SASL
	// mechanism takes. The rest is secret.
	maxAuth = 64
)

// Messages of the client.
const (
	kindBind         = 'B'
	kindClose        = 'C'
	kindDescribe     = 'D'
	kindExecute      = 'E'
	kindFunctionCall = 'F'
	kindFlush        = 'H'
	kindParse        = 'P'
	kindQuery        = 'Q'
	kindSync         = 'S'
	kindTerminate    = 'X'
	kindPassword     = 'p' // and the answers to SASL and GSSAPI
)

// Messages of both.
const (
	kindCopyDone = 'c'
	kindCopyData = 'd'
	kindCopyFail = 'f' // the client's only
)

// Messages of the server.
const (
	kindParseComplete        = '1'
	kindBindComplete         = '2'
	kindCloseComplete        = '3'
	kindNotification         = 'A'
	kindCommandComplete      = 'C'
	kindDataRow              = 'D'
	kindErrorResponse        = 'E'
	kindCopyInResponse       = 'G'
	kindCopyOutResponse      = 'H'
	kindEmptyQuery           = 'I'
	kindBackendKeyData       = 'K'
	kindNoticeResponse       = 'N'
	kindAuthentication       = 'R'
	kindParameterStatus      = 'S'
	kindRowDescription       = 'T'
	kindFunctionCallResponse = 'V'
	kindCopyBothResponse     = 'W'
	kindReadyForQuery        = 'Z'
	kindNoData               = 'n'
	kindPortalSuspended      = 's'
	kindParameterDescription = 't'
	kindNegotiateVersion     = 'v'
)

var clientTypes = [256]messageType{
	kindBind:         {"bind", 8, maxBody, maxRequest},
	kindClose:        {"close", 2, maxName, maxName},
	kindDescribe:     {"describe", 2, maxName, maxName},
	kindExecute:      {"execute", 5, maxName, maxName},
	kindFunctionCall: {"function_call", 10, maxBody, 4},
	kindFlush:        {"flush", 0, 0, 0},
	kindParse:        {"parse", 4, maxBody, maxRequest},
	kindQuery:        {"query", 1, maxBody, maxRequest},
	kindSync:         {"sync", 0, 0, 0},
	kindTerminate:    {"terminate", 0, 0, 0},
	kindPassword:     {"password", 0, 64 << 10, maxAuth},
	kindCopyData:     {"copy_data", 0, maxBody, 0},
	kindCopyDone:     {"copy_done", 0, 0, 0},
	kindCopyFail:     {"copy_fail", 1, maxBody, maxName},
}

var serverTypes = [256]messageType{
	kindParseComplete:        {"parse_complete", 0, 0, 0},
	kindBindComplete:         {"bind_complete", 0, 0, 0},
	kindCloseComplete:        {"close_complete", 0, 0, 0},
	kindNotification:         {"notification_response", 6, 64 << 10, maxNotification},
	kindCommandComplete:      {"command_complete", 2, maxName, maxName},
	kindDataRow:              {"data_row", 2, maxBody, 0},
	kindErrorResponse:        {"error_response", 4, maxBody, maxReply},
	kindCopyInResponse:       {"copy_in_response", 3, 3 + 2*65535, 0},
	kindCopyOutResponse:      {"copy_out_response", 3, 3 + 2*65535, 0},
	kindEmptyQuery:           {"empty_query_response", 0, 0, 0},
	kindBackendKeyData:       {"backend_key_data", 8, 4 + 256, 4},
	kindNoticeResponse:       {"notice_response", 4, maxBody, maxReply},
	kindAuthentication:       {"authentication", 4, 64 << 10, maxName},
	kindParameterStatus:      {"parameter_status", 2, 64 << 10, maxName},
	kindRowDescription:       {"row_description", 2, maxBody, 0},
	kindFunctionCallResponse: {"function_call_response", 4, maxBody, 0},
	kindCopyBothResponse:     {"copy_both_response", 3, 3 + 2*65535, 0},
	kindReadyForQuery:        {"ready_for_query", 1, 1, 1},
	kindNoData:               {"no_data", 0, 0, 0},
	kindPortalSuspended:      {"portal_suspended", 0, 0, 0},
	kindParameterDescription: {"parameter_description", 2, maxTypes, maxTypes},
	kindNegotiateVersion:     {"negotiate_protocol_version", 8, 64 << 10, 0},
	kindCopyData:             {"copy_data", 0, maxBody, 0},
	kindCopyDone:             {"copy_done", 0, 0, 0},
}

// fits says whether a message of this type can have that length.
func (t *messageType) fits(length int64) bool {
	return t.name != "" && length >= t.min && length <= t.max
}

// chained says whether p is messages one behind the other as far as it goes,
// the last one perhaps cut, and how many of them are whole.
func chained(types *[256]messageType, p []byte) (whole int, ok bool) {
	for len(p) > 0 {
		if types[p[0]].name == "" {
			return whole, false
		}
		if len(p) < typedHeader {
			return whole, true
		}
		length := int64(binary.BigEndian.Uint32(p[1:])) - lengthField
		if !types[p[0]].fits(length) {
			return whole, false
		}
		if int64(len(p)) < typedHeader+length {
			return whole, true
		}
		p = p[typedHeader+length:]
		whole++
	}
	return whole, true
}

// A reader reads the fields of a message. Reading past the end makes it bad.
type reader struct {
	b   []byte
	bad bool
}

func (r *reader) take(n int) []byte {
	if n < 0 || n > len(r.b) {
		r.bad = true
		r.b = nil
		return nil
	}
	v := r.b[:n:n]
	r.b = r.b[n:]
	return v
}

func (r *reader) byte() byte {
	if v := r.take(1); v != nil {
		return v[0]
	}
	return 0
}

func (r *reader) uint16() int {
	if v := r.take(2); v != nil {
		return int(binary.BigEndian.Uint16(v))
	}
	return 0
}

func (r *reader) uint32() uint32 {
	if v := r.take(4); v != nil {
		return binary.BigEndian.Uint32(v)
	}
	return 0
}

// text reads a String: bytes up to a NUL.
func (r *reader) text() []byte {
	i := 0
	if len(r.b) == 0 || r.b[0] != 0 { // the names of portals and statements are mostly empty
		i = bytes.IndexByte(r.b, 0)
	}
	if i >= 0 {
		v := r.b[:i:i]
		r.b = r.b[i+1:]
		return v
	}
	r.bad = true
	v := r.b
	r.b = nil
	return v
}
