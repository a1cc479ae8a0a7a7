package http2

import (
	"bytes"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"

	"unixcap/decoders"
	"unixcap/decoders/decodertest"
)

// A connection writes frames with the library, each end's with the table of its own.
type connection struct {
	c      decodertest.Conversation
	blocks [2]*bytes.Buffer
	fields [2]*hpack.Encoder
	sent   [2]*bytes.Buffer
	frames [2]*http2.Framer
}

func newConnection() *connection {
	s := new(connection)
	for i := range s.frames {
		s.blocks[i], s.sent[i] = new(bytes.Buffer), new(bytes.Buffer)
		s.fields[i] = hpack.NewEncoder(s.blocks[i])
		s.frames[i] = http2.NewFramer(s.sent[i], nil)
	}
	s.sent[decoders.Client].WriteString(preface)
	check(s.frames[decoders.Client].WriteSettings())
	check(s.frames[decoders.Server].WriteSettings(http2.Setting{ID: http2.SettingMaxConcurrentStreams, Val: 100}))
	s.flush(decoders.Client)
	s.flush(decoders.Server)
	return s
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}

// head writes a header section. fields are names and values.
func (s *connection) head(from decoders.End, id uint32, end bool, fields ...string) {
	b := s.blocks[from]
	b.Reset()
	for i := 0; i+1 < len(fields); i += 2 {
		check(s.fields[from].WriteField(hpack.HeaderField{Name: fields[i], Value: fields[i+1]}))
	}
	check(s.frames[from].WriteHeaders(http2.HeadersFrameParam{StreamID: id, BlockFragment: b.Bytes(), EndStream: end, EndHeaders: true}))
}

func (s *connection) data(from decoders.End, id uint32, end bool, p []byte) {
	check(s.frames[from].WriteData(id, end, p))
}

// reset writes RST_STREAM.
func (s *connection) reset(from decoders.End, id uint32, code http2.ErrCode) {
	check(s.frames[from].WriteRSTStream(id, code))
}

// goAway writes GOAWAY.
func (s *connection) goAway(from decoders.End, last uint32, code http2.ErrCode, text string) {
	check(s.frames[from].WriteGoAway(last, code, []byte(text)))
}

// get is a request.
func (s *connection) get(id uint32, path string, more ...string) {
	s.head(decoders.Client, id, true, append([]string{":method", "GET", ":scheme", "http", ":authority", "a", ":path", path}, more...)...)
	s.flush(decoders.Client)
}

// answer is a response.
func (s *connection) answer(id uint32, status, content string, more ...string) {
	s.head(decoders.Server, id, content == "", append([]string{":status", status}, more...)...)
	if content != "" {
		s.data(decoders.Server, id, true, []byte(content))
	}
	s.flush(decoders.Server)
}

// flush ends what an end sends at once.
func (s *connection) flush(from decoders.End) {
	if b := s.sent[from]; b.Len() > 0 {
		s.c = append(s.c, decodertest.Message{From: from, Data: bytes.Clone(b.Bytes())})
		b.Reset()
	}
}
