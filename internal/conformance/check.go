package conformance

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"unixcap/bpf"
	"unixcap/internal/capture"

	"golang.org/x/sys/unix"
)

// An Outcome is what became of what was sent down one path.
type Outcome uint8

const (
	exact   Outcome = 1 << iota // every byte is recorded
	flagged                     // a payload is missing or cut; the event says so, with the true length
	counted                     // messages are missing, and the counters say how many
	untold                      // every byte is recorded, but not what went with it
	refused                     // the kernel does not send that way
	wrong                       // missing without a word, or not what was sent
)

func (o Outcome) String() string {
	var names []string
	for i, name := range []string{"exact", "flagged", "counted", "untold", "refused", "wrong"} {
		if o&(1<<i) != 0 {
			names = append(names, name)
		}
	}
	return strings.Join(names, " or ")
}

// A Result is what one check found. Err is nil if the outcome is the one that
// known.go has.
type Result struct {
	Group   string // of similar paths
	Path    string // the way of sending
	Kind    string // the kind of socket
	Outcome Outcome
	Errno   unix.Errno // of an outcome refused
	Note    string     // why it is not exact
	Err     error
}

// Checked is the Result of a check that is made elsewhere.
func Checked(group, kind, path string, err error) Result {
	r := Result{Group: group, Kind: kind, Path: path, Outcome: exact, Err: err}
	if err != nil {
		r.Outcome = wrong
	}
	return r
}

// a sent message and where it must show up.
type sent struct {
	inode   uint32
	payload []byte
	or      []byte // if not nil, what each byte of the payload may be as well
	failed  string // errno's name; nothing was sent
	pid     uint32 // who sent it; 0 is this process
	thread  string // how the name of the kernel's thread that sent it begins
	before  time.Time
	after   time.Time
}

// A check is a conversation on one path and kind, to be compared later.
type check struct {
	group, path, kind string
	sendErr           error

	messages []sent
	whole    []sent // what several messages together must be
	failures bool   // failed sends are compared as well
	// more is what else must hold, or all that must.
	more    func(*collector) error
	flagged bool   // what was recorded says that it lacks something
	lacks   string // what it lacks, of the last message that does
	counted bool   // messages are missing, as many as were counted
	untold  bool   // credentials were passed, which the message does not have
}

// A collector keeps the messages of the checking process.
type collector struct {
	bySocket map[uint32][]capture.Message
	last     time.Time
	// Messages that the backend says it missed at the most, and as many of them
	// as were missing.
	missed, accounted uint64
	// What was counted, for an error's text.
	counters string

	// What the compared messages say that they lack.
	flaggedMessages, flaggedBytes uint64
}

func newCollector() *collector {
	return &collector{bySocket: make(map[uint32][]capture.Message)}
}

func (c *collector) WriteMessage(m *capture.Message) error {
	if m.Time.Before(c.last) {
		return fmt.Errorf("message of %v written after one of %v", m.Time, c.last)
	}
	c.last = m.Time
	if m.Op != capture.Send {
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

// account compares the loss counters with what the messages say they lack.
func (c *collector) account(l bpf.Loss) error {
	messages, bytes := l.NoBufferMessages+l.FaultMessages, l.NoBufferBytes+l.FaultBytes
	if messages != c.flaggedMessages || bytes != c.flaggedBytes {
		return fmt.Errorf("%d messages lack %d bytes, but the losses are %+v", c.flaggedMessages, c.flaggedBytes, l)
	}
	if l.RingMessages != 0 || l.RingBytes != 0 || l.StateMessages > c.accounted {
		return fmt.Errorf("the losses are %+v", l)
	}
	return nil
}

// result compares what was recorded with what was sent, and that with what is
// known of the backend.
func (c *check) result(got *collector, b bpf.Backend, k kernel) Result {
	r := Result{Group: c.group, Path: c.path, Kind: c.kind, Outcome: exact}
	known := expected(c.path, c.kind, b, k)
	err := c.compare(got)
	switch {
	case err != nil:
		r.Outcome, r.Err = wrong, err
		return r
	case errors.As(c.sendErr, &r.Errno):
		r.Outcome = refused
	case c.sendErr != nil:
		r.Outcome, r.Err = wrong, c.sendErr
		return r
	case c.counted:
		r.Outcome = counted
	case c.flagged:
		r.Outcome = flagged
	case c.untold:
		r.Outcome = untold
	}
	switch {
	case known.outcome&r.Outcome == 0:
		r.Err = fmt.Errorf("it is %v, but known.go has %v", r.Outcome, known.outcome)
		if c.flagged {
			r.Err = fmt.Errorf("%w; %s; %s", r.Err, c.lacks, got.counters)
		}
	case r.Outcome == refused && known.errno != r.Errno:
		r.Err = fmt.Errorf("refused with %v, but known.go has %v", r.Errno, known.errno)
	}
	if r.Err != nil && c.sendErr != nil {
		r.Err = fmt.Errorf("%w (%w)", r.Err, c.sendErr)
	}
	if r.Outcome != exact {
		r.Note = known.why
	}
	return r
}

// compare looks for exactly the check's messages among the collected ones.
func (c *check) compare(got *collector) error {
	at := make(map[uint32]int)
	offsets := make(map[uint32]uint64)
	if got != nil && !c.failures {
		c.dropFailed(got)
	}
	for i, want := range c.messages {
		list := got.bySocket[want.inode]
		k := at[want.inode]
		if k >= len(list) {
			return fmt.Errorf("message %d of %d bytes is missing", i, len(want.payload))
		}
		at[want.inode]++
		m := &list[k]
		c.lack(got, m)
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
	for _, want := range c.whole {
		if err := c.compareWhole(got, want); err != nil {
			return err
		}
	}
	if c.more != nil {
		return c.more(got)
	}
	return nil
}

// dropFailed forgets the failed sends on the check's sockets: io_uring tries
// before it waits, and signals interrupt.
func (c *check) dropFailed(got *collector) {
	done := make(map[uint32]bool)
	for _, s := range slices.Concat(c.messages, c.whole) {
		if !done[s.inode] {
			done[s.inode] = true
			got.bySocket[s.inode] = slices.DeleteFunc(got.bySocket[s.inode], func(m capture.Message) bool { return m.Error != "" })
		}
	}
}

// compareWhole looks for all the bytes of one socket, whatever the messages.
func (c *check) compareWhole(got *collector, want sent) error {
	at := uint64(0)
	for i := range got.bySocket[want.inode] {
		m := &got.bySocket[want.inode][i]
		if m.Offset != at || m.Offset+m.Length > uint64(len(want.payload)) {
			return fmt.Errorf("message %d has offset %d and length %d, want offset %d", i, m.Offset, m.Length, at)
		}
		part := want
		part.payload = want.payload[at : at+m.Length]
		c.lack(got, m)
		if err := part.compare(m); err != nil {
			return fmt.Errorf("message %d of %d bytes: %w", i, m.Length, err)
		}
		at += m.Length
	}
	if at != uint64(len(want.payload)) {
		return fmt.Errorf("%d bytes recorded of %d", at, len(want.payload))
	}
	return nil
}

// lack notes what m says that it lacks.
func (c *check) lack(got *collector, m *capture.Message) {
	if n := uint64(len(m.Payload)); n < m.Length {
		got.flaggedMessages++
		got.flaggedBytes += m.Length - n
		c.flagged = true
		c.lacks = fmt.Sprintf("%d of the %d bytes at offset %d are missing", m.Length-n, m.Length, m.Offset)
	}
}

// compare compares one message, whose payload may be missing or cut.
func (s *sent) compare(m *capture.Message) error {
	if m.Length != uint64(len(s.payload)) {
		return fmt.Errorf("length %d", m.Length)
	}
	if len(m.Payload) > len(s.payload) {
		return fmt.Errorf("%d bytes of payload", len(m.Payload))
	}
	if !bytes.Equal(m.Payload, s.payload[:len(m.Payload)]) {
		for i, b := range m.Payload {
			if b != s.payload[i] && (s.or == nil || b != s.or[i]) {
				return fmt.Errorf("byte %d is %#02x, want %#02x", i, b, s.payload[i])
			}
		}
	}
	const slack = 5 * time.Millisecond // the two clocks' readings
	if m.Time.Before(s.before.Add(-slack)) || m.Time.After(s.after.Add(slack)) {
		return fmt.Errorf("time %v is not between %v and %v", m.Time, s.before, s.after)
	}
	if m.LostBytes != 0 || m.LostMessages != 0 || m.Error != s.failed {
		return fmt.Errorf("lost %d bytes, %d messages, error %q, want error %q", m.LostBytes, m.LostMessages, m.Error, s.failed)
	}
	return s.compareSender(m)
}

func (s *sent) compareSender(m *capture.Message) error {
	p := &m.Sender
	if s.thread != "" {
		if !strings.HasPrefix(p.Comm, s.thread) {
			return fmt.Errorf("sender is %+v, want a %s", *p, s.thread)
		}
		return nil
	}
	pid := s.pid
	if pid == 0 {
		pid = uint32(os.Getpid())
		// io_uring's threads of this process have names of their own.
		if want, err := ownName(); err != nil {
			return err
		} else if p.Comm != want && !strings.HasPrefix(p.Comm, "iou-") {
			return fmt.Errorf("sender is called %q, want %q", p.Comm, want)
		}
	}
	if p.PID != pid || p.UID != uint32(os.Getuid()) || p.TID == 0 || p.Comm == "" {
		return fmt.Errorf("sender is %+v, want process %d", *p, pid)
	}
	return nil
}

var ownName = sync.OnceValues(func() (string, error) {
	name, err := os.ReadFile("/proc/self/comm")
	return string(bytes.TrimSpace(name)), err
})

func inodeOf(fd int) (uint32, error) {
	var st unix.Stat_t
	err := unix.Fstat(fd, &st)
	return uint32(st.Ino), err
}
