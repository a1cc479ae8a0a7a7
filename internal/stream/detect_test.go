package stream

import (
	"strings"
	"testing"

	"unixcap/decoders"
	"unixcap/internal/capture"

	"github.com/google/go-cmp/cmp"
)

func TestDetect(t *testing.T) {
	tests := []struct {
		name  string
		rules []Rule
		talk  func(*talk)
		proto string
		want  string
	}{
		{"byte by byte, replayed with the marks of each", nil, func(c *talk) {
			for _, b := range []string{"T", "O", "Y", " a\n"} {
				c.ask(b)
			}
		}, "toy", lines(`client:1 "T"`, `client:2 "O"`, `client:3 "Y"`, `client:4 " a\n"`, `close 4`)},

		{"server speaks first", nil, func(c *talk) {
			c.answer("hello\n")
			c.ask("TOY a\n")
		}, "toy", lines(`server:1 "hello\n"`, `client:2 "TOY a\n"`, `close 2`)},

		{"no bound name: content says who is the server", nil, func(c *talk) {
			c.client, c.server = c.server, c.client
			c.client.Path, c.server.Path = "", ""
			c.ask("TOY a\n")
			c.answer("+a\n")
		}, "toy", lines(`client:1 "TOY a\n"`, `server:2 "+a\n"`, `close 2`)},

		{"ends swapped while a message is cut", nil, func(c *talk) {
			c.client, c.server = c.server, c.client
			c.client.Path, c.server.Path = "", ""
			m := c.ask("TOY a\n")
			m.Payload = m.Payload[:5]
			c.ask("TOY b\n")
		}, "toy", lines(`client:1 "TOY a"`, `client gap 1`, `client:2 "TOY b\n"`, `close 2`)},

		{"something else", nil, func(c *talk) {
			c.ask("GET / HTTP/1.1\r\n")
			c.ask("TOY a\n")
		}, Unknown, ""},

		{"undecided at the end", nil, func(c *talk) { c.ask("TO") }, Unknown, ""},

		{"undecided for too long", nil, func(c *talk) {
			c.answer(strings.Repeat("x", detectBytes))
			c.answer("x")
			c.ask("TOY a\n")
		}, Unknown, ""},

		{"weaker evidence will do with a hint", nil, func(c *talk) {
			c.server.Path = "/run/toy.sock"
			c.answer("+a\n")
		}, "toy", lines(`server:1 "+a\n"`, `close 1`)},

		{"a port is a hint", nil, func(c *talk) {
			c.server.Path = "/run/mysqld/mysqld.sock"
			c.answer("+a\n")
		}, "toy", lines(`server:1 "+a\n"`, `close 1`)},

		{"no hint, no weak evidence", nil, func(c *talk) { c.answer("+a\n") }, Unknown, ""},

		{"from the middle of an answer", nil, func(c *talk) {
			c.offset = [2]uint64{1000, 2000}
			c.ask("rest of a request\n")
			c.answer("some data\n")
			c.answer("some more\n")
			c.ask("TOY a\n")
			c.answer("+a\n")
		}, "toy", lines(`client gap 0`, `server gap 0`, `server:2 "some data\n"`, `server:3 "some more\n"`,
			`client:4 "TOY a\n"`, `server:5 "+a\n"`, `close 5`)},

		{"the middle is tried only so often", nil, func(c *talk) {
			c.offset = [2]uint64{1000, 2000}
			for range 2 * detectTurns {
				c.ask("no\n")
				c.answer("no\n")
			}
			c.ask("TOY a\n")
		}, Unknown, ""},

		{"a gap before the protocol is known", nil, func(c *talk) {
			c.ask("TO")
			c.offset[0] += 5
			c.ask("TOY a\n").LostBytes = 5
		}, "toy", lines(`client:1 "TO"`, `client gap 5`, `client:2 "TOY a\n"`, `close 2`)},

		{"overruled by path", []Rule{{Glob: "svc.*"}}, func(c *talk) {
			c.ask("whatever")
		}, "toy", lines(`client:1 "whatever"`, `close 1`)},

		{"overruled by socket", []Rule{{SK: 0xffff888000000100}}, func(c *talk) {
			c.ask("whatever")
		}, "toy", lines(`client:1 "whatever"`, `close 1`)},

		{"overruled by port", []Rule{{Port: 6379}}, func(c *talk) {
			c.server.Path = "/run/redis/redis.sock"
			c.ask("whatever")
		}, "toy", lines(`client:1 "whatever"`, `close 1`)},

		{"a rule for another socket", []Rule{{Glob: "/run/x*"}}, func(c *talk) {
			c.ask("whatever")
		}, Unknown, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := newTalk()
			tt.talk(c)
			got, flows := run(t, Options{Rules: tt.rules}, c.list...)
			if d := cmp.Diff(tt.want, got); d != "" {
				t.Errorf("told the decoder (-want +got):\n%s", d)
			}
			if len(flows) != 1 || flows[0].Proto != tt.proto {
				t.Errorf("flows %v, want one of %s", flows, tt.proto)
			}
		})
	}
}

// other says verdict to everything.
func other(name string, verdict decoders.Verdict, paths ...string) *decoders.Protocol {
	return &decoders.Protocol{
		Name: name, Paths: paths,
		Detect: func(_, _ []byte, _ bool) decoders.Verdict { return verdict },
		New:    func(func(*decoders.Exchange)) decoders.Decoder { return silent{} },
	}
}

type silent struct{}

func (silent) Data(decoders.End, decoders.Mark, []byte) {}
func (silent) Gap(decoders.End, int64)                  {}
func (silent) Close(decoders.Mark)                      {}

func TestDetectOrder(t *testing.T) {
	tests := []struct {
		name   string
		others []*decoders.Protocol
		want   string
	}{
		{"the first yes", []*decoders.Protocol{other("a", decoders.No), other("b", decoders.Yes), other("c", decoders.Yes)}, "b"},
		{"the hinted yes", []*decoders.Protocol{other("a", decoders.Yes), other("b", decoders.Yes, "svc.sock")}, "b"},
		{"wait for the hinted, then take the other", []*decoders.Protocol{other("a", decoders.Yes), other("b", decoders.Maybe, "/run/*")}, "a"},
		{"a maybe without a hint does not hold up a yes", []*decoders.Protocol{other("a", decoders.Maybe), other("b", decoders.Yes)}, "b"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := newTalk()
			c.ask("whatever")
			_, flows := run(t, Options{Protocols: tt.others}, c.list...)
			if got := flows[0].Proto; got != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
		})
	}
}

func TestParseRule(t *testing.T) {
	known := []*decoders.Protocol{other("a", decoders.No)}
	for _, tt := range []struct {
		in   string
		want Rule
		fail bool
	}{
		{in: "/run/x.sock=a", want: Rule{Glob: "/run/x.sock", Protocol: known[0]}},
		{in: "a=b=a", want: Rule{Glob: "a=b", Protocol: known[0]}},
		{in: "0xffff888000000100=a", want: Rule{SK: 0xffff888000000100, Protocol: known[0]}},
		{in: "3307=a", want: Rule{Port: 3307, Protocol: known[0]}},
		{in: "3307=b", fail: true},
		{in: "3307", fail: true},
		{in: "=a", fail: true},
		{in: "[=a", fail: true},
	} {
		got, err := ParseRule(tt.in, known)
		if (err != nil) != tt.fail || got != tt.want {
			t.Errorf("ParseRule(%q) = %+v, %v", tt.in, got, err)
		}
	}
}

func TestServerChild(t *testing.T) {
	c := newTalk()
	c.ask("TOY a\n")
	c.serverProc.PID = 201 // the listener forked
	c.answer("+a\n")
	c.serverProc.PID = 200
	c.ask("TOY b\n") // the recorder still names the listener as the peer
	_, flows := run(t, Options{Exchange: func(f *Flow, x *decoders.Exchange) {
		if got := f.Ends[decoders.Server].Process.PID; got != 201 {
			t.Errorf("server is %d, want the child that answered, 201", got)
		}
	}}, c.list...)
	if f := flows[0]; f.Exchanges != 2 || f.Unanswered != 1 || f.Messages() != 3 {
		t.Errorf("%d exchanges, %d unanswered, %d messages; want 2, 1, 3", f.Exchanges, f.Unanswered, f.Messages())
	}
}

func TestEviction(t *testing.T) {
	var list []*capture.Message
	for i := range uint64(4) {
		c := newTalk()
		c.client.SK += 0x10000 * i
		c.server.SK += 0x10000 * i
		c.ask("TOY a\n")
		list = append(list, c.list...)
	}
	_, flows := run(t, Options{MaxFlows: 2}, list...)
	var evicted []bool
	for _, f := range flows {
		evicted = append(evicted, f.Evicted)
	}
	if d := cmp.Diff([]bool{true, true, false, false}, evicted); d != "" {
		t.Errorf("evicted (-want +got):\n%s", d)
	}
}

// TestID holds the ids that users have in their notes.
func TestID(t *testing.T) {
	c := newTalk()
	c.ask("TOY a\n")
	c.answer("+a\n")
	_, flows := run(t, Options{}, c.list...)
	_, back := run(t, Options{}, c.list[1], c.list[0])
	if got, want := flows[0].ID, back[0].ID; got != want {
		t.Errorf("id %s if the client is first, %s if the server is", got, want)
	}
	if got, want := flows[0].ID, "2t5fgxsp9d"; got != want {
		t.Errorf("id %s, was %s in earlier releases", got, want)
	}
}

func TestWindow(t *testing.T) {
	c := newTalk()
	c.ask("TOY a\n")
	c.answer("+a\n")
	c.ask("TOY b\n")
	c.answer("-b\n")
	var seen []string
	_, flows := run(t, Options{
		Since: decoders.TimeOf(c.list[2].Time), Until: decoders.TimeOf(c.list[3].Time),
		Exchange: func(_ *Flow, x *decoders.Exchange) { seen = append(seen, string(x.Request)) },
	}, c.list...)
	if d := cmp.Diff([]string{"TOY b"}, seen); d != "" {
		t.Errorf("exchanges (-want +got):\n%s", d)
	}
	if f := flows[0]; f.Messages() != 1 || f.Exchanges != 1 || f.Errors != 1 {
		t.Errorf("%d messages, %d exchanges, %d errors; want 1 each", f.Messages(), f.Exchanges, f.Errors)
	}
}
