package http2

import (
	"os/exec"
	"strings"
	"testing"

	"unixcap/decoders/decodertest"
	"unixcap/internal/need"
)

// The conversations in testdata. What HPACK refers to was said earlier, so that
// what is known of a request from the middle on is little where fields are repeated.
var golden = decodertest.Golden{Protocol: Protocol, Recordings: []decodertest.Recording{
	{Name: "nginx", Shows: "Go's client and nginx: a connection that is kept, HEAD, 304, 206, 301, 401, 404, 405, gzip", Slack: 1, Make: recordNginx},
	{Name: "curl", Shows: "curl and nginx: one request", Slack: 1, Make: func(t *testing.T) []decodertest.Conversation {
		p := decodertest.Proxied(t, startNginx(t))
		curl(t, p.Path, "-d", "user=me&password=hunter2", "http://unix/index.html?token=hunter2")
		return p.Conversations()
	}},
	{Name: "h2load", Shows: "h2load and nginx: ten streams at once", Slack: 10, Make: func(t *testing.T) []decodertest.Conversation {
		need.Programs(t, "h2load")
		p := decodertest.Proxied(t, startNginx(t))
		return p.Say(t, exec.Command("h2load", "-B", "unix:"+p.Path, "-c", "1", "-m", "10", "-n", "60", "http://unix/", "http://unix/lines.txt", "http://unix/nothing"))
	}},
	{Name: "nghttp", Shows: "nghttp and nghttpd: priorities, CONTINUATION, padding, trailers of both ends", Slack: 2, Make: func(t *testing.T) []decodertest.Conversation {
		return nghttp(t, startNghttpd(t, "--padding=7", "--trailer=x-checksum: abc", "--echo-upload"),
			"--continuation", "--padding=9", "--trailer=x-sum: 1", "--data=/etc/debian_version", "--header=x-long: "+strings.Repeat("long", 100),
			"http://unix/", "http://unix/nothing", "http://unix/style.css?password=hunter2")
	}},
	{Name: "push", Shows: "nghttp and nghttpd: a pushed stream, a page that is not there", Slack: 2, Make: func(t *testing.T) []decodertest.Conversation {
		return nghttp(t, startNghttpd(t, "--padding=7", "--push=/=/style.css"), "http://unix/", "http://unix/nothing")
	}},
	{Name: "grpc", Shows: "grpc-go: unary calls, streams of all kinds, errors, a deadline, one that is given up, gzip", Slack: 14, Make: recordGRPC},
}}

func TestGolden(t *testing.T)  { golden.Test(t) }
func TestRecord(t *testing.T)  { golden.Record(t) }
func FuzzDecoder(f *testing.F) { golden.Fuzz(f) }
func FuzzDetect(f *testing.F) {
	decodertest.FuzzDetect(f, Protocol, [2]string{preface, "\x00\x00\x06\x04\x00\x00\x00\x00\x00\x00\x03\x00\x00\x00d"})
}
