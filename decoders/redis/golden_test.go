package redis

import (
	"path/filepath"
	"testing"

	"unixcap/decoders/decodertest"
	"unixcap/internal/need"
)

// The conversations in testdata. Each was made with -client, as in
//
//	go test -run TestRecord -record NAME -client 'redis-cli -s $SOCKET …'
var golden = decodertest.Golden{Protocol: Protocol, Server: startServer, Recordings: []decodertest.Recording{
	{Name: "cli", Shows: "redis-cli: commands of all kinds, their errors, a transaction, SELECT", Slack: 1},
	{Name: "resp3", Shows: "redis-cli -3: HELLO, maps, sets, doubles, nulls, client tracking with an invalidation", Slack: 1},
	{Name: "types3", Shows: "DEBUG PROTOCOL in RESP3: every type, an attribute and a push among them", Slack: -1},
	{Name: "secrets", Shows: "AUTH, HELLO AUTH, ACL SETUSER and CONFIG SET with passwords, right and wrong", Slack: 1},
	{Name: "inline", Shows: "inline commands with quotes, sent by socat", Slack: -1},
	{Name: "pipeline", Shows: "redis-benchmark -P 16", Slack: 16},
	{Name: "pubsub", Shows: "redis-cli: a subscriber in RESP2", Slack: 1},
	{Name: "pubsub3", Shows: "redis-cli -3: a subscriber, to a pattern, in RESP3", Slack: 1},
	{Name: "monitor", Shows: "redis-cli: MONITOR", Slack: 1},
	{Name: "replica", Shows: "redis-cli --replica: SYNC, after which it is no RESP", Slack: 1},
}}

func TestGolden(t *testing.T)  { golden.Test(t) }
func TestRecord(t *testing.T)  { golden.Record(t) }
func FuzzDecoder(f *testing.F) { golden.Fuzz(f) }

// startServer starts a server of our own behind a proxy that records.
func startServer(t *testing.T) *decodertest.Proxy {
	t.Helper()
	need.Programs(t, "redis-server")
	dir := t.TempDir()
	socket := filepath.Join(dir, "redis.sock")
	decodertest.Start(t, socket, "redis-server", "--port", "0", "--unixsocket", socket, "--save", "", "--repl-diskless-sync-delay", "0",
		"--enable-debug-command", "local", "--dir", dir)
	return decodertest.Proxied(t, socket)
}
