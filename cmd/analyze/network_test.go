package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"syscall"
	"testing"
	"time"

	"unixcap/internal/need"
	"unixcap/internal/stream"

	"github.com/google/go-cmp/cmp"
	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
	"github.com/google/gopacket/pcapgo"
	"github.com/google/gopacket/reassembly"
	"github.com/spf13/pflag"
)

// writeNetworkCapture writes the conversation of writeLargeCapture as tcpdump
// would have it, and returns the file's size.
func writeNetworkCapture(t testing.TB, name string, n int) int64 {
	t.Helper()
	var out bytes.Buffer
	w := pcapgo.NewWriterNanos(&out)
	check := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	check(w.WriteFileHeader(262144, layers.LinkTypeEthernet))
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	next := [2]uint32{1000, 2000}
	b := gopacket.NewSerializeBuffer()
	send := func(from int, payload []byte, set func(*layers.TCP)) {
		ether := &layers.Ethernet{SrcMAC: make(net.HardwareAddr, 6), DstMAC: make(net.HardwareAddr, 6), EthernetType: layers.EthernetTypeIPv4}
		ip := &layers.IPv4{Version: 4, TTL: 64, Protocol: layers.IPProtocolTCP, SrcIP: net.IP{192, 0, 2, 1}, DstIP: net.IP{192, 0, 2, 2}}
		s := &layers.TCP{SrcPort: 40000, DstPort: 3306, Seq: next[from], Ack: next[1-from], ACK: true, Window: 60000,
			Options: []layers.TCPOption{{OptionType: layers.TCPOptionKindNop}, {OptionType: layers.TCPOptionKindNop},
				{OptionType: layers.TCPOptionKindTimestamps, OptionLength: 10, OptionData: make([]byte, 8)}}}
		if from == 1 {
			ip.SrcIP, ip.DstIP, s.SrcPort, s.DstPort = ip.DstIP, ip.SrcIP, s.DstPort, s.SrcPort
		}
		if set != nil {
			set(s)
		}
		check(s.SetNetworkLayerForChecksum(ip))
		check(gopacket.SerializeLayers(b, gopacket.SerializeOptions{FixLengths: true, ComputeChecksums: true}, ether, ip, s, gopacket.Payload(payload)))
		next[from] += uint32(len(payload))
		if s.SYN || s.FIN {
			next[from]++
		}
		now = now.Add(100 * time.Microsecond)
		check(w.WritePacket(gopacket.CaptureInfo{Timestamp: now, CaptureLength: len(b.Bytes()), Length: len(b.Bytes())}, b.Bytes()))
	}
	send(0, nil, func(s *layers.TCP) { s.SYN, s.ACK = true, false })
	send(1, nil, func(s *layers.TCP) { s.SYN = true })
	send(1, packet(0, greeting), nil)
	send(0, packet(1, login), nil)
	send(1, packet(2, okPacket), nil)
	query := packet(0, "\x03SELECT a, b, c FROM t JOIN u ON t.id = u.id WHERE t.id = 1234 AND u.name = 'somebody'")
	list := []string{"\x01", column, eofPacket}
	for range 10 {
		list = append(list, "\x78"+string(bytes.Repeat([]byte("x"), 120)))
	}
	result := packets(append(list, eofPacket)...)
	for range n {
		send(0, query, nil)
		send(1, result, nil)
	}
	send(0, nil, func(s *layers.TCP) { s.FIN = true })
	send(1, nil, func(s *layers.TCP) { s.FIN = true })
	check(os.WriteFile(name, out.Bytes(), 0o600))
	return int64(out.Len())
}

// Our captures stay readable when Wireshark's tools have made classic pcap of
// them, which has no comments, or put them into one file with network traffic.
func TestConvertedAndMixed(t *testing.T) {
	dir := t.TempDir()
	in := func(name string) string { return filepath.Join(dir, name) }
	tool := func(args ...string) {
		t.Helper()
		need.Programs(t, args[0])
		if out, err := exec.Command(args[0], args[1:]...).CombinedOutput(); err != nil {
			t.Fatalf("%v: %v\n%s", args, err, out)
		}
	}
	begin := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	writeCapture(t, in("unix"), begin)
	writeNetworkCapture(t, in("tcp"), 3)
	tool("editcap", "-F", "nsecpcap", in("unix"), in("unix.pcap"))
	tool("mergecap", "-w", in("merged"), in("unix"), in("tcp"))
	// requests lists what was asked, with the client's address.
	requests := func(names ...string) []string {
		t.Helper()
		for i := range names {
			names[i] = in(names[i])
		}
		out := in("out")
		os.Remove(out)
		if err := logCommand.work([]string{"--format", "jsonl"}, out, names...); err != nil {
			t.Fatal(err)
		}
		b, err := os.ReadFile(out)
		if err != nil {
			t.Fatal(err)
		}
		var list []string
		for line := range bytes.Lines(b) {
			var x struct {
				Op, Request, Status string
				Client              struct{ Addr string }
			}
			if err := json.Unmarshal(line, &x); err != nil {
				t.Fatal(err)
			}
			list = append(list, x.Client.Addr+" "+x.Op+" "+x.Request+" "+x.Status)
		}
		slices.Sort(list)
		return list
	}
	unix, tcp := requests("unix"), requests("tcp")
	if len(unix) < 8 || len(tcp) != 4 {
		t.Fatalf("%d and %d requests", len(unix), len(tcp))
	}
	both := slices.Sorted(slices.Values(slices.Concat(unix, tcp)))
	for _, tt := range []struct {
		names []string
		want  []string
	}{
		{[]string{"unix.pcap"}, unix},
		{[]string{"merged"}, both},
		{[]string{"unix", "tcp"}, both},
		{[]string{"tcp", "unix.pcap"}, both},
	} {
		if d := cmp.Diff(tt.want, requests(tt.names...)); d != "" {
			t.Errorf("%v (-want +got):\n%s", tt.names, d)
		}
	}
}

// cpu is the time this process has used the processors.
func cpu(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkNetwork reads a capture of MySQL over TCP. The yardstick is
// gopacket, which puts the streams together and does nothing with them.
func BenchmarkNetwork(b *testing.B) {
	name := filepath.Join(b.TempDir(), "a.pcap")
	size := writeNetworkCapture(b, name, 30000)
	measure := func(name string, work func() error) {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(size)
			b.ReportAllocs()
			before := cpu(b)
			for b.Loop() {
				if err := work(); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(size)*float64(b.N)/1e6/(cpu(b)-before).Seconds(), "MB/cpu-s")
		})
	}
	for _, c := range []*command{&reportCommand, &logCommand, &flowsCommand, &dumpCommand} {
		measure(c.name, func() error { return c.work(nil, "/dev/null", name) })
	}
	measure("gopacket", func() error { return reassemble(name) })
}

// work does a command's work on captures, without giving up rights, which can
// be done but once.
func (c *command) work(args []string, output string, names ...string) error {
	set := pflag.NewFlagSet(c.name, pflag.ContinueOnError)
	var j job
	j.addFlags(set, c)
	work := c.flags(&j, set)
	if err := set.Parse(args); err != nil {
		return err
	}
	if err := j.check(c); err != nil {
		return err
	}
	j.in = stream.OpenInput(names)
	out, err := openSink(output, j.in.Holds)
	if err != nil {
		return err
	}
	j.out = out
	if err := work(&j); err != nil {
		return err
	}
	return errors.Join(append(j.in.Errors(), out.Close())...)
}

// reassemble reads a capture with gopacket alone.
func reassemble(name string) error {
	file, err := os.Open(name)
	if err != nil {
		return err
	}
	defer file.Close()
	r, err := pcapgo.NewReader(file)
	if err != nil {
		return err
	}
	var (
		ether   layers.Ethernet
		ip      layers.IPv4
		tcp     layers.TCP
		found   []gopacket.LayerType
		parser  = gopacket.NewDecodingLayerParser(layers.LayerTypeEthernet, &ether, &ip, &tcp)
		streams = reassembly.NewAssembler(reassembly.NewStreamPool(discard{}))
	)
	parser.IgnoreUnsupported = true
	for {
		data, info, err := r.ZeroCopyReadPacketData()
		if err == io.EOF {
			streams.FlushAll()
			return nil
		}
		if err != nil {
			return err
		}
		if err := parser.DecodeLayers(data, &found); err != nil {
			return err
		}
		streams.AssembleWithContext(ip.NetworkFlow(), &tcp, discard{info: info})
	}
}

// discard takes streams from gopacket and drops them.
type discard struct{ info gopacket.CaptureInfo }

func (s discard) GetCaptureInfo() gopacket.CaptureInfo { return s.info }

func (s discard) New(gopacket.Flow, gopacket.Flow, *layers.TCP, reassembly.AssemblerContext) reassembly.Stream {
	return s
}

func (discard) Accept(_ *layers.TCP, _ gopacket.CaptureInfo, _ reassembly.TCPFlowDirection, _ reassembly.Sequence, start *bool, _ reassembly.AssemblerContext) bool {
	*start = true
	return true
}

func (discard) ReassembledSG(reassembly.ScatterGather, reassembly.AssemblerContext) {}

func (discard) ReassemblyComplete(reassembly.AssemblerContext) bool { return false }
