package decodertest

import (
	"bytes"
	"net"
	"sync"
	"syscall"
	"time"

	"unixcap/decoders"
)

// A Listener is a datagram socket that writes down what is sent to it.
type Listener struct {
	Path string

	conn *net.UnixConn
	mu   sync.Mutex
	all  Conversation
	done chan struct{}
}

// NewListener binds a datagram socket to path.
func NewListener(path string) (*Listener, error) {
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		return nil, err
	}
	l := &Listener{Path: path, conn: conn, done: make(chan struct{})}
	go l.listen()
	return l, nil
}

func (l *Listener) listen() {
	defer close(l.done)
	b, oob := make([]byte, 256<<10), make([]byte, 4096)
	for {
		n, k, _, _, err := l.conn.ReadMsgUnix(b, oob)
		if err != nil {
			return
		}
		l.mu.Lock()
		l.all = append(l.all, Message{From: decoders.Client, At: time.Now(), Data: bytes.Clone(b[:n]), FDs: closeDescriptors(oob[:k])})
		l.mu.Unlock()
	}
}

// closeDescriptors closes the descriptors that were passed and says how many
// there were.
func closeDescriptors(oob []byte) (n int) {
	messages, err := syscall.ParseSocketControlMessage(oob)
	if err != nil {
		return 0
	}
	for i := range messages {
		fds, err := syscall.ParseUnixRights(&messages[i])
		if err != nil {
			continue // credentials
		}
		for _, fd := range fds {
			syscall.Close(fd)
			n++
		}
	}
	return n
}

// Len returns how many messages came so far.
func (l *Listener) Len() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.all)
}

// Close ends the socket and returns what came.
func (l *Listener) Close() Conversation {
	l.conn.Close()
	<-l.done
	return l.all
}
