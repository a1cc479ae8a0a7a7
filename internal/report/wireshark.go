package report

import (
	"encoding/binary"
	"io"
	"strconv"
	"strings"
	"time"

	"unixcap/decoders"
	"unixcap/internal/capture"
	"unixcap/internal/shell"
)

// appendFilter appends Wireshark's display filter for an exchange's packets: those
// between its ends, from the request's first to the response's last. It goes by
// addresses and time, which a part of the capture that was saved again keeps;
// packets' numbers are others there.
func appendFilter(dst []byte, e *Entry) []byte {
	first, last := span(e.Exchange)
	if first.IsZero() {
		return dst
	}
	for i := range e.Flow.Ends {
		if i > 0 {
			dst = append(dst, " and "...)
		}
		dst = appendEnd(dst, &e.Flow.Ends[i].Socket)
	}
	if e.Flow.Ends[0].Socket.Conn != nil {
		protocol := "tcp"
		if e.Flow.Kind == capture.Datagram {
			protocol = "udp"
		}
		for i := range e.Flow.Ends {
			dst = append(append(append(dst, " and "...), protocol...), ".port == "...)
			dst = strconv.AppendUint(dst, uint64(e.Flow.Ends[i].Socket.Addr.Port()), 10)
		}
	}
	dst = appendEpoch(append(dst, " and frame.time_epoch >= "...), first.UTC())
	return appendEpoch(append(dst, " and frame.time_epoch <= "...), last.UTC())
}

// span is when an exchange's first packet was, and its last.
func span(x *decoders.Exchange) (first, last decoders.Time) {
	for _, t := range [...]decoders.Time{x.Sent.First.Time, x.Sent.Last.Time, x.Answered.First.Time, x.Answered.Last.Time} {
		if t.IsZero() {
			continue
		}
		if first.IsZero() || t < first {
			first = t
		}
		last = max(last, t)
	}
	return first, last
}

// appendEnd appends what an end's packets have in common. Of a UNIX socket's address
// the inode is not in it, since the one in a file's packets can be older.
func appendEnd(dst []byte, s *capture.Socket) []byte {
	if s.Conn != nil {
		ip := s.Addr.Addr().Unmap()
		name := "ipv6.addr == "
		if ip.Is4() {
			name = "ip.addr == "
		}
		return ip.WithZone("").AppendTo(append(dst, name...))
	}
	a := capture.Address(s).As16()
	dst = append(dst, "ipv6.addr == "...)
	for i := 0; i < 12; i += 2 {
		dst = append(strconv.AppendUint(dst, uint64(binary.BigEndian.Uint16(a[i:])), 16), ':')
	}
	return append(dst, ":/96"...)
}

// appendEpoch appends seconds since 1970, to the nanosecond.
func appendEpoch(dst []byte, t time.Time) []byte {
	dst = append(strconv.AppendInt(dst, t.Unix(), 10), '.')
	ns := strconv.Itoa(t.Nanosecond())
	return append(append(dst, "000000000"[len(ns):]...), ns...)
}

// WriteWireshark writes a command for each of the first groups, which opens its
// slowest exchange in Wireshark.
func (s *Summary) WriteWireshark(w io.Writer, l Layout) error {
	var out []byte
	for i, g := range s.sortedGroups(l.By, l.Sort) {
		if l.Limit > 0 && i == l.Limit {
			break
		}
		x := &g.Slowest
		if len(x.Filter) == 0 {
			continue
		}
		file := x.File
		if file == "" {
			file = s.Files[0]
		}
		out = appendSafe(append(out, "# "...), g.title())
		out = append(appendDuration(append(out, ": "...), x.Duration), '\n')
		out = append(append(append(out, "wireshark -r "...), input(file)...), " -Y '"...)
		out = append(append(out, x.Filter...), "'\n"...)
	}
	_, err := w.Write(out)
	return err
}

// input is a file's name as an argument that is not taken for an option.
func input(name string) string {
	if strings.HasPrefix(name, "-") && name != "-" { // standard input
		name = "./" + name
	}
	return shell.Word(name)
}
