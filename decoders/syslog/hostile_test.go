package syslog

import (
	"bytes"
	"strings"
	"testing"

	"unixcap/decoders"
	"unixcap/decoders/decodertest"
)

// What looks like a program's name may say that the text is secret.
func TestSecretTag(t *testing.T) {
	for _, text := range []string{"<13>password: geheim", "<13>Nov 24 10:00:00 host Token: geheim", "<13>db_passwd: geheim"} {
		d := Protocol.New(func(x *decoders.Exchange) {
			if s := decodertest.JSON(x); strings.Contains(s, "geheim") {
				t.Error(s)
			}
		}).(decoders.PacketDecoder)
		d.Packet(decoders.Client, decoders.Mark{}, decoders.Packet{Data: []byte(text)})
	}
}

// A program whose name has such a word is none.
func TestProgramTag(t *testing.T) {
	for _, text := range []string{"<86>sshd-session[17]: session opened", "<13>Nov 24 10:00:00 host passwd[4]: gkr-pam: stopped"} {
		d := Protocol.New(func(x *decoders.Exchange) {
			if s := decodertest.JSON(x); strings.Contains(s, "<secret>") {
				t.Error(s)
			}
		}).(decoders.PacketDecoder)
		d.Packet(decoders.Client, decoders.Mark{}, decoders.Packet{Data: []byte(text)})
	}
}

// A number at the beginning of a line is a count only if a priority follows.
func TestStreamNumbers(t *testing.T) {
	c := decodertest.Conversation{{Data: []byte("404 not found\n12 <13>app: one500 items\n<13>app: two\n7 \n")}}
	want := []string{"404 not found", "app: one", "500 items", "app: two", "7 "}
	var got []string
	for _, x := range decodertest.Whole(Protocol, c) {
		got = append(got, string(x.Request))
	}
	if strings.Join(got, "|") != strings.Join(want, "|") {
		t.Errorf("got %q, want %q", got, want)
	}
	decodertest.Splits(t, Protocol, c)
}

// Messages that end with a zero byte do not each cost a search through all that
// follow: these would take longer than any test may.
func TestZeros(t *testing.T) {
	n := 0
	d := Protocol.New(func(*decoders.Exchange) { n++ })
	d.Data(decoders.Client, decoders.Mark{}, append(bytes.Repeat([]byte("a\x00"), 4<<20), "b\n"...))
	if n != 4<<20+1 {
		t.Errorf("%d messages", n)
	}
}
