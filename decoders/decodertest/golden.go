package decodertest

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strings"
	"testing"

	"unixcap/decoders"
)

var (
	update     = flag.Bool("update", false, "rewrite the expected output in testdata")
	record     = flag.String("record", "", "record anew the conversations in testdata whose names match, or with -client a new one of that name")
	client     = flag.String("client", "", "shell command whose last conversation -record keeps; $SOCKET is where it connects, $DIRECT the server's own socket")
	server     = flag.String("server", "", "socket of a server that runs already, for -client; without it the test starts one, if it knows how")
	connection = flag.Int("connection", -1, "which of the connections -record keeps, counted from 0; -1 is the last")
)

// A Golden is the conversations in a decoder's testdata and what is to come out
// of them.
type Golden struct {
	Protocol   decoders.Protocol
	Recordings []Recording

	// Server starts a server for -client, behind the proxy that is returned.
	// Nil means that it must be given one that runs.
	Server func(*testing.T) *Proxy
}

// A Recording is a conversation: testdata/NAME.conv has what was said and
// testdata/NAME.jsonl what comes out.
type Recording struct {
	Name  string
	Shows string // in a sentence

	// Slack is how many requests may go unanswered before the decoder has
	// found its place: one, or as many as were sent ahead. It is negative
	// where there is no way to tell, as Everything has it, which see.
	Slack   int
	Packets bool // its messages are those of a datagram socket: Slack is 0

	// Make has the conversation said again, the last of those returned. Nil
	// means that it was made with -client.
	Make func(*testing.T) []Conversation
}

// secrets are what passwords and the like are in recordings, so that it shows if
// one comes out. Some are of other words: those have tests of their own.
var secrets = []string{"hunter2", "geheim"}

func (r *Recording) path() string { return filepath.Join("testdata", r.Name) }

// Read returns what was said.
func (r *Recording) Read(t testing.TB) Conversation {
	t.Helper()
	return Read(t, r.path()+".conv")
}

// protocol returns p for the kind of socket that the conversation was on.
func (r *Recording) protocol(p decoders.Protocol) decoders.Protocol {
	if r.Packets {
		return Packets(p)
	}
	return p
}

// Test tests that every conversation comes out as it did, however it is split,
// cut or begun, and that no secret does. With -update what comes out is what is
// expected from now on.
func (g *Golden) Test(t *testing.T) {
	for _, r := range g.Recordings {
		t.Run(r.Name, func(t *testing.T) {
			p, c := r.protocol(g.Protocol), r.Read(t)
			r.compare(t, p, c)
			if t.Failed() {
				t.Log("this is about " + r.Shows)
			}
			if r.Packets {
				EverythingOfPackets(t, p, c)
			} else {
				Everything(t, p, c, r.Slack)
			}
		})
	}
}

// compare tests that what comes out is what is expected.
func (r *Recording) compare(t *testing.T, p decoders.Protocol, c Conversation) {
	t.Helper()
	var lines strings.Builder
	for _, x := range Whole(p, c) {
		line := JSON(&x)
		for _, s := range secrets {
			if strings.Contains(line, s) {
				t.Errorf("a secret: %s", line)
			}
		}
		fmt.Fprintln(&lines, line)
	}
	got, path := lines.String(), r.path()+".jsonl"
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("\n got %s\nwant %s", got, want)
	}
}

// Record is no test: with -record it makes conversations. CONTRIBUTING.md has
// examples.
func (g *Golden) Record(t *testing.T) {
	switch {
	case *record == "":
		return
	case *client != "":
		r := Recording{Name: *record}
		r.keep(t, g.Protocol, g.said(t))
		return
	}
	made := 0
	for _, r := range g.Recordings {
		if ok, err := path.Match(*record, r.Name); err != nil {
			t.Fatal(err)
		} else if !ok || r.Make == nil {
			continue
		}
		made++
		t.Run(r.Name, func(t *testing.T) { r.keep(t, r.protocol(g.Protocol), r.Make(t)) })
	}
	if made == 0 {
		t.Fatalf("no recording %q of those that say how they are made: name a -client", *record)
	}
}

// said returns what -client says.
func (g *Golden) said(t *testing.T) []Conversation {
	t.Helper()
	var p *Proxy
	switch {
	case *server != "":
		p = Proxied(t, *server)
	case g.Server != nil:
		p = g.Server(t)
	default:
		t.Fatal("this test starts no server: name the socket of one with -server")
	}
	cmd := exec.Command("sh", "-c", *client)
	cmd.Env = append(os.Environ(), "SOCKET="+p.Path, "DIRECT="+p.Target)
	return p.Say(t, cmd)
}

// keep writes one of the conversations that were made and logs what comes out.
func (r *Recording) keep(t *testing.T, p decoders.Protocol, all []Conversation) {
	t.Helper()
	for i, c := range all {
		for _, x := range Whole(p, c) {
			t.Logf("%d %.1000s", i, JSON(&x))
		}
	}
	which := *connection
	if which < 0 {
		which = len(all) - 1
	}
	if which < 0 || which >= len(all) || len(all[which]) == 0 {
		t.Fatalf("nothing was said on connection %d of %d", which, len(all))
	}
	all[which].Write(t, r.path()+".conv")
}
