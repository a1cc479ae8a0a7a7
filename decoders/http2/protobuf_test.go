package http2

import (
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"
)

// bytesField appends a field of bytes.
func bytesField(b []byte, number protowire.Number, v string) []byte {
	return protowire.AppendString(protowire.AppendTag(b, number, protowire.BytesType), v)
}

// numberField appends a field that is a number.
func numberField(b []byte, n protowire.Number, v uint64) []byte {
	return protowire.AppendVarint(protowire.AppendTag(b, n, protowire.VarintType), v)
}

func TestMessages(t *testing.T) {
	entry := func(key, value string) string { return string(bytesField(bytesField(nil, 1, key), 2, value)) }
	fixed := protowire.AppendFixed64(protowire.AppendTag(nil, 7, protowire.Fixed64Type), 1)
	fixed = protowire.AppendFixed32(protowire.AppendTag(fixed, 8, protowire.Fixed32Type), 0xffffffff)
	group := protowire.AppendTag(numberField(protowire.AppendTag(nil, 3, protowire.StartGroupType), 1, 5), 3, protowire.EndGroupType)
	deep := "a"
	for range 20 {
		deep = string(bytesField(nil, 1, deep+"\x01"))
	}
	for _, test := range []struct {
		message []byte
		cut     int // bytes that are missing at the end
		want    string
	}{
		{nil, 0, ""},
		{numberField(bytesField(nil, 1, "hello"), 2, 150), 0, `1: "hello" 2: 150`},
		{bytesField(nil, 1, string(numberField(nil, 1, 5))), 0, `1 {1: 5}`},
		{bytesField(nil, 1, string(bytesField(nil, 1, "\x00\x01"))), 0, `1 {1: 0x0001}`},
		{bytesField(nil, 1, "line\nand line"), 0, `1: 0x6c696e650a616e64206c696e65`},
		{bytesField(nil, 1, "grüße"), 0, `1: "grüße"`},
		{fixed, 0, "7: 0x0000000000000001 8: 0xffffffff"},
		{group, 0, "3 {1: 5}"},
		{bytesField(nil, 1, strings.Repeat("\xff", 40)), 0, "1: 0x" + strings.Repeat("ff", 16) + "..."},
		{numberField(bytesField(nil, 1, "hello"), 2, 150), 1, `1: "hello" 2 ...`},
		{bytesField(nil, 1, "hello"), 2, `1: "hel" ...`},
		{[]byte("hello"), 0, ""},
		{bytesField(nil, 2, "me:\"x\""), 0, `2: "me:\"x\""`},

		{bytesField(nil, 1, "password=geheim"), 0, `1: "password=<secret>"`},
		{bytesField(nil, 1, `{"token":"geheim"}`), 0, `1: "{\"token\":\"<secret>\"}"`},
		{bytesField(nil, 1, "Bearer geheim"), 0, `1: "<secret>"`},
		{bytesField(nil, 1, "eyJhbGciOiJIUzI1NiJ9.geheim.x"), 0, `1: "<secret>"`},
		{bytesField(nil, 1, "-----BEGIN PRIVATE KEY-----geheim"), 0, `1: "<secret>"`},
		{bytesField(nil, 6, entry("DB_PASSWORD", "geheim")), 0, `6 {1: "DB_PASSWORD" 2: "<secret>"}`},
		{bytesField(nil, 6, entry("DB_PASSWORD", "geheim\x00")), 0, `6 {1: "DB_PASSWORD" 2: "<secret>"}`},
		{bytesField(nil, 6, entry("DB_PASSWORD", "geheim")), 3, `6 {1: "DB_PASSWORD" 2: "<secret>"} ...`},
		{bytesField(numberField(numberField(bytesField(nil, 1, "/db/password"), 2, 5), 4, 1), 5, "geheim"), 0, `1: "/db/password" 2: 5 4: 1 5: "<secret>"`},
		{bytesField(bytesField(bytesField(nil, 1, "token"), 2, "geheim"), 3, "geheim\x00"), 0, `1: "token" 2: "<secret>" 3: "<secret>"`},
		{bytesField(bytesField(bytesField(nil, 1, "token"), 1, "name"), 2, "geheim"), 0, `1: "token" 1: "name" 2: "<secret>"`},
		{bytesField(bytesField(nil, 2, "token"), 3, "shown"), 0, `2: "token" 3: "shown"`},
		{bytesField(nil, 6, entry("LANG", "C")), 0, `6 {1: "LANG" 2: "C"}`},
		{bytesField(nil, 1, "https://me:geheim@host/"), 0, `1: "https://<secret>@host/"`},
	} {
		var p printer
		got := string(p.print(test.message[:len(test.message)-test.cut], test.cut == 0))
		if got != test.want {
			t.Errorf("% x: got %s, want %s", test.message, got, test.want)
		}
	}
	var p printer
	if got := string(p.print([]byte(deep), true)); len(got) > 2*maxFields || !strings.Contains(got, "0x") {
		t.Errorf("%d deep messages: %s", 20, got)
	}
	if got := string(p.print(bytesField(nil, 1, strings.Repeat("long ", 1000)), true)); len(got) > maxFields+50 || !strings.HasSuffix(got, "...") {
		t.Errorf("a long text: %d bytes, %s", len(got), got)
	}
}

// Methods whose names say that their messages are secret.
func TestSecretMethods(t *testing.T) {
	for path, secret := range map[string]bool{
		"/auth.Tokens/Issue": true, "/vault.v1.Secrets/Get": true, "/a.Login/CheckPassword": true, "/csi.v1.Node/NodeGetInfo": false,
		"/shop.Orders/List": false, "/shop.Authors/List": false,
	} {
		var own table
		own.line.kind = fieldPath
		own.display([]byte(path))
		if own.line.secret != secret {
			t.Errorf("%s: %v", path, own.line.secret)
		}
	}
}

func TestClass(t *testing.T) {
	for target, class := range map[string]string{
		"/grpc.testing.TestService/UnaryCallV2With1Option": "/grpc.testing.TestService/UnaryCallV2With1Option",
		"/users/1234/items?page=7":                         "/users/?/items?page",
		"/app.js/1234":                                     "/app.js/?",
		"/a.B/C?x=1":                                       "/a.B/C?x",
		"?":                                                "?",
	} {
		if got := string(appendClass(nil, []byte(target))); got != class {
			t.Errorf("%s: %s, want %s", target, got, class)
		}
	}
}
