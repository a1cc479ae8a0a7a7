package fileset

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// Stdout is the name that stands for standard output.
const Stdout = "-"

// names gives the files of a set their names.
type names struct {
	rotation Rotation
	name     string // as it was given, without suffix
	suffix   string // of the compression
	width    int    // of tcpdump's numbers

	number  int      // of the current file: tcpdump's from 0, dumpcap's from 1
	periods int      // how many of tcpdump's -G have ended
	ring    []string // dumpcap's names in use
}

func newNames(name string, r Rotation, c Compression) (*names, error) {
	if name == "" {
		return nil, errors.New("the name of the file to write is empty")
	}
	n := &names{rotation: r, name: name}
	if name == Stdout {
		if r.rotates() {
			return nil, errors.New("standard output is one file: -C, -G and -b need the name of another")
		}
		return n, nil
	}
	n.name, n.suffix = strings.TrimSuffix(name, c.suffix()), c.suffix()
	switch {
	case r.Numbered:
		n.number = 1
		n.ring = make([]string, r.Files)
	case r.Size > 0 && r.Files > 1:
		n.width = len(strconv.Itoa(r.Files - 1))
	}
	_, err := n.at(time.Now())
	return n, err
}

// at returns the name of the current file, if it is begun at that time.
func (n *names) at(t time.Time) (string, error) {
	r := &n.rotation
	if r.Numbered {
		ext := filepath.Ext(n.name)
		base := strings.TrimSuffix(n.name, ext)
		return fmt.Sprintf("%s_%05d_%s%s%s", base, n.number%maxFiles, t.Format("20060102150405"), ext, n.suffix), nil
	}
	name := n.name
	if r.Every > 0 {
		var err error
		if name, err = appendTime(name, t); err != nil {
			return "", fmt.Errorf("-w %s: %w", n.name, err)
		}
	}
	if r.Size > 0 && (n.number > 0 || n.width > 0) {
		name += fmt.Sprintf("%0*d", n.width, n.number)
	}
	return name + n.suffix, nil
}

// next goes to the next file, because the time for the current one is over or
// because it is full; false if that was the last one.
func (n *names) next(over bool) bool {
	r := &n.rotation
	switch {
	case r.Numbered:
		n.number++
	case over:
		n.number = 0
		n.periods++
		return !r.ends() || n.periods < r.Files
	default:
		n.number++
		if r.Files > 0 {
			n.number %= r.Files
		}
	}
	return true
}

// take notes that the current file is about to have a name, and removes the one
// whose place in dumpcap's ring it takes: its name is another, since it has the
// time in it. One that is gone already need not be removed.
func (n *names) take(name string) {
	if len(n.ring) == 0 {
		return
	}
	slot := &n.ring[(n.number-1)%len(n.ring)]
	if *slot != "" && *slot != name {
		os.Remove(*slot)
	}
	*slot = name
}
