package pcapng_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/netip"
	"strings"
	"testing"

	"unixcap/pcapng"
)

// opts is what any block can have.
func opts(of string) pcapng.Options {
	return pcapng.Options{
		Comments: [][]byte{[]byte("comment of the " + of), []byte("another one, größer")},
		Custom: []pcapng.CustomOption{
			{Code: pcapng.OptionCustomString, PEN: 32473, Data: []byte("custom string")},
			{Code: pcapng.OptionCustomBinary, PEN: 32473, Data: []byte{0, 1, 2}},
			{Code: pcapng.OptionCustomStringNoCopy, PEN: 1, Data: nil},
			{Code: pcapng.OptionCustomBinaryNoCopy, PEN: 0xFFFFFFFF, Data: []byte{9}},
		},
		Unknown: []pcapng.Option{{Code: 30001, Value: []byte("?")}, {Code: 30000}},
	}
}

func sectionHeader(big bool) *pcapng.SectionHeader {
	return &pcapng.SectionHeader{
		BigEndian: big, Major: 1, SectionLength: -1,
		Hardware: "a machine", OS: "Linux 6.18", UserAppl: "pcapng tests", Options: opts("section"),
	}
}

func interfaceDescription() *pcapng.InterfaceDescription {
	return &pcapng.InterfaceDescription{
		LinkType: 101, SnapLen: 65000,
		Name: "unix-stream", Description: "an interface with everything",
		IPv4Addrs: []pcapng.IPv4Addr{
			{Addr: netip.MustParseAddr("192.168.1.1"), Mask: [4]byte{255, 255, 255, 0}},
			{Addr: netip.MustParseAddr("10.0.0.1"), Mask: [4]byte{255, 0, 255, 0}},
		},
		IPv6Addrs: []netip.Prefix{
			netip.MustParsePrefix("2001:db8:85a3:8d3:1319:8a2e:370:7344/64"),
			netip.MustParsePrefix("::ffff:1.2.3.4/128"),
		},
		MACAddr: pcapng.Some([6]byte{0, 1, 2, 3, 4, 5}),
		EUIAddr: pcapng.Some([8]byte{2, 0x34, 0x56, 0xFF, 0xFE, 0x78, 0x9A, 0xBC}),
		Speed:   pcapng.Some(uint64(100_000_000)), TSResol: pcapng.Some(pcapng.Nanosecond),
		TZone: pcapng.Some(uint32(1)), Filter: pcapng.Some(pcapng.Filter{Expression: "tcp port 23"}),
		OS: "an operating system", FCSLen: pcapng.Some(uint8(4)),
		TSOffset: pcapng.Some(int64(0)), Hardware: "a card",
		TXSpeed: pcapng.Some(uint64(1024000)), RXSpeed: pcapng.Some(uint64(8192000)),
		IANATZName: "Europe/Berlin", TSOffsetNS: pcapng.Some(int32(0)), Options: opts("interface"),
	}
}

func enhancedPacket() *pcapng.EnhancedPacket {
	return &pcapng.EnhancedPacket{
		InterfaceID: 0, Timestamp: 1700000000_123456789, OriginalLength: 100,
		Data:  []byte{0x60, 0, 0, 0, 0, 0, 59, 64, 9},
		Flags: pcapng.Some(pcapng.PacketFlags(0).WithDirection(pcapng.Outbound).WithReception(pcapng.Multicast).WithFCSLen(4)),
		Hashes: []pcapng.Hash{
			{Algorithm: pcapng.HashCRC32, Value: []byte{0xEC, 0x1D, 0x87, 0x97}},
			{Algorithm: pcapng.HashMD5, Value: bytes.Repeat([]byte{7}, 16)},
		},
		DropCount: pcapng.Some(uint64(0)), PacketID: pcapng.Some(uint64(1<<40 + 1)), Queue: pcapng.Some(uint32(3)),
		Verdicts: []pcapng.Verdict{
			{Type: pcapng.VerdictLinuxEBPFXDP, Action: 2},
			{Type: pcapng.VerdictLinuxEBPFTC, Action: 1},
			{Type: pcapng.VerdictHardware, Data: []byte("hw")},
		},
		ProcessThread: pcapng.Some(pcapng.ProcessThread{ProcessID: 1234, ThreadID: 1235}),
		ProcessIndex:  pcapng.Some(uint32(0)), PeerProcessIndex: pcapng.Some(uint32(1)),
		Options: opts("packet"),
	}
}

// everything is a section with every block and every option in it.
func everything(big bool) []pcapng.Block {
	return []pcapng.Block{
		sectionHeader(big),
		interfaceDescription(),
		&pcapng.NameResolution{
			Records: []pcapng.NameRecord{
				pcapng.NewNameRecord(netip.MustParseAddr("127.0.0.1"), "localhost", "loopback"),
				pcapng.NewNameRecord(netip.MustParseAddr("fd75:6e78::1"), "mysqld[24970]"),
				pcapng.NewEUI48Record([6]byte{2, 0xca, 0xff, 0xee, 0xf0, 0x0d}, "teapot under test"),
				pcapng.NewEUI64Record([8]byte{2, 0xca, 0xff, 0xee, 0xf0, 0x0d, 1, 2}, "long teapot"),
				{Type: 77, Value: []byte("of the future")},
			},
			DNSName: "our_nameserver", DNSIPv4: pcapng.Some(netip.MustParseAddr("192.168.0.1")),
			DNSIPv6: pcapng.Some(netip.MustParseAddr("2001:db8::1234:5678")), Options: opts("names"),
		},
		&pcapng.ProcessInformation{ProcessID: 24970, Name: "mysqld", UUID: pcapng.Some([16]byte{1, 2, 3}), Options: opts("process")},
		&pcapng.ProcessInformation{ProcessID: 25101, Name: "mariadb"},
		&pcapng.DecryptionSecrets{SecretsType: pcapng.SecretsTLSKeyLog, Data: []byte("CLIENT_RANDOM 00 11\n"), Options: opts("secrets")},
		enhancedPacket(),
		&pcapng.EnhancedPacket{Data: []byte{}},
		&pcapng.SimplePacket{OriginalLength: 70000, Data: bytes.Repeat([]byte{0x60}, 65000)},
		&pcapng.SimplePacket{OriginalLength: 5, Data: []byte("short")},
		&pcapng.ObsoletePacket{
			InterfaceID: 0, DropsCount: 0xFFFF, Timestamp: 1700000001_000000000, OriginalLength: 7, Data: []byte{0x60, 1, 2},
			Flags:   pcapng.Some(pcapng.PacketFlags(0).WithDirection(pcapng.Inbound)),
			Hashes:  []pcapng.Hash{{Algorithm: pcapng.HashXOR, Value: []byte{1}}},
			Options: opts("obsolete packet"),
		},
		&pcapng.InterfaceStatistics{
			InterfaceID: 0, Timestamp: 1700000002_000000000,
			StartTime: pcapng.Some(uint64(1699999999_000000000)), EndTime: pcapng.Some(uint64(1700000002_000000000)),
			IfRecv: pcapng.Some(uint64(101)), IfDrop: pcapng.Some(uint64(102)), FilterAccept: pcapng.Some(uint64(103)),
			OSDrop: pcapng.Some(uint64(104)), UsrDeliv: pcapng.Some(uint64(1 << 40)), Options: opts("statistics"),
		},
		&pcapng.SystemdJournal{Entry: []byte("__CURSOR=s=1\nMESSAGE=hello\n")},
		&pcapng.Custom{PEN: 32473, Data: []byte("customdata..")},
		&pcapng.Custom{PEN: 32473, NoCopy: true, Data: []byte{}},
		&pcapng.Unknown{Type: 0x80001234, Body: []byte("body")},
		&pcapng.Unknown{Type: 0x00007777, Body: []byte{}},
	}
}

// canon shows a block in full, with absent and empty slices alike.
func canon(b pcapng.Block) string {
	js, err := json.Marshal(b)
	if err != nil {
		return err.Error()
	}
	js = bytes.ReplaceAll(js, []byte(`:null`), []byte(`:""`))
	js = bytes.ReplaceAll(js, []byte(`:[]`), []byte(`:""`))
	return strings.TrimPrefix(fmt.Sprintf("%T", b), "*pcapng.") + " " + string(js)
}

func write(t testing.TB, blocks ...pcapng.Block) []byte {
	t.Helper()
	var file bytes.Buffer
	w := pcapng.NewWriter(&file)
	for _, b := range blocks {
		if err := w.WriteBlock(b); err != nil {
			t.Fatalf("%s: %v", canon(b), err)
		}
	}
	check(t, w.Flush())
	return file.Bytes()
}

// readAll returns all blocks of a file in canonical form, and what came after.
func readAll(file []byte) (blocks []string, err error) {
	r, err := pcapng.NewReader(bytes.NewReader(file))
	for err == nil {
		var b pcapng.Block
		if b, err = r.Next(); err == nil {
			blocks = append(blocks, canon(b))
		}
	}
	return blocks, err
}

func compare(t *testing.T, got []string, want []pcapng.Block) {
	t.Helper()
	for i := range max(len(got), len(want)) {
		switch {
		case i >= len(got):
			t.Errorf("block %d is missing: %s", i, canon(want[i]))
		case i >= len(want):
			t.Errorf("block %d is too many: %s", i, got[i])
		case got[i] != canon(want[i]):
			t.Errorf("block %d\n got %s\nwant %s", i, got[i], canon(want[i]))
		}
	}
}

func TestRoundTrip(t *testing.T) {
	for _, big := range []bool{false, true} {
		t.Run(fmt.Sprintf("big=%v", big), func(t *testing.T) {
			file := write(t, everything(big)...)
			blocks, err := readAll(file)
			if err != io.EOF {
				t.Error(err)
			}
			compare(t, blocks, everything(big))
			for i := range blocks {
				if strings.HasPrefix(blocks[i], "Unknown") && i < len(blocks)-2 {
					t.Errorf("block %d was not known: %s", i, blocks[i])
				}
			}
		})
	}
}

// Sections of both byte orders in one file, each with its own interfaces.
func TestSections(t *testing.T) {
	second := pcapng.NewInterface("second", 1)
	blocks := append(everything(false), everything(true)...)
	blocks = append(blocks, sectionHeader(false), second, &pcapng.EnhancedPacket{Timestamp: 5, Data: []byte("x"), OriginalLength: 1})
	r, err := pcapng.NewReader(bytes.NewReader(write(t, blocks...)))
	check(t, err)
	if r.Section() != nil || len(r.Interfaces()) != 0 {
		t.Error("a section before the first block")
	}
	for i, want := range blocks {
		b, err := r.Next()
		check(t, err)
		if canon(b) != canon(want) {
			t.Errorf("block %d\n got %s\nwant %s", i, canon(b), canon(want))
		}
		if h, ok := b.(*pcapng.SectionHeader); ok && (r.Section() != h || len(r.Interfaces()) != 0) {
			t.Errorf("block %d: section %v with %d interfaces", i, r.Section(), len(r.Interfaces()))
		}
		if p, ok := b.(interface {
			Interface() *pcapng.InterfaceDescription
		}); ok && p.Interface() != r.Interfaces()[0] {
			t.Errorf("block %d: of another interface", i)
		}
	}
	if d := r.Interfaces(); len(d) != 1 || d[0].Name != "second" {
		t.Errorf("interfaces of the last section: %v", d)
	}
	if _, err := r.Next(); err != io.EOF {
		t.Error(err)
	}
	if n := int64(len(write(t, blocks...))); r.Offset() != n {
		t.Errorf("offset at the end is %d, not %d", r.Offset(), n)
	}
}

// Interfaces and section headers outlive the Reader's buffer.
func TestKept(t *testing.T) {
	blocks := everything(false)
	for range 100 {
		blocks = append(blocks, &pcapng.EnhancedPacket{Data: bytes.Repeat([]byte{0xFF}, 60000)})
	}
	r, err := pcapng.NewReader(bytes.NewReader(write(t, blocks...)))
	check(t, err)
	for err == nil {
		_, err = r.Next()
	}
	compare(t, []string{canon(r.Section()), canon(r.Interfaces()[0])}, everything(false)[:2])
}

func TestHeaders(t *testing.T) {
	file := write(t, sectionHeader(true), interfaceDescription(),
		&pcapng.EnhancedPacket{Headers: []byte("abc"), Data: []byte("defgh"), OriginalLength: 7})
	blocks, err := readAll(file)
	if err != io.EOF {
		t.Error(err)
	}
	compare(t, blocks[2:], []pcapng.Block{&pcapng.EnhancedPacket{Data: []byte("abcdefgh"), OriginalLength: 8}})
}

func TestCustomOption(t *testing.T) {
	for code, want := range map[uint16][2]bool{
		pcapng.OptionCustomString: {true, true}, pcapng.OptionCustomBinary: {false, true},
		pcapng.OptionCustomStringNoCopy: {true, false}, pcapng.OptionCustomBinaryNoCopy: {false, false},
	} {
		c := pcapng.CustomOption{Code: code}
		if got := [2]bool{c.IsString(), c.Copy()}; got != want {
			t.Errorf("%d: string and copy are %v, want %v", code, got, want)
		}
	}
}

func TestFlags(t *testing.T) {
	f := pcapng.FlagCRCError.WithDirection(3).WithReception(7).WithFCSLen(15)
	f = f.WithDirection(pcapng.Inbound).WithReception(pcapng.Broadcast).WithFCSLen(4)
	if f.Direction() != pcapng.Inbound || f.Reception() != pcapng.Broadcast || f.FCSLen() != 4 || f != 1<<24|4<<5|3<<2|1 {
		t.Errorf("%#x", f)
	}
	for d, want := range map[pcapng.Direction]string{0: "unknown", 1: "inbound", 2: "outbound", 3: "reserved"} {
		if d.String() != want {
			t.Errorf("%d is %s", d, d)
		}
	}
}

func TestNameRecord(t *testing.T) {
	for _, c := range []struct {
		name  string
		rec   pcapng.NameRecord
		addr  string
		names []string
	}{
		{"IPv4", pcapng.NewNameRecord(netip.MustParseAddr("1.2.3.4"), "a", "b"), "1.2.3.4", []string{"a", "b"}},
		{"an empty name", pcapng.NewNameRecord(netip.MustParseAddr("::1"), "", "b"), "::1", []string{"", "b"}},
		{"no names", pcapng.NewNameRecord(netip.MustParseAddr("::1")), "::1", nil},
		{"no NUL at the end", pcapng.NameRecord{Type: 1, Value: []byte("\x01\x02\x03\x04a\x00b")}, "1.2.3.4", []string{"a", "b"}},
		{"too short", pcapng.NameRecord{Type: 2, Value: []byte("abc")}, "", nil},
		{"empty", pcapng.NameRecord{Type: 1}, "", nil},
		{"EUI-48", pcapng.NewEUI48Record([6]byte{}, "teapot"), "", []string{"teapot"}},
		{"unknown", pcapng.NameRecord{Type: 9, Value: []byte("abc\x00")}, "", nil},
	} {
		addr, ok := c.rec.Addr()
		if ok != (c.addr != "") || ok && addr.String() != c.addr {
			t.Errorf("%s: address %v", c.name, addr)
		}
		var names []string
		for n := range c.rec.Names() {
			names = append(names, n)
		}
		if fmt.Sprintf("%q", names) != fmt.Sprintf("%q", c.names) {
			t.Errorf("%s: names %q", c.name, names)
		}
	}
}
