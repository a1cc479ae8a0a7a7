package http

import (
	"strings"
	"testing"

	"unixcap/decoders"
	"unixcap/decoders/decodertest"
)

// said makes a conversation of texts: those that begin with "< " are the
// server's.
func said(texts ...string) (c decodertest.Conversation) {
	for _, s := range texts {
		m := decodertest.Message{Data: []byte(s)}
		if rest, ok := strings.CutPrefix(s, "< "); ok {
			m.From, m.Data = decoders.Server, []byte(rest)
		}
		c = append(c, m)
	}
	return c
}

const get = "GET /a HTTP/1.1\r\nHost: a\r\n\r\n"

// Each conversation comes out as op, status, code and content's length say.
func TestDialogue(t *testing.T) {
	for _, test := range []struct {
		name string
		c    decodertest.Conversation
		want []string
	}{
		{"no spaces, no reason", said(get, "< HTTP/1.1 200\r\nContent-Length:3\r\n\r\nabc"), []string{"get ok 3"}},
		{"line feeds only", said("GET / HTTP/1.1\nHost: a\n\n", "< HTTP/1.1 200 OK\nContent-Length: 1\n\na"), []string{"get ok 1"}},
		{"empty lines between", said("\r\n\r\n"+get, "< HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", "\r\n"+get, "< HTTP/1.1 204 No Content\r\n\r\n"), []string{"get ok 0", "get ok -1"}},
		{"a length for HEAD and 304", said("HEAD / HTTP/1.1\r\n\r\n", "< HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n", get, "< HTTP/1.1 304 Not Modified\r\nContent-Length: 10\r\n\r\n"), []string{"head ok -1", "get ok -1"}},
		{"chunks with extensions", said(get, "< HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, Chunked\r\n\r\n3;a=b\r\nabc\r\n00A \r\n0123456789\r\n0;x\r\n\r\n", get), []string{"get ok 13", "get unanswered -1"}},
		{"chunked overrules the length", said(get, "< HTTP/1.1 200 OK\r\nContent-Length: 99\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n"), []string{"get ok 1"}},
		{"equal lengths", said(get, "< HTTP/1.1 200 OK\r\nContent-Length: 1, 1\r\nContent-Length: 1\r\n\r\na"), []string{"get ok 1"}},
		{"an answer before the end of the request", said("POST / HTTP/1.1\r\nContent-Length: 6\r\n\r\nabc", "< HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n", "def", get, "< HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"), []string{"post error 413 0", "get ok 0"}},
		{"an answer, and the request never ends", said("POST / HTTP/1.1\r\nContent-Length: 6\r\n\r\nabc", "< HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n"), []string{"post error 413 0"}},
		{"a server that hangs up unasked", said(get, "< HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", "< HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\n\r\n"), []string{"get ok 0", "response error 408 0"}},
		{"spaces before colons", said("POST / HTTP/1.1\r\nContent-Length : 3\r\n\r\nabc"+get, "< HTTP/1.1 200 OK\r\nContent-Length \t: 5\r\n\r\nabcde", "< HTTP/1.1 204 No Content\r\n\r\n"), []string{"post ok 5", "get ok -1"}},
		{"folded fields", said("POST / HTTP/1.1\r\nTransfer-Encoding:\r\n\tchunked\r\nA: b\r\n\r\n1\r\na\r\n0\r\n\r\n"+get,
			"< HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip,\r\n chunked\r\nA: b\r\n Content-Length: 9\r\n\r\n2\r\nab\r\n0\r\n\r\n", "< HTTP/1.1 200 OK\r\nContent-Length:\r\n 3\r\n\r\nabc"), []string{"post ok 2", "get ok 3"}},
		{"a field that is folded, but no longer chunked", said(get, "< HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n , gzip\r\n\r\n1\r\n"), []string{"get ok 3"}},
		{"refused before the head ends", said("GET /a HTTP/1.1\r\nCookie: a", "< HTTP/1.1 431 Too Large\r\nContent-Length: 0\r\n\r\n"), []string{"get error 431 0"}},
		{"refused before the head ends, which then does", said("POST /a HTTP/1.1\r\nCookie: a", "< HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n", "b\r\nContent-Length: 2\r\n\r\nab"+get, "< HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\na"), []string{"post error 400 0", "get ok 1"}},
		{"refused before the line ends", said("GET /aaaaaaaa", "< HTTP/1.1 414 URI Too Long\r\nConnection: close\r\n\r\nno"), []string{"get error 414 2"}},
		{"refused before the line ends, which then does", said("GET /aaaaaaaa", "< HTTP/1.1 414 URI Too Long\r\nContent-Length: 0\r\n\r\n", "a HTTP/1.1\r\n\r\n"+get, "< HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\na"), []string{"get error 414 0", "get ok 1"}},
		{"refused, and the server goes on with nonsense", said("GET /a HTTP/1.1\r\nA: b", "< HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n\x00\x01\r\n", "\r\n\r\n"), []string{"get error 400 0"}},
		{"cut off", said(get, "< HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc"), []string{"get unanswered 3"}},
		{"no HTTP any more", said(get, "< \x00\x01\x02\r\n", get, "< HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"), []string{"get unanswered -1", "get ok 0"}},
		{"a method of its own", said("X-MINE /a HTTP/1.1\r\n\r\n", "< HTTP/1.1 501 Not Implemented\r\n\r\n"), []string{"x-mine error 501 0"}},
		{"Docker's raw stream", said("POST /attach HTTP/1.1\r\n\r\n", "< HTTP/1.1 200 OK\r\nContent-Type: application/vnd.docker.raw-stream\r\n\r\n", "ls\n", "< files"), []string{"post ok 5"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			all := decodertest.Whole(Protocol, test.c)
			var got []string
			for i := range all {
				got = append(got, summary(&all[i]))
			}
			if strings.Join(got, ", ") != strings.Join(test.want, ", ") {
				t.Errorf("got %q, want %q", got, test.want)
			}
			decodertest.Splits(t, Protocol, test.c)
		})
	}
}

func summary(x *decoders.Exchange) string {
	n := decoders.IntValue(-1)
	for _, a := range x.Attrs {
		if a.Key == "response_content_bytes" {
			n = a.Value
		}
	}
	s := x.Op + " " + x.Status.String() + " "
	if x.ErrorCode != "" {
		s += x.ErrorCode + " "
	}
	return s + string(n.AppendJSON(nil))
}

func TestDetect(t *testing.T) {
	for _, test := range []struct {
		client, server string
		want           decoders.Verdict
	}{
		{"GET / HTTP/1.1\r\n", "", decoders.Yes},
		{"GET / HTT", "", decoders.Maybe},
		{"", "HTTP/1.1 200 OK\r\n", decoders.Yes},
		{"", "HTT", decoders.Maybe},
		{"", "", decoders.Maybe},
		{"abc", "HTTP/1.0 200 OK\r\n", decoders.Yes},
		{"HTTP/1.1 200 OK\r\n", "GET / HTTP/1.1\r\n", decoders.No},
		{"DESCRIBE rtsp://a RTSP/1.0\r\n", "RTSP/1.0 200 OK\r\n", decoders.No},
		{"INVITE sip:a SIP/2.0\r\n", "", decoders.No},
		{"get / HTTP/1.1\r\n", "", decoders.No},
		{"GET key\r\n", "$1\r\na\r\n", decoders.No},
		{"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "", decoders.No},
	} {
		if got := detect([]byte(test.client), []byte(test.server), false); got != test.want {
			t.Errorf("%q, %q: %v, want %v", test.client, test.server, got, test.want)
		}
	}
}
