package pcapng

import (
	"errors"
	"fmt"
	"io"
)

// WriterOptions are the settings of a [Writer]. The zero value means the
// defaults.
type WriterOptions struct {
	// BufferSize is how many bytes of blocks are gathered before they are
	// handed on. The default is 256 KiB.
	BufferSize int
	// MaxBlockSize is the length of the longest block that is written. The
	// default is [DefaultMaxBlockSize], which is also what a Reader and
	// Wireshark accept.
	MaxBlockSize int
}

const defaultWriteBuffer = 256 << 10

// A Writer writes blocks to an io.Writer. It builds them in one buffer and
// allocates nothing per block once that has grown.
//
// Every Write to the io.Writer is of whole blocks, so that a file is valid up
// to what has been written at any moment. Flush at the end; a Writer has no
// Close.
//
// A block that breaks a rule of the format (no section yet, an interface that
// does not exist, a comment of more than 65,535 bytes, …) is refused with an
// error, nothing of it is written, and the Writer can be used further. An error
// of the io.Writer remains, and every later call returns it.
type Writer struct {
	w         io.Writer
	e         encoder
	flushAt   int
	section   bool // a section header has been written
	processes uint32
	err       error // of w
}

// NewWriter returns a Writer with the default options. The first block must be
// a SectionHeader.
func NewWriter(w io.Writer) *Writer { return NewWriterOptions(w, WriterOptions{}) }

// NewWriterOptions returns a Writer with the given options.
func NewWriterOptions(w io.Writer, o WriterOptions) *Writer {
	if o.BufferSize <= 0 {
		o.BufferSize = defaultWriteBuffer
	}
	if o.MaxBlockSize <= 0 {
		o.MaxBlockSize = DefaultMaxBlockSize
	}
	return &Writer{w: w, flushAt: o.BufferSize, e: encoder{maxBlock: o.MaxBlockSize}}
}

// WriteBlock writes any block. For interfaces and processes WriteInterface and
// WriteProcess also tell the number that packets refer to them by; for packets
// WritePacket is the shorter way.
func (w *Writer) WriteBlock(b Block) error {
	if p, ok := b.(*EnhancedPacket); ok {
		return w.WritePacket(p)
	}
	if err := w.check(b); err != nil {
		return w.refuse(b.BlockType(), err)
	}
	h, isHeader := b.(*SectionHeader)
	before := w.e.order
	if isHeader {
		w.e.order = order(h.BigEndian)
	}
	w.e.begin(b.BlockType())
	b.encode(&w.e)
	if err := w.e.end(); err != nil {
		w.e.order = before
		return w.refuse(b.BlockType(), err)
	}
	w.written(b)
	return w.flushIfFull()
}

// WritePacket writes a packet.
func (w *Writer) WritePacket(p *EnhancedPacket) error {
	if w.err != nil {
		return w.err
	}
	if err := w.checkInterface(p.InterfaceID); err != nil {
		return w.refuse(TypeEnhancedPacket, err)
	}
	w.e.begin(TypeEnhancedPacket)
	p.encode(&w.e)
	if err := w.e.end(); err != nil {
		return w.refuse(TypeEnhancedPacket, err)
	}
	return w.flushIfFull()
}

// WriteInterface writes an interface description and returns the interface's
// number in the section, which its packets have as InterfaceID.
func (w *Writer) WriteInterface(d *InterfaceDescription) (id uint32, err error) {
	id = w.e.interfaces
	return id, w.WriteBlock(d)
}

// WriteProcess writes a process information block and returns its number in the
// section, which packets have as ProcessIndex or PeerProcessIndex.
func (w *Writer) WriteProcess(p *ProcessInformation) (index uint32, err error) {
	index = w.processes
	return index, w.WriteBlock(p)
}

// Flush hands all blocks written so far to the io.Writer.
func (w *Writer) Flush() error {
	if w.err != nil || len(w.e.buf) == 0 {
		return w.err
	}
	n, err := w.w.Write(w.e.buf)
	if err == nil && n < len(w.e.buf) {
		err = io.ErrShortWrite
	}
	w.err = err
	w.e.buf = w.e.buf[:0]
	return err
}

// Buffered returns how many bytes wait for Flush.
func (w *Writer) Buffered() int { return len(w.e.buf) }

// Interfaces returns how many interfaces the current section has.
func (w *Writer) Interfaces() int { return int(w.e.interfaces) }

// refuse makes the error of a block that is not written. An error of the
// io.Writer goes through as it is.
func (w *Writer) refuse(t uint32, err error) error {
	if w.err != nil {
		return w.err
	}
	return fmt.Errorf("pcapng: write %s: %w", typeName(t), err)
}

var (
	errNoSection   = errors.New("no section header block before it")
	errNoInterface = errors.New("no interface description block in the section before it")
)

// check says why a block cannot come here.
func (w *Writer) check(b Block) error {
	if w.err != nil {
		return w.err
	}
	switch b := b.(type) {
	case *SectionHeader:
		return nil
	case *ObsoletePacket:
		return w.checkInterface(uint32(b.InterfaceID))
	case *InterfaceStatistics:
		return w.checkInterface(b.InterfaceID)
	case *SimplePacket:
		return w.checkInterface(0)
	}
	if !w.section {
		return errNoSection
	}
	return nil
}

func (w *Writer) checkInterface(id uint32) error {
	switch {
	case !w.section:
		return errNoSection
	case id < w.e.interfaces:
		return nil
	case w.e.interfaces == 0:
		return errNoInterface
	}
	return fmt.Errorf("interface %d, but the section has only %d", id, w.e.interfaces)
}

// written keeps count of what later blocks refer to.
func (w *Writer) written(b Block) {
	switch b := b.(type) {
	case *SectionHeader:
		w.section = true
		w.e.interfaces, w.processes, w.e.snapLen = 0, 0, 0
	case *InterfaceDescription:
		if w.e.interfaces == 0 {
			w.e.snapLen = b.SnapLen
		}
		w.e.interfaces++
	case *ProcessInformation:
		w.processes++
	}
}

func (w *Writer) flushIfFull() error {
	if len(w.e.buf) < w.flushAt {
		return nil
	}
	return w.Flush()
}
