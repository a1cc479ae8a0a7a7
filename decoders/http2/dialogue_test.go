package http2

import (
	"slices"
	"strings"
	"testing"

	"unixcap/decoders"
	"unixcap/decoders/decodertest"
)

// behind is the protocol of a connection that was upgraded with a request.
func behind(request string) decoders.Protocol {
	p := Protocol
	p.New = func(emit func(*decoders.Exchange)) decoders.Decoder {
		return Behind(emit, &decoders.Exchange{Op: "post", Request: []byte(request), Rows: -1})
	}
	return p
}

// Docker's daemon changes to HTTP/2 without a response on stream 1: at /grpc the
// client's first request is there, at /session the daemon is who asks. All that
// follows comes out as it does without an upgrade.
func TestChange(t *testing.T) {
	c := decodertest.Read(t, "testdata/grpc.conv")
	want := decodertest.Whole(Protocol, c)
	for request, swap := range map[string]bool{"/grpc": false, "/session": true} {
		c := slices.Clone(c)
		for i := range c {
			if swap {
				c[i].From = c[i].From.Other()
			}
		}
		p := behind(request)
		got := decodertest.Whole(p, c)
		if x := &got[0]; x.Op != "post" || string(x.Request) != request || x.Status != decoders.OK || !strings.Contains(decodertest.JSON(x), `"status_code":101`) {
			t.Errorf("%s: %s", request, decodertest.JSON(x))
		}
		if len(got) != len(want)+1 {
			t.Fatalf("%s: %d exchanges, want %d", request, len(got), len(want)+1)
		}
		for i := range want {
			w, g := decodertest.JSON(&want[i]), decodertest.JSON(&got[i+1])
			added := `"version":"2",`
			if swap {
				added += `"caller":"server",`
				w = strings.Replace(w, `"reset_by":"client"`, `"reset_by":"server"`, 1)
			}
			if g = strings.Replace(g, added, "", 1); g != w {
				t.Errorf("%s:\n got %s\nwant %s", request, g, w)
			}
		}
		decodertest.Splits(t, p, c)
	}
}
