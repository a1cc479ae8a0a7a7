package bpf

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
)

// livingSize is the size of struct living in sockets.bpf.c.
const livingSize = 16

// SeesCloses reports whether the backend's Close events come when sockets are
// closed. Otherwise they come only when the other end receives the end, and
// Living tells of the rest.
func (t *Tap) SeesCloses() bool { return t.coll.Programs["released"] != nil }

// Living calls f for each socket that sent or received since it is watched and
// still exists, and perhaps for others. inode is 0 if no descriptor refers to it.
// Where the kernel forbids to look at what is watched, sockets that no descriptor
// refers to, such as those not yet accepted, are not among them: then whole is false.
func (t *Tap) Living(f func(sk uint64, inode uint32)) (whole bool, err error) {
	if t.living == nil {
		if err := t.openLiving(); err != nil {
			return false, err
		}
	}
	r, err := t.living.Open()
	if err != nil {
		return false, fmt.Errorf("list the sockets that are watched: %w", err)
	}
	defer r.Close()
	in := bufio.NewReaderSize(r, 1<<16)
	var b [livingSize]byte
	for {
		switch _, err := io.ReadFull(in, b[:]); {
		case errors.Is(err, io.EOF):
			return t.livingWhole, nil
		case err != nil:
			return false, fmt.Errorf("list the sockets that are watched: %w", err)
		}
		f(binary.LittleEndian.Uint64(b[0:]), binary.LittleEndian.Uint32(b[8:]))
	}
}

// openLiving takes the list of what is watched, or if that is forbidden the list
// of what is held.
func (t *Tap) openLiving() error {
	var err error
	t.livingWhole = true
	t.living, err = openList("list_living", t.coll.Maps["socket_states"])
	if errors.Is(err, os.ErrPermission) {
		t.livingWhole = false
		t.living, err = openList("list_held", nil)
	}
	return err
}
