package decodertest

import (
	"bytes"
	"errors"
	"net"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"unixcap/decoders"
)

// A Proxy stands between two UNIX stream sockets and writes down what passes.
type Proxy struct {
	Path   string // where clients connect
	Target string // the server's socket

	listener net.Listener
	mu       sync.Mutex
	all      []*Conversation
	open     sync.WaitGroup
}

// NewProxy listens at path and passes connections on to the socket at target.
func NewProxy(path, target string) (*Proxy, error) {
	l, err := net.Listen("unix", path)
	if err != nil {
		return nil, err
	}
	p := &Proxy{Path: path, Target: target, listener: l}
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			p.open.Add(1)
			go p.serve(c)
		}
	}()
	return p, nil
}

// Proxied puts a proxy before a socket, for as long as the test runs.
func Proxied(t testing.TB, target string) *Proxy {
	t.Helper()
	p, err := NewProxy(filepath.Join(t.TempDir(), "proxy.sock"), target)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.listener.Close() })
	return p
}

func (p *Proxy) serve(client net.Conn) {
	defer p.open.Done()
	defer client.Close()
	target, err := net.Dial("unix", p.Target)
	if err != nil {
		return
	}
	defer target.Close()
	c := new(Conversation)
	p.mu.Lock()
	p.all = append(p.all, c)
	p.mu.Unlock()
	var both sync.WaitGroup
	both.Go(func() { p.pass(c, decoders.Client, target, client) })
	both.Go(func() { p.pass(c, decoders.Server, client, target) })
	both.Wait()
}

// pass copies what one end sends, and notes it first.
func (p *Proxy) pass(c *Conversation, from decoders.End, dst, src net.Conn) {
	b := make([]byte, 256<<10)
	for {
		n, err := src.Read(b)
		if n > 0 {
			p.mu.Lock()
			*c = append(*c, Message{From: from, At: time.Now(), Data: bytes.Clone(b[:n])})
			p.mu.Unlock()
			if _, werr := dst.Write(b[:n]); werr != nil {
				err = werr
			}
		}
		if err != nil {
			if u, ok := dst.(*net.UnixConn); ok {
				_ = u.CloseWrite() // the other end may have gone already
			}
			return
		}
	}
}

// Forget forgets what has passed so far.
func (p *Proxy) Forget() {
	p.mu.Lock()
	p.all = nil
	p.mu.Unlock()
}

// Say has a client talk through the proxy and returns what was said, a
// conversation for each connection. How the client ends does not matter.
func (p *Proxy) Say(t testing.TB, client *exec.Cmd) []Conversation {
	t.Helper()
	p.Forget()
	out, err := client.CombinedOutput()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	t.Logf("%s: %v\n%.2000s", strings.Join(client.Args, " "), err, out)
	return p.Conversations()
}

// Conversations returns what has passed, a conversation for each connection,
// once all connections have ended.
func (p *Proxy) Conversations() []Conversation {
	p.open.Wait()
	p.mu.Lock()
	defer p.mu.Unlock()
	var all []Conversation
	for _, c := range p.all {
		all = append(all, *c)
	}
	return all
}
