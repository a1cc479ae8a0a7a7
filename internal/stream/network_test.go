package stream

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"unixcap/decoders"
	"unixcap/internal/capture"
	"unixcap/internal/foreign"

	"github.com/google/go-cmp/cmp"
	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
	"github.com/google/gopacket/pcapgo"
)

// A wire makes the packets of a TCP connection over Ethernet, a tenth of a
// millisecond apart.
type wire struct {
	t     testing.TB
	port  layers.TCPPort // the client's
	next  [2]uint32      // sequence numbers, by end
	now   time.Time
	list  []frame
	bytes [2][]byte
}

type frame struct {
	at   time.Time
	data []byte
}

func newWire(t testing.TB) *wire {
	return &wire{t: t, port: 40000, next: [2]uint32{0xffffff00, 7000}, now: begin}
}

// put adds a segment. A SYN and a FIN count as a byte.
func (w *wire) put(from decoders.End, payload string, set func(*layers.TCP)) {
	w.t.Helper()
	w.now = w.now.Add(100 * time.Microsecond)
	ip := &layers.IPv4{Version: 4, TTL: 64, Protocol: layers.IPProtocolTCP, SrcIP: net.IP{192, 0, 2, 1}, DstIP: net.IP{192, 0, 2, 2}}
	s := &layers.TCP{SrcPort: w.port, DstPort: 3306, Seq: w.next[from], Ack: w.next[from.Other()], ACK: true, Window: 60000}
	if from == decoders.Server {
		ip.SrcIP, ip.DstIP = ip.DstIP, ip.SrcIP
		s.SrcPort, s.DstPort = s.DstPort, s.SrcPort
	}
	if set != nil {
		set(s)
	}
	if s.SYN || s.FIN {
		w.next[from]++
	}
	w.next[from] += uint32(len(payload))
	w.bytes[from] = append(w.bytes[from], payload...)
	if err := s.SetNetworkLayerForChecksum(ip); err != nil {
		w.t.Fatal(err)
	}
	b := gopacket.NewSerializeBuffer()
	ether := &layers.Ethernet{SrcMAC: make(net.HardwareAddr, 6), DstMAC: make(net.HardwareAddr, 6), EthernetType: layers.EthernetTypeIPv4}
	o := gopacket.SerializeOptions{FixLengths: true, ComputeChecksums: true}
	if err := gopacket.SerializeLayers(b, o, ether, ip, s, gopacket.Payload(payload)); err != nil {
		w.t.Fatal(err)
	}
	w.list = append(w.list, frame{w.now, slices.Clone(b.Bytes())})
}

func (w *wire) handshake() {
	w.t.Helper()
	w.put(decoders.Client, "", func(s *layers.TCP) { s.SYN, s.ACK, s.Ack = true, false, 0 })
	w.put(decoders.Server, "", func(s *layers.TCP) { s.SYN = true })
	w.put(decoders.Client, "", nil)
}

func (w *wire) finish() {
	w.t.Helper()
	w.put(decoders.Client, "", func(s *layers.TCP) { s.FIN = true })
	w.put(decoders.Server, "", func(s *layers.TCP) { s.FIN = true })
	w.put(decoders.Client, "", nil)
}

// save writes frames as a classic pcap file.
func (w *wire) save(frames []frame) []byte {
	w.t.Helper()
	var b bytes.Buffer
	out := pcapgo.NewWriterNanos(&b)
	if err := out.WriteFileHeader(262144, layers.LinkTypeEthernet); err != nil {
		w.t.Fatal(err)
	}
	for _, f := range frames {
		info := gopacket.CaptureInfo{Timestamp: f.at, CaptureLength: len(f.data), Length: len(f.data)}
		if err := out.WritePacket(info, f.data); err != nil {
			w.t.Fatal(err)
		}
	}
	return b.Bytes()
}

// A catcher is a decoder that keeps what it is told.
type catcher struct {
	bytes [2][]byte
	gaps  []string
}

func (c *catcher) Data(from decoders.End, _ decoders.Mark, p []byte) {
	c.bytes[from] = append(c.bytes[from], p...)
}

func (c *catcher) Gap(from decoders.End, n int64) {
	c.gaps = append(c.gaps, fmt.Sprintf("%s %d at %d", from, n, len(c.bytes[from])))
}

func (c *catcher) Close(decoders.Mark) {}

// catch reads a capture; every flow is a catcher's.
func catch(t testing.TB, files ...[]byte) (caught []*catcher, flows []*Flow) {
	t.Helper()
	dir := t.TempDir()
	var names []string
	for i, b := range files {
		name := filepath.Join(dir, fmt.Sprint(i))
		if err := os.WriteFile(name, b, 0o600); err != nil {
			t.Fatal(err)
		}
		names = append(names, name)
	}
	any := &decoders.Protocol{Name: "any", New: func(func(*decoders.Exchange)) decoders.Decoder {
		caught = append(caught, new(catcher))
		return caught[len(caught)-1]
	}}
	in := OpenInput(names)
	e := NewEngine(Options{Rules: []Rule{{Port: 3306, Protocol: any}}, Done: func(f *Flow) { flows = append(flows, f) }})
	for {
		m, err := in.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		e.Message(m)
	}
	e.Close()
	if len(e.conns) != 0 || e.open != 0 || e.held != 0 {
		t.Errorf("after Close, %d connections, %d flows, %d bytes held", len(e.conns), e.open, e.held)
	}
	for _, err := range in.Errors() {
		t.Error(err)
	}
	return caught, flows
}

// conversation is a connection of n requests and answers of random sizes, some of
// several segments.
func conversation(t testing.TB, r *rand.Rand, n int) *wire {
	w := newWire(t)
	w.handshake()
	for i := range n {
		for from := range decoders.End(2) {
			for range 1 + r.IntN(3) {
				text := fmt.Sprintf("%s says %d %s", from, i, strings.Repeat("x", r.IntN(60)))
				w.put(from, text, nil)
			}
			if r.IntN(3) == 0 {
				w.put(from.Other(), "", nil)
			}
		}
	}
	w.finish()
	return w
}

// What TCP may do to packets on their way costs no byte, as long as each comes
// through once.
func TestMangledTCP(t *testing.T) {
	for seed := range uint64(60) {
		r := rand.New(rand.NewPCG(seed, 1))
		w := conversation(t, r, 40)
		frames := mangle(w, r, slices.Clone(w.list))
		caught, flows := catch(t, w.save(frames))
		if len(flows) != 1 || len(caught) != 1 {
			t.Fatalf("seed %d: %d flows", seed, len(flows))
		}
		for end := range caught[0].bytes {
			if !bytes.Equal(caught[0].bytes[end], w.bytes[end]) {
				t.Fatalf("seed %d: %s sent %d bytes, caught %d; gaps %q", seed, decoders.End(end), len(w.bytes[end]), len(caught[0].bytes[end]), caught[0].gaps)
			}
			if p := &flows[0].Ends[end]; p.Bytes != int64(len(w.bytes[end])) || p.LostBytes != 0 {
				t.Errorf("seed %d: %s has %d bytes, %d lost, want %d and none", seed, decoders.End(end), p.Bytes, p.LostBytes, len(w.bytes[end]))
			}
		}
		if f := flows[0]; f.Ends[decoders.Server].Socket.Addr.Port() != 3306 || len(caught[0].gaps) != 0 || f.Middle {
			t.Errorf("seed %d: server %v, gaps %q, middle %v", seed, f.Ends[decoders.Server].Socket.Addr, caught[0].gaps, f.Middle)
		}
	}
}

// mangle sends segments again, alone and together, and lets them overtake each
// other, but not the handshake.
func mangle(w *wire, r *rand.Rand, frames []frame) []frame {
	const handshake = 3
	for i := handshake; i < len(frames); i++ {
		switch r.IntN(11) {
		case 0: // overtaken
			j := min(i+1+r.IntN(6), len(frames)-1)
			f := frames[i]
			copy(frames[i:j], frames[i+1:j+1])
			frames[j] = f
		case 1: // twice
			frames = slices.Insert(frames, min(i+r.IntN(5), len(frames)), frames[i])
		case 2: // again, with the bytes before it
			if f, ok := w.overlap(frames[i], r.IntN(30)); ok {
				frames = slices.Insert(frames, min(i+r.IntN(5), len(frames)), f)
			}
		}
	}
	return frames
}

// overlap returns a segment that has the bytes of f and n of those before it.
func (w *wire) overlap(f frame, n int) (frame, bool) {
	p := gopacket.NewPacket(f.data, layers.LayerTypeEthernet, gopacket.Default)
	s := p.Layer(layers.LayerTypeTCP).(*layers.TCP)
	end, first := decoders.Client, w.next[0]-uint32(len(w.bytes[0]))
	if s.SrcPort == 3306 {
		end, first = decoders.Server, w.next[1]-uint32(len(w.bytes[1]))
	}
	first-- // the FIN
	at := int(s.Seq - first)
	if len(s.Payload) == 0 || at < n {
		return frame{}, false
	}
	again := wire{t: w.t, port: w.port, next: w.next, now: f.at}
	again.put(end, string(w.bytes[end][at-n:at+len(s.Payload)]), func(x *layers.TCP) { x.Seq, x.Ack = s.Seq-uint32(n), s.Ack })
	return frame{f.at, again.list[0].data}, true
}

// What the capture has not is missing by exactly so many bytes.
func TestLostSegment(t *testing.T) {
	w := newWire(t)
	w.handshake()
	w.put(decoders.Client, "one ", nil)
	w.put(decoders.Client, "lost ", nil)
	w.put(decoders.Client, "three", nil)
	w.put(decoders.Server, "answer", nil) // and acknowledges all
	for range 3 * maxKnownLost {
		w.put(decoders.Server, "x", nil)
	}
	frames := slices.Delete(slices.Clone(w.list), 4, 5)
	caught, flows := catch(t, w.save(frames))
	if got := string(caught[0].bytes[0]); got != "one three" {
		t.Errorf("caught %q", got)
	}
	if got := fmt.Sprint(caught[0].gaps); got != "[client 5 at 4]" {
		t.Errorf("gaps %s", got)
	}
	if n := flows[0].Ends[0].LostBytes; n != 5 {
		t.Errorf("%d bytes lost, want 5", n)
	}
	// The first segment is no exception if the handshake is there.
	caught, _ = catch(t, w.save(slices.Delete(slices.Clone(w.list), 3, 4)))
	if got := fmt.Sprint(caught[0].gaps); got != "[client 4 at 0]" {
		t.Errorf("gaps without the first segment: %s", got)
	}
}

// An answer that the capture has before its question comes after it, the first of
// a connection too.
func TestAnswerBeforeQuestion(t *testing.T) {
	w := newWire(t)
	w.handshake()
	w.put(decoders.Client, "TOY one\n", nil)
	w.put(decoders.Server, "+one\n", nil)
	w.put(decoders.Client, "TOY two\n", nil)
	w.put(decoders.Server, "+two\n", nil)
	w.finish()
	for at, want := range map[int]string{
		3: lines(`client:5 "TOY one\n"`, `server:4 "+one\n"`, `client:6 "TOY two\n"`, `server:7 "+two\n"`, `close 9`),
		5: lines(`client:4 "TOY one\n"`, `server:5 "+one\n"`, `client:7 "TOY two\n"`, `server:6 "+two\n"`, `close 9`),
	} {
		frames := slices.Clone(w.list)
		frames[at], frames[at+1] = frames[at+1], frames[at]
		var notes strings.Builder
		p, err := foreign.NewPcap(bufio.NewReader(bytes.NewReader(w.save(frames))))
		if err != nil {
			t.Fatal(err)
		}
		r := capture.NewSourceReader(p, capture.ReaderOptions{Network: foreign.New(0)})
		e := NewEngine(Options{Protocols: []*decoders.Protocol{toy(&notes)}})
		for m, err := r.Next(); err == nil; m, err = r.Next() {
			e.Message(m)
		}
		e.Close()
		if d := cmp.Diff(want, notes.String()); d != "" {
			t.Errorf("packet %d late: told the decoder (-want +got):\n%s", at+1, d)
		}
	}
}

// A connection goes on in the next file of a set, whatever their order on the
// command line.
func TestConnectionOverFiles(t *testing.T) {
	w := conversation(t, rand.New(rand.NewPCG(1, 2)), 20)
	half := len(w.list) / 2
	caught, flows := catch(t, w.save(w.list[half:]), w.save(w.list[:half]))
	if len(flows) != 1 || !bytes.Equal(caught[0].bytes[1], w.bytes[1]) || len(caught[0].gaps) != 0 {
		t.Errorf("%d flows, gaps %q", len(flows), caught[0].gaps)
	}
}

// From the middle, the server is the end at the well-known port, and the id is the
// same as for the whole.
func TestMiddleOfTCP(t *testing.T) {
	w := conversation(t, rand.New(rand.NewPCG(1, 3)), 20)
	_, whole := catch(t, w.save(w.list))
	for _, from := range []int{4, 5, 6, 7, 8} {
		caught, flows := catch(t, w.save(w.list[from:]))
		if len(flows) != 1 || !flows[0].Middle || flows[0].ID != whole[0].ID || flows[0].Ends[1].Socket.Addr.Port() != 3306 {
			t.Errorf("from %d: %d flows, id %s, want %s", from, len(flows), flows[0].ID, whole[0].ID)
		}
		for end, b := range caught[0].bytes {
			if !bytes.HasSuffix(w.bytes[end], b) || len(b) < len(w.bytes[end])/2 {
				t.Errorf("from %d: %d of %d bytes", from, len(b), len(w.bytes[end]))
			}
		}
	}
}

// Two connections of the same addresses and ports are two.
func TestPortsUsedAgain(t *testing.T) {
	w := newWire(t)
	for i := range 3 {
		w.next = [2]uint32{uint32(i) * 0x10000000, uint32(i) * 77777}
		w.handshake()
		w.put(decoders.Client, fmt.Sprintf("connection %d", i), nil)
		if i != 1 {
			w.finish()
		}
	}
	caught, flows := catch(t, w.save(w.list))
	if len(caught) != 3 || len(flows) != 3 {
		t.Fatalf("%d conversations, want 3", len(flows))
	}
	ids := make(map[string]bool)
	for i := range caught {
		ids[flows[i].ID] = true
		if got, want := string(caught[i].bytes[0]), fmt.Sprintf("connection %d", i); got != want {
			t.Errorf("caught %q, want %q", got, want)
		}
	}
	if len(ids) != 3 {
		t.Errorf("ids %v", ids)
	}
}

// What waits for missing bytes is bounded, in one connection and in all.
func TestWaitingIsBounded(t *testing.T) {
	e := NewEngine(Options{})
	d := foreign.New(0)
	peak := 0
	feed := func(list []frame) {
		for _, f := range list {
			d.Packet(&capture.Packet{Link: 1, Time: begin, Data: f.data, Length: len(f.data)})
			for m := d.Next(); m != nil; m = d.Next() {
				if f := e.Message(m); f != nil {
					peak = max(peak, e.held)
					if n := f.line.heldBytes; n > maxLostBytes+65536 {
						t.Fatalf("%d bytes held in a flow", n)
					}
				}
			}
		}
	}
	big := strings.Repeat("x", 60000)
	for port := range 20 {
		w := newWire(t)
		w.port = layers.TCPPort(50000 + port)
		w.handshake()
		w.next[0] += 5
		for range 60 {
			w.put(decoders.Client, big, nil)
		}
		feed(w.list)
	}
	if peak > maxHeldAll+65536 || peak < maxHeldAll/2 {
		t.Errorf("%d bytes held at most, the limit is %d", peak, maxHeldAll)
	}
	e.Close()
	if e.held != 0 {
		t.Errorf("%d bytes held after Close", e.held)
	}
}

// FuzzNetwork reads captures of network traffic that were tampered with.
func FuzzNetwork(f *testing.F) {
	w := conversation(f, rand.New(rand.NewPCG(1, 4)), 3)
	f.Add(w.save(w.list))
	f.Add(w.save(mangle(w, rand.New(rand.NewPCG(1, 5)), w.list)))
	f.Fuzz(func(t *testing.T, file []byte) {
		p, err := foreign.NewPcap(bufio.NewReader(bytes.NewReader(file)))
		if err != nil {
			return
		}
		var notes strings.Builder
		r := capture.NewSourceReader(p, capture.ReaderOptions{Network: foreign.New(4)})
		e := NewEngine(Options{Protocols: []*decoders.Protocol{toy(&notes)}, MaxFlows: 3})
		for {
			m, err := r.Next()
			if err != nil {
				break
			}
			e.Message(m)
		}
		e.Close()
		if e.open != 0 || len(e.conns) != 0 || e.held != 0 {
			t.Errorf("%d flows open, %d connections, %d bytes held after Close", e.open, len(e.conns), e.held)
		}
	})
}
