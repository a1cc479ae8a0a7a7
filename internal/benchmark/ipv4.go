package main

import (
	"bufio"
	"errors"
	"io"
	"net"
	"os"
	"time"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
	"github.com/google/gopacket/pcapgo"

	"unixcap/pcapng"
)

// asIPv4 writes the packets of a capture as those of TCP over IPv4 over Ethernet,
// at most n if that is not 0: pt-query-digest reads nothing else.
func asIPv4(from, to string, n int) {
	in, err := os.Open(from)
	check(err)
	defer in.Close()
	r, err := pcapng.NewReader(in)
	check(err)
	file, err := os.Create(to)
	check(err)
	out := bufio.NewWriterSize(file, 1<<20)
	w := pcapgo.NewWriterNanos(out)
	check(w.WriteFileHeader(0, layers.LinkTypeEthernet))
	t := translator{hosts: make(map[string]net.IP), buf: gopacket.NewSerializeBuffer()}
	for written := 0; n == 0 || written < n; {
		b, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		check(err)
		p, ok := b.(*pcapng.EnhancedPacket)
		if !ok {
			continue
		}
		frame := t.translate(p.Data)
		info := gopacket.CaptureInfo{Timestamp: time.Unix(0, p.UnixNano()), CaptureLength: len(frame), Length: len(frame)}
		check(w.WritePacket(info, frame))
		written++
	}
	check(out.Flush())
	check(file.Close())
}

// A translator gives each IPv6 address an IPv4 address.
type translator struct {
	hosts map[string]net.IP
	buf   gopacket.SerializeBuffer
}

func (t *translator) host(ip net.IP) net.IP {
	h := t.hosts[string(ip)]
	if h == nil {
		n := len(t.hosts) + 1
		h = net.IPv4(10, byte(n>>16), byte(n>>8), byte(n))
		t.hosts[string(ip)] = h
	}
	return h
}

// translate returns a raw IPv6 packet as a frame with IPv4.
func (t *translator) translate(packet []byte) []byte {
	var ip6 layers.IPv6
	var tcp layers.TCP
	check(ip6.DecodeFromBytes(packet, gopacket.NilDecodeFeedback))
	check(tcp.DecodeFromBytes(ip6.Payload, gopacket.NilDecodeFeedback))
	mac := net.HardwareAddr{2, 0, 0, 0, 0, 1}
	ip4 := layers.IPv4{Version: 4, TTL: 64, Protocol: layers.IPProtocolTCP, SrcIP: t.host(ip6.SrcIP), DstIP: t.host(ip6.DstIP)}
	check(tcp.SetNetworkLayerForChecksum(&ip4))
	check(gopacket.SerializeLayers(t.buf, gopacket.SerializeOptions{FixLengths: true, ComputeChecksums: true},
		&layers.Ethernet{SrcMAC: mac, DstMAC: mac, EthernetType: layers.EthernetTypeIPv4}, &ip4, &tcp, gopacket.Payload(tcp.Payload)))
	return t.buf.Bytes()
}

// walk reads a capture's blocks and does nothing with them.
func walk(name string) {
	f, err := os.Open(name)
	check(err)
	defer f.Close()
	r, err := pcapng.NewReader(f)
	check(err)
	for {
		if _, err := r.Next(); errors.Is(err, io.EOF) {
			return
		} else {
			check(err)
		}
	}
}
