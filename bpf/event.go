package bpf

import (
	"encoding/binary"
	"fmt"
)

// An Op says what an Event is about. The numbers are those of enum op in event.h.
type Op uint8

const (
	Send   Op = 1 // a send call returned
	Socket Op = 2 // a socket is seen for the first time
	Close  Op = 3 // a socket is closed, or will send no more
	// Receive: bytes were taken off a stream. Only with Options.Receive.
	Receive Op = 4
	// Ahead: a part of what the thread TID is about to send on SK. It counts
	// if that Send has the flag Before.
	Ahead Op = 5
)

// Flags of an Event, from enum send_flags in event.h.
type Flags uint16

const (
	Last     Flags = 1 << iota // no further part of this message follows
	Fault                      // the memory behind Data could not be read
	NoBuffer                   // it is not known where the payload is
	Creds                      // SCM_CREDENTIALS passed along
	Before                     // the payload came before, as Ahead events
)

// An Event is one record from the kernel. A message longer than 32 KiB comes
// as several Send events that differ in Part, Flags and Data only; between them
// there can be events of other sockets.
type Event struct {
	Op   Op
	Kind uint8 // SOCK_STREAM, SOCK_DGRAM or SOCK_SEQPACKET

	SK, Peer         uint64
	Inode, PeerInode uint32 // 0 until a socket is accepted

	// Who made the call. PID is 0 in a Socket event whose socket is not the
	// caller's own.
	PID, TID, UID uint32
	Cgroup        uint64
	Comm          [16]byte

	// Of a Send. An Ahead has TID, SK, Part and Data.
	Seq    uint32 // number of the message on this socket, lost ones counted
	Offset uint64 // bytes the socket sent before, since it is watched
	// CLOCK_MONOTONIC in ns. Entry is when the call began (fentry), or when
	// the receiver was first told of the message (tracepoint); 0 if that was
	// not seen.
	Entry, Exit uint64
	Ret         int32  // bytes the kernel accepted, or -errno
	FDs         uint16 // descriptors passed with SCM_RIGHTS
	FDTypes     uint64 // of the first 16: the type in i_mode, 4 bits each from the lowest on
	Flags       Flags
	Part        uint32 // where in the message Data starts
	Data        []byte // valid until the next Read

	// Of a Receive, at Exit, of Ret bytes.
	Received uint64 // bytes that SK received so far, since it is watched
	Emptied  bool   // nothing was left to receive

	// Of a Socket.
	State          uint8 // TCP_ESTABLISHED (1), TCP_LISTEN (10), …
	Cookie         uint64
	NetNS          uint32
	PeerPID        uint32 // who connected or listened, as SO_PEERCRED has it
	Path, PeerPath []byte // as in sun_path: "\x00name" if abstract; valid until the next Read
}

const (
	sendRecordSize    = 120
	socketRecordSize  = 304
	closeRecordSize   = 24
	receiveRecordSize = 88
)

// decode reads one ring buffer record. The layouts are those of event.h; both
// architectures that the programs are built for are little endian.
func (e *Event) decode(b []byte) error {
	if len(b) == 0 {
		return fmt.Errorf("empty record")
	}
	le := binary.LittleEndian
	op := Op(b[0])
	switch {
	case (op == Send || op == Ahead) && len(b) >= sendRecordSize:
		*e = Event{
			Op: op, Kind: b[1], Flags: Flags(le.Uint16(b[2:])), FDs: le.Uint16(b[4:]),
			Seq: le.Uint32(b[8:]), SK: le.Uint64(b[16:]), Peer: le.Uint64(b[24:]),
			Entry: le.Uint64(b[32:]), Exit: le.Uint64(b[40:]),
			Offset: le.Uint64(b[48:]), Cgroup: le.Uint64(b[56:]),
			PID: le.Uint32(b[64:]), TID: le.Uint32(b[68:]), UID: le.Uint32(b[72:]),
			Ret: int32(le.Uint32(b[76:])), Inode: le.Uint32(b[80:]), PeerInode: le.Uint32(b[84:]),
			Part: le.Uint32(b[88:]), Comm: [16]byte(b[96:112]),
			FDTypes: le.Uint64(b[112:]),
		}
		n := int(le.Uint32(b[92:]))
		if n > len(b)-sendRecordSize {
			return fmt.Errorf("record of %d bytes says it has %d bytes of payload", len(b), n)
		}
		e.Data = b[sendRecordSize : sendRecordSize+n]
	case op == Socket && len(b) >= socketRecordSize:
		*e = Event{
			Op: op, Kind: b[1], State: b[3], Inode: le.Uint32(b[4:]),
			SK: le.Uint64(b[8:]), Peer: le.Uint64(b[16:]), Cookie: le.Uint64(b[24:]),
			Cgroup: le.Uint64(b[32:]), PeerInode: le.Uint32(b[40:]), NetNS: le.Uint32(b[44:]),
			PID: le.Uint32(b[48:]), TID: le.Uint32(b[52:]), UID: le.Uint32(b[56:]),
			PeerPID:  le.Uint32(b[60:]),
			Comm:     [16]byte(b[68:84]),
			Path:     sunPath(b[84:192], le.Uint16(b[64:])),
			PeerPath: sunPath(b[192:300], le.Uint16(b[66:])),
		}
	case op == Close && len(b) >= closeRecordSize:
		*e = Event{Op: op, Inode: le.Uint32(b[4:]), SK: le.Uint64(b[8:]), Exit: le.Uint64(b[16:])}
	case op == Receive && len(b) >= receiveRecordSize:
		*e = Event{
			Op: op, Kind: b[1], Emptied: b[2] != 0, Inode: le.Uint32(b[4:]),
			SK: le.Uint64(b[8:]), Peer: le.Uint64(b[16:]), Exit: le.Uint64(b[24:]),
			Received: le.Uint64(b[32:]), Cgroup: le.Uint64(b[40:]),
			PID: le.Uint32(b[48:]), TID: le.Uint32(b[52:]), UID: le.Uint32(b[56:]),
			Ret: int32(le.Uint32(b[60:])), PeerInode: le.Uint32(b[64:]), Comm: [16]byte(b[72:88]),
		}
	default:
		return fmt.Errorf("record of %d bytes with operation %d", len(b), op)
	}
	return nil
}

// sunPath cuts a sun_path to its length, and a pathname at its NUL.
func sunPath(b []byte, n uint16) []byte {
	b = b[:min(int(n), len(b))]
	if len(b) > 0 && b[0] != 0 {
		for i, c := range b {
			if c == 0 {
				return b[:i]
			}
		}
	}
	return b
}
