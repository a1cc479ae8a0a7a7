package endtoend

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
	"github.com/google/gopacket/pcapgo"
)

// MySQL over TCP as tcpdump records it says what the server's log says, and does so
// whatever Wireshark's tools and the way through the network make of it.
func TestNetworkCapture(t *testing.T) {
	needs(t, "tcpdump", "tshark", "editcap", "mergecap", "gzip", "zstd")
	port := freePort(t)
	m := startMariaDB(t, "--general-log", "--log-output=TABLE", "--skip-networking=0", "--skip-name-resolve",
		"--bind-address=*", "--port="+port)
	m.query("create database sbtest; create user u@'%'; grant all on *.* to u@'%'")
	over := func(mode, host, action string) {
		t.Helper()
		m.sysbench(mode, "--mysql-socket=", "--mysql-host="+host, "--mysql-port="+port, "--mysql-user=u", action)
	}
	over("auto", "127.0.0.1", "prepare")
	own := strings.TrimSpace(m.query("truncate mysql.general_log; select connection_id()"))

	dir := t.TempDir()
	lo, all := filepath.Join(dir, "lo.pcap"), filepath.Join(dir, "any.pcap")
	stopLo := tcpdump(t, "lo", lo, port)
	stopAll := tcpdump(t, "any", all, port)
	over("auto", "127.0.0.1", "run")
	over("disable", "::1", "run")
	stopLo()
	stopAll()

	logged := generalLog(t, m, own)
	total := 0
	for id, list := range logged {
		total += len(list)
		for i := range list {
			list[i] = anyHost(list[i])
		}
		logged[id] = list
	}
	if len(logged) != 4 || total < 1000 {
		t.Fatalf("the server logged %d commands of %d connections", total, len(logged))
	}
	t.Logf("%d commands of %d connections", total, len(logged))
	for _, c := range variants(t, dir, lo, all) {
		t.Run(c.name, func(t *testing.T) {
			seen := networkConversations(t, c.files)
			for id, want := range logged {
				if !slices.Equal(seen[id], want) {
					t.Errorf("connection %d: %d commands, the server logged %d; first difference: %s", id, len(seen[id]), len(want), difference(seen[id], want))
				}
			}
			if len(seen) != len(logged) {
				t.Errorf("%d connections, the server logged %d", len(seen), len(logged))
			}
			if c.unpacked == "" {
				return
			}
			streams := strings.Split(strings.TrimSuffix(
				run(t, "tshark", "-r", c.unpacked, "-T", "fields", "-e", "tcp.stream", "-e", "udp.stream"), "\n"), "\n")
			slices.Sort(streams)
			flows := strings.Count(analyze(t, append([]string{"flows", "--format", "jsonl"}, c.files...)...), "\n")
			if n := len(slices.Compact(streams)); n != flows {
				t.Errorf("tshark finds %d streams, analyze %d conversations", n, flows)
			}
		})
	}
}

// A variant is a capture of the same traffic in another shape.
type variant struct {
	name     string
	files    []string
	unpacked string // what tshark can read of it, if that is one file
}

// variants makes files of two captures of the same traffic.
func variants(t *testing.T, dir, lo, all string) []variant {
	t.Helper()
	in := func(name string) string { return filepath.Join(dir, name) }
	list := []variant{{"loopback", []string{lo}, lo}, {"any interface", []string{all}, all}}
	one := func(name, file string) { list = append(list, variant{name, []string{file}, file}) }

	run(t, "editcap", "-F", "nsecpcap", lo, in("ns"))
	one("nanoseconds", in("ns"))
	run(t, "editcap", "-F", "pcapng", lo, in("ng"))
	one("pcapng", in("ng"))
	packets := strings.Count(run(t, "tshark", "-r", lo, "-T", "fields", "-e", "frame.number"), "\n")
	half := packets / 2
	run(t, "editcap", "-r", lo, in("h1"), fmt.Sprintf("1-%d", half+100))
	run(t, "editcap", "-r", lo, in("h2"), fmt.Sprintf("%d-%d", half-100, packets))
	run(t, "mergecap", "-w", in("merged"), in("h1"), in("h2"))
	one("merged, the middle twice", in("merged"))
	run(t, "mergecap", "-w", in("twice"), lo, lo)
	one("all twice", in("twice"))
	run(t, "editcap", "-d", in("twice"), in("once"))
	one("duplicates removed", in("once"))
	list = append(list, variant{"two files, the second one first", []string{in("h2"), in("h1")}, ""})

	frames := readFrames(t, lo)
	one("VLAN", writeFrames(t, in("vlan"), layers.LinkTypeEthernet, mapped(frames, func(b []byte) []byte {
		return slices.Concat(b[:12], []byte{0x88, 0xa8, 0, 5, 0x81, 0, 0, 7}, b[12:])
	})))
	one("raw IP", writeFrames(t, in("raw"), layers.LinkTypeRaw, mapped(frames, func(b []byte) []byte { return b[14:] })))

	for _, v := range slices.Clone(list) {
		if len(v.files) > 1 {
			continue
		}
		run(t, "gzip", "-k", "-S", ".z1", v.files[0])
		run(t, "zstd", "-q", v.files[0], "-o", v.files[0]+".z2")
		list = append(list, variant{name: v.name + ", gzip", files: []string{v.files[0] + ".z1"}},
			variant{name: v.name + ", zstd", files: []string{v.files[0] + ".z2"}})
	}
	for k := range 7 {
		name := fmt.Sprintf("disorder %d", k)
		one(name, writeFrames(t, in(name), layers.LinkTypeEthernet, disorder(frames, k)))
	}
	return list
}

// freePort returns a TCP port that nobody uses.
func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return strconv.Itoa(l.Addr().(*net.TCPAddr).Port)
}

// tcpdump starts to record what is said at a port. It returns what ends that.
func tcpdump(t *testing.T, device, file, port string) (stop func()) {
	t.Helper()
	cmd := exec.Command("tcpdump", "-i", device, "-B", "65536", "-U", "-Z", "root", "-w", file, "port "+port)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	t.Cleanup(func() { cmd.Process.Kill() })
	for { // with -U, the header is written when it listens
		if info, err := os.Stat(file); err == nil && info.Size() > 0 {
			break
		}
		select {
		case err := <-ended:
			t.Fatalf("tcpdump: %v\n%s", err, &stderr)
		case <-time.After(20 * time.Millisecond):
		}
	}
	return func() {
		t.Helper()
		awaitLast(t, file, port)
		if err := cmd.Process.Signal(os.Interrupt); err != nil {
			t.Fatal(err)
		}
		if err := <-ended; err != nil {
			t.Fatalf("tcpdump: %v\n%s", err, &stderr)
		}
		if !strings.Contains(stderr.String(), "\n0 packets dropped by kernel") {
			t.Fatalf("tcpdump lost packets:\n%s", &stderr)
		}
	}
}

// awaitLast waits until tcpdump has written everything sent so far. The kernel
// hands packets over in blocks, up to a second late, and those that it has when
// tcpdump is told to end are lost: one more datagram shows when all before it
// have been written.
func awaitLast(t *testing.T, file, port string) {
	t.Helper()
	c, err := net.Dial("udp", net.JoinHostPort("127.0.0.1", port))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	last := []byte("the last packet of " + t.Name())
	if _, err := c.Write(last); err != nil {
		t.Fatal(err)
	}
	for range 1000 {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Contains(b, last) {
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
	t.Fatalf("%s: what was sent last did not come", file)
}

// networkConversations returns what analyze finds in the words of the general
// log, by connection, and checks who is said to talk.
func networkConversations(t *testing.T, files []string) map[int][]string {
	t.Helper()
	out := analyze(t, append([]string{"log", "--format", "jsonl"}, files...)...)
	if strings.Contains(out, `"pid":`) || strings.Contains(out, `"sk":`) || strings.Contains(out, `"inode":`) || strings.Contains(out, `"path":`) {
		t.Error("there is a process, a socket or a path in network traffic")
	}
	ids := make(map[string]int)
	seen := make(map[int][]string)
	d := json.NewDecoder(strings.NewReader(out))
	d.UseNumber()
	for d.More() {
		var x exchange
		if err := d.Decode(&x); err != nil {
			t.Fatal(err)
		}
		if x.Op == "connect" {
			id, err := strconv.Atoi(fmt.Sprint(x.Attrs["connection_id"]))
			if err != nil {
				t.Fatal(err)
			}
			ids[x.Flow] = id
		}
		for _, p := range []party{x.Client, x.Server} {
			if !strings.HasPrefix(p.Addr, "127.0.0.1:") && !strings.HasPrefix(p.Addr, "[::1]:") {
				t.Fatalf("address %q of %+v", p.Addr, x)
			}
		}
		id, ok := ids[x.Flow]
		if !ok {
			t.Fatalf("before its connection: %+v", x)
		}
		for _, w := range words(t, &x) {
			seen[id] = append(seen[id], anyHost(w))
		}
	}
	return seen
}

// anyHost leaves out of a Connect line from where and how, which differs
// between TCP and sockets.
func anyHost(line string) string {
	if !strings.HasPrefix(line, "Connect ") {
		return line
	}
	user, rest, _ := strings.Cut(line, "@")
	_, rest, _ = strings.Cut(rest, " on ")
	database, _, _ := strings.Cut(rest, " using ")
	return user + " on " + database
}

func difference(got, want []string) string {
	for i := range min(len(got), len(want)) {
		if got[i] != want[i] {
			return fmt.Sprintf("%d: %q, want %q", i, got[i], want[i])
		}
	}
	return "the length"
}

type packetRecord struct {
	info gopacket.CaptureInfo
	data []byte
}

func readFrames(t *testing.T, file string) (list []packetRecord) {
	t.Helper()
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	r, err := pcapgo.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	for {
		data, info, err := r.ReadPacketData()
		if err != nil {
			return list
		}
		list = append(list, packetRecord{info, data})
	}
}

func writeFrames(t *testing.T, file string, link layers.LinkType, list []packetRecord) string {
	t.Helper()
	f, err := os.Create(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	w := pcapgo.NewWriter(f)
	if err := w.WriteFileHeader(262144, link); err != nil {
		t.Fatal(err)
	}
	for _, p := range list {
		p.info.CaptureLength, p.info.Length = len(p.data), len(p.data)
		if err := w.WritePacket(p.info, p.data); err != nil {
			t.Fatal(err)
		}
	}
	return file
}

func mapped(list []packetRecord, change func([]byte) []byte) []packetRecord {
	out := slices.Clone(list)
	for i := range out {
		out[i].data = change(out[i].data)
	}
	return out
}

// disorder has every seventh packet from k on come three later, and every eleventh
// again after four, but for what opens a connection: a SYN cannot be overtaken by what
// answers it.
func disorder(list []packetRecord, k int) []packetRecord {
	out := slices.Clone(list)
	for i := k; i+4 < len(out); i++ {
		switch {
		case i%7 == k && !opens(out[i:i+4]):
			p := out[i]
			copy(out[i:i+3], out[i+1:i+4])
			out[i+3] = p
		case i%11 == 0:
			out = slices.Insert(out, i+4, out[i])
		}
	}
	// However slow the machine was, nothing is given up as too late.
	for i := range out {
		out[i].info.Timestamp = list[0].info.Timestamp.Add(time.Duration(i) * 10 * time.Microsecond)
	}
	return out
}

// opens reports whether the first of some packets is a SYN, or one of those it
// would come behind.
func opens(list []packetRecord) bool {
	return slices.ContainsFunc(list, func(p packetRecord) bool {
		tcp, ok := gopacket.NewPacket(p.data, layers.LinkTypeEthernet, gopacket.Lazy).Layer(layers.LayerTypeTCP).(*layers.TCP)
		return ok && tcp.SYN
	})
}
