package capture

import (
	"strings"
	"testing"

	"unixcap/pcapng"
)

// What is learnt of a process later comes out from then on, and what a process
// of another origin says is not mistaken for it.
func TestOriginLearnt(t *testing.T) {
	c := newTalk(Stream, "/run/x")
	exe := &Origin{Exe: "/usr/sbin/mysqld", Container: "abc"}
	named := &Origin{Exe: "/usr/sbin/mysqld", Container: "abc", ContainerName: "db"}
	c.clientP.Origin = nil
	for _, o := range []*Origin{nil, exe, exe, named, nil} {
		c.serverP.Origin = o
		c.say(false, []byte("question"))
		c.say(true, []byte("answer"))
	}
	got := replay(t, record(t, WriterOptions{}, c.messages))
	same(t, got, c.messages)
	if got[2].Peer.Origin != got[3].Sender.Origin {
		t.Error("two processes of one origin do not share it")
	}
}

// A worker that takes over a connection has its own origin, also on packets
// without a description of it.
func TestOriginOfWorkers(t *testing.T) {
	c := newTalk(Stream, "/run/x")
	parent, worker := c.serverP, c.serverP
	worker.PID, worker.TID, worker.Origin = 3000, 3000, &Origin{Exe: "/usr/bin/worker"}
	for i := range 6 {
		c.serverP = []Process{parent, worker}[i/2%2]
		c.say(true, []byte("x"))
	}
	same(t, replay(t, record(t, WriterOptions{}, c.messages)), c.messages)
}

// The longest of everything fits into one comment, and what is cut is cut where
// the format says.
func TestLongestComment(t *testing.T) {
	long := strings.Repeat("\x01", 5000)
	o := &Origin{Exe: long, CgroupPath: long, Container: long, ContainerName: long}
	c := newTalk(Stream, long)
	c.client.Path = long
	for _, p := range []*Process{&c.clientP, &c.serverP} {
		*p = Process{PID: 1<<32 - 1, TID: 1<<32 - 1, UID: 1<<32 - 1, Comm: long, Cgroup: 1<<64 - 1, Origin: o}
	}
	m := c.say(false, []byte("x"))
	m.Offset, m.LostBytes, m.LostMessages, m.FDs = 1<<63, 1<<63, 1<<63, 253
	c.client.Cookie, c.client.NetNS, c.server.Cookie, c.server.NetNS = 1<<63, 1<<63, 1<<63, 1<<63
	file := record(t, WriterOptions{}, c.messages)
	got := replay(t, file)[0].Sender.Origin
	want := Origin{Exe: long[:maxExe], CgroupPath: long[:maxCgroupPath], Container: long[:maxContainer], ContainerName: long[:maxContainerName]}
	if got == nil || *got != want {
		t.Error("the origin is not what was written, cut to its limits")
	}
	packets(t, file, func(p *pcapng.EnhancedPacket, _ *segment, _ []byte) {
		if n := len(p.Comments[0]); n > 1<<16-1 {
			t.Errorf("a comment of %d bytes", n)
		}
	})
}
