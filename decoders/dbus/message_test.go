package dbus

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"reflect"
	"strings"
	"testing"

	"github.com/godbus/dbus/v5"

	"unixcap/decoders"
	"unixcap/decoders/decodertest"
)

func message1(iface, member string, args ...any) *dbus.Message {
	m := &dbus.Message{Type: dbus.TypeMethodCall, Body: args, Headers: map[dbus.HeaderField]dbus.Variant{
		dbus.FieldPath: dbus.MakeVariant(dbus.ObjectPath("/a")), dbus.FieldInterface: dbus.MakeVariant(iface), dbus.FieldMember: dbus.MakeVariant(member),
	}}
	if len(args) > 0 {
		m.Headers[dbus.FieldSignature] = dbus.MakeVariant(dbus.SignatureOf(args...))
	}
	return m
}

// encode has the library encode a message.
func encode(t testing.TB, m *dbus.Message, serial uint32, order binary.ByteOrder) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := m.EncodeTo(&b, order); err != nil {
		t.Fatal(err)
	}
	order.PutUint32(b.Bytes()[8:], serial)
	return b.Bytes()
}

// plain is a library's value as the decoder would show it.
func plain(v any) any {
	switch v := v.(type) {
	case dbus.Variant:
		return plain(v.Value())
	case dbus.ObjectPath:
		return string(v)
	case dbus.Signature:
		return v.String()
	case dbus.UnixFDIndex:
		return float64(v)
	case bool, string:
		return v
	case float64:
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return fmt.Sprint(v)
		}
		return v
	case []byte:
		if bytes.Equal(bytes.ToValidUTF8(v, nil), v) {
			return string(v)
		}
		return "binary"
	}
	r := reflect.ValueOf(v)
	switch {
	case r.CanInt():
		return float64(r.Int())
	case r.CanUint():
		return float64(r.Uint())
	case r.Kind() == reflect.Slice:
		list := []any{}
		for i := range r.Len() {
			list = append(list, plain(r.Index(i).Interface()))
		}
		return list
	case r.Kind() == reflect.Map:
		m := map[string]any{}
		for _, k := range r.MapKeys() {
			m[fmt.Sprint(plain(k.Interface()))] = plain(r.MapIndex(k).Interface())
		}
		return m
	}
	panic(fmt.Sprintf("%T", v))
}

// shown is what the decoder makes of a body, read as JSON.
func shown(t *testing.T, p *printer) (all []any) {
	t.Helper()
	for i := range p.args {
		b := p.args[i].AppendJSON(nil)
		if p.raw[i] {
			b = p.args[i].Bytes
		}
		var v any
		if err := json.Unmarshal(b, &v); err != nil {
			t.Fatalf("%s: %v", b, err)
		}
		all = append(all, binaries(v))
	}
	return all
}

func binaries(v any) any {
	switch v := v.(type) {
	case map[string]any:
		if _, ok := v["base64"]; ok && len(v) == 1 {
			return "binary"
		}
		for k := range v {
			v[k] = binaries(v[k])
		}
	case []any:
		for i := range v {
			v[i] = binaries(v[i])
		}
	}
	return v
}

// agrees compares a message with what the library makes of it.
func agrees(t *testing.T, b []byte) {
	t.Helper()
	m, err := dbus.DecodeMessage(bytes.NewReader(b))
	if err != nil {
		t.Fatalf("the library: %v\n%q", err, b)
	}
	var got message
	header, body, ok := sizes(b)
	if !ok || !got.read(b, header, body) {
		t.Fatalf("not read: %q", b)
	}
	field := func(f dbus.HeaderField) string {
		v, ok := m.Headers[f]
		if !ok {
			return ""
		}
		return fmt.Sprint(plain(v))
	}
	number := func(n uint32) string {
		if n == 0 {
			return ""
		}
		return fmt.Sprint(float64(n))
	}
	for _, c := range []struct{ got, want string }{
		{string(got.path), field(dbus.FieldPath)}, {string(got.iface), field(dbus.FieldInterface)}, {string(got.member), field(dbus.FieldMember)},
		{string(got.errorName), field(dbus.FieldErrorName)}, {string(got.destination), field(dbus.FieldDestination)}, {string(got.sender), field(dbus.FieldSender)},
		{string(got.signature), field(dbus.FieldSignature)}, {number(got.replySerial), field(dbus.FieldReplySerial)},
		{fmt.Sprint(got.serial), fmt.Sprint(m.Serial())},
	} {
		if c.got != c.want {
			t.Errorf("%q, the library has %q", c.got, c.want)
		}
	}
	var p printer
	if !p.print(&got, maxText, false) {
		t.Fatalf("the body is not read: %q", b)
	}
	var want []any
	for _, v := range m.Body {
		want = append(want, plain(v))
	}
	if s := shown(t, &p); !reflect.DeepEqual(masked(s), masked(want)) {
		t.Errorf("%v\nthe library has %v", s, want)
	}
}

// masked hides what the decoder hides: values of a password.
func masked(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for k := range v {
			if v[k] = masked(v[k]); decoders.IsSecretName([]byte(k)) {
				v[k] = decoders.Secret
			}
		}
	case []any:
		for i := range v {
			v[i] = masked(v[i])
		}
	}
	return v
}

// Every message of the recorded conversations is what the library takes it for.
func TestLibrary(t *testing.T) {
	n := 0
	for _, r := range golden.Recordings {
		for end := range decoders.End(2) {
			var all []byte
			for _, m := range r.Read(t) {
				if m.From == end {
					all = append(all, m.Data...)
				}
			}
			for len(all) > 0 {
				if !begins(all) || len(all) < fixedHeader {
					i := bytes.IndexByte(all, '\n')
					if i < 0 {
						break
					}
					all = all[i+1:]
					continue
				}
				header, body, ok := sizes(all)
				if !ok || int64(len(all)) < header+body {
					t.Fatalf("%s: no message: %q", r.Name, all)
				}
				agrees(t, all[:header+body])
				all = all[header+body:]
				n++
			}
		}
	}
	if n < 100 {
		t.Errorf("%d messages", n)
	}
	for _, order := range []binary.ByteOrder{binary.LittleEndian, binary.BigEndian} {
		agrees(t, encode(t, message1("a.b", "C", math.NaN(), math.Inf(1), []float64{math.Inf(-1), 1e300}, [][]byte{{1, 2}, {0xff}},
			map[byte]bool{1: true}, map[dbus.ObjectPath][]dbus.Variant{"/x": {dbus.MakeVariant(int16(1))}}, [3]uint64{1, 2, 3}), 9, order))
	}
}

// What is secret is in no exchange.
func TestSecrets(t *testing.T) {
	type secret struct {
		Session    dbus.ObjectPath
		Parameters []byte
		Value      []byte
		Type       string
	}
	type login struct{ Name, Password string }
	type credentials struct {
		Type, Owner string
		Value       dbus.Variant
	}
	for _, m := range []*dbus.Message{
		message1("org.freedesktop.UDisks2.Encrypted", "Unlock", "geheim", map[string]dbus.Variant{}),
		message1("org.freedesktop.NetworkManager.Settings", "AddConnection", map[string]map[string]dbus.Variant{"802-11-wireless-security": {"psk": dbus.MakeVariant("geheim")}}),
		message1("org.freedesktop.Secret.Service", "Store", secret{"/s", []byte("geheim"), []byte("geheim"), "text"}),
		message1("org.example", "Do", map[string]dbus.Variant{"encrypt.passphrase": dbus.MakeVariant([]string{"geheim"}), "Password": dbus.MakeVariant([]byte("geheim"))}),
		message1("org.bluez.Agent1", "ReportPinCode", "geheim"),
		message1("org.freedesktop.ModemManager1.Sim", "SendPin", "geheim"),
		message1("org.freedesktop.ModemManager1.Sim", "SendPuk", "geheim", "geheim"),
		message1("org.kde.KWallet", "writeEntry", int32(1), "folder", "key", []byte("geheim"), "app"),
		message1("org.kde.KWallet", "pamOpen", "wallet", []byte("geheim"), int32(0)),
		message1("net.connman.iwd.AccessPoint", "Start", "network", "geheim"),
		message1("org.gnome.OnlineAccounts.OAuth2Based", "GetAccessToken", "geheim"),
		message1("a.b", "getToken", "geheim"),
		message1("a.b", "SetApiKey", "geheim"),
		message1("a.b", "SetPwd", "geheim"),
		message1("a.b", "Login", "joe", "geheim"),
		message1("a.b", "Authenticate", "geheim"),
		message1("org.libvirt.Secret", "SetValue", []byte("geheim"), uint32(0)),
		message1("org.libvirt.Secret", "GetValue", "geheim"),
		message1("org.freedesktop.realmd.KerberosMembership", "Join", credentials{"password", "administrator", dbus.MakeVariant(login{"joe", "geheim"})}),
	} {
		d := Protocol.New(func(x *decoders.Exchange) {
			if s := decodertest.JSON(x); bytes.Contains([]byte(s), []byte("geheim")) || !bytes.Contains([]byte(s), []byte("secret>")) {
				t.Error(s)
			}
		})
		call := encode(t, m, 1, binary.LittleEndian)
		d.Data(decoders.Client, decoders.Mark{}, call)
		for _, kind := range []dbus.Type{dbus.TypeMethodReply, dbus.TypeError} {
			reply := &dbus.Message{Type: kind, Body: []any{"geheim"}, Headers: map[dbus.HeaderField]dbus.Variant{
				dbus.FieldReplySerial: dbus.MakeVariant(uint32(1)), dbus.FieldSignature: dbus.MakeVariant(dbus.SignatureOf("")), dbus.FieldErrorName: dbus.MakeVariant("a.b")}}
			if !bytes.Contains(call, []byte("psk")) && !bytes.Contains(call, []byte("Do\x00")) && !bytes.Contains(call, []byte("Store\x00")) {
				d.Data(decoders.Server, decoders.Mark{}, encode(t, reply, 2, binary.LittleEndian))
			}
		}
		d.Close(decoders.Mark{})
	}
}

// What is secret is hidden wherever it stands in a body: behind its name, in a
// text, as a number.
func TestSecretValues(t *testing.T) {
	property := dbus.MakeVariant("geheim")
	type named struct {
		Name  string
		Value dbus.Variant
	}
	for _, m := range []*dbus.Message{
		message1("net.connman.Technology", "SetProperty", "TetheringPassphrase", property),
		message1("org.freedesktop.DBus.Properties", "Set", "fi.w1.Interface", "Password", property),
		message1("org.freedesktop.systemd1.Manager", "StartTransientUnit", "a.service", "fail", []named{{"SetCredential", property}}),
		message1("org.freedesktop.systemd1.Manager", "StartTransientUnit", "a.service", "fail", []named{{"Environment", dbus.MakeVariant([]string{"DB_PASSWORD=geheim"})}}),
		message1("org.freedesktop.systemd1.Manager", "SetEnvironment", []string{"A=b", "DB_PASSWORD=geheim"}),
		message1("a.b", "Run", "mysql --password=geheim"),
		message1("a.b", "Run", []string{"mysql", "-uroot", "-pgeheim"}),
		message1("a.b", "Run", []string{"/usr/bin/redis-cli", "-a", "geheim"}),
		message1("org.freedesktop.Flatpak.Development", "HostCommand", []byte("/\x00"), [][]byte{[]byte("mysql\x00"), []byte("-pgeheim\x00"), []byte("x\x00")}),
		message1("org.freedesktop.Flatpak.Development", "HostCommand", []byte("/"), [][]byte{[]byte("psql"), []byte("--password"), []byte("geheim")}),
		message1("org.freedesktop.Flatpak.Development", "HostCommand", []byte("/"), [][]byte{[]byte("psql"), []byte("--password=geheim")}),
		message1("a.b", "Run", "curl http://joe:geheim@host/"),
		message1("a.b", "Do", map[string]dbus.Variant{"pin": dbus.MakeVariant(uint32(90210))}),
		message1("org.bluez.Agent1", "DisplayPasskey", dbus.ObjectPath("/a"), uint32(90210), uint16(0)),
	} {
		d := Protocol.New(func(x *decoders.Exchange) {
			if s := decodertest.JSON(x); strings.Contains(s, "geheim") || strings.Contains(s, "90210") {
				t.Error(s)
			}
		})
		d.Data(decoders.Client, decoders.Mark{}, encode(t, m, 1, binary.LittleEndian))
		d.Close(decoders.Mark{})
	}
}

// Names of members that mean something else are shown with what they say.
func TestNoSecret(t *testing.T) {
	for _, m := range []*dbus.Message{
		message1("org.freedesktop.login1.Manager", "UnlockSession", "geheim"),
		message1("org.freedesktop.login1.Manager", "LockSession", "geheim"),
		message1("org.freedesktop.Flatpak.Development", "HostCommand", []byte("/"), [][]byte{[]byte("ls"), []byte("-p"), []byte("geheim")}),
	} {
		d := Protocol.New(func(x *decoders.Exchange) {
			if s := decodertest.JSON(x); !strings.Contains(s, "geheim") {
				t.Error(s)
			}
		})
		d.Data(decoders.Client, decoders.Mark{}, encode(t, m, 1, binary.LittleEndian))
		d.Close(decoders.Mark{})
	}
}

// The answer to a question for a property whose name is a secret's is hidden.
func TestSecretProperty(t *testing.T) {
	d := Protocol.New(func(x *decoders.Exchange) {
		if s := decodertest.JSON(x); strings.Contains(s, "geheim") {
			t.Error(s)
		}
	})
	d.Data(decoders.Client, decoders.Mark{}, encode(t, message1("org.freedesktop.DBus.Properties", "Get", "a.b", "Passphrase"), 1, binary.LittleEndian))
	d.Data(decoders.Server, decoders.Mark{}, encode(t, &dbus.Message{Type: dbus.TypeMethodReply, Body: []any{dbus.MakeVariant("geheim")},
		Headers: map[dbus.HeaderField]dbus.Variant{dbus.FieldReplySerial: dbus.MakeVariant(uint32(1)),
			dbus.FieldSignature: dbus.MakeVariant(dbus.SignatureOf(dbus.Variant{}))}}, 2, binary.LittleEndian))
}

// FuzzBody compares what can be read of a body with the library.
func FuzzBody(f *testing.F) {
	f.Add("a{sv}(ii)", []byte("\x00\x00\x00\x00\x00\x00\x00\x00\x01\x00\x00\x00\x02\x00\x00\x00"))
	f.Add("aaya(sv)", []byte("\x04\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"))
	f.Fuzz(func(t *testing.T, sig string, body []byte) {
		var p printer
		p.print(&message{signature: []byte(sig), body: body, length: int64(len(body))}, maxText, len(sig)%2 == 0)
		if len(p.out) > maxText+16<<10 {
			t.Errorf("%d bytes of text", len(p.out))
		}
	})
}

func TestFingerprint(t *testing.T) {
	for request, want := range map[string]string{
		"org.freedesktop.DBus.Hello /org/freedesktop/DBus":                                 "org.freedesktop.DBus.Hello /org/freedesktop/DBus",
		"org.freedesktop.DBus.Properties.Get /org/freedesktop/systemd1/unit/ssh_2eservice": "org.freedesktop.DBus.Properties.Get /org/freedesktop/systemd1/unit/?",
		"org.freedesktop.login1.Session.Lock /org/freedesktop/login1/session/_31":          "org.freedesktop.login1.Session.Lock /org/freedesktop/login1/session/?",
		"a.b.C /org/freedesktop/NetworkManager/Devices/3":                                  "a.b.C /org/freedesktop/NetworkManager/Devices/?",
		"a.b.C /org/bluez/hci0/dev_00_11_22_AA_BB_CC":                                      "a.b.C /org/bluez/hci?/?",
		"a.b.C /org/freedesktop/systemd1/job/1234":                                         "a.b.C /org/freedesktop/systemd1/job/?",
		"a.b.C /x/set_default":                      "a.b.C /x/set_default",
		"a.b.C /x/J_c3_b6rg":                        "a.b.C /x/?",
		"a.b.C /x/job_17":                           "a.b.C /x/?",
		"a.b.C /x/550e8400e29b41d4a716446655440000": "a.b.C /x/?",
		"Member /":                                  "Member /",
		"EXTERNAL":                                  "EXTERNAL",
	} {
		if got := string(appendFingerprint(nil, []byte(request))); got != want {
			t.Errorf("%s: %s, want %s", request, got, want)
		}
	}
}
