package dbus

import (
	"encoding/binary"
	"errors"
	"net"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/godbus/dbus/v5"

	"unixcap/decoders"
	"unixcap/decoders/decodertest"
)

// The conversations in testdata.
var golden = decodertest.Golden{Protocol: Protocol, Recordings: []decodertest.Recording{
	{Name: "dbus_send", Shows: "dbus-send: Hello, a call, its reply, signals", Slack: 2, Make: func(t *testing.T) []decodertest.Conversation {
		return startBus(t, "EXTERNAL").run(t, "dbus-send", "--session", "--print-reply", "--dest=org.freedesktop.DBus", "/", "org.freedesktop.DBus.ListNames")
	}},
	{Name: "busctl", Shows: "busctl: the handshake and the first call at once, an error", Slack: 2, Make: func(t *testing.T) []decodertest.Conversation {
		b := startBus(t, "EXTERNAL")
		return b.run(t, "busctl", "--address=unix:path="+b.Path, "call", "org.freedesktop.DBus", "/", "org.freedesktop.DBus", "GetNameOwner", "s", "no.such.name")
	}},
	{Name: "gdbus", Shows: "gdbus: a long reply", Slack: 2, Make: func(t *testing.T) []decodertest.Conversation {
		return startBus(t, "EXTERNAL").run(t, "gdbus", "introspect", "--session", "--dest", "org.freedesktop.DBus", "--object-path", "/org/freedesktop/DBus")
	}},
	{Name: "signals", Shows: "gdbus: a signal of its own, with values", Slack: 3, Make: func(t *testing.T) []decodertest.Conversation {
		return startBus(t, "EXTERNAL").run(t, "gdbus", "emit", "--session", "--object-path", "/org/example/job/17", "--signal", "org.example.Job.Done", "'text'", "(1, [2.5])", "{'a': <true>}")
	}},
	{Name: "cookie", Shows: "dbus-send: DBUS_COOKIE_SHA1", Slack: 2, Make: func(t *testing.T) []decodertest.Conversation {
		return startBus(t, "DBUS_COOKIE_SHA1").run(t, "dbus-send", "--session", "--print-reply", "--dest=org.freedesktop.DBus", "/", "org.freedesktop.DBus.GetId")
	}},
	{Name: "rejected", Shows: "busctl: its mechanism is not one the bus knows", Slack: 2, Make: func(t *testing.T) []decodertest.Conversation {
		b := startBus(t, "DBUS_COOKIE_SHA1")
		return b.run(t, "busctl", "--address=unix:path="+b.Path, "list")
	}},
	{Name: "big_endian", Shows: "messages in big endian, one of them without a reply, a mechanism refused", Slack: 2, Make: func(t *testing.T) []decodertest.Conversation {
		return bigEndian(t, startBus(t, "EXTERNAL"))
	}},
	{Name: "types", Shows: "all types, calls with secrets, many calls outstanding, answers in another order", Slack: 2, Make: func(t *testing.T) []decodertest.Conversation {
		return echoed(t)[:1]
	}},
	{Name: "service", Shows: "the same as the service sees it: calls come from the bus", Slack: 2, Make: func(t *testing.T) []decodertest.Conversation {
		return echoed(t)[1:]
	}},
	{Name: "monitor", Shows: "BecomeMonitor: what others say", Slack: 2, Make: monitored},
}}

func TestGolden(t *testing.T)  { golden.Test(t) }
func TestRecord(t *testing.T)  { golden.Record(t) }
func FuzzDecoder(f *testing.F) { golden.Fuzz(f) }

// bigEndian speaks to the bus in the byte order that no client on this machine
// has.
func bigEndian(t *testing.T, b *bus) []decodertest.Conversation {
	b.Forget()
	c, err := net.Dial("unix", b.Path)
	if err != nil {
		t.Fatal(err)
	}
	send := func(p []byte) {
		if _, err := c.Write(p); err != nil {
			t.Fatal(err)
		}
	}
	buf := make([]byte, 64<<10)
	read := func() {
		if _, err := c.Read(buf); err != nil {
			t.Fatal(err)
		}
	}
	send([]byte("\x00AUTH ANONYMOUS 61\r\n"))
	read()
	send([]byte("AUTH EXTERNAL 30\r\n"))
	read()
	send([]byte("BEGIN\r\n"))
	for i, call := range []struct {
		member string
		flags  dbus.Flags
		args   []any
	}{
		{"Hello", 0, nil}, {"NameHasOwner", 0, []any{"org.example"}}, {"AddMatch", dbus.FlagNoReplyExpected, []any{"type='signal',sender='a.b'"}},
		{"RequestName", 0, []any{"org.example", uint32(4)}},
	} {
		m := &dbus.Message{Type: dbus.TypeMethodCall, Flags: call.flags, Body: call.args, Headers: map[dbus.HeaderField]dbus.Variant{
			dbus.FieldDestination: dbus.MakeVariant("org.freedesktop.DBus"), dbus.FieldPath: dbus.MakeVariant(dbus.ObjectPath("/")),
			dbus.FieldInterface: dbus.MakeVariant("org.freedesktop.DBus"), dbus.FieldMember: dbus.MakeVariant(call.member),
		}}
		if len(call.args) > 0 {
			m.Headers[dbus.FieldSignature] = dbus.MakeVariant(dbus.SignatureOf(call.args...))
		}
		send(encode(t, m, uint32(i+1), binary.BigEndian))
		if call.flags == 0 {
			read()
		}
	}
	c.Close()
	return b.Conversations()
}

type answers struct {
	mu   sync.Mutex
	held []chan struct{}
}

// Echo answers with what it was called with.
func (*answers) Echo(v []dbus.Variant) ([]dbus.Variant, *dbus.Error) { return v, nil }

// Hold answers only when Release is called, so that many calls are open.
func (a *answers) Hold(n int32) (int32, *dbus.Error) {
	c := make(chan struct{})
	a.mu.Lock()
	a.held = append(a.held, c)
	a.mu.Unlock()
	<-c
	return n, nil
}

func (a *answers) Waiting() (int32, *dbus.Error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return int32(len(a.held)), nil
}

func (a *answers) Release() *dbus.Error {
	a.mu.Lock()
	defer a.mu.Unlock()
	for i := len(a.held) - 1; i >= 0; i-- {
		close(a.held[i])
	}
	a.held = nil
	return nil
}

func (*answers) Fail() *dbus.Error {
	return dbus.NewError("org.example.Error.Failed", []any{"it failed", int32(5)})
}

func (*answers) SetPassword(password, hint string) (string, *dbus.Error) {
	return "was " + password, nil
}

// echoed is a client and a service of the library's that talk over a bus: the
// conversation of either.
func echoed(t *testing.T) []decodertest.Conversation {
	b := startBus(t, "EXTERNAL")
	other := decodertest.Proxied(t, b.Target)
	service := b.dial(t, other.Path)
	if err := service.Export(new(answers), "/org/example/Service1/_31", "org.example.Test"); err != nil {
		t.Fatal(err)
	}
	if _, err := service.RequestName("org.example", 0); err != nil {
		t.Fatal(err)
	}
	client := b.dial(t, b.Path)
	object := client.Object("org.example", "/org/example/Service1/_31")
	call := func(member string, args ...any) *dbus.Call {
		c := object.Call("org.example.Test."+member, 0, args...)
		var e dbus.Error
		if c.Err != nil && !errors.As(c.Err, &e) {
			t.Fatal(c.Err)
		}
		return c
	}
	type pair struct {
		A int32
		B string
	}
	call("Echo", []dbus.Variant{
		dbus.MakeVariant(byte(255)), dbus.MakeVariant(true), dbus.MakeVariant(int16(-2)), dbus.MakeVariant(uint16(65535)),
		dbus.MakeVariant(int32(-3)), dbus.MakeVariant(uint32(4000000000)), dbus.MakeVariant(int64(-1 << 60)), dbus.MakeVariant(uint64(1 << 63)),
		dbus.MakeVariant(2.5), dbus.MakeVariant("J\u00f6rg \"x\"\n"), dbus.MakeVariant(dbus.ObjectPath("/a/b")), dbus.MakeVariant(dbus.SignatureOf(int32(1), "")),
		dbus.MakeVariant([]byte{0, 1, 255}), dbus.MakeVariant([]byte("text")), dbus.MakeVariant([]string{"a", ""}), dbus.MakeVariant([]int64{}),
		dbus.MakeVariant(pair{1, "x"}), dbus.MakeVariant(map[string]dbus.Variant{"password": dbus.MakeVariant("geheim"), "ssid": dbus.MakeVariant([]byte("net"))}),
		dbus.MakeVariant(map[uint32]string{7: "seven"}), dbus.MakeVariant(dbus.MakeVariant([][]uint16{{1, 2}, {}, {3}})),
	})
	call("Fail")
	call("SetPassword", "geheim", "the usual")
	call("NoSuch", int32(1))
	done := make(chan *dbus.Call, 20)
	for i := range 10 {
		object.Go("org.example.Test.Hold", 0, done, int32(i))
	}
	for waiting := int32(0); waiting < 10; {
		if err := call("Waiting").Store(&waiting); err != nil {
			t.Fatal(err)
		}
	}
	call("Release")
	for range 10 {
		<-done
	}
	object.Call("org.example.Test.Echo", dbus.FlagNoReplyExpected, []dbus.Variant{})
	if err := service.Emit("/org/example/Service1/_31", "org.example.Test.Happened", "x", uint32(1)); err != nil {
		t.Fatal(err)
	}
	call("Waiting")
	client.Close()
	service.Close()
	return append(b.Conversations(), other.Conversations()...)
}

// monitored is a monitor's conversation while clients call the bus.
func monitored(t *testing.T) []decodertest.Conversation {
	b := startBus(t, "EXTERNAL")
	other := decodertest.Proxied(t, b.Target)
	watch := b.dial(t, other.Path)
	if err := watch.BusObject().Call("org.freedesktop.DBus.Monitoring.BecomeMonitor", 0, []string{}, uint32(0)).Err; err != nil {
		t.Fatal(err)
	}
	seen := make(chan *dbus.Message, 1000)
	watch.Eavesdrop(seen)
	b.run(t, "dbus-send", "--session", "--print-reply", "--dest=org.freedesktop.DBus", "/", "org.freedesktop.DBus.GetId")
	b.run(t, "dbus-send", "--session", "--print-reply", "--dest=no.such", "/", "no.such.Thing", "string:"+strconv.Itoa(1))
	for {
		select {
		case m := <-seen:
			if m.Type == dbus.TypeError {
				watch.Close()
				return other.Conversations()
			}
		case <-time.After(10 * time.Second):
			t.Fatal("the monitor never saw the error")
		}
	}
}

func TestUnpaired(t *testing.T) {
	call := encode(t, message1("org.example", "Do"), 7, binary.LittleEndian)
	var got []string
	d := Protocol.New(func(x *decoders.Exchange) { got = append(got, decodertest.JSON(x)) })
	d.Data(decoders.Client, decoders.Mark{Packet: 1}, call)
	d.Data(decoders.Client, decoders.Mark{Packet: 2}, call) // the number again
	d.Gap(decoders.Server, 10)
	d.Close(decoders.Mark{})
	if len(got) != 2 {
		t.Errorf("%q", got)
	}
}
