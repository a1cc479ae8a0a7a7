package capture

import (
	"bytes"
	"io"
	"testing"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
	"github.com/google/gopacket/pcapgo"
)

// Another reader of the format, by other people, finds every packet whole: its
// lengths agree with each other and its checksums are right.
func TestGopacketFindsNoFault(t *testing.T) {
	ms := everything()
	file := record(t, WriterOptions{Program: "unixcap 1.0", Kernel: "Linux 6.12", Host: "h"}, ms)
	r, err := pcapgo.NewNgReader(bytes.NewReader(file), pcapgo.NgReaderOptions{WantMixedLinkType: true})
	if err != nil {
		t.Fatal(err)
	}
	if got := r.SectionInfo().Application; got != "unixcap 1.0" {
		t.Errorf("written by %q", got)
	}
	var payload int
	for n := 1; ; n++ {
		data, info, err := r.ReadPacketData()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatalf("packet %d: %v", n, err)
		}
		if info.CaptureLength != len(data) || info.Length != len(data) || info.Timestamp.Before(t0) {
			t.Fatalf("packet %d: %d bytes, captured %d of %d, at %v", n, len(data), info.CaptureLength, info.Length, info.Timestamp)
		}
		payload += checkLayers(t, n, data)
	}
	want := 0
	for _, m := range ms {
		want += len(m.Payload)
	}
	if payload != want {
		t.Errorf("%d bytes of payload, %d were sent", payload, want)
	}
	for i, name := range []string{"unix-stream", "unix-dgram", "unix-seqpacket"} {
		iface, err := r.Interface(i)
		if err != nil || iface.Name != name || iface.LinkType != layers.LinkTypeRaw {
			t.Errorf("interface %d: %+v, %v", i, iface, err)
		}
	}
}

// checkLayers decodes a packet, encodes it again with lengths and checksums
// computed, and compares. It returns the payload's length.
func checkLayers(t *testing.T, n int, data []byte) int {
	t.Helper()
	p := gopacket.NewPacket(data, layers.LayerTypeIPv6, gopacket.Default)
	if e := p.ErrorLayer(); e != nil {
		t.Fatalf("packet %d: %v", n, e.Error())
	}
	ip := p.NetworkLayer().(*layers.IPv6)
	if int(ip.Length) != len(data)-len(ip.Contents) {
		t.Errorf("packet %d: IPv6 length %d, but %d bytes follow", n, ip.Length, len(data)-len(ip.Contents))
	}
	var again gopacket.SerializableLayer
	switch l := p.TransportLayer().(type) {
	case *layers.TCP:
		if err := l.SetNetworkLayerForChecksum(ip); err != nil {
			t.Fatal(err)
		}
		again = l
	case *layers.UDP:
		if err := l.SetNetworkLayerForChecksum(ip); err != nil {
			t.Fatal(err)
		}
		again = l
	default:
		t.Fatalf("packet %d: neither TCP nor UDP: %v", n, p)
	}
	payload := p.TransportLayer().LayerPayload()
	b := gopacket.NewSerializeBuffer()
	o := gopacket.SerializeOptions{FixLengths: true, ComputeChecksums: true}
	if err := gopacket.SerializeLayers(b, o, ip, again, gopacket.Payload(payload)); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(b.Bytes(), data) {
		head := min(len(data), 80)
		t.Fatalf("packet %d differs when gopacket writes it:\n got %x\nwant %x", n, data[:head], b.Bytes()[:head])
	}
	return len(payload)
}
