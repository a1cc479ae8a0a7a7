package bpf

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/cilium/ebpf/link"
)

// A Holder is one process's descriptor of one UNIX socket.
type Holder struct {
	SK, Peer         uint64
	Cookie           uint64
	Addr             uint64 // struct unix_address: shared by a listener and those it accepts
	Inode, PeerInode uint32
	NetNS            uint32
	PID, FD          uint32
	PeerPID          uint32 // who connected or listened, as SO_PEERCRED has it
	Kind             uint8  // SOCK_STREAM, SOCK_DGRAM or SOCK_SEQPACKET
	State            uint8  // TCP_ESTABLISHED (1), TCP_CLOSE (7), TCP_LISTEN (10)
	Comm             [16]byte
	Path             string // as in sun_path: "\x00name" if abstract
}

// holderSize is the size of struct holder in sockets.bpf.c.
const holderSize = 184

// Holders lists the UNIX sockets of all processes in all network namespaces.
// Sockets that no descriptor refers to, such as those not yet accepted, are not
// among them.
func Holders() ([]Holder, error) {
	if err := removeMemlock(); err != nil {
		return nil, err
	}
	spec, err := loadSockets()
	if err != nil {
		return nil, err
	}
	p, err := loadProgram(spec.Programs["list_holders"])
	if err != nil {
		return nil, explain("load the list of sockets", err)
	}
	defer p.Close()
	it, err := link.AttachIter(link.IterOptions{Program: p})
	if err != nil {
		return nil, explain("attach the list of sockets", err)
	}
	defer it.Close()
	r, err := it.Open()
	if err != nil {
		return nil, fmt.Errorf("open the list of sockets: %w", err)
	}
	defer r.Close()
	return readHolders(bufio.NewReaderSize(r, 1<<18))
}

func readHolders(r io.Reader) ([]Holder, error) {
	var (
		list []Holder
		b    [holderSize]byte
		le   = binary.LittleEndian
	)
	for {
		switch _, err := io.ReadFull(r, b[:]); {
		case errors.Is(err, io.EOF):
			return list, nil
		case err != nil:
			return nil, fmt.Errorf("read the list of sockets: %w", err)
		}
		list = append(list, Holder{
			SK: le.Uint64(b[0:]), Peer: le.Uint64(b[8:]), Cookie: le.Uint64(b[16:]),
			Addr: le.Uint64(b[24:]), Inode: le.Uint32(b[32:]), PeerInode: le.Uint32(b[36:]),
			NetNS: le.Uint32(b[40:]), PID: le.Uint32(b[44:]), FD: le.Uint32(b[48:]),
			PeerPID: le.Uint32(b[52:]), Kind: b[56], State: b[57],
			Comm: [16]byte(b[60:76]),
			Path: string(sunPath(b[76:184], le.Uint16(b[58:]))),
		})
	}
}
