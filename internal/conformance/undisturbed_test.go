package conformance

import (
	"os"
	"sync/atomic"
	"testing"
	"time"

	"unixcap/internal/conformance/send"

	"golang.org/x/sys/unix"
)

// Signals do not end a long call with a part.
func TestUndisturbed(t *testing.T) {
	defer undisturbed()()
	p, err := newPair(unix.SOCK_STREAM)
	if err != nil {
		t.Fatal(err)
	}
	tid := unix.Gettid()
	var sent atomic.Bool
	done := make(chan error)
	go func() {
		var err error
		for !sent.Load() && err == nil {
			err = unix.Tgkill(os.Getpid(), tid, unix.SIGURG)
			time.Sleep(100 * time.Microsecond)
		}
		done <- err
	}()
	payload := make([]byte, 16<<20)
	send.Fill(payload, 1)
	n, err := send.Sendto(p.fd, payload, 0)
	sent.Store(true)
	if n != len(payload) || err != nil {
		t.Errorf("sent %d bytes of %d, error %v", n, len(payload), err)
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
	if err := p.close(); err != nil {
		t.Error(err)
	}
}
