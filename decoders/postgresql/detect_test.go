package postgresql

import (
	"path/filepath"
	"testing"

	"unixcap/decoders"
	"unixcap/decoders/decodertest"
)

func TestDetect(t *testing.T) {
	const (
		query   = "Q\x00\x00\x00\x0dselect 1\x00"
		ready   = "Z\x00\x00\x00\x05I"
		answer  = "T\x00\x00\x00\x21\x00\x01?column?\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x17\x00\x04\xff\xff\xff\xff\x00\x00D\x00\x00\x00\x0b\x00\x01\x00\x00\x00\x011C\x00\x00\x00\x0dSELECT 1\x00" + ready
		startup = "\x00\x00\x00\x10\x00\x03\x00\x00user\x00a\x00\x00"
		okay    = "R\x00\x00\x00\x08\x00\x00\x00\x00"
	)
	for _, test := range []struct {
		name           string
		client, server string
		plain, hinted  decoders.Verdict
	}{
		{"nothing", "", "", decoders.Maybe, decoders.Maybe},
		{"startup", startup, "", decoders.Yes, decoders.Yes},
		{"startup and answer", startup, okay, decoders.Yes, decoders.Yes},
		{"startup, not complete", startup[:10], "", decoders.Maybe, decoders.Maybe},
		{"startup, then HTTP", startup, "HTTP/1.1 200 OK\r\n", decoders.No, decoders.No},
		{"SSLRequest", "\x00\x00\x00\x08\x04\xd2\x16\x2f", "", decoders.Yes, decoders.Yes},
		{"SSLRequest refused", "\x00\x00\x00\x08\x04\xd2\x16\x2f", "N", decoders.Yes, decoders.Yes},
		{"CancelRequest", "\x00\x00\x00\x10\x04\xd2\x16\x2e\x00\x00\x00\x01\x00\x00\x00\x02", "", decoders.Yes, decoders.Yes},
		{"query and rows", query, answer, decoders.Yes, decoders.Yes},
		{"query and the rest of rows", query, "0123456789" + answer, decoders.Yes, decoders.Yes},
		{"query alone", query, "", decoders.Maybe, decoders.Yes},
		{"query and something else", query, "HTTP/1.1 200 OK\r\n", decoders.No, decoders.Yes},
		{"Sync", "S\x00\x00\x00\x04", ready, decoders.Maybe, decoders.Maybe},
		{"rows only", "", answer, decoders.Maybe, decoders.Maybe},
		{"HTTP", "GET / HTTP/1.1\r\nHost: a\r\n\r\n", "HTTP/1.1 200 OK\r\n\r\n", decoders.No, decoders.No},
		{"Redis", "*1\r\n$4\r\nPING\r\n", "+PONG\r\n", decoders.No, decoders.No},
		{"Redis, inline", "PING\r\n", "+PONG\r\n", decoders.No, decoders.No},
		{"MySQL", "\x20\x00\x00\x01\x85\xa6\xff\x01\x00\x00\x00\x01\x2d", "J\x00\x00\x00\x0a8.0.1\x00", decoders.No, decoders.No},
		{"MySQL query", "\x09\x00\x00\x00\x03select 1", "\x01\x00\x00\x01\x01", decoders.No, decoders.No},
		{"TLS", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", "\x16\x03\x03\x00\x7a\x02\x00\x00\x76", decoders.No, decoders.No},
		{"TLS data", "\x17\x03\x03\x00\x20abc", "\x17\x03\x03\x00\x20abc", decoders.No, decoders.No},
		{"D-Bus", "\x00AUTH EXTERNAL 30\r\n", "OK 1234\r\n", decoders.No, decoders.No},
		{"HTTP/2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "\x00\x00\x00\x04\x00\x00\x00\x00\x00", decoders.No, decoders.No},
		{"FastCGI", "\x01\x01\x00\x01\x00\x08\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00", "", decoders.No, decoders.No},
		{"SMTP", "", "220 mail ESMTP\r\n", decoders.No, decoders.No},
	} {
		t.Run(test.name, func(t *testing.T) {
			decodertest.Detects(t, Protocol, test.client, test.server, test.plain, test.hinted)
		})
	}
}

// TestDetectRecorded wants no recorded conversation recognised the other way
// round.
func TestDetectRecorded(t *testing.T) {
	for _, r := range golden.Recordings {
		client, server := r.Read(t).Prefixes()
		if v := detect(server, client, true); v == decoders.Yes {
			t.Errorf("%s, the other way round: %v", r.Name, v)
		}
	}
}

// TestDetectMiddle wants them recognised from a request on in their middle.
func TestDetectMiddle(t *testing.T) {
	for _, name := range []string{"psql", "prepared", "extended", "binary", "pipeline"} {
		c := decodertest.Read(t, filepath.Join("testdata", name+".conv"))
		for i := range c[:len(c)-4] {
			if i < 2 || c[i].From != decoders.Client || c[i].Data[0] != kindQuery && c[i].Data[0] != kindBind {
				continue
			}
			client, server := c[i:].Prefixes()
			if v := detect(client, server, false); v != decoders.Yes {
				t.Errorf("%s from message %d: %v", name, i+1, v)
			}
		}
	}
}
