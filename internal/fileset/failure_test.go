package fileset

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"unixcap/internal/need"

	"golang.org/x/sys/unix"
)

// smallDisk returns a folder that has room for so many bytes.
func smallDisk(t *testing.T, size int) string {
	t.Helper()
	dir := t.TempDir()
	mount(t, dir, fmt.Sprintf("size=%d", size))
	return dir
}

// mount mounts a disk that is gone after the test.
func mount(t *testing.T, dir, options string) {
	t.Helper()
	need.Root(t)
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, options); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(dir, unix.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
}

// accounted checks that each message is in the files or is known to be lost, and
// that the next message of its socket says so.
func accounted(t *testing.T, s *Set, list []line, said int) {
	t.Helper()
	losses := s.Lost()
	lost := losses.Total()
	if uint64(len(list)) != s.Written() || s.Written()+lost.Messages != uint64(said) {
		t.Errorf("%d messages in the files, written %d, lost %d of %d", len(list), s.Written(), lost.Messages, said)
	}
	next := map[uint64]uint64{} // by socket: the next message's number
	var told uint64
	for _, l := range list {
		socket := l.Number % 6
		expected, ok := next[socket]
		if !ok {
			expected = (socket+5)%6 + 1
		}
		if missing := (l.Number - expected) / 6; l.LostMessages != missing || (missing > 0) != (l.LostBytes > 0) {
			t.Errorf("message %d says %d messages, %d bytes are lost before it, and %d are", l.Number, l.LostMessages, l.LostBytes, missing)
		}
		told += l.LostBytes
		next[socket] = l.Number + 6
	}
	if slices.IsSortedFunc(list, func(a, b line) int { return int(a.Number) - int(b.Number) }) != true {
		t.Error("not in order")
	}
	if told > lost.Bytes {
		t.Errorf("%d bytes told to be lost, %d are", told, lost.Bytes)
	}
}

// wireshark reads a file without complaint, and returns how many packets it has.
func wireshark(t *testing.T, name string) int {
	t.Helper()
	tshark, err := exec.LookPath("tshark")
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("needs tshark")
		}
		return 0
	}
	if strings.HasSuffix(name, ".zst") {
		plain := filepath.Join(t.TempDir(), "x")
		if out, err := exec.Command("zstd", "-q", "-d", "-o", plain, name).CombinedOutput(); err != nil {
			t.Errorf("zstd -d %s: %v: %s", name, err, out)
		}
		name = plain
	}
	cmd := exec.Command(tshark, "-n", "-r", name, "-T", "fields", "-e", "frame.number")
	var complaint strings.Builder
	cmd.Stderr = &complaint
	out, err := cmd.Output()
	if text := strings.ReplaceAll(complaint.String(), "Running as user \"root\" and group \"root\". This could be dangerous.\n", ""); err != nil || text != "" {
		t.Errorf("tshark %s: %v: %s", name, err, text)
	}
	return strings.Count(string(out), "\n")
}

// A full disk ends the recording with one error; the file has whole messages,
// and the rest is counted.
func TestDiskFullStops(t *testing.T) {
	for _, c := range []Compression{Plain, Zstd, Gzip} {
		for _, unbuffered := range []bool{false, true} {
			for _, size := range []int{70, 5000, 150_000} {
				t.Run(fmt.Sprintf("%s/%t/%d", c, unbuffered, size), func(t *testing.T) {
					dir := smallDisk(t, 512<<10)
					k := newTalk(size, 100*time.Millisecond)
					s, clock := newSet(t, Options{Name: filepath.Join(dir, "x"), Compression: c, Unbuffered: unbuffered}, k.at)
					var failed []error
					said := 4<<20/(size+100) + 20
					for i := range said {
						err := s.WriteMessage(k.next())
						clock.at = k.at
						if err == nil && i%10 == 9 {
							err = s.Flush()
						}
						if err != nil {
							failed = append(failed, err)
						}
					}
					if len(failed) != 1 || !errors.Is(failed[0], unix.ENOSPC) || strings.Contains(failed[0].Error(), "\n") {
						t.Fatalf("errors: %v", failed)
					}
					if err := s.Close(); err != nil {
						t.Error(err)
					}
					name := files(t, dir)[0]
					list, _ := readFile(t, name)
					accounted(t, s, list, said)
					if len(list) == 0 && c == Plain { // the first frame may be too long
						t.Error("nothing was written")
					}
					if size == 5000 && !unbuffered {
						wireshark(t, name)
					}
				})
			}
		}
	}
}

// With room again, recording goes on, in the same file.
func TestDiskFullGoesOn(t *testing.T) {
	for _, c := range []Compression{Plain, Zstd, Gzip} {
		t.Run(string(c), func(t *testing.T) {
			dir := smallDisk(t, 512<<10)
			name := filepath.Join(dir, "ballast")
			k := newTalk(500, 100*time.Millisecond)
			var told []error
			s, clock := newSet(t, Options{
				Name: filepath.Join(dir, "x"), Compression: c, GoOn: true, Notify: func(err error) { told = append(told, err) },
			}, k.at)
			say(t, s, clock, k, 100)
			for range 2 { // it happens twice
				room := 512<<10 - 100<<10 - int(s.file.size)
				if err := os.WriteFile(name, make([]byte, room), 0o600); err != nil {
					t.Fatal(err)
				}
				say(t, s, clock, k, 500)
				if err := os.Remove(name); err != nil {
					t.Fatal(err)
				}
				say(t, s, clock, k, 100)
				if s.state != writing {
					t.Error("does not write")
				}
			}
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			x := files(t, dir)[0]
			list, stats := readFile(t, x)
			accounted(t, s, list, 1300)
			losses := s.Lost()
			lost := losses.Total()
			if len(told) != 4 || !errors.Is(told[0], unix.ENOSPC) || told[1] != nil || !errors.Is(told[2], unix.ENOSPC) || told[3] != nil {
				t.Errorf("told %v", told)
			}
			var dropped, delivered, bytes uint64
			for _, i := range stats.Interfaces {
				dropped += i.Dropped
				delivered += i.Delivered
			}
			for _, l := range list {
				bytes += l.LostBytes
			}
			if dropped != lost.Messages || delivered != s.Written() || bytes != lost.Bytes {
				t.Errorf("statistics: %d dropped, %d delivered; %d bytes told; %v lost", dropped, delivered, bytes, lost)
			}
			if n := wireshark(t, x); n > 0 && n < len(list) {
				t.Errorf("Wireshark sees %d packets of %d messages", n, len(list))
			}
		})
	}
}

// A ring on a full disk makes room for itself.
func TestRingOnFullDisk(t *testing.T) {
	for _, numbered := range []bool{false, true} {
		dir := smallDisk(t, 512<<10)
		k := newTalk(500, 100*time.Millisecond)
		r := Rotation{Every: 20 * time.Second, Size: 1 << 20, Files: 3, Numbered: numbered}
		s, clock := newSet(t, Options{Name: filepath.Join(dir, "x"), Rotation: r, GoOn: true}, k.at)
		say(t, s, clock, k, 5000)
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		losses := s.Lost()
		if lost := losses.Total(); s.Written() == 0 || s.Written()+lost.Messages != 5000 {
			t.Errorf("written %d, lost %d", s.Written(), lost.Messages)
		}
		for _, name := range files(t, dir) {
			readFile(t, name)
			wireshark(t, name)
		}
	}
}

// A file without a name is no place to write to.
func TestDeleted(t *testing.T) {
	for _, goOn := range []bool{false, true} {
		dir := filepath.Join(t.TempDir(), "sub")
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		k := newTalk(100, 100*time.Millisecond)
		s, clock := newSet(t, Options{Name: filepath.Join(dir, "x"), GoOn: goOn}, k.at)
		say(t, s, clock, k, 100)
		if err := os.RemoveAll(dir); err != nil {
			t.Fatal(err)
		}
		var failed []error
		for range 100 {
			clock.at = k.at
			if err := errors.Join(s.WriteMessage(k.next()), s.Flush()); err != nil {
				failed = append(failed, err)
			}
		}
		if goOn {
			if len(failed) > 0 || s.state != failing {
				t.Errorf("%v", failed)
			}
			if err := os.Mkdir(dir, 0o700); err != nil {
				t.Fatal(err)
			}
			say(t, s, clock, k, 100)
		} else if len(failed) != 1 || !strings.Contains(failed[0].Error(), "x: the file has been deleted") {
			t.Errorf("%v", failed)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		if goOn {
			list, _ := readFile(t, filepath.Join(dir, "x"))
			if n := len(list); n < 50 || list[n-1].Number != 300 {
				t.Errorf("%d messages after the folder came back", n)
			}
		}
	}
}

// A fifo that somebody reads needs no name.
func TestDeletedFifo(t *testing.T) {
	name := filepath.Join(t.TempDir(), "fifo")
	if err := unix.Mkfifo(name, 0o600); err != nil {
		t.Fatal(err)
	}
	reader, err := os.OpenFile(name, os.O_RDONLY|unix.O_NONBLOCK, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	k := newTalk(100, 100*time.Millisecond)
	s, clock := newSet(t, Options{Name: name}, k.at)
	if err := os.Remove(name); err != nil {
		t.Fatal(err)
	}
	say(t, s, clock, k, 50)
	if err := s.Close(); err != nil || s.Written() != 50 {
		t.Errorf("%d messages, %v", s.Written(), err)
	}
}

// The next file of a set can't be created: the folder is read-only, or is gone.
func TestNextFileFails(t *testing.T) {
	for _, tt := range []struct {
		name         string
		hide, reveal func(t *testing.T, dir string)
		want         error
	}{
		{"read-only", func(t *testing.T, dir string) {
			if err := unix.Mount("tmpfs", dir, "tmpfs", unix.MS_RDONLY, "size=4k"); err != nil {
				t.Fatal(err)
			}
		}, func(t *testing.T, dir string) {
			if err := unix.Unmount(dir, 0); err != nil {
				t.Fatal(err)
			}
		}, unix.EROFS},
		{"gone", func(t *testing.T, dir string) {
			if err := os.Rename(dir, dir+".old"); err != nil {
				t.Fatal(err)
			}
		}, func(t *testing.T, dir string) {
			if err := os.Rename(dir+".old", dir); err != nil {
				t.Fatal(err)
			}
		}, unix.ENOENT},
	} {
		for _, goOn := range []bool{false, true} {
			t.Run(fmt.Sprint(tt.name, goOn), func(t *testing.T) {
				outer := smallDisk(t, 4<<20)
				dir := filepath.Join(outer, "sub")
				if err := os.Mkdir(dir, 0o700); err != nil {
					t.Fatal(err)
				}
				k := newTalk(100, 100*time.Millisecond)
				r := Rotation{Packets: 150, Numbered: true}
				s, clock := newSet(t, Options{Name: filepath.Join(dir, "x.pcapng"), Rotation: r, GoOn: goOn}, k.at)
				say(t, s, clock, k, 100)
				tt.hide(t, dir)
				var failed []error
				for range 100 {
					clock.at = k.at
					if err := errors.Join(s.WriteMessage(k.next()), s.Flush()); err != nil {
						failed = append(failed, err)
					}
				}
				tt.reveal(t, dir)
				said := 200
				if goOn {
					if len(failed) > 0 {
						t.Errorf("%v", failed)
					}
					say(t, s, clock, k, 100)
					said += 100
				} else if len(failed) != 1 || !errors.Is(failed[0], tt.want) {
					t.Errorf("%v, want %v", failed, tt.want)
				}
				if err := s.Close(); err != nil {
					t.Error(err)
				}
				list, _ := readSet(t, files(t, dir))
				accounted(t, s, list, said)
				if losses := s.Lost(); losses.Total().Messages < 40 {
					t.Errorf("lost %v", losses)
				}
				for _, name := range files(t, dir) {
					wireshark(t, name)
				}
			})
		}
	}
}

// A link in the place of a ring's next file is not followed.
func TestLinkIsNotFollowed(t *testing.T) {
	dir := t.TempDir()
	victim := filepath.Join(t.TempDir(), "victim")
	if err := os.WriteFile(victim, []byte("precious"), 0o644); err != nil {
		t.Fatal(err)
	}
	k := newTalk(100, time.Millisecond)
	s, _ := newSet(t, Options{Name: filepath.Join(dir, "x"), Rotation: Rotation{Size: 1000}}, k.at)
	if err := os.Symlink(victim, filepath.Join(dir, "x1")); err != nil {
		t.Fatal(err)
	}
	var failed error
	for range 20 {
		failed = errors.Join(failed, s.WriteMessage(k.next()))
	}
	if failed == nil || !strings.Contains(failed.Error(), "symbolic link") {
		t.Error(failed)
	}
	if b, err := os.ReadFile(victim); string(b) != "precious" {
		t.Errorf("%q, %v", b, err)
	}
}
