package recorder

import (
	"context"
	"testing"

	"unixcap/bpf"
	"unixcap/internal/capture"
	"unixcap/internal/sockets"

	"golang.org/x/sys/unix"
)

// A connection counts from its first message to its end, once; sockets that
// nothing was recorded of do not.
func TestConnections(t *testing.T) {
	const at = 1000 * ms
	list := []*sockets.Socket{{Socket: capture.Socket{SK: 50, Inode: 150}}}
	datagram := func(e bpf.Event) bpf.Event { e.Kind = unix.SOCK_DGRAM; return e }
	both := []bpf.Event{send(1, 2, at, at, 0, 0, "a"), send(2, 1, at+1, at+1, 0, 0, "b")}
	for _, tt := range []struct {
		name   string
		events []bpf.Event
		want   int
	}{
		{"none", nil, 0},
		{"one end spoke", both[:1], 1},
		{"the other end spoke", []bpf.Event{send(2, 1, at, at, 0, 0, "a")}, 1},
		{"both spoke", both, 1},
		{"two", append(both[:2:2], send(3, 4, at+2, at+2, 0, 0, "c")), 2},
		{"closed at one end", append(both[:2:2], bpf.Event{Op: bpf.Close, SK: 1, Inode: 101, Exit: at + 2}), 1},
		{"closed at both", append(both[:2:2], bpf.Event{Op: bpf.Close, SK: 1, Inode: 101, Exit: at + 2}, bpf.Event{Op: bpf.Close, SK: 2, Inode: 102, Exit: at + 3}), 0},
		{"two that send datagrams to one", []bpf.Event{datagram(send(1, 9, at, at, 0, 0, "a")), datagram(send(2, 9, at+1, at+1, 0, 0, "b"))}, 2},
	} {
		t.Run(tt.name, func(t *testing.T) {
			ctx, end := context.WithCancel(context.Background())
			r := New(&script{events: tt.events, end: end}, &discard{}, list)
			if err := r.Run(ctx); err != nil {
				t.Fatal(err)
			}
			if n := r.Connections(); n != tt.want {
				t.Errorf("%d, want %d", n, tt.want)
			}
		})
	}
}
