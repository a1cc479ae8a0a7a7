package redis

import (
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"unixcap/decoders/decodertest"
)

var (
	update = flag.Bool("update", false, "rewrite the expected output in testdata")
	record = flag.String("record", "", "record -client's last conversation as testdata/NAME.conv")
	client = flag.String("client", "", "shell command for -record; $SOCKET is the server's socket")
)

// The conversations in testdata, what each shows, and how many requests may go
// unanswered before the decoder has found its place, -1 where the client is
// always ahead and there is no way to tell whose the first answer is.
var golden = []struct {
	name, shows string
	slack       int
}{
	{"cli", "redis-cli: commands of all kinds, their errors, a transaction, SELECT", 1},
	{"resp3", "redis-cli -3: HELLO, maps, sets, doubles, nulls, client tracking with an invalidation", 1},
	{"types3", "DEBUG PROTOCOL in RESP3: every type, an attribute and a push among them", -1},
	{"secrets", "AUTH, HELLO AUTH, ACL SETUSER and CONFIG SET with passwords, right and wrong", 1},
	{"inline", "inline commands with quotes, sent by socat", -1},
	{"pipeline", "redis-benchmark -P 16", 16},
	{"pubsub", "redis-cli: a subscriber in RESP2", 1},
	{"pubsub3", "redis-cli -3: a subscriber, to a pattern, in RESP3", 1},
	{"monitor", "redis-cli: MONITOR", 1},
	{"replica", "redis-cli --replica: SYNC, after which it is no RESP", 1},
}

func TestGolden(t *testing.T) {
	for _, g := range golden {
		t.Run(g.name, func(t *testing.T) {
			c := decodertest.Golden(t, Protocol, filepath.Join("testdata", g.name), *update)
			if t.Failed() {
				t.Log("this is about " + g.shows)
			}
			decodertest.Everything(t, Protocol, c, g.slack)
		})
	}
}

// TestRecord is not a test but how the conversations got here:
//
//	go test -run TestRecord -record NAME -client 'redis-cli -s $SOCKET …'
func TestRecord(t *testing.T) {
	if *record == "" {
		return // it makes golden conversations, and tests nothing
	}
	s := startServer(t)
	cmd := exec.Command("sh", "-c", *client)
	cmd.Env = append(os.Environ(), "SOCKET="+s.path, "DIRECT="+s.target)
	out, err := cmd.CombinedOutput()
	t.Logf("%v\n%.2000s", err, out)
	all := s.conversations()
	for i, c := range all {
		for _, x := range decodertest.Whole(Protocol, c) {
			t.Logf("%d %.1000s", i, decodertest.JSON(&x))
		}
	}
	all[len(all)-1].Write(t, filepath.Join("testdata", *record+".conv"))
}
