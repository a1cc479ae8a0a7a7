package conformance

import (
	"fmt"
	"os"
	"testing"
	"time"

	"unixcap/bpf"
	"unixcap/internal/capture"

	"golang.org/x/sys/unix"
)

// What was recorded is compared here with what was never sent, to see that the
// checks find what they are there for.
func TestCheckFinds(t *testing.T) {
	now := time.Now()
	name, err := ownName()
	if err != nil {
		t.Fatal(err)
	}
	message := func(offset uint64, payload string) capture.Message {
		return capture.Message{
			Time: now, Offset: offset, Length: uint64(len(payload)), Payload: []byte(payload),
			Sender: capture.Process{PID: uint32(os.Getpid()), TID: 1, UID: uint32(os.Getuid()), Comm: name},
		}
	}
	want := []sent{
		{inode: 7, payload: []byte("first"), before: now, after: now},
		{inode: 7, payload: []byte("second"), before: now, after: now},
	}
	whole := []sent{{inode: 7, payload: []byte("firstsecond"), before: now, after: now}}
	for _, c := range []struct {
		name   string
		change func(list []capture.Message) []capture.Message
		want   Outcome
	}{
		{"nothing", func(l []capture.Message) []capture.Message { return l }, exact},
		{"another byte", func(l []capture.Message) []capture.Message { l[1].Payload[3]++; return l }, wrong},
		{"a missing message", func(l []capture.Message) []capture.Message { return l[:1] }, wrong},
		{"a message twice", func(l []capture.Message) []capture.Message { return append(l, l[1]) }, wrong},
		{"a byte too many", func(l []capture.Message) []capture.Message {
			l[0].Payload = append(l[0].Payload, 'x')
			return l
		}, wrong},
		{"another length", func(l []capture.Message) []capture.Message { l[1].Length--; return l }, wrong},
		{"another offset", func(l []capture.Message) []capture.Message { l[1].Offset++; return l }, wrong},
		{"another sender", func(l []capture.Message) []capture.Message { l[0].Sender.PID++; return l }, wrong},
		{"another name", func(l []capture.Message) []capture.Message { l[0].Sender.Comm = "other"; return l }, wrong},
		{"another time", func(l []capture.Message) []capture.Message {
			l[0].Time = now.Add(-time.Second)
			return l
		}, wrong},
		{"lost bytes", func(l []capture.Message) []capture.Message { l[1].LostBytes = 3; return l }, wrong},
		{"no payload", func(l []capture.Message) []capture.Message { l[0].Payload = nil; return l }, flagged},
		{"a cut payload", func(l []capture.Message) []capture.Message { l[1].Payload = l[1].Payload[:2]; return l }, flagged},
		{"a cut and another byte", func(l []capture.Message) []capture.Message {
			l[1].Payload = []byte("so")
			return l
		}, wrong},
		{"a failed attempt", func(l []capture.Message) []capture.Message {
			return append(l, capture.Message{Error: "EAGAIN"})
		}, exact},
	} {
		for _, check := range []*check{{messages: want}, {whole: whole}} {
			t.Run(fmt.Sprintf("%s in %d messages", c.name, max(1, len(check.messages))), func(t *testing.T) {
				check.path, check.kind = "none of known.go", "stream"
				got := newCollector()
				got.bySocket[7] = c.change([]capture.Message{message(0, "first"), message(5, "second")})
				if r := check.result(got, bpf.Fentry, kernel{6, 12, true, true}); r.Outcome != c.want || (r.Err != nil) != (c.want != exact) {
					t.Errorf("outcome %v, error %v, want %v", r.Outcome, r.Err, c.want)
				}
			})
		}
	}
}

// An outcome that is not the known one is an error, also if it is better.
func TestKnown(t *testing.T) {
	for _, c := range []struct {
		name    string
		path    string
		kind    string
		backend bpf.Backend
		kernel  kernel
		sendErr error
		flagged bool
		fails   bool
	}{
		{"exact where it is known to be flagged", "memory dropped meanwhile", "stream", bpf.Fentry, kernel{6, 12, true, true}, nil, false, true},
		{"flagged where it is known to be", "memory dropped meanwhile", "stream", bpf.Fentry, kernel{6, 12, true, true}, nil, true, false},
		{"flagged where it is not known", "write", "stream", bpf.Fentry, kernel{6, 12, true, true}, nil, true, true},
		{"refused as known", "send, MSG_OOB", "dgram", bpf.Fentry, kernel{6, 12, true, true}, unix.EOPNOTSUPP, false, false},
		{"refused for another reason", "send, MSG_OOB", "dgram", bpf.Fentry, kernel{6, 12, true, true}, unix.EINVAL, false, true},
		{"sent where it is known to be refused", "send, MSG_OOB", "dgram", bpf.Fentry, kernel{6, 12, true, true}, nil, false, true},
		{"refused for another kind only", "send, MSG_OOB", "stream", bpf.Fentry, kernel{6, 12, true, true}, unix.EOPNOTSUPP, false, true},
		{"refused by older kernels", "io_uring send, registered buffer", "stream", bpf.Fentry, kernel{6, 18, true, true}, unix.EINVAL, false, false},
		{"refused by older kernels only", "io_uring send, registered buffer", "stream", bpf.Fentry, kernel{7, 2, true, true}, unix.EINVAL, false, true},
		{"refused where there are no 32-bit programs", "32-bit send, MSG_OOB", "dgram", bpf.Fentry, kernel{6, 12, true, false}, unix.ENOEXEC, false, false},
		{"refused where there are 32-bit programs", "32-bit write", "stream", bpf.Fentry, kernel{6, 12, true, true}, unix.ENOEXEC, false, true},
		{"sent where there are no 32-bit programs", "32-bit write", "stream", bpf.Fentry, kernel{6, 12, true, false}, nil, false, true},
		{"an error that is none of the kernel's", "write", "stream", bpf.Fentry, kernel{6, 12, true, true}, os.ErrClosed, false, true},
		{"none lost where some must be", "more than the ring buffer holds", "stream", bpf.Fentry, kernel{6, 12, true, true}, nil, false, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			check := &check{path: c.path, kind: c.kind, sendErr: c.sendErr, flagged: c.flagged}
			if r := check.result(newCollector(), c.backend, c.kernel); (r.Err != nil) != c.fails {
				t.Errorf("outcome %v, error %v", r.Outcome, r.Err)
			}
		})
	}
}

// A message that several threads' lack is an error that names it, unless one was
// counted as missed.
func TestThreadsMissing(t *testing.T) {
	for _, c := range []struct {
		name    string
		missed  uint64
		outcome Outcome
		err     string
	}{
		{"counted", 1, counted, ""},
		{"not counted", 0, wrong, "1199 messages of 1200, without thread 2's 7th; the counters"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := newCollector()
			got.missed, got.counters = c.missed, "the counters"
			offset := uint64(0)
			for i := range threadSenders * threadMessages {
				sender, k := i%threadSenders, i/threadSenders
				if sender == 2 && k == 7 {
					continue
				}
				p := threadMessage(sender, k)
				got.bySocket[7] = append(got.bySocket[7], capture.Message{Offset: offset, Length: uint64(len(p)), Payload: p})
				offset += uint64(len(p))
			}
			check := &check{path: "four threads on one socket", kind: "dgram"}
			check.more = func(got *collector) error { return check.compareThreads(got, 7) }
			r := check.result(got, bpf.Kprobe, kernel{5, 10, true, true})
			if text := fmt.Sprint(r.Err); r.Outcome != c.outcome || (r.Err != nil) != (c.err != "") || r.Err != nil && text != c.err {
				t.Errorf("outcome %v, error %v, want %v, %q", r.Outcome, r.Err, c.outcome, c.err)
			}
		})
	}
}
