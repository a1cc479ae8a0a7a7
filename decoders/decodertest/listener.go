package decodertest

import (
	"bytes"
	"errors"
	"net"
	"syscall"
	"testing"
	"time"

	"unixcap/decoders"
)

// A Listener is a socket without a server that writes down what is sent to it,
// and answers nothing.
type Listener struct {
	Path string

	all  Conversation
	done chan struct{}
	end  *net.UnixAddr // from where Close says that nothing more comes
}

// NewListener binds a socket to path. network is "unixgram", or "unix": then
// connections are taken one after the other, and are one conversation.
func NewListener(t testing.TB, network, path string) *Listener {
	t.Helper()
	l := &Listener{Path: path, done: make(chan struct{}), end: &net.UnixAddr{Name: path + ".end", Net: network}}
	at := &net.UnixAddr{Name: path, Net: network}
	if network == "unixgram" {
		conn, err := net.ListenUnixgram(network, at)
		if err != nil {
			t.Fatal(err)
		}
		go l.listen(conn)
		return l
	}
	connections, err := net.ListenUnix(network, at)
	if err != nil {
		t.Fatal(err)
	}
	go l.accept(connections)
	return l
}

// listen takes datagrams until one comes from where the end does.
func (l *Listener) listen(conn *net.UnixConn) {
	defer close(l.done)
	defer conn.Close()
	b, oob := make([]byte, 256<<10), make([]byte, 4096)
	for {
		n, k, _, from, err := conn.ReadMsgUnix(b, oob)
		if err != nil || from != nil && from.Name == l.end.Name {
			return
		}
		l.note(b[:n], closeDescriptors(oob[:k]))
	}
}

// accept takes connections until one comes from where the end does.
func (l *Listener) accept(connections *net.UnixListener) {
	defer close(l.done)
	defer connections.Close()
	b := make([]byte, 64<<10)
	for {
		conn, err := connections.AcceptUnix()
		if err != nil {
			return
		}
		end := conn.RemoteAddr().String() == l.end.Name
		for err == nil {
			var n int
			if n, err = conn.Read(b); n > 0 {
				l.note(b[:n], 0)
			}
		}
		conn.Close()
		if end {
			return
		}
	}
}

func (l *Listener) note(b []byte, fds int) {
	l.all = append(l.all, Message{From: decoders.Client, At: time.Now(), Data: bytes.Clone(b), FDs: fds})
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

// Close returns what came. What was sent before has come by then, and nothing
// comes any more.
func (l *Listener) Close(t testing.TB) Conversation {
	t.Helper()
	conn, err := net.DialUnix(l.end.Net, l.end, &net.UnixAddr{Name: l.Path, Net: l.end.Net})
	if err != nil {
		t.Fatal(err)
	}
	if l.end.Net == "unixgram" {
		_, err = conn.Write([]byte{0})
	}
	if err := errors.Join(err, conn.Close()); err != nil {
		t.Fatal(err)
	}
	<-l.done
	return l.all
}
