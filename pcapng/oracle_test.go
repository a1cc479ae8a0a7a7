package pcapng_test

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"unixcap/internal/need"
	"unixcap/pcapng"
)

// The tests in this file ask Wireshark's tools, which were written by others,
// what they see in our files, and read what they write.

// tool runs one of Wireshark's tools and returns its output.
func tool(t *testing.T, name string, args ...string) string {
	t.Helper()
	need.Programs(t, name)
	cmd := exec.Command(name, args...)
	cmd.Env = append(os.Environ(), "LC_ALL=C.UTF-8", "TZ=UTC", "HOME="+t.TempDir())
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, stderr.Bytes())
	}
	return string(out)
}

// tempFile writes blocks to a file and returns its name.
func tempFile(t *testing.T, blocks ...pcapng.Block) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "test.pcapng")
	check(t, os.WriteFile(name, write(t, blocks...), 0o600))
	return name
}

// packetBlocks is everything without the blocks that tshark shows as packets
// although they are none.
func packetBlocks(big bool) (blocks []pcapng.Block) {
	for _, b := range everything(big) {
		switch b.(type) {
		case *pcapng.Custom, *pcapng.SystemdJournal:
		default:
			blocks = append(blocks, b)
		}
	}
	return blocks
}

func eachOrder(t *testing.T, test func(t *testing.T, big bool)) {
	t.Run("little endian", func(t *testing.T) { test(t, false) })
	t.Run("big endian", func(t *testing.T) { test(t, true) })
}

// tshark sees the packets as we wrote them.
func TestTsharkPackets(t *testing.T) {
	eachOrder(t, func(t *testing.T, big bool) {
		args := []string{"-r", tempFile(t, packetBlocks(big)...), "-T", "fields", "-E", "separator=|"}
		for _, f := range []string{"number", "time_epoch", "interface_name", "cap_len", "len", "comment",
			"packet_flags", "packet_id", "interface_queue", "drop_count", "verdict.ebpf_tc", "verdict.ebpf_xdp"} {
			args = append(args, "-e", "frame."+f)
		}
		got := tool(t, "tshark", args...)
		want := `1|1700000000.123456789|unix-stream|9|100|comment of the packet,another one, größer|0x0000008a|1099511627777|3|0|1|2
2|0.000000000|unix-stream|0|0|||||||
3||unix-stream|65000|70000|||||||
4||unix-stream|5|5|||||||
5|1700000001.000000000|unix-stream|3|7|comment of the obsolete packet,another one, größer|0x00000001|||||
`
		if got != want {
			t.Errorf("tshark sees\n%snot\n%s", got, want)
		}
	})
}

// tshark's dissector of the file itself finds nothing wrong, and every block and
// option where it should be. Codes it does not know it names by number. The
// words are those that 4.0 and 4.6 share.
func TestTsharkFile(t *testing.T) {
	eachOrder(t, func(t *testing.T, big bool) {
		rest := tool(t, "tshark", "-X", "read_format:MIME Files Format", "-V", "-r", tempFile(t, everything(big)...))
		for _, bad := range []string{"Expert Info", "Malformed"} {
			if i := strings.Index(rest, bad); i >= 0 {
				t.Errorf("tshark finds an error: %s", rest[max(0, i-300):min(len(rest), i+200)])
			}
		}
		for _, want := range strings.Split(strings.TrimSpace(fileAsTsharkSeesIt), "\n") {
			_, after, ok := strings.Cut(rest, strings.TrimSpace(want))
			if !ok {
				t.Fatalf("tshark does not see %q in\n%.3000s", want, rest)
			}
			rest = after
		}
	})
}

const fileAsTsharkSeesIt = `
Section Header Block
	Major Version: 1
	Minor Version: 0
	Section Length: -1
	Comment: comment of the section
	Comment: another one, größer
	Hardware: a machine
	OS: Linux 6.18
	User Application: pcapng tests
	(2988)
	(2989)
	(19372)
	(19373)
	(30001)
	(30000)
	End of Options
Interface Description Block
	(101)
	Snap Length: 65000
	Comment: comment of the interface
	Name: unix-stream
	Description: an interface with everything
	IPv4: 192.168.1.1
	IPv4 Mask: 255.255.255.0
	IPv4: 10.0.0.1
	IPv4 Mask: 255.0.255.0
	IPv6: 2001:db8:85a3:8d3:1319:8a2e:370:7344
	IPv6 Mask: 64
	IPv6: ::ffff:1.2.3.4
	IPv6 Mask: 128
	(00:01:02:03:04:05)
	EUI Address = 02:34:56:ff:fe:78:9a:bc
	Speed = 100 Mbps
	10^-9 (nanoseconds)
	Timezone: 1
	Filter string: tcp port 23
	OS: an operating system
	FCS Length: 4
	Timestamp Offset: 0
	Hardware: a card
	Length: 8
	Length: 8
	Length: 13
	Length: 4
	(2988)
Name Resolution Block
	IPv4: 127.0.0.1
	Name: localhost
	Name: loopback
	IPv6: fd75:6e78::1
	Name: mysqld[24970]
	(3)
	(4)
	(77)
	End of Records
	Comment: comment of the names
	DNS Name: our_nameserver
	IPv4: 192.168.0.1
	IPv6: 2001:db8::1234:5678
	(2988)
0x80000001
	24970
	Comment: comment of the process
	mysqld
	01020300-0000-0000-0000-000000000000
0x80000001
	25101
	mariadb
Decryption Secrets Block
	TLS Key Log (0x544c534b)
	Secrets Length: 20
	434c49454e545f52414e444f4d2030302031310a
	Comment: comment of the secrets
Enhanced Packet Block
	Interface: 0
	Nov 14, 2023 22:13:20.123456789 UTC
	Length: 9
	Length: 100
	Comment: comment of the packet
	Reception Type: Multicast, Direction: Outbound
	FCS Length: 4
	CRC32 (2)
	ec1d8797
	MD5 (3)
	07070707070707070707070707070707
	Drop Count: 0
	Packet ID: 0x0000010000000001
	Queue: 3
	Linux eBPF XDP (2)
	Linux eBPF TC (1)
	Hardware (0)
	6877
	(8)
	(32769)
	ID: 0
	(32771)
	ID: 1
	(2988)
Enhanced Packet Block
	Length: 0
Simple Packet Block
	Length: 70000
	Length: 65000
Simple Packet Block
	Length: 5
Packet Block
	Drops Count: 65535
	Nov 14, 2023 22:13:21.000000000 UTC
	Length: 3
	Length: 7
	Comment: comment of the obsolete packet
	Direction: Inbound
	XOR (1)
Interface Statistics Block
	Nov 14, 2023 22:13:22.000000000 UTC
	Comment: comment of the statistics
	Number of Received Packets: 101
	Number of Dropped Packets: 102
	Number of Accepted by Filter Packets: 103
	Number of Dropped Packets by OS: 104
	Number of Delivered to the User Packets: 1099511627776
systemd Journal Export Block
0x00000bad
0x40000bad
0x80001234
0x00007777
`

func TestCapinfos(t *testing.T) {
	eachOrder(t, func(t *testing.T, big bool) {
		name := tempFile(t, packetBlocks(big)...)
		out := tool(t, "capinfos", "-M", name)
		for _, want := range []string{
			"File type:           pcapng",
			"File encapsulation:  rawip",
			"Number of packets:   5",
			"Capture hardware:    a machine",
			"Capture oper-sys:    Linux 6.18",
			"Capture application: pcapng tests",
			"Capture comment:     comment of the section",
			"Capture comment:     another one, größer",
			"Number of interfaces in file: 1",
			"Name = unix-stream",
			"Description = an interface with everything",
			"Hardware = a card",
			"Speed = 100000000",
			"Capture length = 65000",
			"FCS length = 4",
			"Time resolution = 0x09",
			"Filter string = tcp port 23",
			"Operating system = an operating system",
			"Comment = comment of the interface",
			"Number of stat entries = 1",
			"Number of packets = 5",
			"Number of resolved IPv4 addresses in file: 2",
			"Number of resolved IPv6 addresses in file: 1",
			"Number of decryption secrets in file: 1",
		} {
			if !strings.Contains(out, want) {
				t.Errorf("capinfos does not say %q:\n%s", want, out)
			}
		}
		table := tool(t, "capinfos", "-M", "-T", "-r", "-t", "-c", "-d", name)
		if want := name + "\tpcapng\t5\t70112\n"; table != want {
			t.Errorf("capinfos -T says %q, not %q", table, want)
		}
	})
}

// What editcap writes of our file, we read as we wrote it, as far as editcap
// knows it. It damages epb_verdict and forgets hashes, and its versions differ
// in which of the other blocks and options they keep.
func TestEditcap(t *testing.T) {
	eachOrder(t, func(t *testing.T, big bool) {
		p := enhancedPacket()
		p.Verdicts, p.Hashes = nil, nil
		in := tempFile(t, sectionHeader(big), interfaceDescription(), p, &pcapng.SimplePacket{Data: []byte("simple")},
			&pcapng.InterfaceStatistics{Timestamp: 5, IfRecv: pcapng.Some(uint64(101)), OSDrop: pcapng.Some(uint64(1 << 40))})
		out := filepath.Join(t.TempDir(), "out.pcapng")
		tool(t, "editcap", in, out)
		var seen int
		eachBlock(t, out, func(b pcapng.Block) {
			switch b := b.(type) {
			case *pcapng.SectionHeader:
				seen++
				equal(t, "section", []any{b.Hardware, b.OS, b.UserAppl}, []any{"a machine", "Linux 6.18", "pcapng tests"})
			case *pcapng.InterfaceDescription:
				seen++
				w := interfaceDescription()
				equal(t, "interface", []any{b.Name, b.Description, b.Speed, b.TSResol, b.Filter, b.OS, b.FCSLen, b.Hardware, b.SnapLen, b.Comments},
					[]any{w.Name, w.Description, w.Speed, w.TSResol, w.Filter, w.OS, w.FCSLen, w.Hardware, w.SnapLen, w.Comments})
			case *pcapng.EnhancedPacket:
				seen++
				if string(b.Data) == "simple" { // from 4.0
					return
				}
				equal(t, "packet", []any{b.Timestamp, b.OriginalLength, b.Data, b.Flags, b.DropCount, b.PacketID, b.Queue, b.Comments},
					[]any{p.Timestamp, p.OriginalLength, p.Data, p.Flags, p.DropCount, p.PacketID, p.Queue, p.Comments})
			case *pcapng.SimplePacket: // from 4.6
				seen++
				equal(t, "simple packet", []any{b.Data}, []any{[]byte("simple")})
			}
		})
		if seen != 4 {
			t.Errorf("saw %d of 4 blocks", seen)
		}
	})
}

func eachBlock(t *testing.T, name string, f func(pcapng.Block)) {
	t.Helper()
	file, err := os.ReadFile(name)
	check(t, err)
	r, err := pcapng.NewReader(bytes.NewReader(file))
	check(t, err)
	for {
		b, err := r.Next()
		if err == io.EOF {
			return
		}
		check(t, err)
		f(b)
	}
}

func equal(t *testing.T, what string, got, want []any) {
	t.Helper()
	for i := range want {
		if g, w := fmt.Sprintf("%q", got[i]), fmt.Sprintf("%q", want[i]); g != w {
			t.Errorf("%s, value %d: %s, not %s", what, i, g, w)
		}
	}
}

// mergecap puts two files in order of time: one of either byte order, one in
// microseconds.
func TestMergecap(t *testing.T) {
	file := func(name string, big bool, unit uint64, seconds ...uint64) string {
		d := pcapng.NewInterface(name, 101)
		if unit == 1e6 {
			d.TSResol = pcapng.Optional[pcapng.Resolution]{}
		}
		blocks := []pcapng.Block{&pcapng.SectionHeader{BigEndian: big}, d}
		for _, s := range seconds {
			p := &pcapng.EnhancedPacket{Timestamp: s * unit, Data: []byte(name), PacketID: pcapng.Some(s)}
			p.Comments = [][]byte{fmt.Appendf(nil, "%s %d", name, s)}
			blocks = append(blocks, p)
		}
		return tempFile(t, blocks...)
	}
	out := filepath.Join(t.TempDir(), "out.pcapng")
	tool(t, "mergecap", "-w", out, file("one", false, 1e9, 1, 3, 5), file("two", true, 1e6, 2, 4))
	var got strings.Builder
	eachBlock(t, out, func(b pcapng.Block) {
		if p, ok := b.(*pcapng.EnhancedPacket); ok {
			fmt.Fprintf(&got, "%d %s %s %s %d\n", p.UnixNano(), p.Interface().Name, p.Data, p.Comments, p.PacketID.Value)
		}
	})
	want := "1000000000 one one [one 1] 1\n2000000000 two two [two 2] 2\n3000000000 one one [one 3] 3\n" +
		"4000000000 two two [two 4] 4\n5000000000 one one [one 5] 5\n"
	if got.String() != want {
		t.Errorf("got\n%swant\n%s", got.String(), want)
	}
}

// Files another writer wrote: tshark and we see the same packets in them.
func TestSamples(t *testing.T) {
	for _, name := range []string{"sample_raw", "process_blocks"} {
		t.Run(name, func(t *testing.T) {
			name := filepath.Join("testdata", name+".pcapng")
			want := tool(t, "tshark", "-r", name, "-Y", "!frame.cb_pen", "-T", "fields", "-E", "separator=|", "-E", "aggregator=;",
				"-e", "frame.time_epoch", "-e", "frame.cap_len", "-e", "frame.len", "-e", "frame.interface_name",
				"-e", "frame.packet_id", "-e", "frame.packet_flags_direction", "-e", "frame.comment")
			var got strings.Builder
			eachBlock(t, name, func(b pcapng.Block) {
				p, ok := b.(*pcapng.EnhancedPacket)
				if !ok {
					return
				}
				ts := p.Time()
				fmt.Fprintf(&got, "%d.%09d|%d|%d|%s|%d|0x%08x|%s\n", ts.Unix(), ts.Nanosecond(), len(p.Data), p.OriginalLength,
					p.Interface().Name, p.PacketID.Value, uint32(p.Direction()), bytes.Join(p.Comments, []byte(";")))
			})
			if got.String() != want || want == "" {
				t.Errorf("got\n%swant\n%s", got.String(), want)
			}
		})
	}
}

// tshark makes the same times of timestamps.
func TestTsharkTimes(t *testing.T) {
	const second = 1700000000
	for _, c := range []struct {
		name   string
		resol  pcapng.Resolution
		offset int64
		ts     uint64
	}{
		{"seconds", 0, 0, second},
		{"milliseconds", 3, 0, second*1000 + 123},
		{"microseconds", 6, 0, second*1e6 + 123456},
		{"nanoseconds", 9, 0, second*1e9 + 123456789},
		{"2^-0", pcapng.BinaryResolution(0), 0, second},
		{"2^-10", pcapng.BinaryResolution(10), 0, second<<10 + 512},
		{"2^-20", pcapng.BinaryResolution(20), 0, second<<20 + 1<<18},
		{"offset", 9, 1600000000, 100000000*1e9 + 5},
		{"negative offset", 9, -100000000, 1800000000*1e9 + 7},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := pcapng.NewInterface("x", 101)
			d.TSResol, d.TSOffset = pcapng.Some(c.resol), pcapng.Some(c.offset)
			got := tool(t, "tshark", "-r", tempFile(t, &pcapng.SectionHeader{}, d, &pcapng.EnhancedPacket{Timestamp: c.ts, Data: []byte{0}}),
				"-T", "fields", "-e", "frame.time_epoch")
			ns := d.UnixNano(c.ts)
			if want := fmt.Sprintf("%d.%09d\n", ns/1e9, ns%1e9); got != want {
				t.Errorf("tshark has %swe have %s", got, want)
			}
			if tm := d.Time(c.ts); tm.UnixNano() != ns || tm.Location() != time.UTC {
				t.Errorf("Time is %v, UnixNano %d", tm, ns)
			}
		})
	}
}
