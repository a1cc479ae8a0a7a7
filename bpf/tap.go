package bpf

import (
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/btf"
	"github.com/cilium/ebpf/link"
	"github.com/cilium/ebpf/ringbuf"
	"github.com/cilium/ebpf/rlimit"
	"golang.org/x/sys/unix"
)

// Options say what a Tap records. The zero value records everything.
type Options struct {
	Backend Backend // "" is Auto
	Filter  Filter
	Snaplen uint32 // bytes of each message; 0 is no limit
	Failed  bool   // failed sends too
	Receive bool   // Receive events too
	// What each socket may have recorded, in bytes and bytes a second; 0 is
	// no cap. What is beyond counts as Loss.CapMessages.
	CapBytes, CapRate uint64
	RingSize          int // bytes, a power of two; 0 is DefaultRingSize
	// Types are the kernel's, for one that does not have them itself: ReadTypes.
	// Then only the kprobe backend can work.
	Types *btf.Spec
	// VerifierLog has the verifier count, for Programs.
	VerifierLog bool
	// Self is the process that is never recorded; 0 is the calling one.
	Self uint32
}

// DefaultRingSize holds about 100 ms of a flood of short messages, the longest
// that a busy machine was seen to keep the reader from running.
const DefaultRingSize = 64 << 20

// pollInterval is how long an event waits when too few are pending for the
// kernel to wake the reader. Waking it for each makes senders 2 times slower.
const pollInterval = 10 * time.Millisecond

// A Tap is a set of programs attached to the kernel, and the events from them.
type Tap struct {
	backend Backend
	coll    *ebpf.Collection
	hooks   map[string]string // by program
	links   []io.Closer
	// Of kretprobes: where they are defined, or that few calls are seen.
	retprobes *retprobes
	fewCalls  error   // why
	passed    []error // of the backends before this one
	reader    *ringbuf.Reader
	living    *link.Iter // nil until Living
	// livingWhole: it has all that is watched
	livingWhole bool
	record      ringbuf.Record
	expired     bool // the reader's deadline is over
}

// Open attaches the programs of the backend that o names, or of the first that
// this kernel takes. The error then says for each why not.
func Open(o Options) (*Tap, error) {
	go pages(o.Types)
	list, err := o.prepare()
	if err != nil {
		return nil, err
	}
	names := []Backend{o.Backend}
	if o.Backend == "" || o.Backend == Auto {
		names = Backends
	}
	var errs []error
	for _, name := range names {
		t, err := open(name, o, list)
		if err == nil {
			t.passed = errs
			return t, nil
		}
		errs = append(errs, fmt.Errorf("backend %s: %w", name, err))
	}
	return nil, joinErrors(errs)
}

// prepare does what comes before any backend: it completes the options, and
// says what no backend can do without.
func (o *Options) prepare() ([]pattern, error) {
	if err := checkNamespace(); err != nil {
		return nil, err
	}
	if err := removeMemlock(); err != nil {
		return nil, err
	}
	list, err := o.Filter.patterns()
	if err != nil {
		return nil, err
	}
	if o.Self == 0 {
		o.Self = uint32(os.Getpid())
	}
	if o.RingSize == 0 {
		o.RingSize = DefaultRingSize
	}
	return list, nil
}

// checkNamespace refuses a pid namespace of our own: the kernel's programs see
// the ids of the first one, and would record the recorder.
func checkNamespace() error {
	const first = "pid:[4026531836]" // PROC_PID_INIT_INO, include/linux/proc_ns.h
	if ns, err := os.Readlink("/proc/self/ns/pid"); err == nil && ns != first {
		return errors.New("process ids differ in this pid namespace (run it on the host, or with the host's: --pid=host)")
	}
	return nil
}

// removeMemlock does what kernels before 5.11 need, where maps count as locked
// memory. It is the first that fails without privileges on any kernel.
func removeMemlock() error {
	err := rlimit.RemoveMemlock()
	if errors.Is(err, os.ErrPermission) {
		return fmt.Errorf("use BPF: %w (%s)", os.ErrPermission, refusal())
	}
	return err
}

// joinErrors is errors.Join on one line.
func joinErrors(errs []error) error {
	if len(errs) == 1 {
		return errs[0]
	}
	var b strings.Builder
	for i, err := range errs {
		if i > 0 {
			b.WriteString("; ")
		}
		b.WriteString(err.Error())
	}
	return &openError{b.String(), errs}
}

type openError struct {
	text string
	errs []error
}

func (e *openError) Error() string   { return e.text }
func (e *openError) Unwrap() []error { return e.errs }

func open(name Backend, o Options, list []pattern) (*Tap, error) {
	b, ok := backends[name]
	if !ok {
		return nil, fmt.Errorf("no such backend (there are auto, %s)", Names())
	}
	types := o.Types
	if types == nil {
		own, err := ownTypes()
		if err != nil {
			return nil, err
		}
		types = own
	} else if name != Kprobe {
		return nil, fmt.Errorf("types from a file: %w (the kernel itself must have them for this)", ebpf.ErrNotSupported)
	}
	if err := b.try(); err != nil {
		return nil, err
	}
	spec, err := b.load()
	if err != nil {
		return nil, err
	}
	if err := fit(spec, types, &o); err != nil {
		return nil, err
	}
	if err := chooseStorage(spec, name, types); err != nil {
		return nil, err
	}
	if err := configure(spec, o, len(list)); err != nil {
		return nil, err
	}
	coll, err := loadCollection(spec, programOptions(&o))
	if err != nil {
		return nil, explain("load", err)
	}
	t := &Tap{backend: name, coll: coll, hooks: make(map[string]string)}
	for name, p := range spec.Programs {
		t.hooks[name] = p.SectionName
	}
	if err := t.start(spec, o, list); err != nil {
		t.Close()
		return nil, err
	}
	return t, nil
}

func programOptions(o *Options) ebpf.ProgramOptions {
	p := ebpf.ProgramOptions{KernelTypes: o.Types}
	if o.VerifierLog {
		p.LogLevel = ebpf.LogLevelStats
	}
	return p
}

// Names lists the backends for a message: "fentry, kprobe and tracepoint".
func Names() string {
	last := len(Backends) - 1
	var b strings.Builder
	for i, name := range Backends {
		switch i {
		case 0:
		case last:
			b.WriteString(" and ")
		default:
			b.WriteString(", ")
		}
		b.WriteString(string(name))
	}
	return b.String()
}

// configure sets the programs' constants and the maps' sizes.
func configure(spec *ebpf.CollectionSpec, o Options, patterns int) error {
	where, err := pages(o.Types)
	if err != nil {
		return err
	}
	set := map[string]any{
		"self_tgid":       o.Self,
		"record_failed":   o.Failed,
		"record_receive":  o.Receive,
		"cap_bytes":       o.CapBytes,
		"cap_rate":        o.CapRate,
		"filter_want":     o.Filter.Want.kinds(),
		"filter_not":      o.Filter.Not.kinds(),
		"filter_patterns": uint32(patterns),
		"filter_follow":   o.Filter.Follow,
		"wakeup_bytes":    uint32(min(1<<20, o.RingSize/8)),

		"page_offset_base": where.PageOffsetBase,
		"vmemmap_base":     where.VmemmapBase,
	}
	if o.Snaplen > 0 {
		set["snaplen"] = o.Snaplen
	}
	for name, value := range set {
		if err := spec.Variables[name].Set(value); err != nil {
			return fmt.Errorf("set %s: %w", name, err)
		}
	}
	cpus, err := ebpf.PossibleCPU()
	if err != nil {
		return err
	}
	spec.Maps["ring"].MaxEntries = uint32(o.RingSize)
	spec.Maps["scratches"].MaxEntries *= uint32(cpus)
	return nil
}

// start fills the filters' maps, attaches the programs and opens the ring.
func (t *Tap) start(spec *ebpf.CollectionSpec, o Options, list []pattern) error {
	if err := o.Filter.fill(t.coll.Maps, list); err != nil {
		return err
	}
	r, err := ringbuf.NewReader(t.coll.Maps["ring"])
	if err != nil {
		return fmt.Errorf("open the ring buffer: %w", err)
	}
	t.reader, t.expired = r, true
	if err := t.attach(spec); err != nil {
		return err
	}
	var now unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &now); err != nil {
		return err
	}
	return t.setComplete(uint64(now.Nano()))
}

// setComplete tells programs that pair a call's beginning with its end since when
// all of them are there; 0 says that they are not.
func (t *Tap) setComplete(since uint64) error {
	v := t.coll.Variables["complete_since"]
	if v == nil {
		return nil
	}
	if err := v.Set(since); err != nil {
		return fmt.Errorf("set complete_since: %w", err)
	}
	return nil
}

// explain makes one line of a load or attach error, with what to do about it.
func explain(what string, err error) error {
	var refused *ebpf.VerifierError
	switch {
	case errors.As(err, &refused) && len(refused.Log) > 0:
		if program, ok := strings.CutSuffix(err.Error(), refused.Error()); ok {
			what += " " + strings.TrimSuffix(program, ": ")
		}
		err := fmt.Errorf("%s: %w: %s", what, refused.Cause, verifierComplaint(refused.Log))
		if lockdown() == confidentiality {
			err = fmt.Errorf("%w (%s)", err, refusal())
		}
		return err
	case errors.Is(err, os.ErrPermission):
		return fmt.Errorf("%s: %w (%s)", what, os.ErrPermission, refusal())
	case errors.Is(err, ebpf.ErrNotSupported):
		return fmt.Errorf("%s: %w (this kernel has no such programs on this architecture)", what, ebpf.ErrNotSupported)
	case errors.Is(err, btf.ErrNotFound) || errors.Is(err, os.ErrNotExist):
		return fmt.Errorf("%s: %w (this kernel has no such hook)", what, err)
	}
	return fmt.Errorf("%s: %w", what, err)
}

// verifierStatistics begin the lines behind the reason in the verifier's log.
var verifierStatistics = []string{"processed ", "verification time ", "stack depth "}

// verifierComplaint finds the reason in the verifier's log: its last line that
// is not one of the statistics.
func verifierComplaint(log []string) string {
	for i := len(log) - 1; i >= 0; i-- {
		line := strings.TrimSpace(log[i])
		statistics := slices.ContainsFunc(verifierStatistics, func(s string) bool { return strings.HasPrefix(line, s) })
		if line != "" && !statistics {
			return line
		}
	}
	return "no reason given"
}

// Backend says which backend the programs are of.
func (t *Tap) Backend() Backend { return t.backend }

// Read waits for the next event and decodes it into e. It returns
// os.ErrDeadlineExceeded when there was none for pollInterval, so that the
// caller can see to what waits on time.
func (t *Tap) Read(e *Event) error {
	if t.expired { // it holds for several reads: the clock takes longer than a read
		t.reader.SetDeadline(time.Now().Add(pollInterval))
	}
	err := t.reader.ReadInto(&t.record)
	if t.expired = errors.Is(err, os.ErrDeadlineExceeded); err != nil {
		return err
	}
	return e.decode(t.record.RawSample)
}

// Ring returns how many bytes wait in the ring buffer, and its size. Any
// goroutine may call it until Close.
func (t *Tap) Ring() (used, size int) {
	return t.reader.AvailableBytes(), t.reader.BufferSize()
}

// Detach stops recording; what is in the ring can still be read.
func (t *Tap) Detach() error {
	errs := []error{t.setComplete(0)}
	for _, l := range slices.Backward(t.links) { // what forgets sockets is the last
		errs = append(errs, l.Close())
	}
	t.links = nil
	return errors.Join(errs...)
}

// Close detaches the programs and frees everything.
func (t *Tap) Close() error {
	err := t.Detach()
	if t.retprobes != nil {
		err = errors.Join(err, t.retprobes.Close())
		t.retprobes = nil
	}
	if t.reader != nil {
		err = errors.Join(err, t.reader.Close())
	}
	if t.living != nil {
		err = errors.Join(err, t.living.Close())
	}
	t.coll.Close()
	return err
}
