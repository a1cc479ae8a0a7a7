package dbus

import (
	"encoding/binary"
	"fmt"
	"testing"

	"github.com/godbus/dbus/v5"

	"unixcap/decoders"
	"unixcap/decoders/decodertest"
)

// talk is calls of a property and what answers them, ahead of each other, and
// a signal now and then.
func talk(tb testing.TB, rounds, ahead int, body ...any) decodertest.Conversation {
	var c decodertest.Conversation
	serial := uint32(0)
	for range rounds {
		var calls, replies []byte
		for range ahead {
			serial++
			m := message1("org.freedesktop.DBus.Properties", "Get", "org.freedesktop.systemd1.Unit", "ActiveState")
			m.Headers[dbus.FieldPath] = dbus.MakeVariant(dbus.ObjectPath(fmt.Sprintf("/org/freedesktop/systemd1/unit/ssh_2eservice%d", serial)))
			m.Headers[dbus.FieldDestination] = dbus.MakeVariant("org.freedesktop.systemd1")
			calls = append(calls, encode(tb, m, serial, binary.LittleEndian)...)
			r := &dbus.Message{Type: dbus.TypeMethodReply, Body: body, Headers: map[dbus.HeaderField]dbus.Variant{
				dbus.FieldReplySerial: dbus.MakeVariant(serial), dbus.FieldSignature: dbus.MakeVariant(dbus.SignatureOf(body...)),
				dbus.FieldSender: dbus.MakeVariant(":1.2"), dbus.FieldDestination: dbus.MakeVariant(":1.77")}}
			replies = append(replies, encode(tb, r, serial, binary.LittleEndian)...)
		}
		s := message1("org.freedesktop.DBus", "NameOwnerChanged", ":1.5", "", ":1.5")
		s.Type = dbus.TypeSignal
		replies = append(replies, encode(tb, s, 5, binary.LittleEndian)...)
		c = append(c, decodertest.Message{From: decoders.Client, Data: calls}, decodertest.Message{From: decoders.Server, Data: replies})
	}
	return c
}

func BenchmarkProperty(b *testing.B) {
	decodertest.Benchmark(b, Protocol, talk(b, 1000, 1, dbus.MakeVariant("active")))
}

func BenchmarkOutstanding(b *testing.B) {
	decodertest.Benchmark(b, Protocol, talk(b, 100, 16, dbus.MakeVariant("active")))
}

func BenchmarkManaged(b *testing.B) {
	objects := map[dbus.ObjectPath]map[string]map[string]dbus.Variant{}
	for i := range 100 {
		objects[dbus.ObjectPath(fmt.Sprintf("/org/freedesktop/UDisks2/drives/d%d", i))] = map[string]map[string]dbus.Variant{
			"org.freedesktop.UDisks2.Drive": {"Size": dbus.MakeVariant(uint64(1 << 40)), "Vendor": dbus.MakeVariant("ACME"), "Ejectable": dbus.MakeVariant(false)}}
	}
	decodertest.Benchmark(b, Protocol, talk(b, 30, 1, objects))
}

func BenchmarkBytes(b *testing.B) {
	decodertest.Benchmark(b, Protocol, talk(b, 30, 1, make([]byte, 32<<10)))
}

// TestNoAllocations holds the decoder to its promise that the calls of a steady
// connection cost no memory.
func TestNoAllocations(t *testing.T) {
	c := talk(t, 20, 8, dbus.MakeVariant(map[string]dbus.Variant{"a": dbus.MakeVariant(int32(1)), "b": dbus.MakeVariant([]string{"x"})}))
	decodertest.NoAllocations(t, Protocol, nil, c)
}
