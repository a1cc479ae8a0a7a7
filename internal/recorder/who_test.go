package recorder

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"unixcap/bpf"
	"unixcap/internal/capture"
	"unixcap/internal/sockets"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
)

// origins shows both ends' processes and what they run.
func origins(m *capture.Message) string {
	show := func(p *capture.Process) string {
		s := fmt.Sprintf("%s[%d]", p.Comm, p.PID)
		if p.Origin != nil {
			s += " " + p.Origin.Exe + " " + p.Origin.ContainerName
		}
		return s
	}
	s := show(&m.Sender) + " > " + show(&m.Peer)
	if m.Op == capture.Close {
		s += " closed"
	}
	return s
}

// A host is a file system with processes of the test's own.
type host struct {
	t    *testing.T
	root string
}

func (h *host) write(name, text string) {
	h.t.Helper()
	path := filepath.Join(h.root, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		h.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		h.t.Fatal(err)
	}
}

func (h *host) process(pid uint32, comm, exe string) {
	h.t.Helper()
	dir := fmt.Sprintf("proc/%d/", pid)
	h.write(dir+"stat", fmt.Sprintf("%d (%s) S 1 1 1 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 1 0", pid, comm))
	h.write(dir+"status", "Uid:\t5\t5\t5\t5\n")
	h.write(dir+"cgroup", "0::/lxc/web\n")
	link := filepath.Join(h.root, dir, "exe")
	if err := os.RemoveAll(link); err != nil {
		h.t.Fatal(err)
	}
	if err := os.Symlink(exe, link); err != nil {
		h.t.Fatal(err)
	}
}

// A stage is what happens before a message is recorded.
type stage struct {
	before func(h *host)
	event  bpf.Event
}

// play gives a recorder one event after the other, each when the one before is
// written and all is known that there is to be known then.
func play(t *testing.T, list []*sockets.Socket, stages []stage) (*Recorder, []string) {
	t.Helper()
	h := &host{t: t, root: t.TempDir()}
	out := &lines{show: origins}
	r := New(&script{}, out, list)
	r.table.inspector = sockets.NewInspector(h.root)
	t.Cleanup(r.table.inspector.Start())
	for i := range stages {
		if f := stages[i].before; f != nil {
			f(h)
		}
		r.source = &script{[]bpf.Event{stages[i].event}, func() {}}
		var e bpf.Event
		if err := r.read(&e); err != nil {
			t.Fatal(err)
		}
		r.table.inspector.Settle(settleLimit)
		if err := r.release(^uint64(0)); err != nil {
			t.Fatal(err)
		}
	}
	return r, out.all
}

type lines struct {
	all  []string
	show func(*capture.Message) string
}

func (l *lines) WriteMessage(m *capture.Message) error {
	l.all = append(l.all, l.show(m))
	return nil
}

func (l *lines) Flush() error { return nil }

func from(pid uint32, name string) func(*bpf.Event) {
	return func(e *bpf.Event) { e.PID, e.TID, e.Comm = pid, pid, comm(name) }
}

func TestWho(t *testing.T) {
	const at = 1000 * ms
	processes := func(list ...any) func(*host) {
		return func(h *host) {
			for i := 0; i < len(list); i += 3 {
				h.process(uint32(list[i].(int)), list[i+1].(string), list[i+2].(string))
			}
		}
	}
	old := []*sockets.Socket{
		{Socket: capture.Socket{SK: 1, Inode: 101}, PeerSK: 2},
		{Socket: capture.Socket{SK: 2, Inode: 102}, PeerSK: 1, Holders: []capture.Process{{PID: 50, Comm: "parent"}, {PID: 60, Comm: "worker"}}},
	}
	for _, tt := range []struct {
		name   string
		list   []*sockets.Socket
		stages []stage
		want   []string
	}{
		{"both ends", nil, []stage{
			{processes(1, "p1", "/bin/one", 2, "p2", "/bin/two"), send(1, 2, at, at, 0, 0, "a")},
			{nil, send(2, 1, at+1, at+1, 0, 0, "b")},
			{nil, send(1, 2, at+2, at+2, 1, 1, "c")},
		}, []string{"p1[1] /bin/one web > [0]", "p2[2] /bin/two web > p1[1] /bin/one web", "p1[1] /bin/one web > p2[2] /bin/two web"}},
		{"a connection from before, of a worker", old, []stage{
			{processes(1, "p1", "/bin/one", 50, "parent", "/bin/parent", 60, "worker", "/bin/worker"), send(1, 2, at, at, 0, 0, "a")},
			{nil, change(send(2, 1, at+1, at+1, 0, 0, "b"), from(60, "worker"))},
			{nil, send(1, 2, at+2, at+2, 1, 1, "c")},
		}, []string{"p1[1] /bin/one web > parent[50] /bin/parent web", "worker[60] /bin/worker web > p1[1] /bin/one web", "p1[1] /bin/one web > worker[60] /bin/worker web"}},
		{"a connection from before, whose holder is gone", old, []stage{
			{processes(1, "p1", "/bin/one"), send(1, 2, at, at, 0, 0, "a")},
		}, []string{"p1[1] /bin/one web > parent[50]"}},
		{"a connection from before, whose worker then reads", old, []stage{
			{processes(1, "p1", "/bin/one", 50, "parent", "/bin/parent", 60, "worker", "/bin/worker"),
				bpf.Event{Op: bpf.Socket, Kind: unix.SOCK_STREAM, SK: 2, Inode: 102, Peer: 1, PeerInode: 101, PID: 60, TID: 60, Comm: comm("worker")}},
			{nil, send(1, 2, at, at, 0, 0, "a")},
		}, []string{"p1[1] /bin/one web > worker[60] /bin/worker web"}},
		{"a process executes another program", nil, []stage{
			{processes(1, "sh", "/bin/sh"), change(send(1, 2, at, at, 0, 0, "a"), from(1, "sh"))},
			{processes(1, "cat", "/bin/cat"), change(send(1, 2, at+1, at+1, 1, 1, "b"), from(1, "cat"))},
		}, []string{"sh[1] /bin/sh web > [0]", "cat[1] /bin/cat web > [0]"}},
		{"and then makes a connection", nil, []stage{
			{processes(1, "sh", "/bin/sh"), change(send(1, 2, at, at, 0, 0, "a"), from(1, "sh"))},
			{processes(1, "cat", "/bin/cat"), change(send(3, 4, at+1, at+1, 0, 0, "b"), from(1, "cat"))},
		}, []string{"sh[1] /bin/sh web > [0]", "cat[1] /bin/cat web > [0]"}},
		{"threads have names of their own", nil, []stage{
			{processes(1, "main", "/bin/one"), change(send(1, 2, at, at, 0, 0, "a"), from(1, "main"))},
			{processes(1, "main", "/bin/changed"), change(send(1, 2, at+1, at+1, 1, 1, "b"),
				func(e *bpf.Event) { e.PID, e.TID, e.Comm = 1, 7, comm("thread") })},
		}, []string{"main[1] /bin/one web > [0]", "thread[1] /bin/one web > [0]"}},
		{"a pid is used again", nil, []stage{
			{processes(1, "p1", "/bin/old"), send(1, 2, at, at, 0, 0, "a")},
			{processes(1, "p1", "/bin/new"), change(send(1, 3, at+200*ms, at+200*ms, 0, 0, "b"), func(e *bpf.Event) { e.Inode = 555 })},
		}, []string{"p1[1] /bin/old web > [0]", "p1[1] /bin/old web > [0] closed", "p1[1] /bin/new web > [0]"}},
		{"a socket address is used again", nil, []stage{
			{processes(1, "p1", "/bin/one", 8, "p8", "/bin/eight"), send(1, 2, at, at, 0, 0, "a")},
			{nil, change(change(send(1, 3, at+1, at+1, 0, 0, "b"), from(8, "p8")), func(e *bpf.Event) { e.Inode = 555 })},
		}, []string{"p1[1] /bin/one web > [0]", "p1[1] /bin/one web > [0] closed", "p8[8] /bin/eight web > [0]"}},
		{"a process that is gone", nil, []stage{
			{nil, send(1, 2, at, at, 0, 0, "a")},
			{nil, send(1, 2, at+1, at+1, 1, 1, "b")},
		}, []string{"p1[1] > [0]", "p1[1] > [0]"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, got := play(t, tt.list, tt.stages)
			if d := cmp.Diff(tt.want, got); d != "" {
				t.Error(d)
			}
		})
	}
}

// Processes that take turns on a socket are not looked up for each message.
func TestWhoTakesTurns(t *testing.T) {
	const at = 1000 * ms
	r := New(&endless{}, &discard{}, nil)
	var first [2]*sockets.Inquiry
	for i := range uint64(1000) {
		pid := uint32(10 + i%2)
		e := change(send(1, 2, at+i*1000, at+i*1000, uint32(i), i, "x"), from(pid, "worker"))
		s, _ := r.table.ends(&e)
		if i < 2 {
			first[i] = s.who
		}
		if s.who == nil || s.who != first[i%2] || s.who.PID() != pid {
			t.Fatalf("message %d asks again", i)
		}
	}
}

// When too much is asked, messages come without an answer, and later ones ask
// again.
func TestWhoLater(t *testing.T) {
	const at = 1000 * ms
	h := &host{t: t, root: t.TempDir()}
	h.process(1, "p1", "/bin/one")
	out := &lines{show: origins}
	r := New(&script{}, out, nil)
	r.table.inspector = sockets.NewInspector(h.root)
	for r.table.inspector.Ask(5, 0, 0) != nil {
	}
	for i := range uint64(2) {
		e := send(1, 2, at+i, at+i, uint32(i), i, "x")
		from, to := r.table.ends(&e)
		r.window.begin(&e, from, to)
		if i == 1 {
			r.table.inspector.Settle(settleLimit)
		}
		if err := r.release(^uint64(0)); err != nil {
			t.Fatal(err)
		}
		if i == 0 {
			t.Cleanup(r.table.inspector.Start())
			r.table.inspector.Settle(settleLimit)
		}
	}
	if d := cmp.Diff([]string{"p1[1] > [0]", "p1[1] /bin/one web > [0]"}, out.all); d != "" {
		t.Error(d)
	}
}

// This process, in the file that it would be in.
func TestWhoSelf(t *testing.T) {
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	out := &lines{show: func(m *capture.Message) string { return m.Sender.Origin.Exe }}
	at := uint64(read(unix.CLOCK_MONOTONIC)) + 1000*ms // written at the end only
	r := New(&script{[]bpf.Event{change(send(1, 2, at, at, 0, 0, "a"), from(uint32(os.Getpid()), "recorder.test"))}, cancel}, out, nil)
	if err := r.Run(ctx); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff([]string{exe}, out.all); d != "" {
		t.Error(d)
	}
}

// late is a Source that has an event that is read late, and then nothing for
// as long as nothing is written.
type late struct {
	event   *bpf.Event
	out     *lines
	inspect func()
	end     context.CancelFunc
	idle    int
}

func (s *late) Read(e *bpf.Event) error {
	if s.event != nil {
		*e, s.event = *s.event, nil
		return nil
	}
	switch {
	case len(s.out.all) > 0:
		s.end()
	case s.idle == 3:
		s.inspect()
	}
	s.idle++
	return os.ErrDeadlineExceeded
}

func (s *late) Detach() error { return nil }

// An event that is read late waits for the answer all the same, and nobody waits
// for an answer that does not come.
func TestWhoHeld(t *testing.T) {
	for _, answers := range []bool{true, false} {
		h := &host{t: t, root: t.TempDir()}
		h.process(1, "p1", "/bin/one")
		out := &lines{show: origins}
		e := send(1, 2, 1000*ms, 1000*ms, 0, 0, "a")
		ctx, cancel := context.WithCancel(t.Context())
		r := New(nil, out, nil)
		r.table.inspector = sockets.NewInspector(h.root)
		stop := func() {}
		r.source = &late{event: &e, out: out, end: cancel, inspect: func() {
			if answers {
				stop = r.table.inspector.Start()
			}
		}}
		r.table.hold.limit = 60_000 * ms
		want := "p1[1] /bin/one web > [0]"
		if !answers {
			r.table.hold.limit = 10 * ms
			want = "p1[1] > [0]"
		}
		for ctx.Err() == nil {
			var e bpf.Event
			if err := r.step(&e); err != nil {
				t.Fatal(err)
			}
		}
		stop()
		if d := cmp.Diff([]string{want}, out.all); d != "" {
			t.Error(d)
		}
	}
}

// Whoever reads a message is asked about before that message is written.
func TestWhoReads(t *testing.T) {
	h := &host{t: t, root: t.TempDir()}
	h.process(1, "p1", "/bin/one")
	h.process(60, "worker", "/bin/worker")
	for _, pid := range []uint32{60, 50} { // who was taken for the holder
		list := []*sockets.Socket{
			{Socket: capture.Socket{SK: 1, Inode: 101}, PeerSK: 2},
			{Socket: capture.Socket{SK: 2, Inode: 102}, PeerSK: 1, Holders: []capture.Process{{PID: pid, Comm: "parent"}}},
		}
		ctx, cancel := context.WithCancel(t.Context())
		out := &lines{show: origins}
		at := uint64(read(unix.CLOCK_MONOTONIC)) + 1000*ms // written at the end only
		r := New(&script{[]bpf.Event{
			send(1, 2, at, at, 0, 0, "a"),
			{Op: bpf.Socket, Kind: unix.SOCK_STREAM, SK: 2, Inode: 102, Peer: 1, PeerInode: 101, PID: 60, TID: 60, Comm: comm("worker"), Cgroup: 1 << 60},
		}, cancel}, out, list)
		r.table.inspector = sockets.NewInspector(h.root)
		if err := r.Run(ctx); err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff([]string{"p1[1] /bin/one web > worker[60] /bin/worker web"}, out.all); d != "" {
			t.Errorf("taken for %d: %s", pid, d)
		}
	}
}
