package fileset

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"
)

// numbersOf has the number of each message in some files, and checks that all
// of them describe the sockets they speak of.
func numbersOf(t *testing.T, names ...string) []uint64 {
	t.Helper()
	var all []uint64
	for _, name := range names {
		list, _ := readFile(t, name)
		for _, l := range list {
			if l.Path == "" {
				t.Errorf("%s: message %d is of a socket without a path", name, l.Number)
			}
			all = append(all, l.Number)
		}
		wireshark(t, name)
	}
	return all
}

func upTo(n int) []uint64 {
	list := make([]uint64, n)
	for i := range list {
		list[i] = uint64(i + 1)
	}
	return list
}

// A file that was moved away is complete, and so is the one that comes after it.
func TestReopenMoved(t *testing.T) {
	for _, o := range []Options{
		{}, {Compression: Zstd}, {Compression: Gzip}, {Unbuffered: true}, {Rotation: Rotation{Every: time.Hour}}, {GoOn: true},
	} {
		t.Run(string(o.Compression), func(t *testing.T) {
			dir := t.TempDir()
			name := filepath.Join(dir, "x"+o.Compression.suffix())
			old := filepath.Join(dir, "old"+o.Compression.suffix())
			o.Name = name
			k := newTalk(200, 10*time.Millisecond)
			s, c := newSet(t, o, k.at)
			say(t, s, c, k, 500)
			if err := os.Rename(name, old); err != nil {
				t.Fatal(err)
			}
			say(t, s, c, k, 100)
			if err := s.Reopen(); err != nil {
				t.Fatal(err)
			}
			if got := numbersOf(t, old); !slices.Equal(got, upTo(600)) {
				t.Errorf("%d messages in the file that was moved, before the other is complete", len(got))
			}
			if s.Files() != 2 || s.File() != name {
				t.Errorf("%d files, now %s", s.Files(), s.File())
			}
			say(t, s, c, k, 400)
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			if got := numbersOf(t, old, name); !slices.Equal(got, upTo(1000)) {
				t.Errorf("%d messages", len(got))
			}
			if _, stats := readSet(t, []string{old, name}); stats.Interfaces[0].Delivered+stats.Interfaces[1].Delivered+stats.Interfaces[2].Delivered != 1000 {
				t.Errorf("statistics %+v", stats)
			}
		})
	}
}

// Nothing that was recorded is overwritten, nor anything of somebody else's.
func TestReopenInPlace(t *testing.T) {
	dir := t.TempDir()
	name, old := filepath.Join(dir, "x"), filepath.Join(dir, "old")
	k := newTalk(200, 10*time.Millisecond)
	var warned []error
	s, c := newSet(t, Options{Name: name, Warn: func(err error) { warned = append(warned, err) }}, k.at)
	say(t, s, c, k, 100)
	if err := s.Reopen(); err != nil { // it was not moved
		t.Fatal(err)
	}
	if got := numbersOf(t, name); !slices.Equal(got, upTo(100)) {
		t.Errorf("%d messages", len(got))
	}
	say(t, s, c, k, 100)
	if err := os.Rename(name, old); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte("precious"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := s.Reopen(); err != nil {
		t.Fatal(err)
	}
	say(t, s, c, k, 100)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if b, err := os.ReadFile(name); string(b) != "precious" || err != nil {
		t.Errorf("%q, %v", b, err)
	}
	if got := numbersOf(t, old); !slices.Equal(got, upTo(300)) || len(warned) != 1 {
		t.Errorf("%d messages, warned %v", len(got), warned)
	}
}

// A set goes on in its next file.
func TestReopenSet(t *testing.T) {
	for name, tt := range map[string]struct {
		rotation Rotation
		files    int
	}{
		"size":         {Rotation{Size: 1 << 30}, 3},
		"ring":         {Rotation{Size: 1 << 30, Files: 2}, 2},
		"dumpcap":      {Rotation{Every: time.Hour, Numbered: true}, 3},
		"dumpcap ring": {Rotation{Packets: 1 << 30, Files: 2, Numbered: true}, 2},
		"last":         {Rotation{Packets: 1 << 30, EndFiles: 3, Numbered: true}, 3},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			k := newTalk(200, 10*time.Millisecond)
			s, c := newSet(t, Options{Name: filepath.Join(dir, "x"), Rotation: tt.rotation}, k.at)
			for range 2 {
				say(t, s, c, k, 100)
				if err := s.Reopen(); err != nil {
					t.Fatal(err)
				}
			}
			say(t, s, c, k, 100)
			last := s.File()
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			names := files(t, dir)
			if len(names) != tt.files {
				t.Errorf("%v", names)
			}
			if got := numbersOf(t, last); !slices.Equal(got, upTo(300)[200:]) {
				t.Errorf("the last file has %d messages", len(got))
			}
		})
	}
}

// After Sync a reader finds everything, also in a compressed file.
func TestSync(t *testing.T) {
	for _, c := range []Compression{Plain, Zstd, Gzip} {
		dir := t.TempDir()
		k := newTalk(200, time.Microsecond)
		s, _ := newSet(t, Options{Name: filepath.Join(dir, "x"), Compression: c}, k.at)
		for range 100 {
			if err := s.WriteMessage(k.next()); err != nil {
				t.Fatal(err)
			}
		}
		if err := s.Sync(); err != nil {
			t.Fatal(err)
		}
		if got := numbersOf(t, files(t, dir)...); !slices.Equal(got, upTo(100)) {
			t.Errorf("%q: %d messages", c, len(got))
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// The recording ends with the file that is said to be the last.
func TestEnds(t *testing.T) {
	for name, tt := range map[string]struct {
		rotation Rotation
		files    int
		size     int64 // of the last
	}{
		"size":             {Rotation{EndSize: 50_000}, 1, 50_000},
		"files":            {Rotation{Packets: 100, EndFiles: 3, Numbered: true}, 3, 0},
		"files of a ring":  {Rotation{Packets: 100, Files: 2, EndFiles: 5, Numbered: true}, 2, 0},
		"files of tcpdump": {Rotation{Size: 20_000, EndFiles: 4}, 4, 20_000},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			k := newTalk(200, 10*time.Millisecond)
			s, _ := newSet(t, Options{Name: filepath.Join(dir, "x"), Rotation: tt.rotation}, k.at)
			ended := 0
			for i := range 2000 {
				if err := s.WriteMessage(k.next()); err != nil {
					if err != ErrComplete {
						t.Fatal(err)
					}
					ended = i
					break
				}
			}
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			names := files(t, dir)
			info, err := os.Stat(names[len(names)-1])
			if err != nil || ended == 0 || len(names) != tt.files || info.Size() < tt.size || tt.size > 0 && info.Size() > tt.size+3000 {
				t.Errorf("ended at %d: %v, the last has %v bytes, %v", ended, names, info.Size(), err)
			}
			if s.Written() != uint64(ended) || s.Lost() != (Losses{}) {
				t.Errorf("%d written of %d, %v lost", s.Written(), ended, s.Lost())
			}
		})
	}
}
