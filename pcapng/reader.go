package pcapng

import (
	"bytes"
	"fmt"
	"io"
)

// DefaultMaxBlockSize is the longest block a Reader accepts and a Writer writes
// unless told otherwise, 16 MiB. It is the limit of Wireshark and its tools, so
// that longer blocks are in practice damaged lengths; and what a Reader holds
// in memory depends on it.
const DefaultMaxBlockSize = 16 << 20

// ReaderOptions are the settings of a [Reader]. The zero value means the
// defaults.
type ReaderOptions struct {
	// MaxBlockSize is the length of the longest block that is accepted. The
	// default is [DefaultMaxBlockSize].
	MaxBlockSize int
	// BufferSize is how much is read at once. The buffer grows beyond it only
	// for longer blocks, and only as far as there is input. The default of
	// 256 KiB fits the cache of a processor core.
	BufferSize int
}

const (
	// maxInterfaces bounds what a Reader keeps of a section. It is as many as
	// the 16 bits of an obsolete packet block can name.
	maxInterfaces = 1 << 16
)

// A Reader reads the blocks of a pcapng file. It copies the input once, into
// its buffer, and allocates nothing per packet once it has seen its share of
// packets. Its memory is bounded: for real files it is little more than the
// buffer, and for input made to be bad at worst some twenty times MaxBlockSize.
//
// It is lenient where that loses nothing (see [Options]) and strict where the
// meaning of a block would be a guess.
type Reader struct {
	win      *Window
	maxBlock int
	err      error // ends the reading

	offset         int64 // of the current block
	order          order
	section        *SectionHeader
	interfaces     []*InterfaceDescription
	interfaceBytes int // length of the blocks of interfaces

	// One of each, filled anew by Next.
	enhanced   EnhancedPacket
	simple     SimplePacket
	obsolete   ObsoletePacket
	names      NameResolution
	statistics InterfaceStatistics
	secrets    DecryptionSecrets
	journal    SystemdJournal
	custom     Custom
	process    ProcessInformation
	unknown    Unknown
}

// NewReader returns a Reader with the default options. It reads the beginning
// of r; if that is not pcapng, the error is [ErrFormat]. An empty input is both
// ErrFormat and io.ErrUnexpectedEOF. Whoever opened r closes it.
func NewReader(r io.Reader) (*Reader, error) { return NewReaderOptions(r, ReaderOptions{}) }

// NewReaderOptions returns a Reader with the given options.
func NewReaderOptions(r io.Reader, o ReaderOptions) (*Reader, error) {
	if o.MaxBlockSize <= 0 {
		o.MaxBlockSize = DefaultMaxBlockSize
	}
	x := &Reader{win: NewWindow(r, o.BufferSize, o.MaxBlockSize), maxBlock: o.MaxBlockSize}
	if err := x.checkFormat(); err != nil {
		return nil, err
	}
	return x, nil
}

// checkFormat looks at the first block's type and magic, and leaves the block
// to Next.
func (r *Reader) checkFormat() error {
	ferr := r.win.Fill(frameSize)
	b := r.win.Bytes()
	head := []byte{0x0A, 0x0D, 0x0D, 0x0A}
	if !bytes.HasPrefix(b, head[:min(len(b), len(head))]) {
		return &Error{Err: ErrFormat}
	}
	switch {
	case ferr == io.EOF && len(b) == 0:
		return &Error{Err: fmt.Errorf("%w: empty input (%w)", ErrFormat, io.ErrUnexpectedEOF)}
	case ferr != nil:
		return &Error{Err: noEOF(ferr)}
	}
	if _, ok := sectionOrder(b); !ok {
		return &Error{Err: ErrFormat}
	}
	return nil
}

// sectionOrder returns the byte order of a section header block by its magic.
func sectionOrder(b []byte) (order, bool) {
	switch {
	case littleEndian.u32(b[8:]) == byteOrderMagic:
		return littleEndian, true
	case bigEndian.u32(b[8:]) == byteOrderMagic:
		return bigEndian, true
	}
	return littleEndian, false
}

// noEOF makes of an end of input where there should be more an error of its own.
func noEOF(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}

// Next returns the next block. It and everything it points to are valid until
// the next call of Next, except that a SectionHeader and an
// InterfaceDescription stay valid; none of them may be changed.
//
// The error is io.EOF at the end of the input and an [*Error] otherwise. After
// an Error that has Skipped set, Next may be called again for the blocks that
// follow. An input that ends within a block is io.ErrUnexpectedEOF, after all
// its whole blocks have been returned.
func (r *Reader) Next() (Block, error) {
	if r.err != nil {
		return nil, r.err
	}
	t, body, err := r.frame()
	if err != nil {
		r.err = err
		return nil, err
	}
	b, err := r.decode(t, body)
	if err != nil {
		return nil, r.blockError(t, err)
	}
	return b, nil
}

// blockError is the error of a block whose length is sound. A section header or
// an interface description that cannot be read ends the reading all the same:
// the blocks after it would be taken for something else.
func (r *Reader) blockError(t uint32, err error) error {
	e := &Error{Offset: r.offset, Type: t, Err: err, Skipped: true}
	if t == TypeSectionHeader || t == TypeInterfaceDescription {
		e.Skipped = false
		r.err = e
	}
	return e
}

// frame takes the next block out of the window.
func (r *Reader) frame() (t uint32, body []byte, err error) {
	r.offset = r.win.Offset()
	b := r.win.Bytes()
	if len(b) < frameSize {
		if err := r.win.Fill(frameSize); err != nil {
			if err == io.EOF && len(r.win.Bytes()) == 0 {
				return 0, nil, io.EOF
			}
			return 0, nil, &Error{Offset: r.offset, Err: noEOF(err)}
		}
		b = r.win.Bytes()
	}
	t = r.order.u32(b)
	if t == TypeSectionHeader {
		o, ok := sectionOrder(b)
		if !ok {
			return 0, nil, &Error{Offset: r.offset, Type: t,
				Err: fmt.Errorf("byte-order magic is %#08x, not %#08x", r.order.u32(b[8:]), uint32(byteOrderMagic))}
		}
		r.order = o
	}
	total := r.order.u32(b[4:])
	if total < frameSize || uint64(total) > uint64(r.maxBlock) || total%4 != 0 {
		return 0, nil, &Error{Offset: r.offset, Type: t,
			Err: fmt.Errorf("%w: %d bytes (must be a multiple of 4 from %d to %d)", ErrBlockSize, total, frameSize, r.maxBlock)}
	}
	n := int(total)
	if len(b) < n {
		if err := r.win.Fill(n); err != nil {
			return 0, nil, &Error{Offset: r.offset, Type: t, Err: noEOF(err)}
		}
		b = r.win.Bytes()
	}
	if again := r.order.u32(b[n-4:]); again != total {
		return 0, nil, &Error{Offset: r.offset, Type: t,
			Err: fmt.Errorf("length at its end is %d, at its beginning %d", again, total)}
	}
	r.win.Skip(n)
	return t, b[8 : n-4 : n-4], nil
}

// Buffer returns the memory that the last block points into. Whoever retains it
// may use the block's bytes after the next call of Next, though not the block.
func (r *Reader) Buffer() *Buffer { return r.win.Buffer() }

// Ready reports whether the next block is in memory, so that Next does not read. Of a
// section header in another byte order than the last it may say the wrong thing.
func (r *Reader) Ready() bool {
	b := r.win.Bytes()
	return len(b) >= frameSize && uint64(len(b)) >= uint64(r.order.u32(b[4:]))
}

// decode makes a block of its body.
func (r *Reader) decode(t uint32, body []byte) (Block, error) {
	o := r.order
	switch t {
	case TypeEnhancedPacket:
		p := &r.enhanced
		err := p.decode(body, o)
		if err == nil {
			p.iface, err = r.lookup(p.InterfaceID)
		}
		return p, err
	case TypeSimplePacket:
		iface, err := r.lookup(0)
		if err == nil {
			err = r.simple.decode(body, o, iface)
		}
		return &r.simple, err
	case TypeObsoletePacket:
		p := &r.obsolete
		err := p.decode(body, o)
		if err == nil {
			p.iface, err = r.lookup(uint32(p.InterfaceID))
		}
		return p, err
	case TypeInterfaceStatistics:
		s := &r.statistics
		err := s.decode(body, o)
		if err == nil {
			s.iface, err = r.lookup(s.InterfaceID)
		}
		return s, err
	case TypeSectionHeader:
		return r.decodeSection(body)
	case TypeInterfaceDescription:
		return r.decodeInterface(body)
	case TypeNameResolution:
		return &r.names, r.names.decode(body, o)
	case TypeDecryptionSecrets:
		return &r.secrets, r.secrets.decode(body, o)
	case TypeSystemdJournal:
		r.journal.decode(body)
		return &r.journal, nil
	case TypeCustom, TypeCustomNoCopy:
		return &r.custom, r.custom.decode(body, o, t == TypeCustomNoCopy)
	case TypeProcessInformation:
		return &r.process, r.process.decode(body, o)
	}
	r.unknown = Unknown{t, body}
	return &r.unknown, nil
}

// decodeSection begins a section. The header is kept, so it gets memory of its
// own.
func (r *Reader) decodeSection(body []byte) (Block, error) {
	h := new(SectionHeader)
	if err := h.decode(bytes.Clone(body), r.order); err != nil {
		return nil, err
	}
	r.section, r.interfaces, r.interfaceBytes = h, nil, 0
	return h, nil
}

// decodeInterface adds an interface to the section. The description is kept, so
// it gets memory of its own, and there are limits to how much of that.
func (r *Reader) decodeInterface(body []byte) (Block, error) {
	r.interfaceBytes += len(body)
	if len(r.interfaces) == maxInterfaces || r.interfaceBytes > r.maxBlock {
		return nil, fmt.Errorf("interfaces of one section: more than %d, or more than %d bytes", maxInterfaces, r.maxBlock)
	}
	d := new(InterfaceDescription)
	if err := d.decode(bytes.Clone(body), r.order); err != nil {
		return nil, err
	}
	r.interfaces = append(r.interfaces, d)
	return d, nil
}

// lookup returns the interface a block names. It must exist (draft section 4.3).
func (r *Reader) lookup(id uint32) (*InterfaceDescription, error) {
	if uint64(id) >= uint64(len(r.interfaces)) {
		return nil, fmt.Errorf("interface %d has no description; the section has %d so far", id, len(r.interfaces))
	}
	return r.interfaces[id], nil
}

// Section returns the header of the current section, nil before the first call
// of Next.
func (r *Reader) Section() *SectionHeader { return r.section }

// Interfaces returns the interfaces of the current section so far, by number.
// The caller must not change them; they stay valid.
func (r *Reader) Interfaces() []*InterfaceDescription { return r.interfaces }

// Offset returns where in the input the block begins that the last call of Next
// returned or failed at; at the end of the input, its length.
func (r *Reader) Offset() int64 { return r.offset }
