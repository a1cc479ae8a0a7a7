package decodertest

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"os/exec"
	"syscall"
	"testing"
	"time"
)

// patience is how long a server may take to come up, to answer and to end.
const patience = time.Minute

// Start starts a server, which ends with the test, and returns when its socket
// takes connections.
func Start(t testing.TB, socket, program string, args ...string) {
	t.Helper()
	cmd := exec.Command(program, args...)
	cmd.Stdout, cmd.Stderr = t.Output(), t.Output()
	cmd.WaitDelay = time.Second // for its children, which write there, too
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		kill := time.AfterFunc(patience, func() { _ = cmd.Process.Kill() })
		_ = cmd.Wait()
		kill.Stop()
	})
	if err := Await(socket); err != nil {
		t.Fatalf("%s: %v", program, err)
	}
}

// Await returns when a socket takes connections.
func Await(socket string) error {
	for deadline := time.Now().Add(patience); ; time.Sleep(10 * time.Millisecond) {
		c, err := net.Dial("unix", socket)
		if err == nil {
			return c.Close()
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("the server does not come up: %w", err)
		}
	}
}

// Speak is a client that sends texts one by one, and waits behind each until the
// answer has what is expected of it.
func Speak(t testing.TB, socket string, steps ...[2]string) {
	t.Helper()
	c, err := net.Dial("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := c.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	r := bufio.NewReader(c)
	for _, s := range steps {
		if _, err := io.WriteString(c, s[0]); err != nil {
			t.Fatal(err)
		}
		var heard []byte
		for !bytes.Contains(heard, []byte(s[1])) {
			b, err := r.ReadByte()
			if err != nil {
				t.Fatalf("%.100q: %v behind %q", s[0], err, heard)
			}
			heard = append(heard, b)
		}
		if _, err := r.Discard(r.Buffered()); err != nil { // the rest of the answer
			t.Fatal(err)
		}
	}
}
