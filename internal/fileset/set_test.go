package fileset

import (
	"bufio"
	gocmp "cmp"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	"unixcap/internal/capture"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/zstd"
)

// A talk is what three connections say, in turn.
type talk struct {
	n      uint64
	at     time.Time
	step   time.Duration
	offset [6]uint64
	socks  [6]capture.Socket
	size   int
	m      capture.Message
}

func newTalk(size int, step time.Duration) *talk {
	k := &talk{at: time.Unix(1800000000, 0), step: step, size: size}
	for i := range k.socks {
		k.socks[i] = capture.Socket{SK: 0xffff888000000000 + uint64(i+1)<<8, Inode: uint32(i + 1), Kind: capture.Kind(i / 2)}
		if i%2 == 1 {
			k.socks[i].Path = fmt.Sprintf("/run/%d.sock", i/2)
		}
	}
	return k
}

func (k *talk) next() *capture.Message {
	i := k.n % 6
	k.n++
	k.at = k.at.Add(k.step)
	p := fmt.Appendf(nil, "message %d ", k.n)
	for s := k.n * 0x9e3779b97f4a7c15; len(p) < k.size; s = s*6364136223846793005 + 1442695040888963407 {
		p = append(p, byte(s>>56)) // nothing to compress
	}
	k.m = capture.Message{
		Number: k.n, Time: k.at, From: &k.socks[i], To: &k.socks[i^1],
		Sender: capture.Process{PID: 100 + uint32(i), TID: 100 + uint32(i), Comm: "talker"},
		Peer:   capture.Process{PID: 100 + uint32(i^1), Comm: "talker"},
		Offset: k.offset[i], Length: uint64(len(p)), Payload: p,
	}
	k.offset[i] += k.m.Length
	return &k.m
}

// A clock is what the time is for a Set.
type clock struct{ at time.Time }

func (c *clock) now() time.Time { return c.at }

func newSet(t *testing.T, o Options, at time.Time) (*Set, *clock) {
	t.Helper()
	if err := Check(&o); err != nil {
		t.Fatal(err)
	}
	c := &clock{at}
	s := &Set{opt: o, now: c.now}
	if err := s.start(); err != nil {
		t.Fatal(err)
	}
	return s, c
}

// say writes n messages, with a Flush after each tenth.
func say(t *testing.T, s *Set, c *clock, k *talk, n int) {
	t.Helper()
	for i := range n {
		err := s.WriteMessage(k.next())
		c.at = k.at
		if err == nil && i%10 == 9 {
			err = s.Flush()
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

// A line is what is compared of a message that was read back.
type line struct {
	Number, Offset          uint64
	Payload                 string
	LostMessages, LostBytes uint64
	Path                    string
}

// readFile reads a file, which must be whole.
func readFile(t *testing.T, name string) ([]line, capture.Stats) {
	t.Helper()
	f, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var in io.Reader = bufio.NewReader(f)
	switch filepath.Ext(name) {
	case ".gz":
		in, err = gzip.NewReader(in)
	case ".zst":
		in, err = zstd.NewReader(in)
	}
	if err != nil {
		t.Fatal(err)
	}
	r, err := capture.NewReader(in, capture.ReaderOptions{})
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	var list []line
	for {
		m, err := r.Next()
		if errors.Is(err, io.EOF) {
			return list, r.Stats()
		}
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if m.Length != uint64(len(m.Payload)) {
			t.Errorf("%s: message %d has %d bytes of %d", name, m.Number, len(m.Payload), m.Length)
		}
		list = append(list, line{m.Number, m.Offset, string(m.Payload), m.LostMessages, m.LostBytes, m.From.Path + m.To.Path})
	}
}

func readSet(t *testing.T, names []string) ([]line, capture.Stats) {
	t.Helper()
	var all []line
	var sum capture.Stats
	for _, name := range names {
		list, stats := readFile(t, name)
		all = append(all, list...)
		var counted uint64
		for i, s := range stats.Interfaces {
			sum.Interfaces[i].Received += s.Received
			sum.Interfaces[i].Dropped += s.Dropped
			sum.Interfaces[i].Accepted += s.Accepted
			sum.Interfaces[i].OSDropped += s.OSDropped
			sum.Interfaces[i].Delivered += s.Delivered
			counted += s.Delivered
		}
		if counted != uint64(len(list)) {
			t.Errorf("%s has %d messages, and its statistics say %d", name, len(list), counted)
		}
	}
	return all, sum
}

func files(t *testing.T, dir string) []string {
	t.Helper()
	list, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// A set has what one file of the same messages has, and each of its files says
// everything anew.
func TestSetIsTheRecording(t *testing.T) {
	for _, tt := range []struct {
		name     string
		n, size  int // messages, and their bytes
		rotation Rotation
		c        Compression
		files    int // at least
		u        bool
	}{
		{"one file", 3000, 100, Rotation{}, Plain, 1, false},
		{"size", 3000, 100, Rotation{Size: 100_000, Numbered: true}, Plain, 8, false},
		{"size, long messages", 300, 300_000, Rotation{Size: 10_000_000, Numbered: true}, Plain, 8, false},
		{"messages", 3000, 100, Rotation{Packets: 100, Numbered: true}, Plain, 30, false},
		{"time", 3000, 100, Rotation{Every: time.Second, Numbered: true}, Plain, 30, false},
		{"strftime", 3000, 100, Rotation{Every: time.Second}, Plain, 30, false},
		{"zstd", 3000, 100, Rotation{Size: 50_000, Numbered: true}, Zstd, 4, false},
		{"gzip", 3000, 100, Rotation{Size: 50_000, Numbered: true}, Gzip, 4, false},
		{"packet buffered", 3000, 100, Rotation{Size: 100_000, Numbered: true}, Plain, 8, true},
		{"packet buffered, zstd", 3000, 100, Rotation{Size: 50_000, Numbered: true}, Zstd, 8, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			k := newTalk(tt.size, 10*time.Millisecond)
			name := filepath.Join(dir, "x.pcapng")
			if tt.rotation.Every > 0 && !tt.rotation.Numbered {
				name = filepath.Join(dir, "x_%s")
			}
			lost := func() (s capture.Stats) { // one of each kind every 100 messages
				for i := range s.Interfaces {
					s.Interfaces[i].Dropped, s.Interfaces[i].OSDropped = k.n/100, k.n/50
				}
				return s
			}
			s, c := newSet(t, Options{Name: name, Rotation: tt.rotation, Compression: tt.c, Unbuffered: tt.u, Lost: lost}, k.at)
			n := tt.n
			say(t, s, c, k, n)
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			names := files(t, dir)
			if len(names) < tt.files {
				t.Errorf("%d files, want %d or more", len(names), tt.files)
			}
			got, stats := readSet(t, names)
			var want []line
			again := newTalk(tt.size, 10*time.Millisecond)
			for range n {
				m := again.next()
				want = append(want, line{m.Number, m.Offset, string(m.Payload), 0, 0, m.From.Path + m.To.Path})
			}
			if d := cmp.Diff(want, got); d != "" {
				t.Errorf("%.3000s", d)
			}
			for kind, i := range stats.Interfaces {
				third, d, o := uint64(n/3), uint64(n/100), uint64(n/50)
				w := capture.InterfaceStats{Received: third + d + o, Dropped: d, Accepted: third + d + o, OSDropped: o, Delivered: third}
				if i != w {
					t.Errorf("statistics of kind %d: %+v, want %+v", kind, i, w)
				}
			}
			if s.Written() != uint64(n) || s.Lost() != (Losses{}) {
				t.Errorf("written %d, lost %v", s.Written(), s.Lost())
			}
		})
	}
}

// What has to be kept is bounded by -W and files:, and has the latest messages.
func TestRing(t *testing.T) {
	for _, r := range []Rotation{
		{Size: 50_000, Files: 3}, {Size: 50_000, Files: 3, Numbered: true}, {Packets: 100, Files: 3, Numbered: true},
	} {
		dir := t.TempDir()
		k := newTalk(100, time.Millisecond)
		s, c := newSet(t, Options{Name: filepath.Join(dir, "x"), Rotation: r}, k.at)
		say(t, s, c, k, 2000)
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		names := files(t, dir)
		if len(names) != 3 {
			t.Errorf("%+v: %v", r, names)
		}
		latest := uint64(0)
		for _, name := range names {
			list, _ := readFile(t, name)
			latest = max(latest, list[len(list)-1].Number)
			if info, err := os.Stat(name); err != nil || info.Mode() != 0o600 || r.Size > 0 && info.Size() > 52_000 {
				t.Errorf("%s: %v, %v", name, info, err)
			}
		}
		if latest != 2000 {
			t.Errorf("%+v: the last message is %d", r, latest)
		}
	}
}

// -G with -W ends at its time, whether or not there are messages.
func TestComplete(t *testing.T) {
	for _, quiet := range []bool{false, true} {
		dir := t.TempDir()
		k := newTalk(10, 100*time.Millisecond)
		s, c := newSet(t, Options{Name: filepath.Join(dir, "%s"), Rotation: Rotation{Every: 2 * time.Second, Files: 3}}, k.at)
		n := 0
		for ; n < 1000; n++ {
			c.at = c.at.Add(100 * time.Millisecond)
			var err error
			if quiet {
				err = s.Flush()
			} else {
				err = s.WriteMessage(k.next())
			}
			if errors.Is(err, ErrComplete) {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		if n != 59 || len(files(t, dir)) != 3 {
			t.Errorf("quiet %t: complete after %d steps with %v", quiet, n, files(t, dir))
		}
		if err := errors.Join(s.WriteMessage(k.next()), s.Flush(), s.Close()); err != nil {
			t.Error(err)
		}
		list, _ := readSet(t, files(t, dir))
		if !quiet && len(list) != 59 {
			t.Errorf("%d messages", len(list))
		}
	}
}

// While messages come late, their time decides.
func TestLateMessages(t *testing.T) {
	dir := t.TempDir()
	k := newTalk(10, 300*time.Millisecond)
	s, c := newSet(t, Options{Name: filepath.Join(dir, "%s"), Rotation: Rotation{Every: time.Second}}, k.at)
	for range 9 {
		if err := s.WriteMessage(k.next()); err != nil {
			t.Fatal(err)
		}
		c.at = k.at.Add(5 * time.Second)
		if err := s.Flush(); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	var got []int
	for _, name := range files(t, dir) {
		list, _ := readFile(t, name)
		got = append(got, len(list))
	}
	if d := cmp.Diff([]int{3, 3, 3}, got); d != "" {
		t.Error(d)
	}
}

func TestSetAllocates(t *testing.T) {
	for _, c := range []Compression{Plain, Zstd, Gzip} {
		k := newTalk(100, time.Microsecond)
		s, _ := newSet(t, Options{Name: filepath.Join(t.TempDir(), "x"), Compression: c, Rotation: Rotation{Size: 1 << 40, Every: time.Hour}}, k.at)
		var list []capture.Message
		for range 600 {
			list = append(list, *k.next())
		}
		step := func() {
			for i := range list {
				if err := s.WriteMessage(&list[i]); err != nil {
					t.Fatal(err)
				}
			}
		}
		for range 100 {
			step()
		}
		if n := testing.AllocsPerRun(100, step); n > 1 {
			t.Errorf("%q: %v allocations for 600 messages", c, n)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
}

func BenchmarkSet(b *testing.B) {
	for _, c := range []Compression{Plain, Zstd, Gzip} {
		b.Run(gocmp.Or(string(c), "plain"), func(b *testing.B) {
			k := newTalk(64, time.Microsecond)
			m := *k.next()
			s, err := Open(Options{Name: "/dev/null", Compression: c})
			if err != nil {
				b.Fatal(err)
			}
			for b.Loop() {
				if err := s.WriteMessage(&m); err != nil {
					b.Fatal(err)
				}
				m.Offset += m.Length
				m.Number++
			}
		})
	}
}
