package sockets

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"unixcap/internal/capture"
	"unixcap/internal/need"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
)

// A machine is a file system with a /proc of the test's own.
type machine struct {
	t    *testing.T
	root string
}

func newMachine(t *testing.T) *machine {
	m := &machine{t: t, root: t.TempDir()}
	place(t, m.root, "sys/fs/cgroup/cgroup.controllers", "cpu memory\n")
	return m
}

// process makes a process that began so many ticks after the machine.
func (m *machine) process(pid uint32, start uint64, comm, exe, cgroups string) {
	m.t.Helper()
	m.exit(pid)
	dir := fmt.Sprintf("proc/%d/", pid)
	place(m.t, m.root, dir+"stat", fmt.Sprintf("%d (%s) S 1 %d %d 0 -1 4194304 1 2 3 4 5 6 7 8 20 0 1 0 %d 1000 100 18446744073709551615\n", pid, comm, pid, pid, start))
	place(m.t, m.root, dir+"status", "Name:\tx\nUid:\t1000\t1001\t1000\t1000\n")
	place(m.t, m.root, dir+"cgroup", cgroups)
	if exe == "" {
		return
	}
	if err := os.Symlink(exe, filepath.Join(m.root, dir, "exe")); err != nil {
		m.t.Fatal(err)
	}
}

func (m *machine) exit(pid uint32) {
	m.t.Helper()
	if err := os.RemoveAll(filepath.Join(m.root, fmt.Sprint("proc/", pid))); err != nil {
		m.t.Fatal(err)
	}
}

// cgroup makes a cgroup of version 2 and returns its id.
func (m *machine) cgroup(path string) uint64 {
	m.t.Helper()
	path = filepath.Join(m.root, "sys/fs/cgroup", path)
	if err := os.MkdirAll(path, 0o755); err != nil {
		m.t.Fatal(err)
	}
	info, err := os.Stat(path)
	if err != nil {
		m.t.Fatal(err)
	}
	return inode(info)
}

// ask asks, and waits for all that there is to be known.
func ask(t *testing.T, i *Inspector, pid uint32, cgroup, at uint64) capture.Process {
	t.Helper()
	q := i.Ask(pid, cgroup, at)
	if q == nil {
		t.Fatal("not asked")
	}
	i.Settle(time.Minute)
	if q.Found() == nil {
		t.Fatal("no answer")
	}
	return *q.Found()
}

func expect(t *testing.T, what string, got, want capture.Process) {
	t.Helper()
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("%s (- want, + got):\n%s", what, d)
	}
}

func start(t *testing.T, root string) *Inspector {
	t.Helper()
	i := NewInspector(root)
	t.Cleanup(i.Start())
	return i
}

const minute = 6000 // in ticks

// atTick is a time of the monotonic clock, given the tick that /proc would have.
func atTick(tick uint64) uint64 {
	var boot, monotonic unix.Timespec
	unix.ClockGettime(unix.CLOCK_BOOTTIME, &boot)
	unix.ClockGettime(unix.CLOCK_MONOTONIC, &monotonic)
	return tick*1e7 - uint64(boot.Nano()-monotonic.Nano())
}

func TestInspector(t *testing.T) {
	m := newMachine(t)
	docker := "/system.slice/docker-" + idA + ".scope"
	id := m.cgroup(docker)
	m.process(7, minute, "my (odd) name", "/usr/sbin/mysqld (deleted)", "0::"+docker+"\n")
	place(t, m.root, "var/lib/docker/containers/"+idA+"/config.v2.json", `{"Name":"/db"}`)
	i := start(t, m.root)
	want := capture.Process{PID: 7, Comm: "my (odd) name", Cgroup: id, Origin: &capture.Origin{
		Exe: "/usr/sbin/mysqld (deleted)", CgroupPath: docker, Container: idA, ContainerName: "db",
	}}
	first := ask(t, i, 7, id, atTick(2*minute))
	expect(t, "a process that lives", first, want)

	want.UID = 1001
	expect(t, "one of which only the pid is known", ask(t, i, 7, 0, 0), want)

	again := ask(t, i, 7, id, atTick(2*minute))
	if again.Origin != first.Origin {
		t.Error("the same origin twice")
	}

	place(t, m.root, "var/lib/docker/containers/"+idA+"/config.v2.json", `{"Name":"/renamed"}`)
	m.process(8, minute, "sh", "/bin/sh", "0::"+docker+"\n")
	if got := ask(t, i, 8, id, atTick(2*minute)).Origin.ContainerName; got != "db" {
		t.Errorf("the name was looked up again: %q", got)
	}

	m.process(9, minute, "kworker/0:1", "", "0::/\n")
	expect(t, "a kernel thread", ask(t, i, 9, 0, 0), capture.Process{
		PID: 9, UID: 1001, Comm: "kworker/0:1", Cgroup: m.cgroup("/"), Origin: &capture.Origin{CgroupPath: "/"},
	})
}

// A process executes another program, and is moved to another cgroup.
func TestInspectorChanges(t *testing.T) {
	m := newMachine(t)
	a, b := m.cgroup("/a"), m.cgroup("/b")
	i := start(t, m.root)
	m.process(7, minute, "sh", "/bin/sh", "0::/a\n")
	expect(t, "at first", ask(t, i, 7, a, atTick(minute)),
		capture.Process{PID: 7, Comm: "sh", Cgroup: a, Origin: &capture.Origin{Exe: "/bin/sh", CgroupPath: "/a"}})
	m.process(7, minute, "cat", "/bin/cat", "0::/a\n")
	expect(t, "exec", ask(t, i, 7, a, atTick(2*minute)),
		capture.Process{PID: 7, Comm: "cat", Cgroup: a, Origin: &capture.Origin{Exe: "/bin/cat", CgroupPath: "/a"}})
	m.process(7, minute, "cat", "/bin/cat", "0::/b\n")
	expect(t, "moved", ask(t, i, 7, b, atTick(3*minute)),
		capture.Process{PID: 7, Comm: "cat", Cgroup: b, Origin: &capture.Origin{Exe: "/bin/cat", CgroupPath: "/b"}})
}

// The pid of a process that is gone may be another's.
func TestInspectorReusedPID(t *testing.T) {
	m := newMachine(t)
	id := m.cgroup("/system.slice/cron.service")
	i := start(t, m.root)
	m.process(7, minute, "old", "/bin/old", "0::/system.slice/cron.service\n")
	old := capture.Process{PID: 7, Comm: "old", Cgroup: id, Origin: &capture.Origin{Exe: "/bin/old", CgroupPath: "/system.slice/cron.service"}}
	expect(t, "the first", ask(t, i, 7, id, atTick(2*minute)), old)

	m.process(7, 3*minute, "new", "/bin/new", "0::/system.slice/cron.service\n")
	expect(t, "what the first did just after", ask(t, i, 7, id, atTick(2*minute)+samePID/2), old)
	expect(t, "what somebody did between them", ask(t, i, 7, id, atTick(2*minute+minute/2)),
		capture.Process{PID: 7, Cgroup: id, Origin: &capture.Origin{CgroupPath: "/system.slice/cron.service"}})
	expect(t, "what the second did", ask(t, i, 7, id, atTick(4*minute)),
		capture.Process{PID: 7, Comm: "new", Cgroup: id, Origin: &capture.Origin{Exe: "/bin/new", CgroupPath: "/system.slice/cron.service"}})
}

// Of a process that is gone, the cgroup still tells the container.
func TestInspectorGone(t *testing.T) {
	m := newMachine(t)
	pod := "/kubepods.slice/kubepods-pod1b2d.slice/cri-containerd-" + idA + ".scope"
	id := m.cgroup(pod)
	place(t, m.root, task+"k8s.io/"+idA+"/config.json",
		`{"annotations":{"io.kubernetes.cri.container-name":"mysql","io.kubernetes.cri.sandbox-name":"db-0"}}`)
	i := start(t, m.root)
	expect(t, "gone", ask(t, i, 7, id, atTick(minute)), capture.Process{PID: 7, Cgroup: id, Origin: &capture.Origin{
		CgroupPath: pod, Container: idA, ContainerName: "db-0/mysql",
	}})
	m.process(6, minute, "cat", "/bin/cat", "")
	expect(t, "gone meanwhile", ask(t, i, 6, id, atTick(2*minute)), capture.Process{PID: 6, Comm: "cat", Cgroup: id, Origin: &capture.Origin{
		Exe: "/bin/cat", CgroupPath: pod, Container: idA, ContainerName: "db-0/mysql",
	}})
	expect(t, "gone with its cgroup", ask(t, i, 7, 1<<60, atTick(minute)), capture.Process{PID: 7, Cgroup: 1 << 60})
	expect(t, "gone, and nothing else known", ask(t, i, 7, 0, 0), capture.Process{PID: 7})

	// What was seen once stays known when the cgroup is gone, too.
	other := m.cgroup("/docker/" + idB)
	m.process(8, minute, "sh", "/bin/sh", "0::/docker/"+idB+"\n")
	ask(t, i, 8, other, atTick(minute))
	m.exit(8)
	if err := os.Remove(filepath.Join(m.root, "sys/fs/cgroup/docker", idB)); err != nil {
		t.Fatal(err)
	}
	expect(t, "gone after another of its container", ask(t, i, 9, other, atTick(2*minute)), capture.Process{
		PID: 9, Cgroup: other, Origin: &capture.Origin{CgroupPath: "/docker/" + idB, Container: idB},
	})
}

// Hosts with version 1, or with both, have names as well.
func TestInspectorOldCgroups(t *testing.T) {
	m := newMachine(t)
	docker := "/docker/" + idA
	m.process(7, minute, "sh", "/bin/sh", "4:memory:"+docker+"\n1:name=systemd:"+docker+"\n")
	m.process(8, minute, "sh", "/bin/sh", "4:memory:"+docker+"\n1:name=systemd:"+docker+"\n0::/system.slice\n")
	place(t, m.root, "var/lib/docker/containers/"+idA+"/config.v2.json", `{"Name":"/db"}`)
	if err := os.RemoveAll(filepath.Join(m.root, "sys/fs/cgroup")); err != nil {
		t.Fatal(err)
	}
	origin := &capture.Origin{Exe: "/bin/sh", CgroupPath: docker, Container: idA, ContainerName: "db"}
	expect(t, "version 1", ask(t, start(t, m.root), 7, 0, 0), capture.Process{PID: 7, UID: 1001, Comm: "sh", Origin: origin})
	expect(t, "version 1, gone", ask(t, start(t, m.root), 9, 1, atTick(minute)), capture.Process{PID: 9, Cgroup: 1})

	place(t, m.root, "sys/fs/cgroup/unified/cgroup.controllers", "")
	id := m.cgroup("unified/system.slice")
	expect(t, "both", ask(t, start(t, m.root), 8, id, atTick(minute)), capture.Process{PID: 8, Comm: "sh", Cgroup: id, Origin: origin})
	expect(t, "both, only the pid known", ask(t, start(t, m.root), 8, 0, 0), capture.Process{PID: 8, UID: 1001, Comm: "sh", Cgroup: id, Origin: origin})
	expect(t, "both, gone", ask(t, start(t, m.root), 9, id, atTick(minute)),
		capture.Process{PID: 9, Cgroup: id, Origin: &capture.Origin{CgroupPath: "/system.slice"}})
	root := m.cgroup("unified")
	expect(t, "both, gone, in the root", ask(t, start(t, m.root), 9, root, atTick(minute)), capture.Process{PID: 9, Cgroup: root})
}

// A disk that does not answer keeps nobody from being known by the rest.
func TestInspectorSlowDisk(t *testing.T) {
	m := newMachine(t)
	i := NewInspector(m.root)
	disk := make(chan string)
	i.find = func(string, string) string { return <-disk }
	t.Cleanup(i.Start())
	var list []*Inquiry
	for pid := range uint32(100) {
		m.process(pid+1, minute, "sh", "/bin/sh", "0::/docker/"+idA+"\n")
		list = append(list, i.Ask(pid+1, 5, atTick(minute)))
	}
	for _, q := range list {
		for q.Found() == nil {
			time.Sleep(time.Millisecond)
		}
		expect(t, "without the name", *q.Found(), capture.Process{
			PID: q.pid, Comm: "sh", Cgroup: 5, Origin: &capture.Origin{Exe: "/bin/sh", CgroupPath: "/docker/" + idA, Container: idA},
		})
	}
	i.Settle(time.Millisecond) // gives up
	disk <- "db"
	i.Settle(time.Minute)
	for _, q := range list {
		if got := q.Found().Origin.ContainerName; got != "db" {
			t.Errorf("process %d: %q", q.pid, got)
		}
	}
}

// Who asks too much is told, and does not wait.
func TestInspectorFull(t *testing.T) {
	i := NewInspector(newMachine(t).root)
	n := 0
	for i.Ask(uint32(n), 0, 0) != nil {
		n++
	}
	if n != maxAsked {
		t.Errorf("%d inquiries", n)
	}
}

// What /proc may have in it is no reason to fail.
func TestInspectorOddFiles(t *testing.T) {
	m := newMachine(t)
	for n, stat := range []string{"", "1", "1 (sh) S 1", "1 )(", "1 (sh) " + strings.Repeat("x ", 60)} {
		pid := uint32(n + 1)
		m.process(pid, minute, "sh", "/bin/sh", "0::/\n")
		place(t, m.root, fmt.Sprintf("proc/%d/stat", pid), stat)
		expect(t, stat, ask(t, start(t, m.root), pid, 0, 0), capture.Process{PID: pid})
	}
}

// This machine's own /proc.
func TestInspectorSelf(t *testing.T) {
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	var now unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &now); err != nil {
		t.Fatal(err)
	}
	pid := uint32(os.Getpid())
	for _, at := range []uint64{0, uint64(now.Nano())} {
		p := ask(t, start(t, "/"), pid, 0, at)
		if p.Comm != "sockets.test" || int(p.UID) != os.Geteuid() || p.Origin == nil || p.Origin.Exe != exe {
			t.Errorf("%+v %+v", p, p.Origin)
		}
	}
	if p := ask(t, start(t, "/"), pid, 0, 1); p.Origin != nil {
		t.Errorf("%+v was there when the machine began", p)
	}
}

func BenchmarkInspector(b *testing.B) {
	pid := uint32(os.Getpid())
	b.Run("ask", func(b *testing.B) { // all that who reads events waits for
		i := NewInspector("/")
		for b.Loop() {
			if i.Ask(pid, 1, 0) == nil {
				for len(i.asked) > 0 {
					<-i.asked
				}
			}
		}
	})
	i := NewInspector("/")
	b.Run("again", func(b *testing.B) {
		for b.Loop() {
			i.look(&Inquiry{pid: pid, cgroup: 1})
		}
	})
	b.Run("first", func(b *testing.B) {
		for b.Loop() {
			clear(i.known)
			i.look(&Inquiry{pid: pid})
		}
	})
	b.Run("walk", func(b *testing.B) {
		if i.tree == nil {
			need.Missing(b, "cgroups of version 2")
		}
		for b.Loop() {
			i.tree.walk()
		}
	})
}
