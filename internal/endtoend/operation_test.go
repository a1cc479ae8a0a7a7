package endtoend

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// A chat is messages from one end of a socket pair to the other, and takes
// them out.
type chat struct {
	t   *testing.T
	fds [2]int
	n   int
}

func newChat(t *testing.T) *chat {
	t.Helper()
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Close(fds[0]); unix.Close(fds[1]) })
	return &chat{t: t, fds: fds}
}

func (k *chat) say(n, size int) {
	k.t.Helper()
	b := make([]byte, size)
	for range n {
		copy(b, fmt.Sprintf("message %d ", k.n))
		k.n++
		if _, err := unix.Write(k.fds[0], b); err != nil {
			k.t.Fatal(err)
		}
		for got := 0; got < size; {
			m, err := unix.Read(k.fds[1], b[got:])
			if err != nil {
				k.t.Fatal(err)
			}
			got += m
		}
	}
}

// ofSelf has only this process's conversations recorded.
func ofSelf(args ...string) []string { return append(args, "-p", fmt.Sprint(os.Getpid())) }

// until waits for a condition, and fails the test when it never comes.
func until(t *testing.T, what string, condition func() bool) {
	t.Helper()
	for range 600 {
		if condition() {
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	t.Fatalf("never: %s", what)
}

// signal sends one to the recording.
func (r *recording) signal(s os.Signal) {
	r.t.Helper()
	if err := r.cmd.Process.Signal(s); err != nil {
		r.t.Fatal(err)
	}
}

// said is how many messages of a chat a file has, and checks that they are the
// first ones, in order.
func said(t *testing.T, first int, names ...string) int {
	t.Helper()
	n := 0
	for line := range strings.Lines(analyze(t, append([]string{"dump", "--format", "stap"}, names...)...)) {
		if !strings.Contains(line, fmt.Sprintf("[message %d ", first+n)) {
			t.Fatalf("message %d is %.100q", first+n, line)
		}
		n++
	}
	return n
}

// Each signal does what the manual says, and the recording goes on.
func TestSignals(t *testing.T) {
	needs(t, "tshark", "capinfos")
	dir := t.TempDir()
	file, old := filepath.Join(dir, "x.pcapng"), filepath.Join(dir, "x.pcapng.1")
	k := newChat(t)
	r := record(t, ofSelf("-w", file)...)
	k.say(50, 40)
	until(t, "statistics", func() bool {
		r.signal(syscall.SIGUSR1) // they may not be in order yet
		return strings.Contains(r.said(), "50 packets captured\n50 packets received by filter\n0 packets")
	})
	if err := os.Rename(file, old); err != nil {
		t.Fatal(err)
	}
	k.say(20, 40)
	time.Sleep(100 * time.Millisecond)
	r.signal(syscall.SIGHUP)
	until(t, "another file", func() bool { _, err := os.Stat(file); return err == nil })
	k.say(30, 40)
	r.signal(syscall.SIGHUP) // there is nothing to do
	captured, dropped := r.stop()
	if captured != 100 || dropped != 0 {
		t.Errorf("captured %d, dropped %d", captured, dropped)
	}
	a, b := said(t, 0, old), 0
	if b = said(t, a, file); a != 70 || b != 30 {
		t.Errorf("%d messages in the first file, %d in the second", a, b)
	}
	faultless(t, []string{old, file})
	for _, name := range []string{old, file} {
		if out := run(t, "capinfos", "-k", "-c", name); !strings.Contains(out, "Number of packets") {
			t.Errorf("%s", out)
		}
		// The description comes again.
		if out := run(t, "tshark", "-n", "-r", name, "-c", "5", "-T", "fields", "-e", "frame.comment"); !strings.Contains(out, "peer_pid=") || !strings.Contains(out, "kind=stream") {
			t.Errorf("%s: %s", name, out)
		}
	}
}

// The manual's settings for logrotate give a set of whole captures that has
// everything, whether logrotate makes the new file or record does.
func TestLogrotate(t *testing.T) {
	needs(t, "logrotate", "tshark", "capinfos", "zcat")
	for _, create := range []string{"create 0644 root root", "nocreate"} {
		t.Run(create, func(t *testing.T) {
			dir := t.TempDir()
			if err := os.Chmod(dir, 0o755); err != nil { // as logrotate wants it
				t.Fatal(err)
			}
			file, settings := filepath.Join(dir, "x.pcapng"), filepath.Join(dir, "logrotate.conf")
			k := newChat(t)
			r := record(t, ofSelf("-w", file)...)
			text := fmt.Sprintf("%s {\nrotate 7\ncompress\ndelaycompress\nmissingok\n%s\npostrotate\nkill -HUP %d\nendscript\n}\n",
				file, create, r.cmd.Process.Pid)
			if err := os.WriteFile(settings, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			for range 3 {
				k.say(20, 40)
				run(t, "logrotate", "-f", "-s", filepath.Join(dir, "state"), settings)
				until(t, "the new file", func() bool {
					info, err := os.Stat(file)
					return err == nil && info.Size() > 0
				})
			}
			k.say(20, 40)
			if captured, dropped := r.stop(); captured != 80 || dropped != 0 {
				t.Errorf("captured %d, dropped %d", captured, dropped)
			}
			info, err := os.Stat(file)
			if err != nil || info.Mode() != 0o600 {
				t.Errorf("%v, %v", info, err)
			}
			names := unpacked(t, []string{file + ".3.gz", file + ".2.gz", file + ".1", file})
			if n := said(t, 0, names...); n != 80 {
				t.Errorf("%d messages", n)
			}
			faultless(t, names)
		})
	}
}

// After SIGUSR2 a file has what was said, also one that is compressed.
func TestFlushSignal(t *testing.T) {
	needs(t, "zstd", "zcat")
	for _, args := range [][]string{nil, {"-z", "zstd"}, {"-z", "gzip"}} {
		t.Run(strings.Join(args, ""), func(t *testing.T) {
			dir := t.TempDir()
			k := newChat(t)
			r := record(t, ofSelf(append(args, "-w", filepath.Join(dir, "x"))...)...)
			k.say(20, 40)
			until(t, "all messages", func() bool {
				r.signal(syscall.SIGUSR1)
				return strings.Contains(r.said(), "20 packets captured")
			})
			time.Sleep(500 * time.Millisecond) // for the last one's answer
			before := strings.Count(r.said(), "packets captured")
			r.signal(syscall.SIGUSR2)
			time.Sleep(500 * time.Millisecond) // or the other comes first
			r.signal(syscall.SIGUSR1)          // is served after it
			until(t, "statistics", func() bool { return strings.Count(r.said(), "packets captured") > before })
			if n := said(t, 0, unpacked(t, glob(t, dir+"/x*"))...); n != 20 {
				t.Errorf("%d messages", n)
			}
			r.stop()
		})
	}
}

// In a set, SIGHUP goes on to the next file.
func TestHangUpSet(t *testing.T) {
	needs(t, "tshark", "capinfos")
	for _, args := range [][]string{{"-C", "100"}, {"-b", "duration:1000"}} {
		dir := t.TempDir()
		k := newChat(t)
		r := record(t, ofSelf(append(args, "-w", filepath.Join(dir, "x"))...)...)
		k.say(10, 40)
		time.Sleep(100 * time.Millisecond)
		r.signal(syscall.SIGHUP)
		until(t, "the next file", func() bool { return len(glob(t, dir+"/*")) == 2 })
		k.say(10, 40)
		r.stop()
		names := glob(t, dir+"/*")
		if n := said(t, 0, names...); n != 20 {
			t.Errorf("%v: %d messages", args, n)
		}
		faultless(t, names)
	}
}

// On standard output SIGHUP is nothing to end for, and to a printer neither.
func TestHangUpIgnored(t *testing.T) {
	needs(t)
	for _, args := range [][]string{{"-w", "-"}, {"--format", "stap"}} {
		k := newChat(t)
		r := record(t, ofSelf(args...)...)
		k.say(10, 40)
		r.signal(syscall.SIGHUP)
		r.signal(syscall.SIGUSR2)
		r.signal(syscall.SIGUSR1)
		until(t, "statistics", func() bool { return strings.Contains(r.said(), "packets captured") })
		k.say(10, 40)
		if captured, _ := r.stop(); captured != 20 {
			t.Errorf("%v: captured %d", args, captured)
		}
	}
}

// Whatever condition is reached first ends the recording, with status 0.
func TestStopConditions(t *testing.T) {
	needs(t)
	for _, tt := range []struct {
		args     []string
		captured int // -1: not known
		files    int
	}{
		{[]string{"--duration", "0.3"}, -1, 1},
		{[]string{"--duration", "300ms", "-c", "1000000"}, -1, 1},
		{[]string{"-a", "duration:0.3", "--duration", "1h"}, -1, 1},
		{[]string{"--duration", "1h", "-c", "100"}, 100, 1},
		{[]string{"-a", "packets:100", "-c", "200"}, 100, 1},
		{[]string{"-a", "packets:200", "-c", "100"}, 100, 1},
		{[]string{"-a", "filesize:50"}, -1, 1},
		{[]string{"-b", "packets:20", "-a", "files:3"}, 60, 3},
		{[]string{"-b", "packets:20", "-a", "files:3", "-c", "50"}, 50, 3},
		{[]string{"-b", "duration:1000", "-a", "filesize:20", "-a", "files:2"}, -1, 2},
	} {
		t.Run(strings.Join(tt.args, " "), func(t *testing.T) {
			dir := t.TempDir()
			path := chatter(t, dir, 10, time.Millisecond)
			set := filepath.Join(dir, "set")
			if err := os.Mkdir(set, 0o700); err != nil {
				t.Fatal(err)
			}
			r := record(t, append(tt.args, "-w", filepath.Join(set, "x"), path)...)
			if err := <-r.ended; err != nil {
				t.Fatalf("%v: %s", err, r.said())
			}
			m := closing.FindStringSubmatch(r.said())
			if m == nil || tt.captured >= 0 && m[1] != fmt.Sprint(tt.captured) {
				t.Errorf("%s", r.said())
			}
			if names := glob(t, set+"/*"); len(names) != tt.files {
				t.Errorf("%v", names)
			}
		})
	}
}

// status is the exit status of a recording that ended.
func status(t *testing.T, err error) int {
	t.Helper()
	var exit *exec.ExitError
	switch {
	case err == nil:
		return 0
	case errors.As(err, &exit):
		return exit.ExitCode()
	}
	t.Fatal(err)
	return -1
}

// With --fail-on-loss the status tells whether everything was recorded. What
// was asked to be left out is no loss.
func TestFailOnLoss(t *testing.T) {
	needs(t)
	for _, tt := range []struct {
		name   string
		args   []string
		lose   bool
		status int
		want   string // in the closing lines
	}{
		{"nothing lost", nil, false, 0, "0 packets dropped"},
		{"cut as asked", []string{"-s", "10"}, false, 0, "\n  cut by -s: 100 packets, 99000 bytes\n"},
		{"capped as asked", []string{"--max-bytes", "10k"}, false, 0, "\n  beyond --max-bytes or --max-rate: 90 packets, 90000 bytes\n"},
		{"no room", []string{"-B", "64"}, true, 3, "\n  ring buffer full (-B makes it larger): "},
	} {
		t.Run(tt.name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "x.pcapng")
			k := newChat(t)
			r := record(t, ofSelf(append(tt.args, "--fail-on-loss", "-w", file)...)...)
			if tt.lose {
				r.signal(syscall.SIGSTOP) // a recorder that can't keep up
				k.say(1000, 1000)
				r.signal(syscall.SIGCONT)
				until(t, "a message after those lost", func() bool {
					k.say(1, 1000) // tells of what was lost
					r.signal(syscall.SIGUSR2)
					raw, err := os.ReadFile(file)
					return err == nil && regexp.MustCompile(`message 1\d{3} `).Match(raw)
				})
			} else {
				k.say(100, 1000)
			}
			r.signal(os.Interrupt)
			if got := status(t, <-r.ended); got != tt.status {
				t.Errorf("status %d, want %d", got, tt.status)
			}
			text := r.said()
			if !strings.Contains(text, tt.want) || strings.Contains(text, "fail-on-loss") != (tt.status == 3) {
				t.Errorf("%s", text)
			}
			if !tt.lose {
				if strings.Contains(text, "lost most") {
					t.Errorf("%s", text)
				}
				return
			}
			number := regexp.MustCompile(`ring buffer full .*: (\d+) packets, (\d+) bytes`).FindStringSubmatch(text)
			worst := regexp.MustCompile(`(?m)^  0xffff[0-9a-f]{12}  \d+ +(\d+) +(\d+) +\S+\[(\d+)\]  \S+\[(\d+)\]`).FindStringSubmatch(text)
			pid := fmt.Sprint(os.Getpid())
			if worst == nil || worst[3] != pid || worst[4] != pid || !slices.Equal(worst[1:3], number[1:]) {
				t.Errorf("%s", text)
			}
			raw, err := os.ReadFile(file)
			if want := fmt.Sprintf("ring_full=%s ring_full_bytes=%s", number[1], number[2]); err != nil || !bytes.Contains(raw, []byte(want)) {
				t.Errorf("the file's statistics do not say %s", want)
			}
		})
	}
}

// A reader of standard output that does not read can't hold a recording that is
// told to end; what it did not take is lost, and not because of a disk.
func TestStuckReader(t *testing.T) {
	needs(t)
	pipe := func(fds []int) error { return unix.Pipe2(fds, unix.O_CLOEXEC) }
	pair := func(fds []int) error {
		p, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
		copy(fds, p[:])
		return err
	}
	for _, tt := range []struct {
		name  string
		args  []string
		open  func([]int) error
		exact bool // what it did not take is known to the message
		reads bool
	}{
		{"pipe", []string{"-w", "-"}, pipe, true, false},
		{"socket", []string{"-w", "-"}, pair, true, false},
		{"compressed", []string{"-w", "-", "-z", "gzip", "-U"}, pipe, false, false},
		{"going on", []string{"-w", "-", "--on-error", "continue"}, pipe, true, false},
		{"printing", []string{"--format", "hex"}, pipe, false, false},
		{"reading at last", []string{"-w", "-"}, pipe, true, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var fds [2]int
			if err := tt.open(fds[:]); err != nil {
				t.Fatal(err)
			}
			reader, writer := os.NewFile(uintptr(fds[0]), "reader"), os.NewFile(uintptr(fds[1]), "writer")
			defer reader.Close()
			path := filepath.Join(t.TempDir(), "s")
			r := recordTo(t, writer, append(tt.args, path)...)
			writer.Close()
			flood(t, path, 20000, 0, 500*time.Millisecond) // more than a pipe holds
			r.signal(syscall.SIGTERM)
			taken := make(chan int, 1)
			go func() {
				if !tt.reads {
					return
				}
				var b bytes.Buffer
				n, _ := b.ReadFrom(reader)
				taken <- int(n)
			}()
			err := <-r.ended
			text := r.said()
			m := closing.FindStringSubmatch(text)
			if tt.reads {
				if n := <-taken; err != nil || n == 0 || strings.Contains(text, "reader") {
					t.Errorf("%v, %d bytes taken: %s", err, n, text)
				}
				return
			}
			if status(t, err) != 1 || !strings.Contains(text, "its reader does not read") || m == nil ||
				!regexp.MustCompile(`  reader of the output gone, or not reading: [1-9]\d* packets`).MatchString(text) || strings.Contains(text, "disk") {
				t.Fatalf("%v: %s", err, text)
			}
			if !tt.exact {
				return
			}
			// What the reader would have found is what is said to be captured.
			file := filepath.Join(t.TempDir(), "x")
			rest, err := io.ReadAll(reader)
			if err == nil {
				err = os.WriteFile(file, rest, 0o600)
			}
			if err != nil {
				t.Fatal(err)
			}
			out, _ := exec.Command(filepath.Join(bin, "analyze"), "dump", "--format", "stap", file).Output() // it is cut
			if n := strings.Count(string(out), "\n"); fmt.Sprint(n) != m[1] {
				t.Errorf("%d messages of %s captured", n, m[1])
			}
		})
	}
}
