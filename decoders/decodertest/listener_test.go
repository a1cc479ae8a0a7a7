package decodertest

import (
	"fmt"
	"net"
	"path/filepath"
	"testing"
)

// What was sent before Close is there, however little time passed since.
func TestListener(t *testing.T) {
	for _, network := range []string{"unixgram", "unix"} {
		t.Run(network, func(t *testing.T) {
			l := NewListener(t, network, filepath.Join(t.TempDir(), "listener.sock"))
			var sent, got string
			for i := range 20 {
				conn, err := net.Dial(network, l.Path)
				if err != nil {
					t.Fatal(err)
				}
				text := fmt.Sprintf("message %d\n", i)
				if _, err := conn.Write([]byte(text)); err != nil {
					t.Fatal(err)
				}
				conn.Close()
				sent += text
			}
			for _, m := range l.Close(t) {
				got += string(m.Data)
			}
			if got != sent {
				t.Errorf("got %q, want %q", got, sent)
			}
		})
	}
}
