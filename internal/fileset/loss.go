package fileset

import (
	"errors"

	"unixcap/internal/capture"
	"unixcap/internal/output"

	"golang.org/x/sys/unix"
)

// A Loss is what could not be written.
type Loss struct{ Messages, Bytes uint64 }

func (l *Loss) add(o Loss) {
	l.Messages += o.Messages
	l.Bytes += o.Bytes
}

// A Cause is why something could not be written.
type Cause uint8

const (
	Disk   Cause = iota // the file, its disk or its device
	Reader              // of a pipe, who is gone or does not read
	Causes
)

// String is the word that the statistics at the end of a file have for it.
func (c Cause) String() string {
	if c == Reader {
		return "reader"
	}
	return "disk"
}

// Losses are what could not be written, by cause and capture.Kind.
type Losses [Causes][3]Loss

// Total adds them up.
func (l *Losses) Total() Loss {
	var n Loss
	for _, kinds := range l {
		for _, k := range kinds {
			n.add(k)
		}
	}
	return n
}

// CauseOf says what an error means for what comes after it.
func CauseOf(err error) Cause {
	if errors.Is(err, unix.EPIPE) || errors.Is(err, unix.ECONNRESET) || errors.Is(err, output.ErrNotReading) {
		return Reader
	}
	return Disk
}

// A socketKey says which socket sent.
type socketKey struct {
	sk    uint64
	inode uint32
}

func keyOf(m *capture.Message) socketKey { return socketKey{m.From.SK, m.From.Inode} }

// A written message may still be lost, until it is safe in the file.
type written struct {
	end    int64 // position in the file
	socket socketKey
	kind   capture.Kind
	op     capture.Op
	length uint64 // in the socket's stream of bytes
	before Loss   // what the message says is missing before it
}

// maxSockets bounds the sockets that losses are known of one by one. Beyond it
// they are counted all the same.
const maxSockets = 1 << 16

// A ledger says what was written and what was lost.
type ledger struct {
	pending []written // in the order of the file
	written [3]uint64 // messages, by capture.Kind; also those pending
	lost    Losses
	cause   Cause                                 // of what is lost now
	tell    func(sk uint64, inode uint32, l Loss) // of each message lost; may be nil
	missing map[socketKey]Loss                    // what the next message of a socket has to tell
	amended capture.Message
}

func entry(m *capture.Message, end int64) written {
	e := written{end: end, socket: keyOf(m), kind: m.From.Kind, op: m.Op, before: Loss{m.LostMessages, m.LostBytes}}
	if m.Error == "" && m.Op == capture.Send {
		e.length = m.Length
	}
	return e
}

// wrote notes a message that ends at a position in the file.
func (l *ledger) wrote(m *capture.Message, end int64) {
	l.pending = append(l.pending, entry(m, end))
	if m.Op == capture.Send {
		l.written[m.From.Kind]++
	}
}

// settle forgets the messages that are safe and returns where the last of them
// ends, -1 if there is none.
func (l *ledger) settle(safe int64) int64 {
	end := int64(-1)
	i := 0
	for ; i < len(l.pending) && l.pending[i].end <= safe; i++ {
		end = l.pending[i].end
	}
	l.pending = l.pending[:copy(l.pending, l.pending[i:])]
	return end
}

// losePending counts the messages that are not safe as lost.
func (l *ledger) losePending() {
	for i := range l.pending {
		e := &l.pending[i]
		if e.op == capture.Send {
			l.written[e.kind]--
		}
		l.loseEntry(e)
	}
	l.pending = l.pending[:0]
}

// lose counts a message that is not in any file.
func (l *ledger) lose(m *capture.Message) {
	e := entry(m, 0)
	l.loseEntry(&e)
}

func (l *ledger) loseEntry(e *written) {
	if e.op == capture.Close { // nothing comes that could tell
		delete(l.missing, e.socket)
		return
	}
	l.lost[l.cause][e.kind].add(Loss{1, e.length})
	if l.tell != nil {
		l.tell(e.socket.sk, e.socket.inode, Loss{1, e.length})
	}
	if l.missing == nil {
		l.missing = make(map[socketKey]Loss)
	}
	n, known := l.missing[e.socket]
	if !known && len(l.missing) >= maxSockets {
		return
	}
	n.Messages += e.before.Messages + 1
	n.Bytes += e.before.Bytes + e.length
	l.missing[e.socket] = n
}

// amend returns the message with what its socket lost before it. It is valid
// until the next call.
func (l *ledger) amend(m *capture.Message) *capture.Message {
	if len(l.missing) == 0 {
		return m
	}
	key := keyOf(m)
	n, ok := l.missing[key]
	if !ok {
		return m
	}
	delete(l.missing, key)
	l.amended = *m
	l.amended.LostMessages += n.Messages
	l.amended.LostBytes += n.Bytes
	return &l.amended
}
