// Package pcapng reads and writes pcapng, the capture file format of Wireshark
// and tcpdump. Its names are those of the format's description,
// draft-ietf-opsawg-pcapng; "draft" in a comment means that document.
//
// # The format
//
// A file is a sequence of blocks. A [SectionHeader] comes first and tells the
// byte order. An [InterfaceDescription] for each interface follows, then the
// packets, each an [EnhancedPacket] that names its interface by number. Other
// blocks add what else is known: names of addresses, statistics, secrets. Every
// file may contain several sections; each has its own byte order and its own
// interfaces.
//
// Most blocks have options. Those the draft defines are fields of the block's
// struct. A field that may be absent is an [Optional], or is empty when absent.
// [Options] has what all blocks share: comments, custom options, and the ones
// this package does not know. Blocks it does not know are [Unknown]. So a
// program that reads blocks and writes them again loses nothing.
//
// # Reading
//
// [NewReader] makes a Reader, and [Reader.Next] returns one block after the
// other as a pointer to its struct:
//
//	r, err := pcapng.NewReader(f)
//	for {
//		b, err := r.Next() // valid until the next call
//		switch b := b.(type) {
//		case *pcapng.EnhancedPacket:
//			use(b.Time(), b.Data)
//		}
//	}
//
// The structs and their slices are used again for the next block. Copy what is
// to be kept. Packets cost no allocation.
//
// The Reader does not believe lengths before it has seen the bytes, and bounds
// what it keeps: the input may be anything. [Error] says what is wrong at which
// offset. A file that was cut off, for example because the program writing it
// was killed, gives all its whole blocks and then io.ErrUnexpectedEOF.
//
// Timestamps are in units of the interface. UnixNano and Time of a packet
// convert them, whatever the unit.
//
// # Writing
//
// [NewWriter] makes a Writer. The first block must be a SectionHeader:
//
//	w := pcapng.NewWriter(f)
//	w.WriteBlock(&pcapng.SectionHeader{UserAppl: "example 1.0"})
//	id, _ := w.WriteInterface(pcapng.NewInterface("lo", linkType))
//	w.WritePacket(&pcapng.EnhancedPacket{InterfaceID: id, Timestamp: ns, Data: data})
//	w.Flush()
//
// A program that writes many packets keeps one EnhancedPacket and changes it.
// The Writer hands on whole blocks only, so that the file can be read at any
// moment.
package pcapng
