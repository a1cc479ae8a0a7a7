package stream

import (
	"testing"
	"time"

	"unixcap/decoders"
	"unixcap/internal/capture"

	"github.com/google/go-cmp/cmp"
)

func TestSequence(t *testing.T) {
	tests := []struct {
		name string
		talk func(*talk)
		want string
	}{
		{"whole", func(c *talk) {
			c.ask("TOY a\n")
			c.answer("+a\n")
		}, lines(`client:1 "TOY a\n"`, `server:2 "+a\n"`, `close 2`)},

		{"both ends close", func(c *talk) {
			c.ask("TOY a\n")
			c.hangUp(decoders.Client)
			c.hangUp(decoders.Server)
			c.offset = [2]uint64{}
			c.client.Inode, c.server.Inode = 21, 22
			c.ask("TOY b\n")
		}, lines(`client:1 "TOY a\n"`, `close 3`, `client:4 "TOY b\n"`, `close 4`)},

		{"address reused without a close", func(c *talk) {
			c.ask("TOY a\n")
			c.offset = [2]uint64{}
			c.client.Inode = 21
			c.ask("TOY b\n")
		}, lines(`client:1 "TOY a\n"`, `close 1`, `client:2 "TOY b\n"`, `close 2`)},

		{"inode learnt later", func(c *talk) {
			c.server.Inode = 0
			c.ask("TOY a\n")
			c.server.Inode = 12
			c.answer("+a\n")
		}, lines(`client:1 "TOY a\n"`, `server:2 "+a\n"`, `close 2`)},

		{"lost, as the recorder says", func(c *talk) {
			c.ask("TOY a\n")
			c.offset[0] += 7
			c.ask("TOY b\n").LostBytes = 7
		}, lines(`client:1 "TOY a\n"`, `client gap 7`, `client:2 "TOY b\n"`, `close 2`)},

		{"missing, without a word from the recorder", func(c *talk) {
			c.ask("TOY a\n")
			c.offset[0] += 7
			c.ask("TOY b\n")
			c.answer("+b\n")
		}, lines(`client:1 "TOY a\n"`, `client gap 7`, `client:2 "TOY b\n"`, `server:3 "+b\n"`, `close 3`)},

		{"neighbours swapped", func(c *talk) {
			c.ask("TOY a\n")
			c.ask("TOY b\n")
			c.ask("TOY c\n")
			c.list[1], c.list[2] = c.list[2], c.list[1]
		}, lines(`client:1 "TOY a\n"`, `client:2 "TOY b\n"`, `client:3 "TOY c\n"`, `close 3`)},

		{"the other end waits as well", func(c *talk) {
			c.ask("TOY a\n")
			c.ask("TOY b\n")
			c.ask("TOY c\n")
			c.answer("+a\n")
			c.list[1], c.list[2], c.list[3] = c.list[2], c.list[3], c.list[1]
		}, lines(`client:1 "TOY a\n"`, `client:2 "TOY b\n"`, `client:3 "TOY c\n"`, `server:4 "+a\n"`, `close 4`)},

		{"waits no longer than maxHeldTime", func(c *talk) {
			c.ask("TOY a\n")
			late := c.ask("TOY b\n")
			c.ask("TOY c\n")
			c.now = c.now.Add(maxHeldTime)
			c.ask("TOY d\n")
			c.list = []*capture.Message{c.list[0], c.list[2], c.list[3]}
			_ = late
		}, lines(`client:1 "TOY a\n"`, `client gap 6`, `client:3 "TOY c\n"`, `client:4 "TOY d\n"`, `close 4`)},

		{"cut at the snap length", func(c *talk) {
			m := c.ask("TOY abcdef\n")
			m.Payload = m.Payload[:6]
			c.ask("TOY b\n")
		}, lines(`client:1 "TOY ab"`, `client gap 5`, `client:2 "TOY b\n"`, `close 2`)},

		{"twice in merged files", func(c *talk) {
			c.list = append(c.list, c.ask("TOY a\n"))
			c.list = append(c.list, c.answer("+a\n"))
		}, lines(`client:1 "TOY a\n"`, `server:2 "+a\n"`, `close 2`)},

		{"twice, once cut", func(c *talk) {
			m := c.ask("TOY abcdef\n")
			again := *m
			again.Payload = m.Payload[:6]
			c.list = append(c.list, &again)
			c.answer("+a\n")
		}, lines(`client:1 "TOY abcdef\n"`, `server:2 "+a\n"`, `close 2`)},

		{"overlap", func(c *talk) {
			m := c.ask("TOY abcdef\n")
			part := *m
			part.Offset, part.Payload = 7, []byte("def\nTOY x\n")
			part.Length = uint64(len(part.Payload))
			part.Packet = 2
			c.list = append(c.list, &part)
		}, lines(`client:1 "TOY abcdef\n"`, `client:2 "TOY x\n"`, `close 2`)},

		{"recorder started again", func(c *talk) {
			c.ask("TOY a\n")
			c.ask("TOY b\n")
			c.offset[0] = 0
			c.ask("TOY c\n")
		}, lines(`client:1 "TOY a\n"`, `client:2 "TOY b\n"`, `client gap 0`, `client:3 "TOY c\n"`, `close 3`)},

		{"from the middle", func(c *talk) {
			c.offset = [2]uint64{1000, 2000}
			c.ask("TOY a\n")
			c.answer("+a\n")
		}, lines(`client gap 0`, `client:1 "TOY a\n"`, `server gap 0`, `server:2 "+a\n"`, `close 2`)},

		{"missing before the end", func(c *talk) {
			c.ask("TOY a\n")
			c.offset[0] += 9
			c.hangUp(decoders.Client)
		}, lines(`client:1 "TOY a\n"`, `client gap 9`, `close 2`)},

		{"failed sends are not bytes", func(c *talk) {
			c.ask("TOY a\n")
			c.ask("").Error = "EAGAIN"
		}, lines(`client:1 "TOY a\n"`, `close 1`)},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := newTalk()
			tt.talk(c)
			got, _ := run(t, Options{}, c.list...)
			if d := cmp.Diff(tt.want, got); d != "" {
				t.Errorf("told the decoder (-want +got):\n%s", d)
			}
		})
	}
}

func TestHeldIsBounded(t *testing.T) {
	c := newTalk()
	c.ask("TOY a\n")
	c.offset[0] += 100
	for range 3 * maxHeld {
		c.now = c.now.Add(-time.Millisecond) // all at one time
		c.ask("TOY b\n")
	}
	_, flows := run(t, Options{Done: func(f *Flow) {
		if got := f.Ends[0].LostBytes; got != 100 {
			t.Errorf("lost %d bytes, want 100", got)
		}
		if cap(f.line.held) > 4*maxHeld {
			t.Errorf("held up to %d messages", cap(f.line.held))
		}
	}}, c.list...)
	if len(flows) != 1 {
		t.Fatalf("%d flows, want 1", len(flows))
	}
}

func TestDatagrams(t *testing.T) {
	c := newTalk()
	c.client.Kind, c.server.Kind = capture.Datagram, capture.Datagram
	other := newTalk()
	other.client, other.server = c.client, capture.Socket{SK: 0x300, Inode: 13, Kind: capture.Datagram, Path: "/run/other.sock"}
	a := c.ask("TOY a\n")
	b := other.ask("TOY b\n") // the socket's offset goes on, but to another peer
	b.Offset = 6
	c.offset[0] = 12
	d := c.ask("TOY d\n")
	again := *d
	e := c.ask("TOY e\n")
	e.LostMessages, e.LostBytes = 1, 4
	got, flows := run(t, Options{}, a, b, d, &again, e)
	want := lines(`client:1 "TOY a\n"`, `client:1 "TOY b\n"`, `client:2 "TOY d\n"`,
		`client gap 4`, `client:3 "TOY e\n"`, `close 1`, `close 3`)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("told the decoder (-want +got):\n%s", diff)
	}
	if len(flows) != 2 || flows[0].ID == flows[1].ID {
		t.Errorf("%d flows, want 2 with ids of their own", len(flows))
	}
}
