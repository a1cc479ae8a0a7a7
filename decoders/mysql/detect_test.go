package mysql

import (
	"testing"

	"unixcap/decoders"
	"unixcap/decoders/decodertest"
)

func TestDetect(t *testing.T) {
	query := string(wire(0, "\x03select 1"))
	rows := string(wire(1, "\x01")) + string(wire(2, "\x03def\x00\x00\x00\x011\x00\x0c\x3f\x00"))
	greeting := string(opening(mysql8)[0].Data)
	for _, test := range []struct {
		name           string
		client, server string
		plain, hinted  decoders.Verdict
	}{
		{"nothing", "", "", decoders.Maybe, decoders.Maybe},
		{"greeting", "", greeting, decoders.Yes, decoders.Yes},
		{"greeting, not complete", "", greeting[:20], decoders.Maybe, decoders.Maybe},
		{"first byte of a greeting", "", greeting[:1], decoders.Maybe, decoders.Maybe},
		{"greeting, then HTTP", "GET / HTTP/1.1\r\n", greeting, decoders.No, decoders.No},
		{"too many connections", "", string(wire(0, "\xff\x10\x04Too many connections")), decoders.Yes, decoders.Yes},
		{"query and rows", query, rows, decoders.Yes, decoders.Yes},
		{"query and error", query, string(wire(1, "\xff\x28\x04#42000You have an error")), decoders.Yes, decoders.Yes},
		{"query alone", query, "", decoders.Maybe, decoders.Yes},
		{"ping and OK", string(wire(0, "\x0e")), string(wire(1, okPayload)), decoders.Yes, decoders.Yes},
		{"query and the rest of rows", query, "abcdefghij" + rows, decoders.Yes, decoders.Yes},
		{"query and something else", query, "HTTP/1.1 200 OK\r\n", decoders.No, decoders.Yes},
		{"HTTP", "GET / HTTP/1.1\r\nHost: a\r\n\r\n", "HTTP/1.1 200 OK\r\n\r\n", decoders.No, decoders.No},
		{"HTTP, request only", "GET / HTTP/1.1\r\n", "", decoders.No, decoders.No},
		{"Redis", "*1\r\n$4\r\nPING\r\n", "+PONG\r\n", decoders.No, decoders.No},
		{"PostgreSQL", "\x00\x00\x00\x08\x04\xd2\x16\x2f", "N", decoders.No, decoders.No},
		{"PostgreSQL startup", "\x00\x00\x00\x29\x00\x03\x00\x00user\x00a\x00\x00", "R\x00\x00\x00\x08\x00\x00\x00\x00", decoders.No, decoders.No},
		{"PostgreSQL query", "Q\x00\x00\x00\x0dselect 1\x00", "T\x00\x00\x00\x21", decoders.No, decoders.No},
		{"TLS", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", "\x16\x03\x03\x00\x7a\x02\x00\x00\x76", decoders.No, decoders.No},
		{"TLS data", "\x17\x03\x03\x00\x20abc", "\x17\x03\x03\x00\x20abc", decoders.No, decoders.No},
		{"X Protocol", "\x01\x00\x00\x00\x01", "\x05\x00\x00\x00\x0b\x08\x05\x1a\x00", decoders.No, decoders.No},
		{"D-Bus", "\x00AUTH EXTERNAL 30\r\n", "OK 1234\r\n", decoders.No, decoders.No},
		{"SMTP", "", "220 mail ESMTP\r\n", decoders.No, decoders.No},
	} {
		t.Run(test.name, func(t *testing.T) {
			decodertest.Detects(t, Protocol, test.client, test.server, test.plain, test.hinted)
		})
	}
}
