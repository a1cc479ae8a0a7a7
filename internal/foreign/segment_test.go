package foreign

import (
	"testing"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
)

// An exchange makes the packets of one TCP connection.
type exchange struct {
	t    *testing.T
	list [][]byte
}

// flags of a segment.
const (
	syn = 1 << iota
	ack
	fin
	rst
)

// put adds a segment and returns its place in the list.
func (x *exchange) put(server bool, flags int, seq, ackNumber uint32, payload string) {
	x.t.Helper()
	ip := ipv4()
	s := tcp(ip)
	s.Seq, s.Ack = seq, ackNumber
	s.SYN, s.ACK, s.FIN, s.RST, s.PSH = flags&syn != 0, flags&ack != 0, flags&fin != 0, flags&rst != 0, false
	if server {
		ip.SrcIP, ip.DstIP = ip.DstIP, ip.SrcIP
		s.SrcPort, s.DstPort = s.DstPort, s.SrcPort
	}
	x.list = append(x.list, join(x.t, ip, s, gopacket.Payload(payload)))
}

func (x *exchange) client(flags int, seq, ack uint32, payload string) {
	x.t.Helper()
	x.put(false, flags, seq, ack, payload)
}

func (x *exchange) server(flags int, seq, ack uint32, payload string) {
	x.t.Helper()
	x.put(true, flags, seq, ack, payload)
}

func (x *exchange) handshake() {
	x.t.Helper()
	x.client(syn, 99, 0, "")
	x.server(syn|ack, 499, 100, "")
	x.client(ack, 100, 500, "")
}

func TestSegments(t *testing.T) {
	const c, s = "192.0.2.1:40000>192.0.2.2:3306", "192.0.2.2:3306>192.0.2.1:40000"
	for _, tt := range []struct {
		name string
		make func(*exchange)
		want []string
	}{
		{"a whole connection", func(x *exchange) {
			x.handshake()
			x.client(ack, 100, 500, "ask")
			x.server(ack, 500, 103, "answer")
			x.client(ack|fin, 103, 506, "")
			x.server(ack|fin, 506, 104, "")
			x.client(ack, 104, 507, "")
		}, []string{"open " + c, "send " + c + ` @0 "ask"`, "send " + s + ` @0 "answer"`, "close " + c + " @3", "close " + s + " @6"}},

		{"numbers wrap", func(x *exchange) {
			x.client(syn, 0xfffffffe, 0, "")
			x.client(ack, 0xffffffff, 0, "abc")
			x.client(ack, 2, 0, "def")
		}, []string{"open " + c, "send " + c + ` @0 "abc"`, "send " + c + ` @3 "def"`}},

		{"the answer to the handshake is enough", func(x *exchange) {
			x.server(syn|ack, 499, 100, "")
			x.client(ack, 103, 500, "d")
		}, []string{"open " + c, "send " + c + ` @3 "d"`}},

		{"data with the SYN (TCP Fast Open)", func(x *exchange) {
			x.client(syn, 99, 0, "ask")
		}, []string{"open " + c, "send " + c + ` @0 "ask"`}},

		{"the handshake comes late", func(x *exchange) {
			x.client(ack, 100, 500, "ask")
			x.client(syn, 99, 0, "")
		}, []string{"open " + c, "send " + c + ` @0 "ask"`}},

		{"from the middle, with what comes before after it", func(x *exchange) {
			x.client(ack, 100, 500, "ask")
			x.client(ack, 90, 500, "0123456789")
		}, []string{"open " + c, "send " + c + ` @0 "ask"`, "send " + c + ` @-10 "0123456789"`}},

		{"keep-alive probes, with a byte and without", func(x *exchange) {
			x.handshake()
			x.client(ack, 100, 500, "ask")
			x.client(ack, 102, 500, "")
			x.client(ack, 102, 500, "k")
			x.client(ack, 103, 500, "b")
		}, []string{"open " + c, "send " + c + ` @0 "ask"`, "send " + c + ` @3 "b"`}},

		{"all twice", func(x *exchange) {
			for range 2 {
				x.handshake()
				x.client(ack|fin, 100, 500, "ask")
			}
		}, []string{"open " + c, "send " + c + ` @0 "ask"`, "close " + c + " @3", "send " + c + ` @0 "ask"`}},

		{"refused", func(x *exchange) {
			x.client(syn, 99, 0, "")
			x.server(rst|ack, 0, 100, "")
		}, []string{"open " + c, "close " + s + " @0", "close " + c + " @0"}},

		{"reset, and a segment of before", func(x *exchange) {
			x.handshake()
			x.client(ack, 100, 500, "ask")
			x.server(rst, 500, 0, "a reason")
			x.client(ack, 103, 500, "more")
		}, []string{"open " + c, "send " + c + ` @0 "ask"`, "close " + s + " @0", "close " + c + " @3", "send " + c + ` @3 "more" late`}},

		{"the same ports again", func(x *exchange) {
			x.handshake()
			x.client(ack, 100, 500, "ask")
			x.client(syn, 70099, 0, "")
			x.client(ack, 70100, 500, "new")
		}, []string{"open " + c, "send " + c + ` @0 "ask"`, "close " + c + " @3", "close " + s + " @0", "open " + c + " again 1", "send " + c + ` @0 "new" again 1`}},

		{"the same ports again, without a handshake", func(x *exchange) {
			x.handshake()
			x.client(ack, 1<<30, 0, "")
			x.client(ack, 1<<30, 0, "new")
		}, []string{"open " + c, "close " + c + " @0", "close " + s + " @0", "open " + c + " again 1", "send " + c + ` @0 "new" again 1`}},

		{"a stray reset is of another connection", func(x *exchange) {
			x.handshake()
			x.server(rst, 1<<30, 0, "")
			x.server(ack, 500, 100, "answer")
		}, []string{"open " + c, "send " + s + ` @0 "answer"`}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			x := exchange{t: t}
			tt.make(&x)
			expect(t, dissect(New(0), linkRaw, x.list...), tt.want...)
		})
	}
}

func TestSnapped(t *testing.T) {
	b := raw(t)
	for n, want := range map[int][]string{
		len(b) - 30: {opened4, `send 192.0.2.1:40000>192.0.2.2:3306 @0 of 40 "a text of "`},
		44:          {opened4, `send 192.0.2.1:40000>192.0.2.2:3306 @0 of 40 ""`}, // just the headers
		41:          {opened4, `send 192.0.2.1:40000>192.0.2.2:3306 @0 of 40 ""`}, // within TCP's options
		39:          nil,
	} {
		expect(t, dissect(New(0), linkRaw, b[:n]), want...)
	}
}

func TestDatagrams(t *testing.T) {
	packet := func(back bool, payload string) []byte {
		ip := ipv4()
		ip.Protocol = layers.IPProtocolUDP
		u := &layers.UDP{SrcPort: 40000, DstPort: 53}
		if back {
			ip.SrcIP, ip.DstIP = ip.DstIP, ip.SrcIP
			u.SrcPort, u.DstPort = u.DstPort, u.SrcPort
		}
		if err := u.SetNetworkLayerForChecksum(ip); err != nil {
			t.Fatal(err)
		}
		return join(t, ip, u, gopacket.Payload(payload))
	}
	long := packet(false, "long")
	expect(t, dissect(New(0), linkRaw, packet(false, "ask"), packet(true, "answer"), packet(false, ""), long[:len(long)-2]),
		`send 192.0.2.1:40000>192.0.2.2:53 @0 "ask"`,
		`send 192.0.2.2:53>192.0.2.1:40000 @0 "answer"`,
		`send 192.0.2.1:40000>192.0.2.2:53 @3 ""`,
		`send 192.0.2.1:40000>192.0.2.2:53 @3 of 4 "lo"`)
}

func TestConnectionsAreBounded(t *testing.T) {
	const limit = 100
	d := New(limit)
	for port := range 10 * limit {
		b := raw(t)
		b[20], b[21] = byte(port>>8), byte(port)
		dissect(d, linkRaw, b)
	}
	if n := len(d.conns.young) + len(d.conns.old); n > limit || n < limit/2 {
		t.Errorf("%d connections are remembered, want at most %d", n, limit)
	}
}

func TestDissectorAllocatesNothing(t *testing.T) {
	d := New(0)
	b := append(join(t, ether(layers.EthernetTypeIPv4)), raw(t)...)
	dissect(d, linkEthernet, b)
	p := packetOf(b)
	if n := testing.AllocsPerRun(100, func() {
		d.Packet(&p)
		for d.Next() != nil {
		}
	}); n != 0 {
		t.Errorf("%v allocations for a packet", n)
	}
}
