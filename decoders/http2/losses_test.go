package http2

import (
	"slices"
	"strings"
	"testing"

	"unixcap/decoders"
	"unixcap/decoders/decodertest"
)

// lose decodes what was said, without the message of that number, and returns what
// comes out, one exchange a line.
func (s *connection) lose(p decoders.Protocol, lost int) string {
	var b strings.Builder
	d := p.New(func(x *decoders.Exchange) { b.WriteString(decodertest.JSON(x) + "\n") })
	for i, m := range s.c {
		if i == lost {
			d.Gap(m.From, int64(len(m.Data)))
		} else {
			d.Data(m.From, decoders.Mark{}, m.Data)
		}
	}
	d.Close(decoders.Mark{})
	return b.String()
}

// What stands on both sides of a loss is not joined, nor looked at for what it
// might be without the rest: neither text nor messages.
func TestNothingIsJoined(t *testing.T) {
	parts := func(media, first, second, third string) *connection {
		s := newConnection()
		s.head(client, 1, false, ":method", "POST", ":path", "/a.B/C", "content-type", media)
		s.data(client, 1, false, []byte(first))
		s.flush(client)
		s.data(client, 1, false, []byte(second))
		s.flush(client)
		s.data(client, 1, true, []byte(third))
		s.flush(client)
		s.answer(1, "200", "", "grpc-status", "0")
		return s
	}
	s := parts("text/plain", "one ", "two ", "geheim")
	if got := s.lose(Protocol, 3); !strings.Contains(got, `"request_content":"one "`) || strings.Contains(got, "geheim") {
		t.Error(got)
	}
	message := "\x00\x00\x00\x00\x0d\x0a\x0bhello world"
	s = parts("application/grpc", message[:10], message[10:], strings.Repeat("\x00\x00\x00\x00\x00", 5))
	if got := s.lose(Protocol, 3); !strings.Contains(got, `"request_messages":1`) || !strings.Contains(got, `"request_missing_messages":1`) {
		t.Error(got)
	}
	// The header section is what is lost.
	s = newConnection()
	s.head(client, 1, false, ":method", "POST", ":path", "/a", "content-type", "application/json")
	s.data(client, 1, false, []byte(`{"password":"ge`))
	s.flush(client)
	s.data(client, 1, true, []byte(`heim"}`))
	s.flush(client)
	s.answer(1, "200", "")
	if got := s.lose(Protocol, 2); strings.Contains(got, "heim") || !strings.Contains(got, `"request_content_bytes":6`) {
		t.Error(got)
	}
}

// Where an end's first bytes are missing behind an upgrade, they do not tell which
// end is the client.
func TestChangeWithoutTheBeginning(t *testing.T) {
	for _, swap := range []bool{false, true} {
		for _, late := range []decoders.End{client, server} {
			s := newConnection()
			begins := s.c[late.Other()]
			s.c = decodertest.Conversation{s.c[late]}
			s.get(3, "/b")
			check(s.frames[server].WritePing(false, [8]byte{}))
			s.flush(server)
			if late == server {
				s.c[1], s.c[2] = s.c[2], s.c[1]
			}
			s.c = slices.Insert(s.c, 2, begins)
			s.head(server, 1, true, ":status", "204")
			s.flush(server)
			s.get(5, "/c")
			s.answer(5, "200", "c")
			if swap {
				for i := range s.c {
					s.c[i].From = s.c[i].From.Other()
				}
			}
			got := s.lose(behind("/up"), 0)
			if !strings.Contains(got, `"request":"/c"`) || swap != strings.Contains(got, `"caller":"server"`) ||
				swap != strings.Contains(got, `"status_code":101`) {
				t.Errorf("swapped: %v, beginning of %v lost:\n%s", swap, late, got)
			}
		}
	}
}
