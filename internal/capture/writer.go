package capture

import (
	"errors"
	"fmt"
	"io"
	"math"
	"time"

	"unixcap/pcapng"
)

// DefaultMaxConnections is how many connections a Writer remembers unless told
// otherwise. Each takes about a kilobyte.
const DefaultMaxConnections = 1 << 16

// LinkType is that of all interfaces: LINKTYPE_RAW, packets begin with an IP header.
const LinkType = 101

// maxLength is more than one system call can send: MAX_RW_COUNT in
// linux/fs.h is just below.
const maxLength = 1 << 31

// WriterOptions are the settings of a Writer. The zero value means the
// defaults.
type WriterOptions struct {
	// What the section header says of where the capture comes from.
	Program  string // name and version; "unixcap" if empty
	Kernel   string // "Linux 6.12.48"
	Hardware string // "x86_64"
	Host     string
	Command  string // the command line

	Ports []PortRule // come before the table of well-known services

	NoProcesses bool // leave out process blocks
	// Receives: there are Receive messages, so that what is acknowledged is
	// what was received. Without, it is all that the other end sent.
	Receives bool

	// MaxConnections is how many connections are remembered; the least recently
	// used is given up for a new one. One that comes back has a new handshake and
	// description.
	MaxConnections int
	BufferSize     int // of the output; see pcapng.WriterOptions
}

// Stats are the statistics at the end of a file. The counts are of messages.
type Stats struct {
	Start, End time.Time             // of the recording
	Interfaces [kinds]InterfaceStats // by Kind
	Losses     [kinds][]Loss         // by Kind and reason; what was not lost need not be there
}

// A Loss says how much was lost for one reason. Its name is a word, as the keys
// of comments are.
type Loss struct {
	Reason          string
	Messages, Bytes uint64
}

// InterfaceStats count the messages of one kind of sockets.
type InterfaceStats struct {
	Received  uint64 // seen by the hooks
	Dropped   uint64 // lost for want of room between kernel and recorder
	Accepted  uint64 // chosen by the filters
	OSDropped uint64 // lost in the kernel for other reasons
	Delivered uint64 // given to the Writer
}

const kinds = 3

// interfaceNames are the interfaces of a file, by Kind.
var interfaceNames = [kinds]struct{ name, description string }{
	Stream:    {"unix-stream", "AF_UNIX SOCK_STREAM as TCP"},
	Datagram:  {"unix-dgram", "AF_UNIX SOCK_DGRAM as UDP"},
	SeqPacket: {"unix-seqpacket", "AF_UNIX SOCK_SEQPACKET as UDP"},
}

// A Writer writes messages as packets, so that Wireshark shows them as
// conversations and a Reader gives them back as they were. It keeps a bounded
// number of connections in memory, and allocates nothing for a message of a
// connection it knows.
type Writer struct {
	opt   WriterOptions
	table table

	// What belongs to the current file.
	out       *pcapng.Writer
	file      uint32 // counts them
	processes map[processKey]uint32
	named     map[address]struct{}
	latest    uint64 // timestamp

	// Reused for every packet.
	packet   pcapng.EnhancedPacket
	comments [1][]byte
	comment  []byte
	header   []byte
}

// NewWriter begins a file on w.
func NewWriter(w io.Writer, o WriterOptions) (*Writer, error) {
	if o.Program == "" {
		o.Program = "unixcap"
	}
	if o.MaxConnections <= 0 {
		o.MaxConnections = DefaultMaxConnections
	}
	x := &Writer{opt: o, table: newTable(o.MaxConnections)}
	if err := x.Reset(w); err != nil {
		return nil, err
	}
	return x, nil
}

// Reset begins another file on w, which is complete in itself: names, processes,
// descriptions and handshakes come again. What is known of the connections is
// kept. The file before should have been ended with Close.
func (w *Writer) Reset(to io.Writer) error {
	w.out = pcapng.NewWriterOptions(to, pcapng.WriterOptions{BufferSize: w.opt.BufferSize})
	w.file++
	w.processes = map[processKey]uint32{}
	w.named = map[address]struct{}{}
	w.latest = 0
	header := &pcapng.SectionHeader{
		Hardware: w.opt.Hardware,
		OS:       w.opt.Kernel,
		UserAppl: w.opt.Program,
	}
	var about []byte
	if w.opt.Host != "" {
		about = appendName(about, "host", w.opt.Host, maxPath)
	}
	if w.opt.Command != "" {
		about = appendName(about, "command", w.opt.Command, maxPath)
	}
	if len(about) > 0 {
		header.Comments = [][]byte{about}
	}
	if err := w.out.WriteBlock(header); err != nil {
		return err
	}
	for _, f := range interfaceNames {
		d := pcapng.NewInterface(f.name, LinkType)
		d.Description = f.description
		if _, err := w.out.WriteInterface(d); err != nil {
			return err
		}
	}
	return nil
}

var (
	errNoSender = errors.New("message without a sending socket")
	errKind     = errors.New("socket of an unknown kind")
	errOp       = errors.New("message of an unknown operation")
	errTime     = errors.New("time before 1970 or after 2262")
)

// check says what is wrong with a message.
func check(m *Message) error {
	switch {
	case !m.From.Known():
		return errNoSender
	case m.From.Kind >= kinds:
		return errKind
	case m.Op > Close && m.Op != Receive:
		return errOp
	case uint64(len(m.Payload)) > m.Length:
		return fmt.Errorf("payload of %d bytes in a message of %d", len(m.Payload), m.Length)
	case m.Length > maxLength:
		return fmt.Errorf("message of %d bytes; no send has more than %d", m.Length, uint64(maxLength))
	}
	if s := m.Time.Unix(); s < 0 || s >= math.MaxInt64/int64(time.Second) {
		return errTime
	}
	return nil
}

// WriteMessage writes the packets of a message; none for the end of a connection
// that had no message, or was given up. Messages are to come in the order of
// their times. It keeps nothing of m.
func (w *Writer) WriteMessage(m *Message) error {
	if err := check(m); err != nil {
		return fmt.Errorf("message %d: %w", m.Number, err)
	}
	c, i := w.table.find(m)
	if c == nil {
		return nil
	}
	c.learn(i, m)
	ts := uint64(m.Time.UnixNano())
	w.latest = max(w.latest, ts)
	first := c.file != w.file
	if first {
		if err := w.begin(c); err != nil {
			return err
		}
	}
	if m.Op == Receive && !c.receive(i, m) && !first {
		return nil
	}
	if c.kind == Stream {
		if err := w.follow(c, i, m, ts, first); err != nil {
			return err
		}
	}
	if m.Op == Receive && w.ackOf(c, i) == c.end[i].acked {
		return nil // the handshake says it already
	}
	if err := w.writeMessage(c, i, m, ts); err != nil {
		return err
	}
	if m.Op != Receive {
		c.last = i
	}
	if m.Op == Close {
		c.end[i].closed = true
		if c.kind == Datagram || c.end[1-i].closed || !c.end[1-i].sock.Known() {
			w.table.drop(c)
		}
	}
	return nil
}

// begin makes a connection ready for its first packet in this file.
func (w *Writer) begin(c *connection) error {
	c.file, c.resync, c.sum = w.file, false, 0
	server := ServerEnd(&c.end[0].sock, &c.end[1].sock, w.opt.Ports...)
	c.server = 0
	if server == &c.end[1].sock {
		c.server = 1
	}
	for i := range c.end {
		e := &c.end[i]
		e.addr = addressOf(&e.sock)
		c.sum = sumOf(c.sum, e.addr[:])
		e.told = told{line: e.told.line[:0]}
		e.seq = uint32(e.next) + 1 + c.base
		e.unack = 0
	}
	s := &c.end[c.server]
	if port, ok := WellKnownPort(&s.sock, w.opt.Ports...); ok {
		s.port = port
	} else {
		s.port = serverPort(&s.sock)
	}
	c.end[1-c.server].port = clientPort(&c.end[1-c.server].sock)
	return w.nameSockets(c)
}

// Flush hands all packets written so far to the io.Writer.
func (w *Writer) Flush() error { return w.out.Flush() }

// Buffered returns how many bytes wait for Flush.
func (w *Writer) Buffered() int { return w.out.Buffered() }

// Close ends the file with its statistics, if there are any, and flushes it. The
// io.Writer is left open. The Writer can go on with Reset.
func (w *Writer) Close(stats *Stats) error {
	if stats == nil {
		return w.out.Flush()
	}
	for i := range stats.Interfaces {
		s := &stats.Interfaces[i]
		b := &pcapng.InterfaceStatistics{
			InterfaceID:  uint32(i),
			Timestamp:    w.latest,
			IfRecv:       pcapng.Some(s.Received),
			IfDrop:       pcapng.Some(s.Dropped),
			FilterAccept: pcapng.Some(s.Accepted),
			OSDrop:       pcapng.Some(s.OSDropped),
			UsrDeliv:     pcapng.Some(s.Delivered),
		}
		if !stats.Start.IsZero() {
			b.StartTime = pcapng.Some(uint64(stats.Start.UnixNano()))
		}
		if !stats.End.IsZero() {
			b.Timestamp = uint64(stats.End.UnixNano())
			b.EndTime = pcapng.Some(b.Timestamp)
		}
		if about := appendLosses(nil, stats.Losses[i]); len(about) > 0 {
			b.Comments = [][]byte{about}
		}
		if err := w.out.WriteBlock(b); err != nil {
			return err
		}
	}
	return w.out.Flush()
}
