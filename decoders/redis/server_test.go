package redis

import (
	"bytes"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"unixcap/decoders"
	"unixcap/decoders/decodertest"
)

// A recorder is a Redis server of our own behind a proxy that writes down what
// passes.
type recorder struct {
	path, target string
	mu           sync.Mutex
	all          []*decodertest.Conversation
	open         sync.WaitGroup
}

// startServer starts a server and the proxy for the test. Without the program
// the test is skipped, but fails where CI is set.
func startServer(t *testing.T) *recorder {
	t.Helper()
	if _, err := exec.LookPath("redis-server"); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatalf("%v (needed where CI=true)", err)
		}
		t.Skip(err)
	}
	dir := t.TempDir()
	r := &recorder{path: filepath.Join(dir, "redis.sock"), target: filepath.Join(dir, "real.sock")}
	cmd := exec.Command("redis-server", "--port", "0", "--unixsocket", r.target, "--save", "", "--repl-diskless-sync-delay", "0", "--enable-debug-command", "local", "--dir", dir)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		if c, err := net.Dial("unix", r.target); err == nil {
			c.Close()
			break
		} else if time.Now().After(deadline) {
			t.Fatalf("server does not come up: %v", err)
		}
	}
	l, err := net.Listen("unix", r.path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			r.open.Add(1)
			go r.serve(c)
		}
	}()
	return r
}

func (r *recorder) serve(client net.Conn) {
	defer r.open.Done()
	defer client.Close()
	target, err := net.Dial("unix", r.target)
	if err != nil {
		return
	}
	defer target.Close()
	c := new(decodertest.Conversation)
	r.mu.Lock()
	r.all = append(r.all, c)
	r.mu.Unlock()
	var both sync.WaitGroup
	pass := func(from decoders.End, dst, src net.Conn) {
		b := make([]byte, 256<<10)
		for {
			n, err := src.Read(b)
			if n > 0 {
				r.mu.Lock()
				*c = append(*c, decodertest.Message{From: from, At: time.Now(), Data: bytes.Clone(b[:n])})
				r.mu.Unlock()
				if _, werr := dst.Write(b[:n]); werr != nil {
					err = werr
				}
			}
			if err != nil {
				_ = dst.(*net.UnixConn).CloseWrite()
				return
			}
		}
	}
	both.Go(func() { pass(decoders.Client, target, client) })
	both.Go(func() { pass(decoders.Server, client, target) })
	both.Wait()
}

// conversations waits until the clients are gone and returns what was said.
func (r *recorder) conversations() []decodertest.Conversation {
	done := make(chan struct{})
	go func() { r.open.Wait(); close(done) }()
	select {
	case <-done:
	case <-time.After(5 * time.Second):
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	var all []decodertest.Conversation
	for _, c := range r.all {
		all = append(all, *c)
	}
	return all
}
