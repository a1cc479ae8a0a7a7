package sockets

import (
	"sync"
	"sync/atomic"
	"time"

	"unixcap/internal/capture"
)

// An Inspector finds out what runs in processes, and in which containers they
// are. Whoever asks does not wait: the answers come when they come.
//
// /proc is read by one goroutine, and what may take long by another: a runtime's
// files, which are on disks, and a walk through all cgroups.
type Inspector struct {
	// Executable, if not nil, finds the path of what a process runs, where this
	// one may not look itself. To be set before Start.
	Executable func(pid uint32) string

	root  string // of the file system, / but in tests
	asked chan *Inquiry
	slow  chan *inspection
	known map[uint32]*known // by pid; /proc's goroutine only

	tree *cgroupTree
	find func(root, id string) string // nameOf, but in tests

	asks, answers atomic.Uint64 // of inquiries that were taken, and that are done with

	mu      sync.Mutex        // of what follows
	names   map[string]string // of containers, by id; "" if there is none
	origins map[capture.Origin]*capture.Origin
}

const (
	// maxAsked bounds the inquiries that wait. Beyond it nothing is asked.
	maxAsked = 4096
	// maxKnown, maxNames and maxOrigins bound what is remembered, at some 500 bytes
	// each. What is forgotten is looked up once more.
	maxKnown   = 1 << 14
	maxNames   = 1 << 14
	maxOrigins = 1 << 14
)

// samePID is how long, in ns, a pid is the same process's without a look: not
// before all others were used is one used again.
const samePID = uint64(100 * time.Millisecond)

// NewInspector returns an Inspector of the file system at root. It looks at
// nothing before Start.
func NewInspector(root string) *Inspector {
	return &Inspector{
		root:  root,
		asked: make(chan *Inquiry, maxAsked),
		slow:  make(chan *inspection, maxAsked),
		known: map[uint32]*known{},
		tree:  newCgroupTree(root),
		find:  nameOf,
		names: map[string]string{}, origins: map[capture.Origin]*capture.Origin{},
	}
}

// An Inquiry is who a process is.
type Inquiry struct {
	pid    uint32
	cgroup uint64
	at     uint64
	found  atomic.Pointer[capture.Process]
	done   chan struct{} // not a question: closed when those before are answered
}

// PID is whom the inquiry is about.
func (q *Inquiry) PID() uint32 { return q.pid }

// IsOf reports whether the inquiry is about a process in a cgroup, as far as can
// be told by now.
func (q *Inquiry) IsOf(pid uint32, cgroup uint64) bool {
	if q.pid != pid || q.cgroup == cgroup {
		return q.pid == pid
	}
	found := q.Found()
	return q.cgroup == 0 && (found == nil || found.Cgroup == cgroup)
}

// Covers reports whether the answer is also that to an inquiry at another time.
func (q *Inquiry) Covers(at uint64) bool {
	return at < q.at+samePID && q.at < at+samePID
}

// Found returns what is known so far, nil if nothing is. It does not change, but
// a later call may return more.
func (q *Inquiry) Found() *capture.Process { return q.found.Load() }

// Ask begins to find out who had a pid at a time of the monotonic clock, and was
// then in the cgroup of version 2 with this id. 0 is now, and an unknown cgroup. It
// returns nil if too many have asked already.
func (i *Inspector) Ask(pid uint32, cgroup, at uint64) *Inquiry {
	if len(i.asked) == cap(i.asked) {
		return nil
	}
	q := &Inquiry{pid: pid, cgroup: cgroup, at: at}
	select {
	case i.asked <- q:
		i.asks.Add(1)
		return q
	default:
		return nil
	}
}

// Busy reports whether something that was asked is not answered in full.
func (i *Inspector) Busy() bool { return i.answers.Load() < i.asks.Load() }

// Start begins to answer, until the function that it returns is called.
func (i *Inspector) Start() (stop func()) {
	quit := make(chan struct{})
	go func() {
		for {
			select {
			case q := <-i.asked:
				i.answer(q)
			case <-quit:
				return
			}
		}
	}()
	go func() {
		for {
			select {
			case a := <-i.slow:
				i.complete(a)
			case <-quit:
				return
			}
		}
	}()
	return sync.OnceFunc(func() { close(quit) })
}

// Settle waits until all that was asked is answered, but not longer than limit:
// a disk may not answer at all.
func (i *Inspector) Settle(limit time.Duration) {
	timeout := time.After(limit)
	q := &Inquiry{done: make(chan struct{})}
	select {
	case i.asked <- q:
	case <-timeout:
		return
	}
	select {
	case <-q.done:
	case <-timeout:
	}
}

// An inspection is what is known of a process, and what is still to be found out
// of its cgroup.
type inspection struct {
	inquiry  *Inquiry
	process  capture.Process
	origin   capture.Origin
	findPath bool
	findName bool
}

// answer says what /proc does, and passes on what has to be looked for elsewhere.
func (i *Inspector) answer(q *Inquiry) {
	if q.done != nil {
		i.slow <- &inspection{inquiry: q}
		return
	}
	a := i.look(q)
	if a.findName {
		i.mu.Lock()
		name, known := i.names[a.origin.Container]
		i.mu.Unlock()
		if known {
			a.origin.ContainerName, a.findName = name, false
		}
	}
	i.publish(a)
	if a.findName || a.findPath {
		select {
		case i.slow <- a:
			return
		default: // whoever asks next has more luck
		}
	}
	i.answers.Add(1)
}

// complete finds out what takes longer.
func (i *Inspector) complete(a *inspection) {
	if a.inquiry.done != nil {
		close(a.inquiry.done)
		return
	}
	if a.findPath {
		path := i.tree.path(a.inquiry.cgroup)
		a.origin.CgroupPath = path
		a.origin.Container, a.origin.ContainerName = containerOf(path)
		a.findName = a.origin.Container != "" && a.origin.ContainerName == ""
	}
	if a.findName {
		a.origin.ContainerName = i.name(a.origin.Container)
	}
	i.publish(a)
	i.answers.Add(1)
}

// name returns the name of a container, looking for it once.
func (i *Inspector) name(id string) string {
	i.mu.Lock()
	name, ok := i.names[id]
	i.mu.Unlock()
	if ok {
		return name
	}
	name = i.find(i.root, id)
	i.mu.Lock()
	defer i.mu.Unlock()
	if len(i.names) >= maxNames {
		clear(i.names)
	}
	i.names[id] = name
	return name
}

// publish answers an inquiry. Processes of one origin share it.
func (i *Inspector) publish(a *inspection) {
	p := a.process
	if a.origin != (capture.Origin{}) {
		i.mu.Lock()
		p.Origin = i.origins[a.origin]
		if p.Origin == nil {
			if len(i.origins) >= maxOrigins {
				clear(i.origins)
			}
			o := a.origin
			p.Origin = &o
			i.origins[o] = p.Origin
		}
		i.mu.Unlock()
	}
	a.inquiry.found.Store(&p)
}

// A known process is one that was seen in /proc.
type known struct {
	start uint64 // in ticks
	seen  uint64 // of the inquiry's time
	comm  string
	exe   string
	id    uint64 // of the cgroup
	cgroup
}

// look finds out what /proc says.
func (i *Inspector) look(q *Inquiry) *inspection {
	a := &inspection{inquiry: q, process: capture.Process{PID: q.pid, Cgroup: q.cgroup}}
	k := i.see(q, &a.process)
	if k == nil {
		a.findPath = q.cgroup != 0 // which may be there still
		return a
	}
	a.process.Comm, a.process.Cgroup = k.comm, k.id
	a.origin = capture.Origin{Exe: k.exe, CgroupPath: k.path, Container: k.container, ContainerName: k.name}
	a.findName = k.container != "" && k.name == ""
	a.findPath = k.path == "" && q.cgroup != 0 // it ended while it was looked at
	return a
}

// see returns the process of an inquiry, nil if it is gone.
func (i *Inspector) see(q *Inquiry, p *capture.Process) *known {
	k := i.known[q.pid]
	d, err := openProc(i.root, q.pid)
	if err != nil {
		return k.before(q)
	}
	defer d.Close()
	comm, start, err := d.stat()
	if err != nil || q.at != 0 && !began(start, q.at) {
		return k.before(q)
	}
	if q.cgroup == 0 { // so that who asks does not know the user either
		p.UID = d.uid()
	}
	now := known{start: start, seen: q.at, comm: comm, exe: i.exe(d, q.pid, start)}
	if k != nil && k.start == start && k.id == q.cgroup {
		now.id, now.cgroup = k.id, k.cgroup
	} else {
		now.id, now.cgroup = i.cgroup(d, q.cgroup)
	}
	if len(i.known) >= maxKnown {
		clear(i.known)
	}
	i.known[q.pid] = &now
	return &now
}

// exe returns the path of what a process runs.
func (i *Inspector) exe(d procDir, pid uint32, start uint64) string {
	if i.Executable == nil {
		return d.exe()
	}
	exe := i.Executable(pid)
	if _, still, err := d.stat(); err != nil || still != start {
		return "" // perhaps of the next with that pid
	}
	return exe
}

// before returns a process that is gone now, if it was there about when the
// inquiry's was.
func (k *known) before(q *Inquiry) *known {
	if k == nil || q.at == 0 || !began(k.start, q.at) || q.at > k.seen+samePID || k.id != q.cgroup {
		return nil
	}
	return k
}

// cgroup returns a process's cgroup, and its id, which is given unless it is 0.
func (i *Inspector) cgroup(d procDir, id uint64) (uint64, cgroup) {
	c := d.cgroup()
	if id == 0 {
		id = i.tree.id(c.unified)
	} else {
		i.tree.note(id, c.unified)
	}
	return id, c
}
