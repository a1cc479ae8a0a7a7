package http

import (
	"strings"
	"testing"

	"unixcap/decoders"
	"unixcap/decoders/decodertest"
)

// Contents whose path says that they are secret are not shown: those of Docker's
// and Podman's secrets have no name that would.
func TestSecretPaths(t *testing.T) {
	for _, c := range []decodertest.Conversation{
		said("POST /v1.43/secrets/create HTTP/1.1\r\nContent-Length: 24\r\n\r\n"+`{"Name":"a","Data":"geheim"}`[:17]+`geheim"`, "< HTTP/1.1 201 Created\r\nContent-Length: 2\r\n\r\n{}"),
		said("POST /libpod/secrets/create?name=a HTTP/1.1\r\nContent-Length: 6\r\n\r\ngeheim", "< HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"),
		said("GET /v1/secret/data/a HTTP/1.1\r\n\r\n", "< HTTP/1.1 200 OK\r\nContent-Length: 16\r\n\r\n"+`{"data":"geheim"}`[:16]),
		said("PUT /latest/api/token HTTP/1.1\r\n\r\n", "< HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\ngeheim"),
		said("GET http://me:geheim", "< HTTP/1.1 414 URI Too Long\r\nContent-Length: 0\r\n\r\n"),
		said("GET /a?token=geheim", "< HTTP/1.1 414 URI Too Long\r\nContent-Length: 0\r\n\r\n"),
		said("GET / HTTP/1.1\r\nHost: me:geheim@host\r\n\r\n", "< HTTP/1.1 204 No Content\r\n\r\n"),
		said("< HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\ngeheim"), // to whatever
		said(get, "< HTTP/1.1 401 token=geheim\r\nContent-Length: 0\r\n\r\n"),
	} {
		n := 0
		for _, x := range decodertest.Whole(Protocol, c) {
			if s := decodertest.JSON(&x); strings.Contains(s, "geheim") {
				t.Error(s)
			}
			if x.Status != decoders.Unanswered {
				n++
			}
		}
		if n != 1 {
			t.Errorf("%d answers", n)
		}
	}
}
