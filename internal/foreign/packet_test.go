package foreign

import (
	"fmt"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"unixcap/internal/capture"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
)

var begin = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

// join serialises layers with lengths and checksums as they must be.
func join(t testing.TB, list ...gopacket.SerializableLayer) []byte {
	t.Helper()
	b := gopacket.NewSerializeBuffer()
	o := gopacket.SerializeOptions{FixLengths: true, ComputeChecksums: true}
	if err := gopacket.SerializeLayers(b, o, list...); err != nil {
		t.Fatal(err)
	}
	return slices.Clone(b.Bytes())
}

func ipv4() *layers.IPv4 {
	return &layers.IPv4{Version: 4, TTL: 64, Protocol: layers.IPProtocolTCP, SrcIP: net.IP{192, 0, 2, 1}, DstIP: net.IP{192, 0, 2, 2}}
}

func ipv6() *layers.IPv6 {
	return &layers.IPv6{Version: 6, HopLimit: 64, NextHeader: layers.IPProtocolTCP,
		SrcIP: net.ParseIP("2001:db8::1"), DstIP: net.ParseIP("2001:db8::2")}
}

func ether(kind layers.EthernetType) *layers.Ethernet {
	return &layers.Ethernet{SrcMAC: make(net.HardwareAddr, 6), DstMAC: make(net.HardwareAddr, 6), EthernetType: kind}
}

// tcp is a segment from port 40000 to 3306 whose checksum is that in ip.
func tcp(ip gopacket.NetworkLayer) *layers.TCP {
	t := &layers.TCP{SrcPort: 40000, DstPort: 3306, Seq: 1000, ACK: true, Ack: 1, PSH: true, Window: 1000,
		Options: []layers.TCPOption{{OptionType: layers.TCPOptionKindNop, OptionLength: 1}}}
	if err := t.SetNetworkLayerForChecksum(ip); err != nil {
		panic(err)
	}
	return t
}

// raw is the packet of all link types: 40 bytes from 192.0.2.1:40000 to
// 192.0.2.2:3306.
func raw(t testing.TB) []byte {
	ip := ipv4()
	return join(t, ip, tcp(ip), gopacket.Payload(text))
}

const text = "a text of exactly forty bytes, and it is"

// describe says what a message is in a line.
func describe(m *capture.Message) string {
	what := [...]string{capture.Send: "send", capture.Close: "close", capture.Open: "open"}[m.Op]
	s := fmt.Sprintf("%s %v>%v", what, m.From.Addr, m.To.Addr)
	offset := m.Offset
	if offset >= Middle/2 {
		offset -= Middle
	}
	switch m.Op {
	case capture.Send:
		s += fmt.Sprintf(" @%d", int64(offset))
		if m.Length != uint64(len(m.Payload)) {
			s += fmt.Sprintf(" of %d", m.Length)
		}
		s += fmt.Sprintf(" %q", m.Payload)
	case capture.Close:
		s += fmt.Sprintf(" @%d", int64(offset))
	}
	if m.From.Conn.Again > 0 {
		s += fmt.Sprintf(" again %d", m.From.Conn.Again)
	}
	if m.Late {
		s += " late"
	}
	return s
}

// dissect gives packets of one link type to a Dissector and returns what comes
// out.
func dissect(d *Dissector, link uint16, packets ...[]byte) (lines []string) {
	for i, b := range packets {
		d.Packet(&capture.Packet{Link: link, Number: uint64(i + 1), Time: begin, Data: b, Length: len(b)})
		for m := d.Next(); m != nil; m = d.Next() {
			lines = append(lines, describe(m))
		}
	}
	return lines
}

// expect compares lines.
func expect(t *testing.T, got []string, want ...string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("got\n  %s\nwant\n  %s", strings.Join(got, "\n  "), strings.Join(want, "\n  "))
	}
}

const (
	opened4 = "open 192.0.2.1:40000>192.0.2.2:3306"
	opened6 = "open [2001:db8::1]:40000>[2001:db8::2]:3306"
	sent4   = `send 192.0.2.1:40000>192.0.2.2:3306 @0 "` + text + `"`
	sent6   = `send [2001:db8::1]:40000>[2001:db8::2]:3306 @0 "` + text + `"`
)

// A packet is the same whatever it is wrapped in.
func TestLinkTypes(t *testing.T) {
	ip := raw(t)
	wrap := func(list ...gopacket.SerializableLayer) []byte {
		return join(t, append(list, gopacket.Payload(ip))...)
	}
	q := func(kind layers.EthernetType) *layers.Dot1Q { return &layers.Dot1Q{VLANIdentifier: 7, Type: kind} }
	const v4, tag = layers.EthernetTypeIPv4, layers.EthernetTypeDot1Q
	for _, tt := range []struct {
		name   string
		link   uint16
		packet []byte
	}{
		{"raw", linkRaw, ip},
		{"raw, as OpenBSD has it", linkRaw14, ip},
		{"raw IPv4", linkIPv4, ip},
		{"Ethernet", linkEthernet, wrap(ether(v4))},
		{"Ethernet with bytes behind the packet", linkEthernet, append(wrap(ether(v4)), "\x00\x00\x00\x00padding and checksum"...)},
		{"VLAN", linkEthernet, wrap(ether(tag), q(v4))},
		{"VLAN in VLAN", linkEthernet, wrap(ether(layers.EthernetTypeQinQ), q(tag), q(v4))},
		{"VLAN in VLAN, as it was before 802.1ad", linkEthernet, wrap(ether(0x9100), q(tag), q(v4))},
		{"loopback, little endian", linkNull, append([]byte{2, 0, 0, 0}, ip...)},
		{"loopback, big endian", linkNull, append([]byte{0, 0, 0, 2}, ip...)},
		{"loopback of OpenBSD", linkLoop, append([]byte{0, 0, 0, 2}, ip...)},
		{"Linux cooked", linkSLL, append([]byte("\x00\x00\x03\x04\x00\x06\x00\x00\x00\x00\x00\x00\x00\x00\x08\x00"), ip...)},
		{"Linux cooked, VLAN", linkSLL, append([]byte("\x00\x00\x03\x04\x00\x06\x00\x00\x00\x00\x00\x00\x00\x00\x81\x00\x00\x07\x08\x00"), ip...)},
		{"Linux cooked, version 2", linkSLL2, append([]byte("\x08\x00\x00\x00\x00\x00\x00\x01\x03\x04\x00\x06\x00\x00\x00\x00\x00\x00\x00\x00"), ip...)},
		{"NFLOG, little endian", linkNFLOG, append([]byte("\x02\x00\x00\x00\x08\x00\x01\x00\x08\x00\x01\x00\x05\x00\x0a\x00x\x00\x00\x00\x60\x00\x09\x00"), ip...)},
		{"NFLOG, big endian", linkNFLOG, append([]byte("\x02\x00\x00\x00\x00\x08\x00\x01\x08\x00\x01\x00\x00\x05\x00\x0ax\x00\x00\x00\x00\x60\x00\x09"), ip...)},
	} {
		t.Run(tt.name, func(t *testing.T) {
			expect(t, dissect(New(0), tt.link, tt.packet), opened4, sent4)
			// Cut at every length, it is cut text or nothing.
			for n := range tt.packet {
				for _, line := range dissect(New(0), tt.link, tt.packet[:n]) {
					if !strings.HasPrefix(line, opened4) && !strings.HasPrefix(line, strings.Fields(sent4)[0]) {
						t.Fatalf("cut to %d bytes: %s", n, line)
					}
				}
			}
		})
	}
	if New(0).Packet(&capture.Packet{Link: 105, Data: ip, Length: len(ip)}) {
		t.Error("IEEE 802.11 can be read")
	}
}

func TestIP(t *testing.T) {
	options := ipv4()
	options.Options = []layers.IPv4Option{{OptionType: 148, OptionLength: 4, OptionData: []byte{0, 0}}} // router alert
	offload := raw(t)
	offload[2], offload[3] = 0, 0
	six := ipv6()
	payload := join(t, tcp(six), gopacket.Payload(text))
	// extended is an IPv6 packet with extension headers in front of the segment.
	extended := func(first byte, headers string) []byte {
		b := join(t, ipv6(), gopacket.Payload(headers+string(payload)))
		b[6] = first
		return b
	}
	for _, tt := range []struct {
		name   string
		packet []byte
		want   []string
	}{
		{"IPv4 options", join(t, options, tcp(options), gopacket.Payload(text)), []string{opened4, sent4}},
		{"no length, before segmentation", offload, []string{opened4, sent4}},
		{"IPv6", join(t, six, tcp(six), gopacket.Payload(text)), []string{opened6, sent6}},
		{"hop by hop", extended(0, "\x06\x00\x05\x02\x00\x00\x01\x00"), []string{opened6, sent6}},
		{"hop by hop, destination, routing", extended(0, "\x3c\x00\x01\x04\x00\x00\x00\x00"+"\x2b\x00\x01\x04\x00\x00\x00\x00"+
			"\x06\x02\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"), []string{opened6, sent6}},
		{"authentication header", extended(51, "\x06\x04\x00\x00\x00\x00\x00\x01\x00\x00\x00\x01aaaaaaaaaaaa"), []string{opened6, sent6}},
		{"whole datagram with a fragment header", extended(44, "\x06\x00\x00\x00\x00\x00\x00\x01"), []string{opened6, sent6}},
		{"encrypted", extended(50, "\x00\x00\x00\x01"), nil},
		{"ICMP", extended(58, "\x80\x00\x00\x00"), nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			expect(t, dissect(New(0), linkRaw, tt.packet), tt.want...)
			for n := range tt.packet {
				dissect(New(0), linkRaw, tt.packet[:n]) // must not panic
			}
		})
	}
}

// fragmented cuts a packet's payload at the given places and returns the
// fragments; IPv6 ones have a fragment header.
func fragmented(t *testing.T, v6 bool, cuts ...int) (list [][]byte) {
	t.Helper()
	whole := ipv4()
	segment := raw(t)[20:]
	if v6 {
		six := ipv6()
		segment = join(t, tcp(six), gopacket.Payload(text))
	}
	from := 0
	for _, to := range append(cuts, len(segment)) {
		more := to < len(segment)
		if v6 {
			where := uint16(from)
			if more {
				where |= 1
			}
			b := join(t, ipv6(), gopacket.Payload("\x06\x00"+string([]byte{byte(where >> 8), byte(where)})+"\x00\x00\x00\x07"+string(segment[from:to])))
			b[6] = 44
			list = append(list, b)
		} else {
			ip := *whole
			ip.Id, ip.FragOffset = 7, uint16(from/8)
			if more {
				ip.Flags = layers.IPv4MoreFragments
			}
			list = append(list, join(t, &ip, gopacket.Payload(segment[from:to])))
		}
		from = to
	}
	return list
}

func TestFragments(t *testing.T) {
	for _, v6 := range []bool{false, true} {
		want := []string{opened4, sent4}
		if v6 {
			want = []string{opened6, sent6}
		}
		f := fragmented(t, v6, 8, 32, 48) // the first one ends within the TCP header
		wide := fragmented(t, v6, 40)
		for name, list := range map[string][][]byte{
			"in order": f,
			"reversed": {f[3], f[2], f[1], f[0]},
			"twice":    {f[0], f[0], f[2], f[1], f[1], f[3]},
			"overlap":  {f[0], wide[0], f[3], f[2]},
		} {
			t.Run(fmt.Sprintf("IPv6 %v, %s", v6, name), func(t *testing.T) {
				d := New(0)
				expect(t, dissect(d, linkRaw, list...), want...)
				if n := len(d.parts.open) + len(d.parts.order); n != 0 {
					t.Errorf("%d datagrams are still open", n)
				}
			})
		}
		t.Run(fmt.Sprintf("IPv6 %v, one cut at the snap length", v6), func(t *testing.T) {
			cut := f[2][:len(f[2])-4]
			got := dissect(New(0), linkRaw, f[0], f[1], cut, f[3])
			if len(got) != 2 || !strings.Contains(got[1], " of 40 ") {
				t.Errorf("got %q", got)
			}
		})
	}
}

func TestFragmentsAreBounded(t *testing.T) {
	d := New(0)
	first := fragmented(t, false, 32)[0]
	for i := range 10 * maxFragmented {
		b := slices.Clone(first)
		b[4], b[5] = byte(i>>8), byte(i)
		dissect(d, linkRaw, b)
	}
	if n := len(d.parts.open); n > maxFragmented || n != len(d.parts.order) {
		t.Errorf("%d datagrams are open, %d in order, at most %d may be", n, len(d.parts.order), maxFragmented)
	}
}

func packetOf(b []byte) capture.Packet {
	return capture.Packet{Link: linkEthernet, Number: 1, Time: begin, Data: b, Length: len(b)}
}
