package capture

import (
	"strconv"
	"unicode"
	"unicode/utf8"

	"unixcap/pcapng"
)

const (
	// maxName is the longest name Wireshark takes from a name resolution block:
	// MAXNAMELEN in epan/addr_resolv.h is 64 with the NUL.
	maxName = 63
	// maxNamed bounds what is kept of a file to avoid repeating it.
	// More sockets than that may be named twice, more processes have no block.
	maxNamed     = 1 << 16
	maxProcesses = 1 << 16
)

// A processRef is the block of a process. It is kept with the process's name,
// which a program changes when it executes another and threads choose for
// themselves.
type processRef struct {
	pid   uint32
	comm  string
	index uint32
	file  uint32 // the block is in
	ok    bool
}

type processKey struct {
	pid  uint32
	comm string
}

// process returns the block of a process, writing it if this is its first packet
// in the file. ref is the last result for the same end.
func (w *Writer) process(ref *processRef, p *Process) (pcapng.Optional[uint32], error) {
	if w.opt.NoProcesses || p.PID == 0 {
		return pcapng.Optional[uint32]{}, nil
	}
	if ref.file == w.file && ref.pid == p.PID && ref.comm == p.Comm {
		return pcapng.Optional[uint32]{Value: ref.index, Valid: ref.ok}, nil
	}
	*ref = processRef{pid: p.PID, comm: p.Comm, file: w.file}
	key := processKey{p.PID, p.Comm}
	ref.index, ref.ok = w.processes[key]
	if !ref.ok && len(w.processes) < maxProcesses {
		name := string(printable(nil, p.Comm, maxComm))
		index, err := w.out.WriteProcess(&pcapng.ProcessInformation{ProcessID: p.PID, Name: name})
		if err != nil {
			return pcapng.Optional[uint32]{}, err
		}
		w.processes[key] = index
		ref.index, ref.ok = index, true
	}
	return pcapng.Optional[uint32]{Value: ref.index, Valid: ref.ok}, nil
}

// nameSockets writes a name resolution block for those of a connection's ends
// that have something to be named by and no name in this file yet.
func (w *Writer) nameSockets(c *connection) error {
	block := pcapng.NameResolution{}
	for i := range c.end {
		e := &c.end[i]
		if _, done := w.named[e.addr]; done || !e.sock.Known() {
			continue
		}
		name := socketName(&e.sock, e.process())
		if len(name) == 0 {
			continue
		}
		if len(w.named) >= maxNamed {
			clear(w.named)
		}
		w.named[e.addr] = struct{}{}
		value := append(append(append([]byte(nil), e.addr[:]...), name...), 0)
		block.Records = append(block.Records, pcapng.NameRecord{Type: pcapng.NameRecordIPv6, Value: value})
	}
	if len(block.Records) == 0 {
		return nil
	}
	return w.out.WriteBlock(&block)
}

// socketName is what a socket is called in a name resolution block: comm[pid]
// and the name it is bound to. Of a name that is too long the end tells more.
func socketName(s *Socket, p *Process) []byte {
	var b []byte
	if p.PID != 0 {
		b = printable(b, p.Comm, maxComm)
		b = append(b, '[')
		b = strconv.AppendUint(b, uint64(p.PID), 10)
		b = append(b, ']')
	}
	if s.Path == "" {
		return b
	}
	if len(b) > 0 {
		b = append(b, ' ')
	}
	path := printable(nil, s.Path, maxPath)
	if room := maxName - len(b); len(path) > room {
		const dots = "..."
		path = path[len(path)-max(room-len(dots), 0):]
		for len(path) > 0 && !utf8.RuneStart(path[0]) {
			path = path[1:]
		}
		b = append(b, dots...)
	}
	b = append(b, path...)
	return b[:min(len(b), maxName)]
}

// printable appends a name, at most limit bytes of it, with ? for what Wireshark
// could not show.
func printable(b []byte, name string, limit int) []byte {
	for _, r := range name[:min(len(name), limit)] {
		if r == utf8.RuneError || !unicode.IsPrint(r) {
			r = '?'
		}
		b = utf8.AppendRune(b, r)
	}
	return b
}
