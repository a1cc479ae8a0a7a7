package postgresql

import (
	"bytes"
	"encoding/binary"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgproto3"

	"unixcap/decoders"
	"unixcap/decoders/decodertest"
)

// FuzzMessages holds the reading of the messages that come with each statement
// to what pgproto3 reads.
func FuzzMessages(f *testing.F) {
	for _, m := range []pgproto3.FrontendMessage{
		&pgproto3.Parse{Name: "a", Query: "select $1", ParameterOIDs: []uint32{23, 0}},
		&pgproto3.Bind{DestinationPortal: "p", PreparedStatement: "a", ParameterFormatCodes: []int16{1}, Parameters: [][]byte{[]byte("abcd"), nil}, ResultFormatCodes: []int16{1}},
		&pgproto3.Bind{ParameterFormatCodes: []int16{0, 1}, Parameters: [][]byte{{}, []byte("x")}},
		&pgproto3.Execute{Portal: "p", MaxRows: 7},
		&pgproto3.Describe{ObjectType: 'S', Name: "a"},
	} {
		b, err := m.Encode(nil)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b[0], b[typedHeader:])
	}
	f.Fuzz(func(t *testing.T, kind byte, body []byte) {
		m := &message{kind: kind, body: body, size: int64(len(body))}
		if !clientTypes[kind].fits(m.size) || !plausibleRequest(m) {
			return
		}
		b := reader{b: body}
		switch kind {
		case kindParse:
			var want pgproto3.Parse
			if err := want.Decode(body); err != nil {
				t.Fatalf("%q: %v", body, err)
			}
			name, text := b.text(), b.text()
			if string(name) != want.Name || string(text) != want.Query || b.uint16() != len(want.ParameterOIDs) {
				t.Errorf("%q: %+v", body, want)
			}
		case kindBind:
			var want pgproto3.Bind
			if err := want.Decode(body); err != nil {
				t.Fatalf("%q: %v", body, err)
			}
			compareBind(t, &b, &want)
		}
	})
}

func compareBind(t *testing.T, b *reader, want *pgproto3.Bind) {
	t.Helper()
	portal, name := b.text(), b.text()
	if string(portal) != want.DestinationPortal || string(name) != want.PreparedStatement {
		t.Errorf("portal %q, statement %q, want %+v", portal, name, want)
	}
	r := new(request)
	r.values(b)
	if len(r.x.Args) != len(want.Parameters) {
		t.Fatalf("%d values, want %+v", len(r.x.Args), want)
	}
	for i, v := range r.x.Args {
		if (v.Kind == decoders.Null) != (want.Parameters[i] == nil) || !bytes.Equal(v.Bytes, want.Parameters[i]) {
			t.Errorf("value %d is %q, want %q", i, v.Bytes, want.Parameters[i])
		}
	}
}

func TestBinaryValues(t *testing.T) {
	for _, test := range []struct {
		oid        uint32
		bytes, got string
	}{
		{oidBool, "\x01", `"t"`},
		{oidBool, "\x02", "0x02"},
		{oidInt2, "\xff\xff", "-1"},
		{oidInt4, "\x80\x00\x00\x00", "-2147483648"},
		{oidInt4, "\x00", "0x00"},
		{oidInt8, "\x7f\xff\xff\xff\xff\xff\xff\xff", "9223372036854775807"},
		{oidOID, "\xff\xff\xff\xff", "4294967295"},
		{oidFloat4, "\x3d\xcc\xcc\xcd", "0.1"},
		{oidFloat8, "\x7f\xf8\x00\x00\x00\x00\x00\x00", `"NaN"`},
		{oidText, "a\x00b", `"a\x00b"`},
		{oidJSONB, "\x01{}", `"{}"`},
		{oidJSONB, "\x02{}", "0x027b7d"},
		{oidBytea, "ab", "0x6162"},
		{0, "ab", "0x6162"},
		{oidDate, "\x00\x00\x00\x00", `"2000-01-01"`},
		{oidDate, "\xff\xf4\xdb\xf9", `"0001-01-01"`},
		{oidDate, "\xff\xf4\xdb\xf8", `"0001-12-31 BC"`},
		{oidDate, "\x7f\xff\xff\xff", `"infinity"`},
		{oidDate, "\x80\x00\x00\x00", `"-infinity"`},
		{oidTime, "\x00\x00\x00\x14\x1d\xd7\x60\x00", `"24:00:00"`},
		{oidTime, "\x00\x00\x00\x14\x1d\xd7\x5f\xff", `"23:59:59.999999"`},
		{oidTimestamp, "\x00\x00\x00\x00\x00\x00\x00\x00", `"2000-01-01 00:00:00"`},
		{oidTimestampTZ, "\xff\xff\xff\xff\xff\xff\xff\xff", `"1999-12-31 23:59:59.999999+00"`},
		{oidTimestamp, "\x7f\xff\xff\xff\xff\xff\xff\xff", `"infinity"`},
		{oidTimestamp, "\x80\x00\x00\x00\x00\x00\x00\x00", `"-infinity"`},
		{oidUUID, "\x00\x11\x22\x33\x44\x55\x66\x77\x88\x99\xaa\xbb\xcc\xdd\xee\xff", `"00112233-4455-6677-8899-aabbccddeeff"`},
		{oidNumeric, "\x00\x00\x00\x00\x00\x00\x00\x02", `"0.00"`},
		{oidNumeric, "\x00\x01\x00\x01\x00\x00\x00\x00\x00\x01", `"10000"`},
		{oidNumeric, "\x00\x02\x00\x01\x40\x00\x00\x02\x00\x01\x00\x0a", `"-10010.00"`},
		{oidNumeric, "\x00\x01\xff\xfe\x00\x00\x00\x08\x00\x0c", `"0.00000012"`},
		{oidNumeric, "\x00\x01\xff\xff\x00\x00\x00\x01\x13\x88", `"0.5"`},
		{oidNumeric, "\x00\x00\x00\x00\xc0\x00\x00\x00", `"NaN"`},
		{oidNumeric, "\x00\x00\x00\x00\xf0\x00\x00\x20", `"-Infinity"`},
		{oidNumeric, "\x00\x05\x00\x00\x00\x00\x00\x00", "0x0005000000000000"},
	} {
		r := new(request)
		v := r.value(test.oid, true, []byte(test.bytes))
		if got := string(v.AppendText(nil)); got != test.got {
			t.Errorf("type %d, %q: %s, want %s", test.oid, test.bytes, got, test.got)
		}
	}
	if v := shortFloat(float32(math.Inf(1))); !math.IsInf(v, 1) {
		t.Errorf("infinity is %v", v)
	}
}

// converse decodes messages, ">" before those of the client, "<" of the server.
func converse(all ...string) []decoders.Exchange {
	c := opening()
	for _, m := range all {
		from := decoders.Client
		if m[0] == '<' {
			from = decoders.Server
		}
		c = append(c, decodertest.Message{From: from, At: time.Unix(int64(len(c)), 0), Data: []byte(m[1:])})
	}
	return decodertest.Whole(Protocol, c)[1:]
}

func sent(kind byte, body string) string { return ">" + string(wire(kind, body)) }
func got(kind byte, body string) string  { return "<" + string(wire(kind, body)) }

// A password is in nothing that comes out: not as a statement, not as a value,
// not in an error that repeats it, nor in what a client is authenticated with.
func TestNoSecrets(t *testing.T) {
	refusal := "SERROR\x00VERROR\x00C42601\x00Msyntax error at or near \"'topsecret'\"\x00\x00"
	bind := "\x00\x00\x00\x00\x00\x01\x00\x00\x00\x09topsecret\x00\x00"
	for _, c := range [][]string{
		{sent(kindQuery, "alter role a passwrd password 'topsecret'\x00"), got(kindErrorResponse, refusal), got(kindReadyForQuery, "I")},
		{sent(kindParse, "\x00alter role a password 'topsecret'\x00\x00\x00") + string(wire(kindSync, "")), got(kindErrorResponse, refusal), got(kindReadyForQuery, "I")},
		{sent(kindParse, "\x00update users set password = $1\x00\x00\x00") + string(wire(kindBind, bind)) + string(wire(kindExecute, "\x00\x00\x00\x00\x00")) + string(wire(kindSync, "")),
			got(kindErrorResponse, "SERROR\x00VERROR\x00C22001\x00Mvalue topsecret is too long\x00\x00"), got(kindReadyForQuery, "I")},
		{sent(kindQuery, "alter role a password 'topsecret'\x00"), got(kindNoticeResponse, "SNOTICE\x00C00000\x00Mpassword topsecret is weak\x00\x00"), got(kindReadyForQuery, "I")},
		{sent(kindQuery, "listen c\x00"), got(kindNotification, "\x00\x00\x00\x01c\x00a=b token=topsecret\x00"), got(kindReadyForQuery, "I")},
		{sent(kindQuery, "call p()\x00"), got(kindNoticeResponse, "SNOTICE\x00C00000\x00Mtoken=topsecret\x00\x00"),
			got(kindErrorResponse, "SERROR\x00VERROR\x00CP0001\x00M{\"token\": \"topsecret\"}\x00\x00"), got(kindReadyForQuery, "I")},
		{sent(kindQuery, "copy t from stdin\x00"), got(kindCopyInResponse, "\x00\x00\x00"), sent(kindCopyFail, "token=topsecret\x00"),
			got(kindErrorResponse, "SERROR\x00VERROR\x00C57014\x00MCOPY from stdin failed: token=topsecret\x00\x00"), got(kindReadyForQuery, "I")},
		{sent(kindPassword, "topsecret\x00"), got(kindAuthentication, "\x00\x00\x00\x00")},
	} {
		for _, x := range converse(c...) {
			if out := decodertest.JSON(&x) + string(Protocol.AppendFingerprint(nil, x.Request)); strings.Contains(out, "topsecret") {
				t.Errorf("password in %s", out)
			}
		}
	}
	for _, name := range []string{"cleartext", "scram", "denied"} {
		for _, x := range decodertest.Whole(Protocol, decodertest.Read(t, "testdata/"+name+".conv")) {
			if out := decodertest.JSON(&x); strings.Contains(out, "topsecret") || strings.Contains(out, "r=") {
				t.Errorf("password in %s", out)
			}
		}
	}
}

// Bound values are secrets if they say so themselves, or another one does.
func TestSecretValues(t *testing.T) {
	for _, test := range []struct {
		statement string
		oid       uint32 // of binary values, 0 for text
		values    []string
		want      string
	}{
		{"insert into t values ($1, $2)", 0, []string{`{"password":"SecX"}`, "b"}, `["{\"password\":\"<secret>\"}","b"]`},
		{"insert into t values ($1)", oidText, []string{`{"password":"SecX"}`}, `["{\"password\":\"<secret>\"}"]`},
		{"insert into t values ($1)", oidJSON, []string{`{"token":"SecX"}`}, `["{\"token\":\"<secret>\"}"]`},
		{"insert into t values ($1)", oidJSONB, []string{"\x01" + `{"password":"SecX"}`}, `["{\"password\":\"<secret>\"}"]`},
		{"insert into t values ($1, $2)", 0, []string{"postgres://u:SecX@h/d", "2024-01-02 03:04:05"}, `["postgres://u:<secret>@h/d","2024-01-02 03:04:05"]`},
		{"insert into t values ($1, $2)", 0, []string{"password=SecX", "https://joe:SecX@h/x"}, `["password=<secret>","https://joe:<secret>@h/x"]`},
		{"select set_config($1, $2, false)", 0, []string{"app.password", "SecX"}, `["app.password","<secret>"]`},
		{"select set_config('app.password', $1, false)", 0, []string{"SecX"}, `["<secret>"]`},
		{"update settings set value = $1 where name = $2", 0, []string{"SecX", "smtp_password"}, `["<secret>","smtp_password"]`},
		{"insert into t values ($1, $2, $3)", 0, []string{"pass", "a=b", "the password"}, `["pass","a=b","the password"]`},
	} {
		n := len(test.values)
		parse, bind := test.statement+"\x00", "\x00\x00\x00\x00"
		if test.oid == 0 {
			parse = "\x00" + parse + "\x00\x00"
		} else {
			parse = "\x00" + parse + "\x00\x01" + string(binary.BigEndian.AppendUint32(nil, test.oid))
			bind = "\x00\x00\x00\x01\x00\x01"
		}
		bind += string([]byte{0, byte(n)})
		for _, v := range test.values {
			bind += string(binary.BigEndian.AppendUint32(nil, uint32(len(v)))) + v
		}
		xs := converse(sent(kindParse, parse)+string(wire(kindBind, bind+"\x00\x00"))+string(wire(kindExecute, "\x00\x00\x00\x00\x00"))+string(wire(kindSync, "")),
			got(kindErrorResponse, "SERROR\x00VERROR\x00C22001\x00Mvalue SecX is too long\x00\x00"), got(kindReadyForQuery, "I"))
		x := xs[len(xs)-1]
		out := decodertest.JSON(&x)
		if !strings.Contains(out, `"args":`+test.want) || strings.Contains(out, "SecX") && test.values[0] != "pass" {
			t.Errorf("%s %q: %s", test.statement, test.values, out)
		}
	}
}

// TLS ends what can be read, and says so.
func TestTLS(t *testing.T) {
	d := decodertest.Conversation{
		{From: decoders.Client, Data: []byte("\x00\x00\x00\x08\x04\xd2\x16\x2f")},
		{From: decoders.Server, Data: []byte("S")},
		{From: decoders.Client, Data: []byte("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03")},
		{From: decoders.Server, Data: []byte("\x16\x03\x03\x00\x7a\x02\x00\x00\x76")},
	}
	xs := decodertest.Whole(Protocol, d)
	if len(xs) != 1 || xs[0].Op != "ssl_request" || xs[0].Status != decoders.Encrypted {
		t.Errorf("%+v", xs)
	}
	decodertest.Splits(t, Protocol, d)
}

// A cancel names the backend, never the key that allows it.
func TestCancel(t *testing.T) {
	xs := decodertest.Whole(Protocol, decodertest.Conversation{{From: decoders.Client, Data: []byte("\x00\x00\x00\x10\x04\xd2\x16\x2e\x00\x00\x00\x2a\x0b\xad\xca\xfe")}})
	if len(xs) != 1 || xs[0].Op != "cancel_request" || len(xs[0].Attrs) != 1 || xs[0].Attrs[0].Value.Uint() != 42 {
		t.Errorf("%+v", xs)
	}
}

// The server ends a connection for reasons of its own.
func TestTermination(t *testing.T) {
	xs := converse(sent(kindQuery, "select 1\x00"), got(kindCommandComplete, "SELECT 1\x00")+string(wire(kindReadyForQuery, "I")),
		got(kindErrorResponse, "SFATAL\x00VFATAL\x00C57P01\x00Mterminating connection due to administrator command\x00\x00"))
	if len(xs) != 2 || xs[1].Op != "error_response" || xs[1].ErrorCode != "57P01" || xs[1].Status != decoders.Error {
		t.Errorf("%+v", xs)
	}
}

// What a snap length has cut off messages leaves the rest in place.
func TestCutMessages(t *testing.T) {
	var all []decoders.Exchange
	d := Protocol.New(func(x *decoders.Exchange) { all = append(all, decodertest.Clone(x)) })
	feed := func(from decoders.End, b []byte, keep int) {
		keep = min(keep, len(b))
		d.Data(from, decoders.Mark{Packet: 1}, b[:keep])
		if keep < len(b) {
			d.Gap(from, int64(len(b)-keep))
		}
	}
	for _, m := range opening() {
		feed(m.From, m.Data, 1000)
	}
	for range 2 {
		feed(decoders.Client, wire(kindQuery, "select '"+strings.Repeat("x", 500)+"'\x00"), 64)
		feed(decoders.Server, wire(kindDataRow, "\x00\x01\x00\x00\x01\xf4"+strings.Repeat("x", 500)), 64)
		feed(decoders.Server, append(wire(kindCommandComplete, "SELECT 1\x00"), wire(kindReadyForQuery, "I")...), 64)
	}
	d.Close(decoders.Mark{})
	if len(all) != 3 {
		t.Fatalf("%d exchanges", len(all))
	}
	for _, x := range all[1:] {
		if x.Rows != 1 || x.Status != decoders.OK || !strings.HasPrefix(string(x.Request), "select 'xxx") || x.Sent.Bytes != 515 {
			t.Errorf("%s", decodertest.JSON(&x))
		}
	}
}

// Times of rows are those of the bytes that they begin and end with, however
// long before them the description of the result came.
func TestRowTimes(t *testing.T) {
	description := string(wire('T', "\x00\x01a\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x19\xff\xff\xff\xff\xff\xff\x00\x00"))
	row := string(wire('D', "\x00\x01\x00\x00\x00\x011"))
	ready := string(wire('Z', "I"))
	query := func(text string) decodertest.Conversation {
		return append(opening(), decodertest.Message{From: decoders.Client, Data: wire('Q', text+"\x00")})
	}
	decodertest.Rows(t, Protocol, query("select a"), []string{description, row[:3], row[3:] + row, row[:8], row[8:], string(wire('C', "SELECT 3\x00")) + ready}, 1, 4)
	data := string(wire('d', "1\n"))
	decodertest.Rows(t, Protocol, query("copy t to stdout"), []string{string(wire('H', "\x00\x00\x01\x00\x00")), data, data, string(wire('c', "")), string(wire('C', "COPY 2\x00")) + ready}, 1, 2)
	decodertest.Rows(t, Protocol, query("delete from t"), []string{string(wire('C', "DELETE 0\x00")) + ready}, -1, -1)
}
