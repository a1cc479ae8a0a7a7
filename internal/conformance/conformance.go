package conformance

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"sync/atomic"
	"time"

	"unixcap/bpf"
	"unixcap/internal/capture"
	"unixcap/internal/recorder"
	"unixcap/internal/sockets"

	"golang.org/x/sys/unix"
)

// A Result is what one check found; Err is nil if every byte was right.
type Result struct {
	Path string // the way of sending
	Kind string // the kind of socket
	Note string // what is missing, and rightly so
	Err  error
}

// a sent message and where it must show up.
type sent struct {
	inode   uint32
	payload []byte
	before  time.Time
	after   time.Time
}

// A collector keeps the messages of the checking process.
type collector struct {
	bySocket map[uint32][]capture.Message
	last     time.Time
	flagged  bpf.Loss // messages found without payload where that is right
	missed   uint64   // messages that the backend says it missed at the most
}

func (c *collector) WriteMessage(m *capture.Message) error {
	if m.Time.Before(c.last) {
		return fmt.Errorf("message of %v written after one of %v", m.Time, c.last)
	}
	c.last = m.Time
	if m.Sender.PID != uint32(os.Getpid()) || m.Op != capture.Send {
		return nil
	}
	k := *m
	k.Payload = bytes.Clone(m.Payload)
	from, to := *m.From, capture.Socket{}
	if m.To != nil {
		to = *m.To
	}
	k.From, k.To = &from, &to
	c.bySocket[from.Inode] = append(c.bySocket[from.Inode], k)
	return nil
}

func (c *collector) Flush() error { return nil }

// Run records with the options' backend while it sends, and compares. The error
// says that nothing could be recorded at all.
func Run(o bpf.Options) ([]Result, error) {
	o.Self = 1 << 31 // nobody: it is this process that is to be recorded
	o.Failed = true
	o.Filter.Want.PIDs = []uint32{uint32(os.Getpid())} // so that the losses are of it
	tap, err := bpf.Open(o)
	if err != nil {
		return nil, err
	}
	defer tap.Close()
	list, err := sockets.List()
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	c := &collector{bySocket: make(map[uint32][]capture.Message)}
	done := make(chan error, 1)
	go func() { done <- recorder.New(tap, c, list).Run(ctx) }()

	checks, err := sendAll(tap.Backend())
	time.Sleep(50 * time.Millisecond)
	cancel()
	if err := errors.Join(err, <-done); err != nil {
		return nil, err
	}
	losses, err := tap.Losses()
	if err != nil {
		return nil, err
	}
	c.missed = losses.Missed
	results := make([]Result, len(checks))
	for i, check := range checks {
		err := check.compare(c)
		results[i] = Result{check.path, check.kind, check.note, err}
	}
	if total := losses.Total(); total != c.flagged {
		return results, fmt.Errorf("losses are %+v, want %+v", total, c.flagged)
	}
	if err := tap.Close(); err != nil {
		return results, err
	}
	o.Failed = false
	return append(results, Result{"more than the ring buffer holds", "stream", "", flood(o)}), nil
}

// A check is a conversation of one path and kind, to be compared later.
type check struct {
	path, kind string
	messages   []sent
	more       func(*collector) error // what else must hold
	note       string
}

func sendAll(b bpf.Backend) ([]*check, error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	var checks []*check
	for _, k := range kinds {
		for _, p := range paths {
			c := &check{path: p.name, kind: k.name}
			checks = append(checks, c)
			if err := c.sendSizes(k.sockType, k.longest, p); err != nil {
				return nil, fmt.Errorf("%s on %s: %w", p.name, k.name, err)
			}
		}
	}
	dir, err := os.MkdirTemp("", "conformance")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	for _, special := range []func(string) (*check, error){
		acceptedLate, unconnectedDatagram, abstractName, descriptors,
	} {
		c, err := special(dir)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", c.path, err)
		}
		checks = append(checks, c)
	}
	for _, k := range kinds {
		for _, w := range indirects {
			c, err := sendIndirect(dir, w, k.name, k.sockType, b)
			if err != nil {
				return nil, fmt.Errorf("%s on %s: %w", w.name, k.name, err)
			}
			if c != nil {
				checks = append(checks, c)
			}
		}
		c, err := threads(k.name, k.sockType)
		if err != nil {
			return nil, fmt.Errorf("%s on %s: %w", c.path, k.name, err)
		}
		checks = append(checks, c)
	}
	c, err := failures()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", c.path, err)
	}
	return append(checks, c), nil
}

// sendSizes sends messages of all sizes down one path.
func (c *check) sendSizes(sockType, longest int, p path) error {
	fds, err := unix.Socketpair(unix.AF_UNIX, sockType, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fds[0])
	received := drain(fds[1])
	inode, err := inodeOf(fds[0])
	if err != nil {
		return err
	}
	for i, size := range sizes {
		if size > longest || size == 0 && (p.skipsEmpty || sockType == unix.SOCK_STREAM) {
			continue
		}
		payload := make([]byte, size)
		fill(payload, i)
		before := time.Now()
		ns, err := p.send(fds[0], payload)
		if err != nil {
			return fmt.Errorf("%d bytes: %w", size, err)
		}
		after := time.Now()
		for _, n := range ns {
			if n > 0 || sockType != unix.SOCK_STREAM {
				c.messages = append(c.messages, sent{inode, payload[:n], before, after})
			}
			payload = payload[n:]
		}
	}
	return received.wait(fds[0])
}

// A receiver reads a descriptor to its end, so that the other end can send.
type receiver struct {
	finished atomic.Bool // nothing more is sent
	done     chan error
}

// drain starts to read fd, and closes it in the end.
func drain(fd int) *receiver {
	r := &receiver{done: make(chan error, 1)}
	go func() {
		defer unix.Close(fd)
		r.done <- r.read(fd)
	}()
	return r
}

// read reads until nothing more comes: a datagram socket has no other end.
func (r *receiver) read(fd int) error {
	tv := unix.NsecToTimeval(int64(20 * time.Millisecond))
	if err := unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &tv); err != nil {
		return err
	}
	sockType, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_TYPE)
	if err != nil {
		return err
	}
	b := make([]byte, 1<<17)
	for {
		finished := r.finished.Load()
		n, err := unix.Read(fd, b)
		switch {
		case err == unix.EAGAIN && finished, err == nil && n == 0 && sockType == unix.SOCK_STREAM:
			return nil
		case err != nil && err != unix.EAGAIN && err != unix.EINTR:
			return err
		}
	}
}

// wait ends what fd sends and waits until all of it is received.
func (r *receiver) wait(fd int) error {
	r.finished.Store(true)
	sockType, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_TYPE)
	if err == nil && sockType == unix.SOCK_STREAM {
		err = unix.Shutdown(fd, unix.SHUT_WR)
	}
	return errors.Join(err, <-r.done)
}

func inodeOf(fd int) (uint32, error) {
	var st unix.Stat_t
	err := unix.Fstat(fd, &st)
	return uint32(st.Ino), err
}

// compare looks for exactly the check's messages among the collected ones.
func (c *check) compare(got *collector) error {
	at := make(map[uint32]int)
	offsets := make(map[uint32]uint64)
	for i, want := range c.messages {
		list := got.bySocket[want.inode]
		k := at[want.inode]
		if k >= len(list) {
			return fmt.Errorf("message %d of %d bytes is missing", i, len(want.payload))
		}
		at[want.inode]++
		m := &list[k]
		if err := want.compare(m); err != nil {
			return fmt.Errorf("message %d of %d bytes: %w", i, len(want.payload), err)
		}
		if m.Offset != offsets[want.inode] {
			return fmt.Errorf("message %d at offset %d, want %d", i, m.Offset, offsets[want.inode])
		}
		offsets[want.inode] += uint64(len(want.payload))
	}
	for inode, n := range at {
		if list := got.bySocket[inode]; len(list) > n {
			return fmt.Errorf("%d messages too many", len(list)-n)
		}
	}
	if c.more != nil {
		return c.more(got)
	}
	return nil
}

func (s *sent) compare(m *capture.Message) error {
	if m.Length != uint64(len(s.payload)) {
		return fmt.Errorf("length %d", m.Length)
	}
	if !bytes.Equal(m.Payload, s.payload) {
		for i := range min(len(m.Payload), len(s.payload)) {
			if m.Payload[i] != s.payload[i] {
				return fmt.Errorf("byte %d is %#02x, want %#02x", i, m.Payload[i], s.payload[i])
			}
		}
		return fmt.Errorf("%d bytes of payload", len(m.Payload))
	}
	const slack = 5 * time.Millisecond // the two clocks' readings
	if m.Time.Before(s.before.Add(-slack)) || m.Time.After(s.after.Add(slack)) {
		return fmt.Errorf("time %v is not between %v and %v", m.Time, s.before, s.after)
	}
	if m.LostBytes != 0 || m.LostMessages != 0 || m.Error != "" {
		return fmt.Errorf("lost %d bytes, %d messages, error %q", m.LostBytes, m.LostMessages, m.Error)
	}
	comm, err := os.ReadFile("/proc/self/comm")
	if err != nil {
		return err
	}
	if want := string(bytes.TrimSpace(comm)); m.Sender.Comm != want && m.Sender.Comm == "" {
		return fmt.Errorf("comm %q, want %q", m.Sender.Comm, want)
	}
	if m.Sender.UID != uint32(os.Getuid()) || m.Sender.TID == 0 {
		return fmt.Errorf("sender is %+v", m.Sender)
	}
	return nil
}
