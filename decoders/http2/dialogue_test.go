package http2

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/http2"

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

const (
	client = decoders.Client
	server = decoders.Server
)

var long = strings.Repeat("x", 40_000)

var dialogues = []struct {
	name string
	say  func(*connection)
	show string // attributes
	want string
}{
	{"answers in another order", func(s *connection) {
		s.get(1, "/a")
		s.get(3, "/b")
		s.answer(3, "200", "bb")
		s.answer(1, "404", "a")
	}, "response_content_bytes", "get /b ok 2, get /a error 404 1"},
	{"1xx", func(s *connection) {
		s.get(1, "/a")
		s.head(server, 1, false, ":status", "103", "link", "<a>")
		s.answer(1, "200", "a")
	}, "interim status_code", "get /a ok 103 200"},
	{"refused", func(s *connection) {
		s.get(1, "/a")
		s.reset(server, 1, http2.ErrCodeRefusedStream)
		s.flush(server)
	}, "reset_by", "get /a error REFUSED_STREAM server"},
	{"given up", func(s *connection) {
		s.get(1, "/a")
		s.head(server, 1, false, ":status", "200")
		s.flush(server)
		s.reset(client, 1, http2.ErrCodeCancel)
		s.flush(client)
		s.data(server, 1, true, []byte("late"))
		s.head(server, 1, true, "late", "trailer")
		s.get(3, "/b")
		s.answer(3, "200", "", "late", "trailer")
	}, "reset_by", "get /a error CANCEL client, get /b ok"},
	{"an answer before the end of the request, which then need not come", func(s *connection) {
		s.head(client, 1, false, ":method", "POST", ":path", "/a")
		s.flush(client)
		s.answer(1, "413", "no")
		s.reset(server, 1, http2.ErrCodeNo)
		s.flush(server)
	}, "reset_by", "post /a error 413"},
	{"an answer before the end of the request, which the client then gives up", func(s *connection) {
		s.head(client, 1, false, ":method", "POST", ":path", "/a")
		s.flush(client)
		s.answer(1, "405", "no")
		s.reset(client, 1, http2.ErrCodeNo)
		s.flush(client)
	}, "reset_by", "post /a error 405 client"},
	{"a graceful end", func(s *connection) {
		s.get(1, "/a")
		s.get(3, "/b")
		s.goAway(server, 1, http2.ErrCodeNo, "")
		s.answer(1, "200", "")
	}, "goaway", "get /b unanswered NO_ERROR, get /a ok"},
	{"an end with an error", func(s *connection) {
		s.get(1, "/a")
		s.goAway(server, 0, http2.ErrCodeEnhanceYourCalm, "too_many_pings")
		s.flush(server)
	}, "goaway last_stream", "get /a error ENHANCE_YOUR_CALM ENHANCE_YOUR_CALM, goaway  error ENHANCE_YOUR_CALM too_many_pings 0"},
	{"CONNECT", func(s *connection) {
		s.head(client, 1, false, ":method", "CONNECT", ":authority", "db:443")
		s.data(client, 1, true, []byte("abc"))
		s.flush(client)
		s.answer(1, "200", "d")
	}, "request_content_bytes", "connect db:443 ok 3"},
	{"extended CONNECT", func(s *connection) {
		s.head(client, 1, false, ":method", "CONNECT", ":protocol", "websocket", ":scheme", "http", ":path", "/chat?token=geheim", ":authority", "a")
		s.flush(client)
		s.answer(1, "200", "d")
		s.data(client, 1, true, nil)
		s.flush(client)
	}, "protocol", "connect /chat?token=<secret> ok websocket"},
	{"a header block in many frames", func(s *connection) {
		s.head(client, 1, true, ":method", "GET", ":path", "/a", "x-long", long)
		b := s.sent[client].Bytes()
		cut := []byte{0, 0, 3, byte(frameHeaders), flagEndStream, 0, 0, 0, 1}
		cut = append(cut, b[headerLength:headerLength+3]...)
		n := len(b) - headerLength - 3
		cut = append(cut, byte(n>>16), byte(n>>8), byte(n), byte(frameContinuation), flagEndHeaders, 0, 0, 0, 1)
		cut = append(cut, b[headerLength+3:]...)
		s.sent[client].Reset()
		s.sent[client].Write(cut)
		s.flush(client)
		s.answer(1, "200", "")
	}, "", "get /a ok"},
	{"a method of its own", func(s *connection) {
		s.head(client, 1, true, ":method", "X-MINE", ":path", "/a")
		s.flush(client)
		s.answer(1, "501", "")
	}, "", "x-mine /a error 501"},
	{"a method that is none by its characters", func(s *connection) {
		s.head(client, 1, true, ":method", "\x1b[2J\n", ":path", "/a")
		s.flush(client)
		s.answer(1, "400", "")
	}, "gap", "other /a error 400"},
	{"a message that is not completed", func(s *connection) {
		s.head(client, 1, false, ":method", "POST", ":path", "/a.B/C", "content-type", "application/grpc")
		s.data(client, 1, false, []byte("\x00\x00\x00\x00\x02\x08\x01\x00\xff\xff\xff\xffabc"))
		s.flush(client)
		s.reset(client, 1, http2.ErrCodeCancel)
		s.flush(client)
	}, "request_messages request_message_bytes", "call /a.B/C error CANCEL 2 5"},
	{"no answer", func(s *connection) {
		s.get(1, "/a")
		s.head(server, 1, false, ":status", "200")
		s.flush(server)
	}, "status_code", "get /a unanswered 200"},
	{"frames of a type that is not known", func(s *connection) {
		s.get(1, "/a")
		check(s.frames[server].WriteRawFrame(0x21, 0xff, 1, []byte("grease")))
		s.answer(1, "204", "")
	}, "", "get /a ok"},
	{"a status that is not gRPC's", func(s *connection) {
		s.head(client, 1, true, ":method", "POST", ":path", "/a.B/C", "content-type", "application/grpc")
		s.flush(client)
		s.answer(1, "502", "bad gateway", "content-type", "text/html")
	}, "grpc_status", "call /a.B/C error 502"},
	{"a call without a status", func(s *connection) {
		s.head(client, 1, true, ":method", "POST", ":path", "/a.B/C", "content-type", "application/grpc+proto")
		s.flush(client)
		s.answer(1, "200", "\x00\x00\x00\x00\x02\x08\x01", "content-type", "application/grpc+proto")
	}, "grpc_status response_message", "call /a.B/C error UNKNOWN 1: 1"},
	{"a call answered by trailers only", func(s *connection) {
		s.head(client, 1, true, ":method", "POST", ":path", "/a.B/C", "content-type", "application/grpc")
		s.flush(client)
		s.head(server, 1, true, ":status", "200", "content-type", "application/grpc", "grpc-status", "7", "grpc-message", "100%25 %zz token=geheim")
		s.flush(server)
	}, "grpc_status", "call /a.B/C error PERMISSION_DENIED 100% %zz token=<secret> 7"},
	{"JSON by gRPC", func(s *connection) {
		s.head(client, 1, false, ":method", "POST", ":path", "/a.B/C", "content-type", "application/grpc+json")
		s.data(client, 1, true, []byte("\x00\x00\x00\x00\x15{\"password\":\"geheim\"}"))
		s.flush(client)
		s.head(server, 1, true, ":status", "200", "grpc-status", "0")
		s.flush(server)
	}, "request_message", "call /a.B/C ok {\"password\":\"<secret>\"}"},
}

// Each conversation comes out as op, request, status, code and the attributes that
// are named say.
func TestDialogue(t *testing.T) {
	for _, test := range dialogues {
		t.Run(test.name, func(t *testing.T) {
			s := newConnection()
			test.say(s)
			var got []string
			all := decodertest.Whole(Protocol, s.c)
			for i := range all {
				got = append(got, summary(&all[i], test.show))
				if strings.Contains(decodertest.JSON(&all[i]), "geheim") {
					t.Error(decodertest.JSON(&all[i]))
				}
			}
			if strings.Join(got, ", ") != test.want {
				t.Errorf("got %q, want %q", strings.Join(got, ", "), test.want)
			}
			slack := 2
			if strings.HasSuffix(test.name, "need not come") {
				slack = -1 // as long as nothing says so, it may
			}
			decodertest.Everything(t, Protocol, s.c, slack)
		})
	}
}

// summary is op, request, status, code, message unless it is HTTP's, and the
// attributes that are to be shown.
func summary(x *decoders.Exchange, show string) string {
	s := x.Op + " " + string(x.Request) + " " + x.Status.String()
	if x.ErrorCode != "" {
		s += " " + x.ErrorCode
	}
	if len(x.Error) > 0 && (x.ErrorCode[0] < '0' || x.ErrorCode[0] > '9') {
		s += " " + string(x.Error)
	}
	for _, a := range x.Attrs {
		if slices.Contains(strings.Fields(show), a.Key) {
			if a.Value.Kind == decoders.Text {
				s += " " + string(a.Value.Bytes)
			} else {
				s += " " + string(a.Value.AppendJSON(nil))
			}
		}
	}
	return s
}

// From the middle on, an exchange says what of it is not known, and claims nothing
// of it.
func TestFromTheMiddle(t *testing.T) {
	s := newConnection()
	call := func(id uint32) {
		s.head(client, id, true, ":method", "POST", ":path", "/a.B/C", "content-type", "application/grpc")
		s.flush(client)
		s.head(server, id, false, ":status", "200", "content-type", "application/grpc")
		s.head(server, id, true, "grpc-status", "5", "grpc-message", "no")
		s.flush(server)
	}
	put := func(id uint32) {
		s.head(client, id, true, ":method", "PUT", ":path", "/x")
		s.flush(client)
		s.answer(id, "201", "")
	}
	call(1)
	put(3)
	said := len(s.c)
	call(5)
	put(7)
	s.get(9, "/new")
	s.answer(9, "200", "")
	got := decodertest.Whole(Protocol, s.c[said:])
	want := []string{"post ? unanswered 200 0 5", "unknown ? unanswered 0 3", "get /new ok 200"}
	for i := range max(len(got), len(want)) {
		switch {
		case i >= len(got):
			t.Errorf("missing: %s", want[i])
		case i >= len(want):
			t.Errorf("one too many: %s", decodertest.JSON(&got[i]))
		case summary(&got[i], "status_code gap unknown_fields") != want[i]:
			t.Errorf("got %s, want %s", decodertest.JSON(&got[i]), want[i])
		}
	}
}

// What goes on in streams that were opened before the capture began is said, too.
func TestStreamsFromBefore(t *testing.T) {
	s := newConnection()
	s.get(1, "/watch")
	s.answer(1, "200", "")
	s.head(client, 3, false, ":method", "POST", ":path", "/upload")
	s.flush(client)
	said := len(s.c)
	s.data(server, 1, false, []byte("event"))
	s.flush(server)
	s.data(client, 3, true, []byte("part"))
	s.flush(client)
	s.answer(3, "404", "no")
	s.get(5, "/new")
	s.answer(5, "200", "")
	s.data(server, 1, true, []byte("end"))
	s.flush(server)
	var got []string
	for _, x := range decodertest.Whole(Protocol, s.c[said:]) {
		got = append(got, summary(&x, "gap request_content_bytes response_content_bytes"))
	}
	want := "unknown ? error 404 4 2 0, get /new ok 0, response  unanswered 8 0"
	if strings.Join(got, ", ") != want {
		t.Errorf("got %q, want %q", strings.Join(got, ", "), want)
	}
}

// A stream of a large answer that is cut somewhere is found again behind the gap,
// though no send begins with a frame.
func TestResynchronise(t *testing.T) {
	s := newConnection()
	s.get(1, "/large")
	s.head(server, 1, false, ":status", "200", "content-type", "text/plain")
	for i := range 20 {
		s.data(server, 1, i == 19, bytes.Repeat([]byte("text "), 3000))
	}
	all := slices.Clone(s.sent[server].Bytes())
	s.sent[server].Reset()
	s.get(3, "/b")
	s.answer(3, "200", "b")
	rest := s.c[len(s.c)-2:]
	for _, size := range []int{4096, 32 << 10} {
		for lost := 1; lost < 100_000; lost += 9973 {
			d := 0
			p := Protocol.New(func(x *decoders.Exchange) {
				switch {
				case string(x.Request) == "/large" && x.Status == decoders.OK && strings.Contains(decodertest.JSON(x), `"gap"`):
					d |= 1
				case string(x.Request) == "/b" && x.Status == decoders.OK && !strings.Contains(decodertest.JSON(x), `"gap"`):
					d |= 2
				default:
					t.Error(decodertest.JSON(x))
				}
			})
			for _, m := range s.c[:len(s.c)-2] {
				p.Data(m.From, decoders.Mark{}, m.Data)
			}
			p.Data(server, decoders.Mark{}, all[:1000])
			p.Gap(server, int64(len(all[1000:][:lost+30_000])))
			for b := all[1000+lost+30_000:]; len(b) > 0; {
				n := min(size, len(b))
				p.Data(server, decoders.Mark{}, b[:n])
				b = b[n:]
			}
			for _, m := range rest {
				p.Data(m.From, decoders.Mark{}, m.Data)
			}
			p.Close(decoders.Mark{})
			if d != 3 {
				t.Errorf("%d lost, pieces of %d: %d", lost, size, d)
			}
		}
	}
}

func TestDetect(t *testing.T) {
	const settings = "\x00\x00\x06\x04\x00\x00\x00\x00\x00\x00\x03\x00\x00\x00d"
	const ack = "\x00\x00\x00\x04\x01\x00\x00\x00\x00"
	const get = "\x00\x00\x01\x01\x05\x00\x00\x00\x01\x82"
	for _, test := range []struct {
		client, server string
		want, hinted   decoders.Verdict
	}{
		{preface, "", decoders.Yes, decoders.Yes},
		{preface[:10], "", decoders.Maybe, decoders.Maybe},
		{preface[:10], settings, decoders.Yes, decoders.Yes},
		{"", settings, decoders.Yes, decoders.Yes},
		{"", "", decoders.Maybe, decoders.Maybe},
		{get, "", decoders.Maybe, decoders.Yes},
		{get + get, "", decoders.Yes, decoders.Yes},
		{get, get, decoders.Yes, decoders.Yes},
		{"", ack, decoders.Maybe, decoders.Yes},
		{"GET / HTTP/1.1\r\n\r\n", "", decoders.No, decoders.No},
		{"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", "", decoders.No, decoders.No},
		{"\x17\x03\x03\x00\x20" + strings.Repeat("a", 32), "\x17\x03\x03\x00\x20" + strings.Repeat("a", 32), decoders.No, decoders.No},
		{strings.Repeat("\x00", 100), "", decoders.No, decoders.No},
	} {
		decodertest.Detects(t, Protocol, test.client, test.server, test.want, test.hinted)
	}
}
