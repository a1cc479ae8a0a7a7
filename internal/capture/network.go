package capture

import (
	"fmt"
	"io"
	"time"

	"unixcap/pcapng"
)

// A Packet is one that is not of a UNIX socket.
type Packet struct {
	Link   uint16 // LINKTYPE of the interface
	Number uint64 // from 1, in the input
	Time   time.Time
	Data   []byte // valid until Next is called again after it returned nil
	Length int    // before it was cut
}

// A Dissector makes messages of network traffic.
type Dissector interface {
	// Packet takes a packet. It reports whether it can read the link type.
	Packet(*Packet) bool
	// Next returns the next message that is complete, nil if there is none. It
	// is valid until the next call, its payload as long as the packet, unless
	// Reassembled says otherwise.
	Next() *Message
	// Reassembled reports whether the last message's payload was put together of
	// several packets, so that it is valid only until the next call of Next.
	Reassembled() bool
}

// skip leaves out a packet that is not of a UNIX socket, or leaves it to the
// Dissector. In a file that was merged with others there may be any number of
// them.
func (r *Reader) skip(d *pcapng.InterfaceDescription, at time.Time, data []byte, length uint32) error {
	r.foreign++
	switch {
	case r.opt.Network != nil:
		r.network = Packet{Link: d.LinkType, Number: r.packets, Time: at, Data: data, Length: int(length)}
		if !r.opt.Network.Packet(&r.network) {
			r.unread++
		}
		return nil
	case r.ours:
		return nil
	}
	r.end = fmt.Errorf("packet %d: %w", r.packets, ErrForeign)
	return r.end
}

// unreadable is the error at the end of an input none of whose packets could be
// read: io.EOF if there are none.
func (r *Reader) unreadable() error {
	if r.unread == 0 || r.unread < r.packets {
		return io.EOF
	}
	return fmt.Errorf("link type %d: %w", r.network.Link, ErrForeign)
}
