package decodertest

import (
	"bytes"
	"net"
	"sync"
	"time"

	"unixcap/decoders"
)

// A Proxy stands between two UNIX stream sockets and writes down what passes.
type Proxy struct {
	Path string // where clients connect

	target   string
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
	p := &Proxy{Path: path, target: target, listener: l}
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

func (p *Proxy) serve(client net.Conn) {
	defer p.open.Done()
	defer client.Close()
	target, err := net.Dial("unix", p.target)
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
