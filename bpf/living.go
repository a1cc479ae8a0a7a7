package bpf

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/cilium/ebpf/link"
)

// livingSize is the size of struct living in sockets.bpf.c.
const livingSize = 16

// SeesCloses reports whether the backend's Close events come when sockets are
// closed. Otherwise they come only when the other end receives the end, and
// Living tells of the rest.
func (t *Tap) SeesCloses() bool { return t.coll.Programs["released"] != nil }

// Living calls f for each socket that sent or received since it is watched and
// still exists. inode is 0 if no descriptor refers to it.
func (t *Tap) Living(f func(sk uint64, inode uint32)) error {
	if t.living == nil {
		it, err := t.openLiving()
		if err != nil {
			return err
		}
		t.living = it
	}
	r, err := t.living.Open()
	if err != nil {
		return fmt.Errorf("list the sockets that are watched: %w", err)
	}
	defer r.Close()
	in := bufio.NewReaderSize(r, 1<<16)
	var b [livingSize]byte
	for {
		switch _, err := io.ReadFull(in, b[:]); {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return fmt.Errorf("list the sockets that are watched: %w", err)
		}
		f(binary.LittleEndian.Uint64(b[0:]), binary.LittleEndian.Uint32(b[8:]))
	}
}

func (t *Tap) openLiving() (*link.Iter, error) {
	spec, err := loadSockets()
	if err != nil {
		return nil, err
	}
	p, err := loadProgram(spec.Programs["list_living"])
	if err != nil {
		return nil, explain("load the list of watched sockets", err)
	}
	defer p.Close() // the link keeps it
	it, err := link.AttachIter(link.IterOptions{Program: p, Map: t.coll.Maps["socket_states"]})
	if err != nil {
		return nil, explain("attach the list of watched sockets", err)
	}
	return it, nil
}
