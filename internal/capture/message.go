// Package capture is the capture profile: what unixcap knows of a message on a
// UNIX socket, and how that becomes packets of a pcapng file and is read back
// from them. docs/format.md describes the packets for users of the files.
package capture

import (
	"net/netip"
	"time"
)

// A Kind is a type of UNIX socket.
type Kind uint8

const (
	Stream Kind = iota
	Datagram
	SeqPacket
)

func (k Kind) String() string {
	return [...]string{"stream", "dgram", "seqpacket"}[k]
}

// An Op is what happened on a socket.
type Op uint8

const (
	Send    Op = iota // bytes were sent
	Close             // the sending end was closed, or shut down for writing
	Open              // a connection was seen first; only in network traffic
	Receive           // From received bytes that To had sent; only of streams
)

// A Role is what an end of a connection is.
type Role uint8

const (
	RoleUnknown Role = iota
	RoleClient
	RoleServer
)

// A Socket is one UNIX socket. SK alone does not identify it, since the kernel
// reuses addresses: SK and Inode do. In a capture of network traffic it is one
// end of a connection, and only Kind, Addr and Conn are set.
type Socket struct {
	SK     uint64 // address of the kernel's struct sock; 0 if unknown
	Inode  uint32 // of the socket's file; 0 if it has none (yet)
	Cookie uint64 // 0 if none was given
	NetNS  uint64 // inode of the network namespace; 0 if unknown
	Kind   Kind
	// Path is the bound name: a path, @name for an abstract one, "" for none.
	// An accepted socket has its listener's.
	Path string

	Addr netip.AddrPort // network traffic: IP address and port
	Conn *Conn          // network traffic: the connection; identifies it
}

// Known reports whether anything is known of the socket at all.
func (s *Socket) Known() bool { return s != nil && (s.SK != 0 || s.Conn != nil) }

// A Conn is a TCP connection, or all the datagrams between two UDP ports. It
// does not change once it is in a Message.
type Conn struct {
	// Server is the end that answered a handshake, invalid if the capture has
	// none.
	Server netip.AddrPort
	// Number counts the connections of an input.
	Number uint64
	// Again is how many connections of the same two addresses and ports came
	// before this one.
	Again uint32
}

// A Process is who sends, or holds the other end.
type Process struct {
	PID    uint32 // thread group; 0 if unknown
	TID    uint32 // the thread that made the call; 0 if unknown
	UID    uint32
	Comm   string  // at most 15 bytes, as the kernel has it
	Cgroup uint64  // cgroup id; 0 if unknown
	Origin *Origin // nil if unknown
}

// A Message is one event on one socket: a send as the kernel accepted it, or
// the socket's end.
type Message struct {
	Op Op
	// Number is the message's position in the recording, from 1. All packets
	// of a message have it as their epb_packetid.
	Number uint64
	// Packet is the 1-based number of the message's first packet in the
	// input. Only a Reader sets it.
	Packet uint64

	// Time is the entry of the send call where the recorder saw it, otherwise
	// its end. Took is how long the call lasted, 0 if unknown.
	Time time.Time
	Took time.Duration

	From, To *Socket // To may be nil or unknown
	// Role is what From is and FromPort and ToPort are the ports, as the packets
	// have it. Only a Reader sets them; see ServerEnd.
	Role             Role
	FromPort, ToPort uint16

	Sender Process // who sent
	Peer   Process // who holds the other end, as far as known

	// Offset is the position of the first byte in all that From ever sent
	// while it was watched. Stream sockets only use it to place bytes;
	// it is counted for all.
	Offset uint64
	// Length is how many bytes the kernel accepted, or From received. len(Payload) is less when
	// the message was cut at the snap length or could not be read whole.
	Length  uint64
	Payload []byte

	// Acked is how much of what To sent From has received, in To's offsets; 0
	// if that is not known. A Receive has it, with its own bytes counted, and
	// network traffic, where a hole below it is no longer to be filled.
	Acked uint64
	// Late says that both ends had closed the connection already, so that the
	// message begins nothing new. Only in network traffic.
	Late bool

	// LostBytes and LostMessages are what From sent just before this message
	// and the recording does not have.
	LostBytes, LostMessages uint64

	FDs     int     // file descriptors passed along
	FDTypes FDTypes // what they are, as far as known
	Creds   bool    // credentials passed along explicitly
	Error   string  // errno's name when the send failed: "EAGAIN"
}

// ServerEnd returns which socket is the server's, as the packets say, or else as
// the function of that name does, and at which port the capture has it; 0 if it
// has none. The socket is nil for a server of which nothing is known.
func (m *Message) ServerEnd() (server *Socket, port uint16) {
	switch m.Role {
	case RoleServer:
		return m.From, m.FromPort
	case RoleClient:
		return m.To, m.ToPort
	}
	server = ServerEnd(m.From, m.To)
	port = m.ToPort
	if server == m.From {
		port = m.FromPort
	}
	if m.FromPort == 0 && m.ToPort == 0 {
		port, _ = WellKnownPort(server)
	}
	return server, port
}
