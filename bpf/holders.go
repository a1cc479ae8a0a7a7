package bpf

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/btf"
	"github.com/cilium/ebpf/link"
	"github.com/cilium/ebpf/ringbuf"
	"golang.org/x/sys/unix"
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
// among them. types is nil, or Options.Types.
func Holders(types *btf.Spec) ([]Holder, error) {
	if err := removeMemlock(); err != nil {
		return nil, err
	}
	if types != nil {
		return walkHolders(types)
	}
	it, err := openList("list_holders", nil)
	if err != nil {
		return nil, err
	}
	defer it.Close()
	r, err := it.Open()
	if err != nil {
		return nil, fmt.Errorf("open the list of sockets: %w", err)
	}
	defer r.Close()
	return readHolders(bufio.NewReaderSize(r, 1<<18))
}

// openList loads and attaches a program that lists sockets, or those of a map.
func openList(program string, of *ebpf.Map) (*link.Iter, error) {
	if _, err := ownTypes(); err != nil {
		return nil, err
	}
	spec, err := loadSockets()
	if err != nil {
		return nil, err
	}
	p, err := loadProgram(spec.Programs[program])
	if err != nil {
		return nil, explain("load the list of sockets", err)
	}
	defer p.Close() // the link keeps it
	it, err := link.AttachIter(link.IterOptions{Program: p, Map: of})
	if err != nil {
		return nil, explain("attach the list of sockets", err)
	}
	return it, nil
}

// walkHolders is Holders where the kernel has no iterators.
func walkHolders(types *btf.Spec) ([]Holder, error) {
	spec, err := loadSockets()
	if err != nil {
		return nil, err
	}
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	defer unix.Close(fds[0])
	defer unix.Close(fds[1])
	coll, err := runOnce(spec, "walk_holders", types, "holders", "walks")
	if err != nil {
		return nil, fmt.Errorf("list sockets: %w", err)
	}
	defer coll.Close()
	var walk struct { // struct walk in sockets.bpf.c
		First, Task uint64
		FD, Done    uint32
		Lost        uint64
	}
	if err := coll.Maps["walks"].Lookup(uint32(0), &walk); err != nil {
		return nil, fmt.Errorf("list sockets: %w", err)
	}
	if walk.Done == 0 || walk.Lost > 0 {
		return nil, fmt.Errorf("list sockets: too many descriptors (%d sockets found no room)", walk.Lost)
	}
	r, err := ringbuf.NewReader(coll.Maps["holders"])
	if err != nil {
		return nil, fmt.Errorf("list sockets: %w", err)
	}
	defer r.Close()
	r.SetDeadline(time.Now()) // all of it is there
	var all bytes.Buffer
	for {
		record, err := r.Read()
		if errors.Is(err, os.ErrDeadlineExceeded) {
			list, err := readHolders(&all)
			if err == nil {
				err = findOwn(list, fds[0])
			}
			return list, err
		}
		if err != nil {
			return nil, fmt.Errorf("list sockets: %w", err)
		}
		all.Write(record.RawSample[:holderSize])
	}
}

// findOwn looks for a socket of our own, which is found only with the right types.
func findOwn(list []Holder, fd int) error {
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return err
	}
	for i := range list {
		if h := &list[i]; h.PID == uint32(os.Getpid()) && h.FD == uint32(fd) && h.Inode == uint32(st.Ino) {
			return nil
		}
	}
	return errors.New("list sockets: record's own are not among them (the types are not this kernel's)")
}

// runOnce loads one of the programs, with those maps that it has, and runs it in
// the calling thread.
func runOnce(spec *ebpf.CollectionSpec, name string, types *btf.Spec, keep ...string) (*ebpf.Collection, error) {
	spec.Programs = map[string]*ebpf.ProgramSpec{name: spec.Programs[name]}
	maps.DeleteFunc(spec.Maps, func(name string, _ *ebpf.MapSpec) bool {
		return !slices.Contains(keep, name) && !strings.HasPrefix(name, ".")
	})
	coll, err := loadCollection(spec, ebpf.ProgramOptions{KernelTypes: types})
	if err != nil {
		return nil, explain("load", err)
	}
	if _, err := coll.Programs[name].Run(&ebpf.RunOptions{}); err != nil {
		coll.Close()
		return nil, explain("run "+name, err)
	}
	return coll, nil
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
