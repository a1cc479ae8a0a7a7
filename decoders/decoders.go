// Package decoders is the contract between a conversation and the protocol
// spoken in it, and what every protocol's decoder shares.
//
// Each protocol lives in a folder of its own below this one, which imports
// nothing of unixcap but this package, and what it carries as others do
// (decoders/sql, decoders/uri, decoders/httpsemantics), and exports one Protocol
// literal.
// Package decoders/all lists them.
package decoders

import "time"

// An End is one of the two ends of a conversation. The server is the end that
// listened.
type End uint8

const (
	Client End = iota
	Server
)

// Other returns the end that faces e.
func (e End) Other() End { return e ^ 1 }

func (e End) String() string {
	if e == Server {
		return "server"
	}
	return "client"
}

// A Mark says when and where in the capture some bytes were seen.
type Mark struct {
	Time   Time
	Packet uint64 // 1-based number of the packet in the input, 0 if unknown
}

// A Span is the stretch of the capture that a request or a response takes.
// Both marks are zero when nothing of it was seen.
type Span struct {
	First, Last Mark
	Bytes       int64 // protocol bytes, headers included
}

// A Decoder turns the bytes of one conversation into exchanges, which it hands
// to the function its constructor got. It is used by one goroutine.
//
// It must work whatever way the bytes are split, keep its memory bounded
// whatever they are, find its place when it starts in the middle or after a
// gap, and never panic.
type Decoder interface {
	// Data feeds bytes that one end sent. For datagram and seqpacket sockets
	// a call is a message. p is valid only during the call.
	Data(from End, at Mark, p []byte)
	// Gap says that n bytes of one end are missing here. n is 0 when it is
	// not known how many, or when the capture starts in the middle.
	Gap(from End, n int64)
	// Close says that the conversation ended, or that the capture did.
	// Requests still open come out unanswered.
	Close(at Mark)
}

// A PacketDecoder is a Decoder that wants to know where messages begin and end,
// if the socket keeps that: of datagram and seqpacket sockets it gets all that
// is said by Packet, and nothing by Data.
type PacketDecoder interface {
	Decoder
	// Packet feeds a message that one end sent. p.Data is valid only during
	// the call.
	Packet(from End, at Mark, p Packet)
}

// A Packet is a message of a socket that keeps their boundaries.
type Packet struct {
	Data    []byte
	Missing int64 // bytes behind Data that the capture does not have
	FDs     int   // file descriptors passed along
}

// A Verdict is what a content test makes of the first bytes of a conversation.
type Verdict uint8

const (
	No    Verdict = iota // not this protocol
	Maybe                // more bytes are needed to tell
	Yes                  // this protocol
)

// A Protocol is a registry entry: all that the rest of the program knows of a
// decoder.
type Protocol struct {
	Name  string // as in the proto column, lower case: "mysql"
	Title string // as people write it: "MySQL"
	About string // one sentence for `analyze decoders`

	Ports []uint16 // well-known ports; a hint
	Paths []string // globs on the bound socket's path; a hint

	// Detect judges what each end sent first, at most DetectBytes of each,
	// from the conversation's beginning or from the middle of it. hinted is
	// true when port or path speak for the protocol: then weaker evidence
	// may do. Detect must not claim random bytes or TLS.
	Detect func(client, server []byte, hinted bool) Verdict

	// Descriptors says that messages may be empty but for a descriptor that
	// has their content. Where a hint speaks for the protocol, a conversation of
	// nothing else is taken for it.
	Descriptors bool

	// New returns a decoder for one conversation. emit's argument is valid
	// only during the call: the decoder reuses it.
	New func(emit func(*Exchange)) Decoder

	// AppendFingerprint folds requests that differ only in their values into
	// one class, which it appends to dst. It is stable across releases. Nil
	// means that the request, or the operation if there is none, is the class.
	AppendFingerprint func(dst, request []byte) []byte
	// AppendShape appends what a request has in common with others that are for
	// certain of the same class. It is to take a fraction of the time that the class
	// takes; ok is false if it would not. Nil means that only the same request is.
	AppendShape func(dst, request []byte) (shape []byte, ok bool)
}

// DetectBytes is how much of either end Protocol.Detect sees at the most.
const DetectBytes = 4096

// A Status is how an exchange ended.
type Status uint8

const (
	OK         Status = iota
	Error             // the server said no
	Unanswered        // the conversation, or the capture, ended first
	Encrypted         // from here on nothing can be read
)

func (s Status) String() string {
	return [...]string{"ok", "error", "unanswered", "encrypted"}[s]
}

// An Exchange is a request and what became of it. Text fields are bytes as
// they were on the wire, without secrets: passwords and their hashes are
// never in an exchange.
type Exchange struct {
	Op      string // the command in the protocol's own lower-case words
	Request []byte // the request as text; for an execute, the statement's text
	Args    []Value
	Status  Status

	ErrorCode string // as the protocol writes it: "1064", "42P01"
	Error     []byte // the server's message

	Rows int64 // rows returned or affected; -1 if the answer has no such thing

	// Where the first byte of the first row that the server returned was seen,
	// and the last byte of the last one, headers included. Zero if it
	// returned none.
	FirstRow, LastRow Mark

	User     string // who is logged in, where the protocol has such a thing
	Database string // the current database, likewise

	// Attrs are further facts in the protocol's own terms, such as
	// server_version or affected_rows. Keys are lower-case with underscores.
	Attrs []Attr

	Sent     Span // the request
	Answered Span // the response

	// When the other end had received the whole of it. Not the decoder's to
	// fill in; zero unless the recording has what was received.
	Received, AnswerReceived Time
}

// Reset empties x and keeps its memory.
func (x *Exchange) Reset() {
	request, args, text, attrs := x.Request[:0], x.Args[:0], x.Error[:0], x.Attrs[:0]
	*x = Exchange{} // which is much faster than with the four in it
	x.Request, x.Args, x.Error, x.Attrs = request, args, text, attrs
	x.Rows = -1
}

// Latency is the time from the request's last byte to the response's first;
// ok is false when either was not seen.
func (x *Exchange) Latency() (d time.Duration, ok bool) {
	return x.until(x.Answered.First)
}

// Duration is the time from the request's last byte to the response's last.
func (x *Exchange) Duration() (d time.Duration, ok bool) {
	return x.until(x.Answered.Last)
}

// SawRows notes that rows were seen: the first byte of the first one, and the
// last byte of the last.
func (x *Exchange) SawRows(first, last Mark) {
	if x.FirstRow == (Mark{}) {
		x.FirstRow = first
	}
	x.LastRow = last
}

// UntilFirstRow is the time from the request's last byte to the first byte of
// the first row; ok is false when no row was seen.
func (x *Exchange) UntilFirstRow() (d time.Duration, ok bool) {
	return x.until(x.FirstRow)
}

// UntilLastRow is the time from the request's last byte to the last byte of
// the last row.
func (x *Exchange) UntilLastRow() (d time.Duration, ok bool) {
	return x.until(x.LastRow)
}

// Queued is how long the request waited until the server had received it.
func (x *Exchange) Queued() (d time.Duration, ok bool) {
	return x.until(Mark{Time: x.Received})
}

// Service is the time from when the server had received the request to the
// response's first byte.
func (x *Exchange) Service() (d time.Duration, ok bool) {
	if x.Received.IsZero() || x.Answered.First.Time.IsZero() {
		return 0, false
	}
	return max(x.Answered.First.Time.Sub(x.Received), 0), true
}

func (x *Exchange) until(m Mark) (time.Duration, bool) {
	if x.Sent.Last.Time.IsZero() || m.Time.IsZero() {
		return 0, false
	}
	// A server may answer before it has seen all of a request.
	return max(m.Time.Sub(x.Sent.Last.Time), 0), true
}
