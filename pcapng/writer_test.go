package pcapng_test

import (
	"bytes"
	"errors"
	"io"
	"net/netip"
	"strings"
	"testing"

	"unixcap/pcapng"
)

// A block that cannot be written is refused whole, and the Writer goes on.
func TestWriterRefuses(t *testing.T) {
	long := bytes.Repeat([]byte{'x'}, 1<<16)
	comment := pcapng.Options{Comments: [][]byte{long}}
	for _, c := range []struct {
		name  string
		block pcapng.Block
		err   string
	}{
		{"comment", &pcapng.EnhancedPacket{Options: comment}, "write enhanced packet block: option 1: value of 65536 bytes, at most 65535 fit"},
		{"string", &pcapng.InterfaceDescription{Name: string(long)}, "option 2: value of 65536"},
		{"filter", &pcapng.InterfaceDescription{Filter: pcapng.Some(pcapng.Filter{Expression: string(long)})}, "option 11: value of 65537"},
		{"unknown option", &pcapng.EnhancedPacket{Options: pcapng.Options{Unknown: []pcapng.Option{{Code: 9, Value: long}}}}, "option 9"},
		{"end of options", &pcapng.EnhancedPacket{Options: pcapng.Options{Unknown: []pcapng.Option{{}}}}, "opt_endofopt"},
		{"custom option", &pcapng.EnhancedPacket{Options: pcapng.Options{Custom: []pcapng.CustomOption{{Code: 1}}}}, "1 is not the code of a custom option"},
		{"long custom option", &pcapng.EnhancedPacket{Options: pcapng.Options{Custom: []pcapng.CustomOption{{Code: 2988, Data: long}}}}, "65540"},
		{"hash", &pcapng.EnhancedPacket{Hashes: []pcapng.Hash{{Value: long}}}, "option 3"},
		{"verdict", &pcapng.EnhancedPacket{Verdicts: []pcapng.Verdict{{Data: long}}}, "option 7"},
		{"data", &pcapng.EnhancedPacket{Data: make([]byte, pcapng.DefaultMaxBlockSize-31)}, "block length out of bounds"},
		{"far too much data", &pcapng.EnhancedPacket{Headers: make([]byte, pcapng.DefaultMaxBlockSize), Data: []byte("x")}, "block length out of bounds"},
		{"interface", &pcapng.EnhancedPacket{InterfaceID: 1}, "interface 1, but the section has only 1"},
		{"interface of old packet", &pcapng.ObsoletePacket{InterfaceID: 9}, "interface 9"},
		{"interface of statistics", &pcapng.InterfaceStatistics{InterfaceID: 9}, "interface 9"},
		{"simple packet", &pcapng.SimplePacket{OriginalLength: 200, Data: make([]byte, 99)}, "99 bytes of a packet of 200, but the first interface's snap length 100 says 100"},
		{"IPv4", &pcapng.InterfaceDescription{IPv4Addrs: []pcapng.IPv4Addr{{Addr: netip.MustParseAddr("::1")}}}, "if_IPv4addr ::1"},
		{"IPv6", &pcapng.InterfaceDescription{IPv6Addrs: []netip.Prefix{{}}}, "if_IPv6addr"},
		{"DNS IPv4", &pcapng.NameResolution{DNSIPv4: pcapng.Some(netip.Addr{})}, "ns_dnsIP4addr"},
		{"DNS IPv6", &pcapng.NameResolution{DNSIPv6: pcapng.Some(netip.MustParseAddr("1.2.3.4"))}, "ns_dnsIP6addr"},
		{"name record", &pcapng.NameResolution{Records: []pcapng.NameRecord{{Type: 1, Value: long}}}, "name record of 65536"},
		{"end of names", &pcapng.NameResolution{Records: []pcapng.NameRecord{{}}}, "nrb_record_end"},
		{"known type", &pcapng.Unknown{Type: pcapng.TypeEnhancedPacket}, "Unknown cannot be used"},
		{"body", &pcapng.Unknown{Type: 7, Body: make([]byte, pcapng.DefaultMaxBlockSize)}, "block of type 0x00000007: block length out of bounds"},
		{"old packet", &pcapng.ObsoletePacket{Data: make([]byte, pcapng.DefaultMaxBlockSize+1)}, "block length out of bounds"},
		{"large simple packet", &pcapng.SimplePacket{Data: make([]byte, pcapng.DefaultMaxBlockSize+1)}, "block length out of bounds"},
		{"secrets", &pcapng.DecryptionSecrets{Data: make([]byte, pcapng.DefaultMaxBlockSize+1)}, "block length out of bounds"},
		{"header", &pcapng.SectionHeader{BigEndian: true, OS: string(long)}, "option 3"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var file bytes.Buffer
			w := pcapng.NewWriter(&file)
			check(t, w.WriteBlock(&pcapng.SectionHeader{}))
			d := pcapng.NewInterface("", 101)
			d.SnapLen = 100
			check(t, w.WriteBlock(d))
			err := w.WriteBlock(c.block)
			if err == nil || !strings.Contains(err.Error(), c.err) {
				t.Errorf("%v, want %q", err, c.err)
			}
			if size := errors.Is(err, pcapng.ErrBlockSize); size != strings.Contains(c.err, "out of bounds") {
				t.Errorf("ErrBlockSize: %v", size)
			}
			check(t, w.WriteBlock(&pcapng.SimplePacket{OriginalLength: 200, Data: make([]byte, 100)}))
			check(t, w.Flush())
			blocks, err := readAll(file.Bytes())
			if len(blocks) != 3 || err != io.EOF {
				t.Errorf("%d blocks, %v", len(blocks), err)
			}
		})
	}
}

func TestWriterOrder(t *testing.T) {
	w := pcapng.NewWriter(io.Discard)
	for _, b := range everything(false)[1:] {
		if err := w.WriteBlock(b); err == nil || !strings.Contains(err.Error(), "no section header block") {
			t.Errorf("%T: %v", b, err)
		}
	}
	check(t, w.WriteBlock(&pcapng.SectionHeader{}))
	if err := w.WritePacket(&pcapng.EnhancedPacket{}); err == nil || !strings.Contains(err.Error(), "no interface description block") {
		t.Error(err)
	}
}

// The largest block there may be is written and read.
func TestLargestBlock(t *testing.T) {
	data := make([]byte, pcapng.DefaultMaxBlockSize-32)
	blocks, err := readAll(write(t, &pcapng.SectionHeader{}, pcapng.NewInterface("", 1), &pcapng.EnhancedPacket{Data: data}))
	if len(blocks) != 3 || err != io.EOF {
		t.Errorf("%d blocks, %v", len(blocks), err)
	}
}

// Interfaces and processes are counted in each section.
func TestWriterNumbers(t *testing.T) {
	w := pcapng.NewWriter(io.Discard)
	for section := range 2 {
		check(t, w.WriteBlock(&pcapng.SectionHeader{}))
		for want := range uint32(3) {
			id, err := w.WriteInterface(pcapng.NewInterface("", 101))
			if id != want || err != nil || w.Interfaces() != int(want)+1 {
				t.Errorf("section %d: interface %d, %v", section, id, err)
			}
			index, err := w.WriteProcess(&pcapng.ProcessInformation{})
			if index != want || err != nil {
				t.Errorf("section %d: process %d, %v", section, index, err)
			}
		}
	}
}

// chunks checks that every Write is of whole blocks.
type chunks struct {
	t      *testing.T
	file   []byte
	writes int
	fail   int // the write to fail, from 1
	short  bool
}

var errDisk = errors.New("disk full")

func (c *chunks) Write(p []byte) (int, error) {
	c.writes++
	if c.writes == c.fail {
		if c.short {
			return len(p) - 1, nil
		}
		return 0, errDisk
	}
	c.file = append(c.file, p...)
	if _, err := readAll(c.file); err != io.EOF {
		c.t.Errorf("write %d: %v", c.writes, err)
	}
	return len(p), nil
}

func TestWriterWholeBlocks(t *testing.T) {
	c := &chunks{t: t}
	w := pcapng.NewWriterOptions(c, pcapng.WriterOptions{BufferSize: 1000})
	check(t, w.WriteBlock(&pcapng.SectionHeader{}))
	check(t, w.WriteBlock(pcapng.NewInterface("", 101)))
	if c.writes != 0 || w.Buffered() == 0 {
		t.Errorf("%d writes, %d buffered", c.writes, w.Buffered())
	}
	for n := range 500 {
		check(t, w.WritePacket(&pcapng.EnhancedPacket{Data: make([]byte, n*7)}))
	}
	check(t, w.Flush())
	check(t, w.Flush())
	if blocks, err := readAll(c.file); len(blocks) != 502 || err != io.EOF || w.Buffered() != 0 {
		t.Errorf("%d blocks, %v", len(blocks), err)
	}
	if c.writes < 100 {
		t.Errorf("%d writes", c.writes)
	}
}

func TestWriterError(t *testing.T) {
	for _, want := range []error{errDisk, io.ErrShortWrite} {
		c := &chunks{t: t, fail: 2, short: want == io.ErrShortWrite}
		w := pcapng.NewWriterOptions(c, pcapng.WriterOptions{BufferSize: 1})
		check(t, w.WriteBlock(&pcapng.SectionHeader{}))
		for range 2 {
			if _, err := w.WriteInterface(pcapng.NewInterface("", 101)); err != want {
				t.Errorf("%v, want %v", err, want)
			}
		}
		if err := w.WritePacket(&pcapng.EnhancedPacket{}); err != want {
			t.Errorf("packet: %v", err)
		}
		if err := w.Flush(); err != want || c.writes != 2 {
			t.Errorf("flush: %v after %d writes", err, c.writes)
		}
	}
}
