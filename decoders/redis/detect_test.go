package redis

import (
	"bufio"
	"os"
	"strconv"
	"strings"
	"testing"

	"unixcap/decoders"
	"unixcap/decoders/decodertest"
)

func TestDetect(t *testing.T) {
	for _, test := range []struct {
		name           string
		client, server string
		plain, hinted  decoders.Verdict
	}{
		{"nothing", "", "", decoders.Maybe, decoders.Maybe},
		{"command", "*1\r\n$4\r\nPING\r\n", "", decoders.Yes, decoders.Yes},
		{"command and answer", "*1\r\n$4\r\nPING\r\n", "+PONG\r\n", decoders.Yes, decoders.Yes},
		{"a module's command", "*2\r\n$7\r\nbf.info\r\n$1\r\na\r\n", "", decoders.Maybe, decoders.Yes},
		{"a module's command and answer", "*2\r\n$7\r\nbf.info\r\n$1\r\na\r\n", "*0\r\n", decoders.Yes, decoders.Yes},
		{"a long value", "*3\r\n$3\r\nset\r\n$1\r\na\r\n$100000\r\nxxxxxxxxxxx", "", decoders.Yes, decoders.Yes},
		{"first byte", "*", "", decoders.Maybe, decoders.Maybe},
		{"beginning", "*3\r\n$3\r\nse", "", decoders.Maybe, decoders.Maybe},
		{"an answer from the middle", "*1\r\n$4\r\nping\r\n", "the rest of something\r\n", decoders.Yes, decoders.Yes},
		{"an array of numbers", "*3\r\n:1\r\n:2\r\n:3\r\n", "", decoders.No, decoders.No},
		{"inline", "PING\r\n", "", decoders.Maybe, decoders.Maybe},
		{"inline and answer", "PING\r\n", "+PONG\r\n", decoders.Yes, decoders.Yes},
		{"inline and bulk string", "get a\n", "$1\r\n5\r\n", decoders.Yes, decoders.Yes},
		{"message", "", "*3\r\n$7\r\nmessage\r\n$1\r\na\r\n$1\r\nb\r\n", decoders.Yes, decoders.Yes},
		{"monitor", "", "+1339518083.107412 [0 127.0.0.1:60866] \"keys\" \"*\"\r\n", decoders.Yes, decoders.Yes},
		{"refused", "", "-ERR max number of clients reached\r\n", decoders.Yes, decoders.Yes},
		{"POP3", "QUIT\r\n", "+OK bye\r\n", decoders.No, decoders.Yes},
		{"POP3 login", "USER joe\r\n", "+OK\r\n", decoders.No, decoders.No},
		{"memcached", "get a\r\n", "VALUE a 0 1\r\nb\r\nEND\r\n", decoders.No, decoders.No},
		{"memcached set", "set a 0 0 1\r\nb\r\n", "STORED\r\n", decoders.No, decoders.No},
		{"SMTP", "HELO a\r\n", "220 mail ESMTP\r\n", decoders.No, decoders.No},
		{"HTTP", "GET / HTTP/1.1\r\nHost: a\r\n\r\n", "HTTP/1.1 200 OK\r\n\r\n", decoders.No, decoders.No},
		{"HTTP, lower case", "get / HTTP/1.0\r\n\r\n", "HTTP/1.1 400 Bad Request\r\n\r\n", decoders.No, decoders.No},
		{"git", "0032want 0a53e9ddeaddad63ad106860237bbf53411d11a7\n", "", decoders.No, decoders.No},
		{"TLS", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", "\x16\x03\x03\x00\x7a\x02\x00\x00\x76", decoders.No, decoders.No},
		{"TLS data", "\x17\x03\x03\x00\x20abc", "\x17\x03\x03\x00\x20abc", decoders.No, decoders.No},
		{"PostgreSQL startup", "\x00\x00\x00\x29\x00\x03\x00\x00user\x00a\x00\x00", "R\x00\x00\x00\x08\x00\x00\x00\x00", decoders.No, decoders.No},
		{"PostgreSQL query", "Q\x00\x00\x00\x0dselect 1\x00", "T\x00\x00\x00\x21", decoders.No, decoders.No},
		{"D-Bus", "\x00AUTH EXTERNAL 30\r\n", "OK 1234\r\n", decoders.No, decoders.No},
		{"JSON", "{\"execute\":\"qmp_capabilities\"}\n", "{\"return\": {}}\n", decoders.No, decoders.No},
	} {
		t.Run(test.name, func(t *testing.T) {
			decodertest.Detects(t, Protocol, test.client, test.server, test.plain, test.hinted)
		})
	}
}

func TestDetectRecorded(t *testing.T) {
	for _, r := range golden.Recordings {
		client, server := r.Read(t).Prefixes()
		if v := detect(server, client, false); v == decoders.Yes {
			t.Errorf("%s: the other way round: %v", r.Name, v)
		}
	}
}

// TestCommands holds the table against what COMMAND answers in Redis 7.0.15: a
// name and the first key, the last one, and the step between them.
func TestCommands(t *testing.T) {
	f, err := os.Open("testdata/commands.txt")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	n := 0
	for lines := bufio.NewScanner(f); lines.Scan(); n++ {
		w := strings.Fields(lines.Text())
		k := commands[w[0]]
		if k == nil {
			t.Errorf("%s is not in the table", w[0])
			continue
		}
		first, _ := strconv.Atoi(w[1])
		last, _ := strconv.Atoi(w[2])
		step, _ := strconv.Atoi(w[3])
		if first != 0 && (k.keys.first != first || k.keys.last != last || k.keys.step != step) {
			t.Errorf("%s: keys at %+v, the server says %d to %d by %d", w[0], k.keys, first, last, step)
		}
	}
	if n < 300 {
		t.Errorf("%d commands", n)
	}
}
