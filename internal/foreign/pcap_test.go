package foreign

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"testing"
	"time"

	"unixcap/internal/capture"
)

// pcap is a classic pcap file with packets a second and a half apart.
func pcap(order binary.AppendByteOrder, magic, link uint32, packets ...[]byte) []byte {
	b := order.AppendUint32(nil, magic)
	b = order.AppendUint16(b, 2)
	b = order.AppendUint16(b, 4)
	b = append(b, make([]byte, 8)...)
	b = order.AppendUint32(b, 10) // a snap length that the packets do not keep
	b = order.AppendUint32(b, link)
	for i, p := range packets {
		b = order.AppendUint32(b, uint32(begin.Unix())+uint32(i))
		b = order.AppendUint32(b, 500_000)
		b = order.AppendUint32(b, uint32(len(p)))
		b = order.AppendUint32(b, uint32(len(p)))
		b = append(b, p...)
	}
	return b
}

// readPcap reads a file and returns what is in it.
func readPcap(file []byte) (lines []string, times []time.Time, err error) {
	p, err := NewPcap(bufio.NewReader(bytes.NewReader(file)))
	if err != nil {
		return nil, nil, err
	}
	r := capture.NewSourceReader(p, capture.ReaderOptions{Network: New(0)})
	for {
		m, err := r.Next()
		if err == io.EOF {
			return lines, times, nil
		}
		if err != nil {
			return lines, times, err
		}
		lines = append(lines, describe(m))
		times = append(times, m.Time)
	}
}

func TestPcap(t *testing.T) {
	const micro, nano = 0xa1b2c3d4, 0xa1b23c4d
	for _, tt := range []struct {
		name  string
		order binary.AppendByteOrder
		magic uint32
		unit  time.Duration
	}{
		{"little endian, µs", binary.LittleEndian, micro, time.Microsecond},
		{"big endian, µs", binary.BigEndian, micro, time.Microsecond},
		{"little endian, ns", binary.LittleEndian, nano, time.Nanosecond},
		{"big endian, ns", binary.BigEndian, nano, time.Nanosecond},
	} {
		t.Run(tt.name, func(t *testing.T) {
			// The upper half of the link type says that frames end in a checksum.
			file := pcap(tt.order, tt.magic, 0x24000000|linkRaw, raw(t), raw(t))
			if !IsPcap(file) {
				t.Error("not known as pcap")
			}
			lines, times, err := readPcap(file)
			if err != nil {
				t.Fatal(err)
			}
			expect(t, lines, opened4, sent4, sent4)
			if want := begin.Add(time.Second + 500_000*tt.unit); !times[2].Equal(want) {
				t.Errorf("second packet at %v, want %v", times[2], want)
			}
		})
	}
}

// A file that was cut off anywhere gives what is there.
func TestPcapCut(t *testing.T) {
	const header = 24
	b := raw(t)
	file := pcap(binary.LittleEndian, 0xa1b2c3d4, linkRaw, b, b)
	size := 16 + len(b)
	for n := 1; n < len(file); n++ {
		lines, _, err := readPcap(file[:n])
		want := 0
		if n >= header+size {
			want = 2 // the connection, and the first packet
		}
		if len(lines) != want {
			t.Fatalf("cut to %d bytes: %q", n, lines)
		}
		if whole := n >= header && (n-header)%size == 0; whole != (err == nil) {
			t.Fatalf("cut to %d bytes: error %v", n, err)
		}
		if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Fatalf("cut to %d bytes: %v", n, err)
		}
	}
}

// Ready tells that the next packet is there as a whole.
func TestPcapReady(t *testing.T) {
	for _, order := range []binary.AppendByteOrder{binary.LittleEndian, binary.BigEndian} {
		b := raw(t)
		file := pcap(order, 0xa1b2c3d4, linkRaw, b, b)
		for n := 24; n <= len(file); n++ {
			p, err := NewPcap(bytes.NewReader(file[:n]))
			if err != nil {
				t.Fatal(err)
			}
			if _, err := p.Next(); err != nil { // the interface
				t.Fatal(err)
			}
			for whole := (n - 24) / (16 + len(b)); whole > 0; whole-- {
				if _, err := p.Next(); err != nil {
					t.Fatal(err)
				}
			}
			if p.Ready() {
				t.Errorf("the end, in %d bytes, is ready", n)
			}
		}
		p, err := NewPcap(bytes.NewReader(file))
		if err != nil {
			t.Fatal(err)
		}
		p.win.Fill(len(file) - 24)
		for range 3 { // the interface and two packets
			if !p.Ready() {
				t.Error("not ready")
			}
			if _, err := p.Next(); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// A length that lies costs no memory.
func TestPcapDamaged(t *testing.T) {
	file := pcap(binary.LittleEndian, 0xa1b2c3d4, linkRaw, raw(t), raw(t))
	binary.LittleEndian.PutUint32(file[16:], 0xffffffff)
	at := 24 + 16 + len(raw(t)) + 8
	binary.LittleEndian.PutUint32(file[at:], 0x7fffffff)
	lines, _, err := readPcap(file)
	if err == nil || errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("error %v", err)
	}
	expect(t, lines, opened4, sent4)
}

func TestUnreadableLinkType(t *testing.T) {
	_, _, err := readPcap(pcap(binary.LittleEndian, 0xa1b2c3d4, 105, raw(t)))
	if !errors.Is(err, capture.ErrForeign) {
		t.Errorf("error %v, want ErrForeign", err)
	}
}

// FuzzPcap reads files that may be anything.
func FuzzPcap(f *testing.F) {
	for _, link := range []uint32{linkNull, linkEthernet, linkRaw, linkSLL, linkNFLOG, linkSLL2} {
		f.Add(pcap(binary.LittleEndian, 0xa1b2c3d4, link, raw(f), raw(f)))
	}
	six := ipv6()
	b := join(f, six, tcp(six))
	b[6] = 0 // hop by hop
	f.Add(pcap(binary.BigEndian, 0xa1b23c4d, linkRaw, b))
	f.Fuzz(func(t *testing.T, file []byte) {
		if len(file) > 1<<16 {
			return
		}
		lines, _, _ := readPcap(file)
		if len(lines) > maxMessages*len(file)/16 {
			t.Errorf("%d messages of %d bytes", len(lines), len(file))
		}
	})
}
