package report

import (
	"bufio"
	"io"
	"strconv"
	"strings"

	"unixcap/internal/capture"
)

// MessageFormats are those that a MessageWriter knows.
var MessageFormats = []Format{Stap, Text, Hex, JSONL}

// A MessageWriter writes messages, for what record shows while it records. It
// allocates nothing for a message once its buffer has grown.
type MessageWriter struct {
	w     *bufio.Writer
	lines *MessageLines
}

// NewMessageWriter returns a writer of one of MessageFormats. width is that of
// the terminal; 0 means that there is none, and then text is not cut.
func NewMessageWriter(w io.Writer, f Format, width int) (*MessageWriter, error) {
	if _, err := ParseFormat(string(f), MessageFormats); err != nil {
		return nil, err
	}
	return &MessageWriter{w: bufio.NewWriterSize(w, 64<<10), lines: NewMessageLines(f, width)}, nil
}

// WriteMessage writes a message. m is not kept.
func (w *MessageWriter) WriteMessage(m *capture.Message) error {
	_, err := w.w.Write(w.lines.Line(m))
	return err
}

// Flush writes what is buffered.
func (w *MessageWriter) Flush() error { return w.w.Flush() }

// MessageLines makes lines of messages, for `analyze dump`.
type MessageLines struct {
	put   func(*MessageLines, *capture.Message)
	width int
	buf   []byte
	cell  Cell
	peers [2]peerCache // of senders and of receivers
}

// NewMessageLines returns what makes lines in one of MessageFormats. width is as
// for NewMessageWriter.
func NewMessageLines(f Format, width int) *MessageLines {
	l := &MessageLines{width: width, put: (*MessageLines).text}
	switch f {
	case Stap:
		l.put = (*MessageLines).stap
	case Hex:
		l.put = (*MessageLines).hex
	case JSONL:
		l.put = (*MessageLines).json
	}
	return l
}

// Line returns a message's line. It is valid until the next call, and empty if
// the format has none for such a message.
func (w *MessageLines) Line(m *capture.Message) []byte {
	w.buf = w.buf[:0]
	w.put(w, m)
	return w.buf
}

// stap writes the line of unix_sockets.stp:
//
//	PID EXECNAME SK LEN [printable] [HEX]
//
// which knew nothing but bytes sent, so closes and failed sends are left out.
// LEN is what was sent, also when the capture has less of it.
func (w *MessageLines) stap(m *capture.Message) {
	if m.Op != capture.Send || m.Error != "" {
		return
	}
	b := strconv.AppendUint(w.buf, uint64(m.Sender.PID), 10)
	b = append(b, ' ')
	b = appendPrintable(b, []byte(m.Sender.Comm))
	b = append(b, " 0x"...)
	b = strconv.AppendUint(b, socketKey(m.From), 16)
	b = append(b, ' ')
	b = strconv.AppendUint(b, m.Length, 10)
	b = append(b, " ["...)
	b = appendPrintable(b, m.Payload)
	b = append(b, "] ["...)
	for _, c := range m.Payload {
		b = append(b, "0123456789ABCDEF"[c>>4], "0123456789ABCDEF"[c&15])
	}
	w.buf = append(b, "]\n"...)
}

func socketKey(s *capture.Socket) uint64 {
	if s == nil {
		return 0
	}
	return s.SK
}

// appendPrintable appends p with a dot for whatever is not printable ASCII.
func appendPrintable(dst, p []byte) []byte {
	for _, c := range p {
		if c < 0x20 || c > 0x7e {
			c = '.'
		}
		dst = append(dst, c)
	}
	return dst
}

// text writes a line for people: when, who to whom, where, how much, what.
func (w *MessageLines) text(m *capture.Message) {
	w.head(m)
	if len(m.Payload) == 0 {
		w.buf = append(w.buf, '\n')
		return
	}
	from := len(w.buf)
	w.buf = append(w.buf, ' ', ' ')
	p := m.Payload
	if w.width > 0 && len(p) > w.width {
		p = p[:w.width] // escapes only make it longer
	}
	w.buf = appendSafe(w.buf, p)
	if w.width > 0 {
		w.buf = cutTo(w.buf, from, max(w.width-columnsOf(w.buf[:from]), 10))
	}
	w.buf = append(w.buf, '\n')
}

// head writes all but the payload of a line for people.
func (w *MessageLines) head(m *capture.Message) {
	b := m.Time.UTC().AppendFormat(w.buf, "15:04:05.000000")
	b = append(b, ' ')
	b = appendPeer(b, &m.Sender, m.From)
	b = append(b, " → "...)
	b = appendPeer(b, &m.Peer, m.To)
	if s := pathOf(m); s != "" {
		if w.width > 0 && w.width < narrow {
			s = s[strings.LastIndexByte(s, '/')+1:]
		}
		b = append(b, ' ')
		b = appendSafe(b, []byte(s))
	}
	b = append(b, ' ')
	switch {
	case m.Error != "":
		b = append(b, "failed: "...)
		b = append(b, m.Error...)
	case m.Op == capture.Close:
		b = append(b, "closed"...)
	case m.Op == capture.Open:
		b = append(b, "opened"...)
	case m.Op == capture.Receive:
		b = append(b, "received "...)
		b = strconv.AppendUint(b, m.Length, 10)
	default:
		b = strconv.AppendUint(b, m.Length, 10)
	}
	if m.LostBytes > 0 || m.LostMessages > 0 {
		b = append(b, " lost="...)
		b = strconv.AppendUint(b, m.LostBytes, 10)
	}
	if m.FDs > 0 {
		b = append(b, " fds="...)
		b = strconv.AppendInt(b, int64(m.FDs), 10)
		b = append(m.FDTypes.Append(append(b, '('), m.FDs), ')')
	}
	if m.Creds {
		b = append(b, " creds"...)
	}
	w.buf = b
}

// pathOf returns the bound name of the receiver, or failing that the sender.
func pathOf(m *capture.Message) string {
	if m.To.Known() && m.To.Path != "" {
		return m.To.Path
	}
	if m.From.Known() {
		return m.From.Path
	}
	return ""
}

// hex writes a line for people and the payload as hexdump -C does.
func (w *MessageLines) hex(m *capture.Message) {
	w.head(m)
	b := append(w.buf, '\n')
	for at := 0; at < len(m.Payload); at += 16 {
		row := m.Payload[at:min(at+16, len(m.Payload))]
		for shift := 28; shift >= 0; shift -= 4 {
			b = append(b, hexDigits[at>>shift&15])
		}
		b = append(b, ' ')
		for i := range 16 {
			if i%8 == 0 {
				b = append(b, ' ')
			}
			if i < len(row) {
				b = append(b, hexDigits[row[i]>>4], hexDigits[row[i]&15], ' ')
			} else {
				b = append(b, "   "...)
			}
		}
		b = append(b, " |"...)
		b = appendPrintable(b, row)
		b = append(b, "|\n"...)
	}
	w.buf = append(b, '\n')
}
