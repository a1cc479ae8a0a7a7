package stream

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"sort"
	"strings"
	"sync/atomic"
	"time"

	"unixcap/internal/capture"
	"unixcap/internal/foreign"
	"unixcap/pcapng"
)

// Stdin is the name that stands for standard input.
const Stdin = "-"

// An Input reads several captures as one: in the order of their first
// packets, one after the other, as a rotated set of files is meant to be
// read. Packets are numbered through, and Locate says what the number is in
// its own file.
//
// A file may be of any kind that newReader knows, and compressed.
type Input struct {
	files []*inputFile
	// network knows the connections of all files but the streams, whose first
	// packet is read before its turn: a connection goes on in the next file of a rotated set.
	network *foreign.Dissector
	cur     int // the file that is read
	begun   int // how many have been begun
	errs    []error
	stats   []capture.Stats
	// starts only grows, and is looked at by other goroutines.
	starts atomic.Pointer[[]start]
	first  time.Time
	// waits, if not nil, is called to read from a stream, which may take any time.
	waits func(read func())

	base, last uint64
	read       int64 // of files that are done
	total      int64 // of all files; 0 if one of them is a stream
}

// start is where a file begins in the numbering.
type start struct {
	base uint64
	name string
}

type inputFile struct {
	of    *Input
	name  string
	file  *os.File
	count countingReader
	in    *capture.Reader
	done  func() // ends decompression
	first time.Time
	// ahead is a message already read from a file that cannot be rewound.
	ahead  *capture.Message
	fail   error
	faulty bool // an error has been noted
}

// A countingReader counts what is read through it. The decompression of zstd reads
// ahead, in a goroutine of its own.
type countingReader struct {
	io.Reader
	n atomic.Int64
}

func (c *countingReader) Read(p []byte) (int, error) {
	n, err := c.Reader.Read(p)
	c.n.Add(int64(n))
	return n, err
}

// A waitingReader tells the Input when it reads.
type waitingReader struct {
	of  *Input
	src io.Reader
}

func (w *waitingReader) Read(p []byte) (n int, err error) {
	if w.of.waits == nil {
		return w.src.Read(p)
	}
	w.of.waits(func() { n, err = w.src.Read(p) })
	return n, err
}

// OpenInput opens the captures of that name. A file that cannot be read is
// left out; Errors tells.
func OpenInput(names []string) *Input {
	in := &Input{network: foreign.New(0)}
	in.starts.Store(new([]start))
	streams := false
	for _, name := range names {
		f := &inputFile{of: in, name: name}
		if err := f.open(foreign.New(0)); err != nil {
			in.errs = append(in.errs, err)
			continue
		}
		size, whole := f.size()
		in.total += size
		streams = streams || !whole
		f.peek()
		if f.unusable() {
			in.failed(f, f.fail)
			f.close()
			continue
		}
		if whole && len(names) > 1 {
			f.close() // reopened when it is its turn: there may be thousands
		}
		in.files = append(in.files, f)
	}
	if streams {
		in.total = 0
	}
	sort.SliceStable(in.files, func(i, j int) bool {
		return in.files[i].first.Before(in.files[j].first)
	})
	for _, f := range in.files {
		if !f.first.IsZero() {
			in.first = f.first
			break
		}
	}
	return in
}

// open opens the file and reads its beginning. network is for packets that are
// not of UNIX sockets.
func (f *inputFile) open(network *foreign.Dissector) error {
	if f.name == Stdin {
		f.file = os.Stdin
	} else {
		file, err := os.Open(f.name)
		if err != nil {
			return fileError(f.name, errors.Unwrap(err))
		}
		if info, err := file.Stat(); err == nil && info.IsDir() {
			file.Close()
			return fileError(f.name, errors.New("is a directory (name the files in it)"))
		}
		f.file = file
	}
	f.count.Reader = f.file
	f.count.n.Store(0)
	if err := f.read(bufio.NewReaderSize(&f.count, readAhead), network); err != nil {
		f.close()
		return explain(f.name, err)
	}
	return nil
}

// read prepares to read what the file has.
func (f *inputFile) read(src *bufio.Reader, network *foreign.Dissector) (err error) {
	if src, f.done, err = unpack(src); err != nil {
		return err
	}
	var from io.Reader = src
	if _, whole := f.size(); !whole {
		from = &waitingReader{f.of, src}
	}
	f.in, err = newReader(src, from, network)
	return err
}

func (f *inputFile) close() {
	if f.done != nil {
		f.done()
	}
	if f.file != nil && f.file != os.Stdin {
		f.file.Close()
	}
	f.file, f.in, f.done, f.ahead = nil, nil, nil, nil
}

// size returns the file's size, and whether it is a regular file at all.
func (f *inputFile) size() (n int64, whole bool) {
	info, err := f.file.Stat()
	if err != nil || f.file == os.Stdin || !info.Mode().IsRegular() {
		return 0, false
	}
	return info.Size(), true
}

// peek reads the first message, for its time.
func (f *inputFile) peek() {
	f.ahead, f.fail = f.in.Next()
	if f.fail == nil {
		f.first = f.ahead.Time
	}
}

// unusable reports whether there is nothing to be had from the file.
func (f *inputFile) unusable() bool {
	return f.fail != nil && f.fail != io.EOF && !skipped(f.fail)
}

// skipped reports whether reading can go on after err.
func skipped(err error) bool {
	var damage *pcapng.Error
	return errors.As(err, &damage) && damage.Skipped
}

// next returns the file's next message.
func (f *inputFile) next() (*capture.Message, error) {
	if m, err := f.ahead, f.fail; m != nil || err != nil {
		f.ahead, f.fail = nil, nil
		return m, err
	}
	return f.in.Next()
}

// Next returns the next message, and io.EOF after the last one of all files.
// It is valid until the next call.
func (in *Input) Next() (*capture.Message, error) {
	for in.cur < len(in.files) {
		f := in.files[in.cur]
		if in.begun <= in.cur {
			in.begin(f)
		}
		m, err := f.next()
		if err == nil {
			m.Packet += in.base
			in.last = max(in.last, m.Packet)
			return m, nil
		}
		if err != io.EOF {
			in.failed(f, err)
			if skipped(err) && f.in != nil {
				continue
			}
		}
		if f.in != nil {
			in.stats = append(in.stats, f.in.Stats())
		}
		in.read += f.count.n.Load()
		f.close()
		in.cur++
	}
	return nil, io.EOF
}

// begin begins to read a file.
func (in *Input) begin(f *inputFile) {
	in.begun++
	in.base = in.last
	starts := append(*in.starts.Load(), start{in.base, f.name})
	in.starts.Store(&starts)
	if f.file == nil {
		f.ahead, f.fail = nil, nil
		f.fail = f.open(in.network)
	}
}

// failed notes what is wrong with a file. The first fault of each is enough:
// in a damaged one there may be any number.
func (in *Input) failed(f *inputFile, err error) {
	if !f.faulty {
		in.errs = append(in.errs, explain(f.name, err))
	}
	f.faulty = true
}

// ready reports whether Next, as a rule, does not read.
func (in *Input) ready() bool {
	if in.cur >= len(in.files) {
		return false
	}
	f := in.files[in.cur]
	return f.ahead != nil || f.in != nil && f.in.Ready()
}

// Stats returns what the recorder counted, one for each file that was read to
// its end.
func (in *Input) Stats() []capture.Stats { return in.stats }

// Errors returns what was wrong with the files, in the order it was met. What
// could be read of them has been.
func (in *Input) Errors() []error { return in.errs }

// Files is how many files could be opened.
func (in *Input) Files() int { return len(in.files) }

// Names lists the files that could be opened, in the order they are read.
func (in *Input) Names() []string {
	names := make([]string, len(in.files))
	for i, f := range in.files {
		names[i] = f.name
	}
	return names
}

// Start is the time of the first message, zero if there is none.
func (in *Input) Start() time.Time { return in.first }

// Progress is how many bytes were read, and how many there are; total is 0 if
// that is not known.
func (in *Input) Progress() (read, total int64) {
	read = in.read
	if in.cur < len(in.files) {
		read += in.files[in.cur].count.n.Load()
	}
	return read, in.total
}

// live reports whether one of the files is a stream, whose end may be a matter of
// time.
func (in *Input) live() bool { return in.total == 0 }

// buffer returns the memory that has the payload of the last message; see
// capture.Reader.Buffer.
func (in *Input) buffer() *pcapng.Buffer { return in.files[in.cur].in.Buffer() }

// Holds reports whether info is one of the files that are read.
func (in *Input) Holds(info os.FileInfo) bool {
	return slices.ContainsFunc(in.files, func(f *inputFile) bool {
		mine, err := os.Stat(f.name)
		if f.name == Stdin {
			mine, err = os.Stdin.Stat()
		}
		return err == nil && os.SameFile(mine, info)
	})
}

// Locate says which file a packet number belongs to, and what its number
// there is. It may be called while another goroutine reads.
func (in *Input) Locate(packet uint64) (name string, number uint64) {
	if packet == 0 {
		return "", 0
	}
	starts := *in.starts.Load()
	i := sort.Search(len(starts), func(i int) bool { return starts[i].base >= packet }) - 1
	if i < 0 {
		return "", packet
	}
	return starts[i].name, packet - starts[i].base
}

// A FileError says what is wrong with an input file.
type FileError struct {
	Name string
	Err  error
}

func (e *FileError) Error() string {
	name := e.Name
	if name == Stdin {
		name = "standard input"
	}
	return fmt.Sprintf("read %s: %v", name, e.Err)
}

func (e *FileError) Unwrap() error { return e.Err }

func fileError(name string, err error) error { return &FileError{name, err} }

// explain says what a reader's error means for the file.
func explain(name string, err error) error {
	var already *FileError
	switch {
	case errors.As(err, &already):
		return err
	case errors.Is(err, capture.ErrForeign):
		err = errLinkType
	case errors.Is(err, io.ErrUnexpectedEOF) && !strings.Contains(err.Error(), "cut off"):
		err = fmt.Errorf("the file was cut off at its beginning: %w", err)
	}
	return fileError(name, err)
}
