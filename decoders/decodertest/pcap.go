package decodertest

import (
	"net"
	"os"
	"testing"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
	"github.com/google/gopacket/pcapgo"
)

// maxSegment is how much of a message a packet of WritePcap holds.
const maxSegment = 60_000

// WritePcap writes a conversation as a TCP connection to a server's port, for
// other programs to read.
func (c Conversation) WritePcap(t testing.TB, path string, port uint16) {
	t.Helper()
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	w := pcapgo.NewWriterNanos(f)
	if err := w.WriteFileHeader(262144, layers.LinkTypeRaw); err != nil {
		t.Fatal(err)
	}
	hosts := [2]net.IP{net.IPv4(10, 0, 0, 1).To4(), net.IPv4(10, 0, 0, 2).To4()}
	ports := [2]layers.TCPPort{54321, layers.TCPPort(port)}
	next := [2]uint32{1, 1}
	packet := gopacket.NewSerializeBuffer()
	for _, m := range c {
		from, to := m.From, m.From.Other()
		for b := m.Data; len(b) > 0; {
			segment := b[:min(len(b), maxSegment)]
			b = b[len(segment):]
			ip := &layers.IPv4{Version: 4, TTL: 64, Protocol: layers.IPProtocolTCP, SrcIP: hosts[from], DstIP: hosts[to]}
			tcp := &layers.TCP{SrcPort: ports[from], DstPort: ports[to], Seq: next[from], Ack: next[to], ACK: true, PSH: len(b) == 0, Window: 65535}
			next[from] += uint32(len(segment))
			options := gopacket.SerializeOptions{FixLengths: true, ComputeChecksums: true}
			if err := tcp.SetNetworkLayerForChecksum(ip); err != nil {
				t.Fatal(err)
			}
			if err := gopacket.SerializeLayers(packet, options, ip, tcp, gopacket.Payload(segment)); err != nil {
				t.Fatal(err)
			}
			info := gopacket.CaptureInfo{Timestamp: m.At, CaptureLength: len(packet.Bytes()), Length: len(packet.Bytes())}
			if err := w.WritePacket(info, packet.Bytes()); err != nil {
				t.Fatal(err)
			}
		}
	}
}
