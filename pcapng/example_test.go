package pcapng_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"log"
	"net/netip"
	"time"

	"unixcap/pcapng"
)

// capture is a small file for the examples.
func capture() []byte {
	var file bytes.Buffer
	w := pcapng.NewWriter(&file)
	_ = w.WriteBlock(&pcapng.SectionHeader{UserAppl: "example 1.0"})
	id, _ := w.WriteInterface(pcapng.NewInterface("lo", 101))
	p := pcapng.EnhancedPacket{InterfaceID: id, Timestamp: 1700000000_000000001, Data: []byte("first")}
	p.Comments = [][]byte{[]byte("a comment")}
	_ = w.WritePacket(&p)
	_ = w.WritePacket(&pcapng.EnhancedPacket{InterfaceID: id, Timestamp: 1700000000_500000000,
		Data: []byte("sec"), OriginalLength: 6})
	_ = w.Flush()
	return file.Bytes()
}

func ExampleReader() {
	r, err := pcapng.NewReader(bytes.NewReader(capture()))
	if err != nil {
		log.Fatal(err)
	}
	for {
		b, err := r.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			log.Fatal(err)
		}
		switch b := b.(type) {
		case *pcapng.SectionHeader:
			fmt.Println("written by", b.UserAppl)
		case *pcapng.InterfaceDescription:
			fmt.Println("interface", b.Name, "in units of", b.Resolution())
		case *pcapng.EnhancedPacket:
			fmt.Printf("%s %d of %d bytes %q %s\n", b.Time().Format(time.RFC3339Nano),
				len(b.Data), b.OriginalLength, b.Data, bytes.Join(b.Comments, []byte(", ")))
		}
	}
	// Output:
	// written by example 1.0
	// interface lo in units of 10^-9 s
	// 2023-11-14T22:13:20.000000001Z 5 of 5 bytes "first" a comment
	// 2023-11-14T22:13:20.5Z 3 of 6 bytes "sec"
}

// A file that was cut off gives all its whole blocks first.
func ExampleReader_cut() {
	file := capture()
	r, err := pcapng.NewReader(bytes.NewReader(file[:len(file)-1]))
	if err != nil {
		log.Fatal(err)
	}
	blocks := 0
	for ; err == nil; blocks++ {
		_, err = r.Next()
	}
	fmt.Println(blocks-1, "blocks, then", err)
	fmt.Println(errors.Is(err, io.ErrUnexpectedEOF))
	// Output:
	// 3 blocks, then pcapng: offset 148: enhanced packet block: unexpected EOF
	// true
}

func ExampleNewReader_format() {
	_, err := pcapng.NewReader(bytes.NewReader([]byte("GIF89a, certainly not a capture")))
	fmt.Println(err)
	fmt.Println(errors.Is(err, pcapng.ErrFormat))
	// Output:
	// pcapng: offset 0: not a pcapng file
	// true
}

// One EnhancedPacket serves for all packets. Headers go before Data without
// copying it.
func ExampleWriter() {
	var file bytes.Buffer
	w := pcapng.NewWriter(&file)
	if err := w.WriteBlock(&pcapng.SectionHeader{OS: "Linux", UserAppl: "example 1.0"}); err != nil {
		log.Fatal(err)
	}
	id, err := w.WriteInterface(pcapng.NewInterface("lo", 101))
	if err != nil {
		log.Fatal(err)
	}
	p := pcapng.EnhancedPacket{InterfaceID: id, Headers: []byte("header|")}
	for i, payload := range []string{"one", "two"} {
		p.Timestamp = uint64(time.Date(2026, 1, 1, 0, 0, i, 0, time.UTC).UnixNano())
		p.Data = []byte(payload)
		p.Flags = pcapng.Some(pcapng.PacketFlags(0).WithDirection(pcapng.Outbound))
		p.PacketID = pcapng.Some(uint64(i + 1))
		p.Comments = append(p.Comments[:0], []byte("pid=1"))
		if err := w.WritePacket(&p); err != nil {
			log.Fatal(err)
		}
	}
	if err := w.Flush(); err != nil {
		log.Fatal(err)
	}

	r, err := pcapng.NewReader(&file)
	if err != nil {
		log.Fatal(err)
	}
	for {
		b, err := r.Next()
		if err != nil {
			break
		}
		if p, ok := b.(*pcapng.EnhancedPacket); ok {
			fmt.Printf("%d %s %q\n", p.PacketID.Value, p.Direction(), p.Data)
		}
	}
	// Output:
	// 1 outbound "header|one"
	// 2 outbound "header|two"
}

// Blocks of one file can be written to another as they are.
func ExampleWriter_WriteBlock() {
	r, err := pcapng.NewReader(bytes.NewReader(capture()))
	if err != nil {
		log.Fatal(err)
	}
	var copied bytes.Buffer
	w := pcapng.NewWriter(&copied)
	for {
		b, err := r.Next()
		if err == io.EOF {
			break
		}
		if err == nil {
			err = w.WriteBlock(b)
		}
		if err != nil {
			log.Fatal(err)
		}
	}
	if err := w.Flush(); err != nil {
		log.Fatal(err)
	}
	fmt.Println(bytes.Equal(copied.Bytes(), capture()))
	// Output: true
}

func ExampleNewNameRecord() {
	n := pcapng.NameResolution{Records: []pcapng.NameRecord{
		pcapng.NewNameRecord(netip.MustParseAddr("fd75:6e78::1"), "mysqld[24970]", "database"),
	}}
	for _, r := range n.Records {
		addr, _ := r.Addr()
		for name := range r.Names() {
			fmt.Println(addr, name)
		}
	}
	// Output:
	// fd75:6e78::1 mysqld[24970]
	// fd75:6e78::1 database
}
