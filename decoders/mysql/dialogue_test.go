package mysql

import (
	"bytes"
	"regexp"
	"runtime"
	"strings"
	"testing"

	"unixcap/decoders"
	"unixcap/decoders/decodertest"
)

// talk makes a conversation of lines: who speaks, then the packets. A '>' is
// the client, a '<' the server; a packet's first byte is its sequence id.
func talk(c decodertest.Conversation, lines ...string) decodertest.Conversation {
	for _, line := range lines {
		m := decodertest.Message{From: decoders.Client}
		if line[0] == '<' {
			m.From = decoders.Server
		}
		for _, p := range strings.Split(line[1:], "|") {
			m.Data = append(m.Data, wire(p[0], p[1:])...)
		}
		c = append(c, m)
	}
	return c
}

const (
	column  = "\x03def\x00\x00\x00\x01a\x00\x0c\x3f\x00\x0b\x00\x00\x00\x08\x81\x00\x00\x00\x00"
	eof     = "\xfe\x00\x00\x02\x00"
	eofMore = "\xfe\x00\x00\x0a\x00"
	ended   = "\xfe\x00\x00\x02\x00\x00\x00"
)

var spans = regexp.MustCompile(`,"(sent|answered|returned)":"[0-9/-]*"`)

// lines returns the exchanges without spans and what is the same in all.
func lines(c decodertest.Conversation) string {
	var b strings.Builder
	for _, x := range decodertest.Whole(Protocol, c) {
		b.WriteString(spans.ReplaceAllString(decodertest.JSON(&x), "") + "\n")
	}
	return strings.ReplaceAll(b.String(), `,"user":"app"`, "")
}

func TestDialogue(t *testing.T) {
	const connect = `{"op":"connect","status":"ok","server_version":"8.4.3","connection_id":7,"character_set":255,"auth_plugin":"caching_sha2_password"}` + "\n"
	opened := func(caps capabilities) decodertest.Conversation { return opening(caps) }
	loginTo := func(last ...string) decodertest.Conversation { return talk(opening(mysql8)[:2], last...) }
	for _, test := range []struct {
		name string
		talk decodertest.Conversation
		want string
	}{
		{"caching_sha2_password, fast", loginTo("<\x02\x01\x03|\x03" + okPayload),
			strings.Replace(connect, "}\n", `,"caching_sha2":"fast"}`+"\n", 1)},
		{"caching_sha2_password, full", loginTo("<\x02\x01\x04", ">\x03\x02", "<\x04\x01key", ">\x05cipher", "<\x06"+okPayload),
			strings.Replace(connect, "}\n", `,"caching_sha2":"full"}`+"\n", 1)},
		{"switch of the method", loginTo("<\x02\xfesha256_password\x00nonce", ">\x03secret", "<\x04\xff\x15\x04#28000denied"),
			`{"op":"connect","status":"error","error_code":"1045","error":"denied","server_version":"8.4.3","connection_id":7,"character_set":255,"auth_plugin":"sha256_password","auth_switched_from":"caching_sha2_password","sqlstate":"28000"}` + "\n"},
		{"progress reports are no errors", talk(opened(mysql8), ">\x00\x03alter table t", "<\x01\xff\xff\xff\x01\x01\x02\x00\x00\x00\x00", "<\x02"+okPayload),
			connect + `{"op":"query","request":"alter table t","status":"ok","rows":0}` + "\n"},
		{"query attributes", talk(opened(mysql8|clientQueryAttributes), ">\x00\x03\x01\x01\x00\x01\xfd\x00\x05trace\x02idselect 1", "<\x01\x01|\x02"+column+"|\x03\x011|\x04"+ended,
			">\x00\x03\x00\x01select 2", "<\x01\xff\x28\x04#42000no"),
			connect + `{"op":"query","request":"select 1","status":"ok","rows":1,"query_attribute_trace":"id"}` + "\n" +
				`{"op":"query","request":"select 2","status":"error","error_code":"1064","error":"no","sqlstate":"42000"}` + "\n"},
		{"query attributes of an execute", talk(opened(mysql8|clientQueryAttributes), ">\x00\x16select ?", "<\x01\x00\x01\x00\x00\x00\x01\x00\x01\x00\x00\x00\x00|\x02"+column+"|\x03"+column,
			">\x00\x17\x01\x00\x00\x00\x08\x01\x00\x00\x00\x02\x00\x01\x01\x00\x00\xfd\x00\x05trace\x2a\x02id", "<\x01\x01|\x02"+column+"|\x03\x00\x00\x01|\x04"+ended),
			connect + `{"op":"stmt_prepare","request":"select ?","status":"ok","statement_id":1,"params":1,"columns":1}` + "\n" +
				`{"op":"stmt_execute","request":"select ?","args":[42],"status":"ok","rows":1,"statement_id":1,"query_attribute_trace":"id"}` + "\n"},
		{"no definitions, as the client asked", talk(opened(mysql8), ">\x00\x03select 1", "<\x01\x00\x02|\x02\x011\x012|\x03"+ended),
			connect + `{"op":"query","request":"select 1","status":"ok","rows":1}` + "\n"},
		{"an error among rows", talk(opened(mysql8), ">\x00\x03select 1", "<\x01\x01|\x02"+column+"|\x03\x011|\x04\xff\x25\x05#70100killed"),
			connect + `{"op":"query","request":"select 1","status":"error","error_code":"1317","error":"killed","rows":1,"sqlstate":"70100"}` + "\n"},
		{"several results with EOF_Packets", talk(opened(mysql8&^clientDeprecateEOF), ">\x00\x03call p", "<\x01\x01|\x02"+column+"|\x03"+eof+"|\x04\x011|\x05"+eofMore+"|\x06\x01|\x07"+column+"|\x08"+eof+"|\x09"+eofMore+"|\x0a"+okPayload),
			connect + `{"op":"query","request":"call p","status":"ok","rows":1,"results":3}` + "\n"},
		{"prepare without handshake, EOF_Packets", talk(nil, ">\x00\x16select ?", "<\x01\x00\x01\x00\x00\x00\x01\x00\x01\x00\x00\x00\x00|\x02"+column+"|\x03"+eof+"|\x04"+column+"|\x05"+eof, ">\x00\x0e", "<\x01"+okPayload),
			`{"op":"stmt_prepare","request":"select ?","status":"ok","statement_id":1,"params":1,"columns":1}` + "\n" + `{"op":"ping","status":"ok"}` + "\n"},
		{"prepare without handshake, none", talk(nil, ">\x00\x16select ?", "<\x01\x00\x01\x00\x00\x00\x01\x00\x01\x00\x00\x00\x00|\x02"+column+"|\x03"+column, ">\x00\x0e", "<\x01"+okPayload),
			`{"op":"stmt_prepare","request":"select ?","status":"ok","statement_id":1,"params":1,"columns":1}` + "\n" + `{"op":"ping","status":"ok"}` + "\n"},
		{"prepared before the capture", talk(nil, ">\x00\x17\x05\x00\x00\x00\x00\x01\x00\x00\x00\x00\x01\x03\x00\xfd\x00\x07\x00\x00\x00\x02ab", "<\x01"+okPayload,
			">\x00\x17\x05\x00\x00\x00\x00\x01\x00\x00\x00\x00\x00\x08\x00\x00\x00\x02cd", "<\x01"+okPayload),
			`{"op":"stmt_execute","args":[7,"ab"],"status":"ok","rows":0,"statement_id":5,"prepared_before_capture":1}` + "\n" +
				`{"op":"stmt_execute","args":[8,"cd"],"status":"ok","rows":0,"statement_id":5,"prepared_before_capture":1}` + "\n"},
		{"LOCAL INFILE whose content looks like commands", talk(opened(mysql8), ">\x00\x03load data local infile 'f' into table t", "<\x01\xfbf", ">\x02\x03select 1", ">\x03\x0e|\x04", "<\x05\x00\x02\x00\x02\x00\x00\x00"),
			connect + `{"op":"query","request":"load data local infile 'f' into table t","status":"ok","rows":2,"infile":"f","affected_rows":2,"infile_bytes":10}` + "\n"},
		{"the server refuses a file early", talk(opened(mysql8), ">\x00\x03load data local infile 'f' into table t", "<\x01\xfbf", ">\x02row", "<\x03\xff\x28\x04#42000no", ">\x03row|\x04", ">\x00\x0e", "<\x01"+okPayload),
			connect + `{"op":"query","request":"load data local infile 'f' into table t","status":"error","error_code":"1064","error":"no","infile":"f","sqlstate":"42000","infile_bytes":3}` + "\n" + `{"op":"ping","status":"ok"}` + "\n"},
		{"binlog", talk(opened(mysql8), ">\x00\x12\x04\x00\x00\x00\x00\x00\x01\x00\x00\x00bin.1", "<\x01\x00event", "<\x02\x00event", ">\x00\xef\x00"),
			connect + `{"op":"binlog_dump","request":"bin.1","status":"unanswered","server_id":1,"position":4,"events":2}` + "\n"},
		{"commands that are not known", talk(opened(mysql8), ">\x00\x0f", "<\x01\xff\x17\x04#08S01Unknown command", ">\x00\x0e", "<\x01"+okPayload,
			">\x00\x21group", "<\x01"+okPayload, ">\x00\x0e", "<\x01"+okPayload, ">\x00", "<\x01\xff\x17\x04#08S01Unknown command"),
			connect + `{"op":"unknown","status":"error","error_code":"1047","error":"Unknown command","command":15,"sqlstate":"08S01"}` + "\n" +
				`{"op":"ping","status":"ok"}` + "\n" + `{"op":"unknown","status":"ok","command":33}` + "\n" + `{"op":"ping","status":"ok"}` + "\n" +
				`{"op":"unknown","status":"error","error_code":"1047","error":"Unknown command","command":0,"sqlstate":"08S01"}` + "\n"},
		{"not answered", talk(opened(mysql8), ">\x00\x03select 1"), connect + `{"op":"query","request":"select 1","status":"unanswered"}` + "\n"},
		{"multi-statements", talk(opened(mysql8), ">\x00\x03a;use b;c", "<\x01\x00\x01\x05\x0a\x00\x01\x00|\x02\x00\x00\x00\x0a\x40\x00\x00\x00\x04\x01\x02\x01b|\x03\xff\x28\x04#42000no"),
			connect + `{"op":"query","request":"a;use b;c","status":"error","error_code":"1064","error":"no","rows":1,"database":"b","sqlstate":"42000","results":2,"affected_rows":1,"last_insert_id":5}` + "\n"},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := lines(test.talk); got != test.want {
				t.Errorf("\n got %s\nwant %s", got, test.want)
			}
			decodertest.Splits(t, Protocol, test.talk)
			decodertest.Gaps(t, Protocol, test.talk, 1)
		})
	}
}

// Times of rows are those of the bytes that they begin and end with, however
// long before them the head of the result came.
func TestRowTimes(t *testing.T) {
	row := string(wire(3, "\x011"))
	decodertest.Rows(t, Protocol, talk(opening(mysql8), ">\x00\x03select 1"), []string{
		string(wire(1, "\x01")) + string(wire(2, column)),
		row[:2], // the first row
		row[2:] + string(wire(4, "\x012")),
		string(wire(5, "\x013"))[:5],
		string(wire(5, "\x013"))[5:], // the last
		string(wire(6, ended)),
	}, 1, 4)
	decodertest.Rows(t, Protocol, talk(opening(mysql8), ">\x00\x03delete from t"), []string{string(wire(1, okPayload))}, -1, -1)
}

func TestStatementCutByGap(t *testing.T) {
	var got []decoders.Exchange
	d := Protocol.New(func(x *decoders.Exchange) { got = append(got, decodertest.Clone(x)) })
	whole := wire(0, "\x03insert into t values (1), (2)")
	for i, m := range opening(mysql8) {
		d.Data(m.From, decoders.Mark{Packet: uint64(i + 1)}, m.Data)
	}
	d.Data(decoders.Client, decoders.Mark{Packet: 4}, whole[:20])
	d.Gap(decoders.Client, int64(len(whole)-20))
	if len(got) != 2 || string(got[1].Request) != "insert into t v" || got[1].Status != decoders.Unanswered {
		t.Errorf("%+v", got)
	}
}

// TestMemoryIsBounded sends what would grow without end in a decoder that
// keeps what it should not.
func TestMemoryIsBounded(t *testing.T) {
	chunk := bytes.Repeat([]byte("x"), 1<<20)
	for name, feed := range map[string]func(d decoders.Decoder, i int){
		"a request without end": func(d decoders.Decoder, i int) {
			if i == 0 {
				d.Data(decoders.Client, decoders.Mark{}, []byte("\xff\xff\xff\x00\x03"))
			}
			for off := i << 20; ; {
				// Headers where packets of 16 MiB - 1 end.
				n := min(maxPacket-(off+1)%maxPacket, (i+1)<<20-off)
				d.Data(decoders.Client, decoders.Mark{}, chunk[:n])
				if off += n; (off+1)%maxPacket == 0 {
					d.Data(decoders.Client, decoders.Mark{}, []byte{0xff, 0xff, 0xff, byte((off + 1) / maxPacket)})
				}
				if off >= (i+1)<<20 {
					return
				}
			}
		},
		"requests without answers": func(d decoders.Decoder, _ int) {
			d.Data(decoders.Client, decoders.Mark{}, wire(0, "\x03"+string(chunk)))
		},
		"statements that are never closed": func(d decoders.Decoder, i int) {
			d.Data(decoders.Client, decoders.Mark{}, wire(0, "\x16"+string(chunk)))
			d.Data(decoders.Server, decoders.Mark{}, wire(1, "\x00"+string([]byte{byte(i), byte(i >> 8), 0, 0})+"\x00\x00\x00\x00\x00\x00\x00"))
		},
		"long data that is never executed": func(d decoders.Decoder, i int) {
			d.Data(decoders.Client, decoders.Mark{}, wire(0, "\x18"+string([]byte{byte(i), 0, 0, 0})+"\x00\x00"+string(chunk)))
		},
		"announced, never sent": func(d decoders.Decoder, _ int) {
			d.Gap(decoders.Client, 0)
			d.Data(decoders.Client, decoders.Mark{}, []byte("\xff\xff\xff\x00\x03select"))
		},
	} {
		t.Run(name, func(t *testing.T) {
			d := Protocol.New(func(*decoders.Exchange) {})
			for _, m := range opening(mysql8) {
				d.Data(m.From, decoders.Mark{}, m.Data)
			}
			var before, after runtime.MemStats
			runtime.GC()
			runtime.ReadMemStats(&before)
			for i := range 300 {
				feed(d, i)
			}
			runtime.GC()
			runtime.ReadMemStats(&after)
			if held := int64(after.HeapAlloc) - int64(before.HeapAlloc); held > 3*maxRequest {
				t.Errorf("%d MiB are held", held>>20)
			}
			d.Close(decoders.Mark{})
		})
	}
}
